/** Whether everything flows. */

import { type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { moment, rfc3339 } from "../format/time.js";
import { type Child, h } from "../ui/dom.js";
import { empty, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, nothing, word } from "./shared.js";

export const pipeline: Page = {
  path: "pipeline",
  name: "Pipeline",
  teams: false,
  compares: false,
  sections: (c) => [
    { title: "Run", load: async () => run(c) },
    { title: "Throughput", note: "Events by the time that they were written to the log", load: () => throughput(c) },
    { title: "Late", note: "They are counted, but came too late to be judged", load: () => late(c) },
    { title: "Not readable", note: "Records in weir.dlq; `weir dlq` shows and replays them", load: () => dead(c) },
  ],
};

function run(c: Context): Child {
  const s = c.status;
  const line = (name: string, value: Child): Child => [h("dt", {}, name), h("dd", {}, value)];
  return h("div", { class: "sheet tree" }, h("dl", {},
    line("Tenant", s.tenant), line("Zone", s.zone), line("Run", s.run ?? "not known"), line("Catalog", h("code", {}, s.catalog))));
}

async function throughput(c: Context): Promise<Child> {
  const rows = await c.question("throughput");
  if (!rows.length) return nothing(c, "events");
  const all = new Map<string, { events: number; peak: number; newest: string }>();
  for (const r of rows) {
    const of = all.get(text(r, "event")) ?? { events: 0, peak: 0, newest: "" };
    of.events += number(r, "events") ?? 0;
    of.peak = Math.max(of.peak, number(r, "per_second") ?? 0);
    if (text(r, "newest") > of.newest) of.newest = text(r, "newest");
    all.set(text(r, "event"), of);
  }
  const list = [...all.entries()].sort((a, b) => b[1].events - a[1].events);
  return sheet(table("Throughput", [
    { head: "Event type", cell: ([name]) => name.replace("_", ".") },
    { head: "Events", number: true, cell: ([, of]) => withUnit(of.events, "") },
    { head: "Most in an hour", number: true, cell: ([, of]) => withUnit(of.peak, "a second") },
    { head: "Newest event", cell: ([, of]) => moment(rfc3339(of.newest), c.zone) },
  ], list));
}

async function late(c: Context): Promise<Child> {
  const rows = await c.question("late");
  if (!rows.length) return empty("None", "Everything of these days came in time.");
  return sheet(table("Late", [
    word("Topic", "topic"),
    amount("Partition", "partition", ""),
    amount("Events", "late_events", ""),
    amount("At most too late by", "latest_by_seconds", "s"),
  ], rows));
}

async function dead(c: Context): Promise<Child> {
  const rows: Row[] = await c.question("dead-letters");
  if (!rows.length) return empty("None", "Every record of these days could be read.");
  return sheet(table("Not readable", [
    word("Code", "code"),
    word("Topic", "topic"),
    amount("Records", "records", ""),
    word("Example", "example"),
  ], rows));
}
