/** Who sends, what, and what is missing of it. */

import { type Context, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { moment, rfc3339 } from "../format/time.js";
import type { Child } from "../ui/dom.js";
import { empty, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, word } from "./shared.js";

export const sources: Page = {
  path: "sources",
  name: "Sources",
  teams: false,
  compares: false,
  sections: (c) => [
    { title: "Emitters", note: "Who sends OpenTelemetry, and how much of it nobody understands", load: () => emitters(c) },
    { title: "Event types", note: "Through when each is complete", load: async () => types(c) },
  ],
};

async function emitters(c: Context): Promise<Child> {
  const rows = await c.question("sources");
  if (!rows.length) return empty("Nobody sends OpenTelemetry here", "`weir connect claude-code --write` makes a coding agent send; `weir connect` lists the others.");
  const events = (r: Row): string => {
    const all = r["events"];
    const pairs = all && typeof all === "object" ? Object.entries(all as Record<string, unknown>) : [];
    return pairs.map(([name, n]) => `${name} ${withUnit(Number(n), "")}`).join(", ");
  };
  return sheet(table("Emitters", [
    word("Emitter", "emitter"),
    word("Version", "version"),
    { head: "Last seen", cell: (r) => moment(rfc3339(text(r, "last_seen")), c.zone) },
    { head: "Events", cell: events },
    amount("Not understood", "percent_not_understood", "percent"),
    amount("Without usage", "calls_without_usage", ""),
    amount("Of nobody", "calls_of_nobody", ""),
  ], rows));
}

function types(c: Context): Child {
  const rows = Object.entries(c.status.event_types).sort((a, b) => a[0].localeCompare(b[0]));
  if (!rows.length) return empty("Not known yet", "It is asked of Kafka every few seconds.");
  return sheet(table("Event types", [
    { head: "Event type", cell: ([name]) => name },
    { head: "Complete through", cell: ([, at]) => moment(at, c.zone) },
  ], rows));
}
