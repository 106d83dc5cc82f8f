/** Who sends, what, and what is missing of it. */

import type { EventType } from "../api/types.js";
import { type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { ago, day, moment, rfc3339 } from "../format/time.js";
import { each } from "../state/days.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, meter, sheet, table } from "../ui/parts.js";
import { strip } from "../ui/strip.js";
import type { Page } from "./page.js";
import { amount, nothing, word } from "./shared.js";

export const sources: Page = {
  path: "sources",
  name: "Sources",
  teams: false,
  compares: false,
  sections: (c) => [
    { title: "At a glance", load: () => glance(c) },
    { title: "Emitters", note: "Who sends OpenTelemetry, and how much of it nobody understands", load: () => emitters(c) },
    { title: "Coverage of attributes", note: "Of how many events it is known", load: () => coverage(c), every: 60 },
    { title: "Event types", note: "Through when each is complete, and days of the period that nothing came on", load: () => types(c), every: 60 },
  ],
};

async function glance(c: Context): Promise<Child> {
  const [emitters, dead] = await Promise.all([c.question("sources"), c.question("dead-letters")]);
  const ends = Object.entries(c.status.event_types).sort((a, b) => a[1].localeCompare(b[1]));
  const behind = ends[0];
  const sum = (rows: readonly Row[], column: string): number => rows.reduce((s, r) => s + (number(r, column) ?? 0), 0);
  return figures([
    { label: "Event types that come", value: ends.length, unit: "" },
    { label: "Emitters of OpenTelemetry", value: emitters.length, unit: "" },
    { label: "Records that nobody understands", value: sum(emitters, "not_understood"), unit: "", note: "of OpenTelemetry" },
    { label: "Not readable", value: sum(dead, "records"), unit: "", note: h("a", { href: c.link("pipeline") }, "dead letters") },
    { label: "Furthest behind", value: behind ? Math.max(0, (Date.now() - new Date(behind[1]).getTime()) / 1000) : null, unit: "s", note: behind?.[0] ?? null },
  ]);
}

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
    { head: "Last seen", value: (r) => text(r, "last_seen"), cell: (r) => moment(rfc3339(text(r, "last_seen")), c.zone) },
    { head: "Events", cell: events },
    amount("Not understood", "percent_not_understood", "percent"),
    amount("Without usage", "calls_without_usage", ""),
    amount("Of nobody", "calls_of_nobody", ""),
  ], rows));
}

/** What is known of events: the measure of all of them, and that of those of which it is not. */
const KNOWN: readonly (readonly [string, string, string, string])[] = [
  ["Price of a call", "llm.call", "calls", "unpriced"],
  ["Input tokens of a call", "llm.call", "calls", "input_unknown"],
  ["Output tokens of a call", "llm.call", "calls", "output_unknown"],
  ["What came from a cache", "llm.call", "calls", "cache_read_unknown"],
  ["Whole usage of a call", "llm.call", "calls", "usage_incomplete"],
  ["Whether a commit touches tests", "productivity.recorded", "commits", "commits_not_looked_into"],
  ["Whether a deployment harmed users", "deployment.recorded", "deployments", "change_unknown"],
  ["Whether a deployment was repair", "deployment.recorded", "deployments", "rework_unknown"],
  ["End of an incident", "incident.recorded", "incidents", "end_unknown"],
  ["Exit code of a tool's call", "tool.called", "calls", "exit_unknown"],
];

async function coverage(c: Context): Promise<Child> {
  const types = await c.eventTypes();
  const has = (event: string, measure: string): boolean => types.some((t) => t.name === event && t.measures.some((m) => m.name === measure));
  const known = KNOWN.filter(([, event, all, not]) => has(event, all) && has(event, not) && c.status.event_types[event]);
  const rows = await Promise.all(known.map(async ([what, event, all, not]) => {
    const [whole, missing] = await Promise.all([all, not].map(async (m) => (await c.measure(`${event}.${m}`))[0]?.value ?? null));
    return { what, event, not, whole: whole ?? null, missing: missing ?? 0 };
  }));
  const there = rows.filter((r) => r.whole);
  if (!there.length) return nothing(c, "events");
  const share = (r: (typeof there)[number]): number => 100 * (1 - r.missing / (r.whole ?? 1));
  return sheet(table("Coverage of attributes", [
    { head: "What", value: (r) => r.what, cell: (r) => r.what },
    { head: "Of", value: (r) => r.event, cell: (r) => r.event },
    { head: "Known", number: true, value: share, cell: (r) => withUnit(share(r), "percent") },
    { head: "", cell: (r) => meter(share(r), Infinity, Infinity) },
    { head: "Not known of", number: true, value: (r) => r.missing, cell: (r) => (r.missing ? h("a", { href: c.explain("measure", `${r.event}.${r.not}`) }, withUnit(r.missing, "")) : "0") },
    { head: "Events", number: true, value: (r) => r.whole, cell: (r) => withUnit(r.whole, "") },
  ], there));
}

/** Events of a type by day: its first measure that counts all of them. */
async function counted(c: Context, type: EventType): Promise<Map<string, number>> {
  const measure = type.measures.find((m) => m.kind === "count");
  if (!measure || type.setting) return new Map();
  // Not every type is kept without dimensions: of the fewest that there are, all values add up.
  const by = type.rollups.map((r) => r.by).sort((x, y) => x.length - y.length)[0] ?? [];
  const asked = by.length ? { step: "day", by: by.join(",") } : { step: "day" };
  const days = new Map<string, number>();
  for (const r of await c.measure(`${type.name}.${measure.name}`, asked)) {
    days.set(r.from, (days.get(r.from) ?? 0) + (r.value ?? 0));
  }
  return days;
}

async function types(c: Context): Promise<Child> {
  const ends = c.status.event_types;
  const all = (await c.eventTypes()).filter((t) => ends[t.name]).sort((a, b) => a.name.localeCompare(b.name));
  if (!all.length) return empty("Not known yet", "It is asked of Kafka every few seconds.");
  const days = each(c.period.from, c.period.to);
  const rows = await Promise.all(all.map(async (type) => ({ type, by: await counted(c, type) })));
  type One = (typeof rows)[number];
  const total = (r: One): number | null => (r.by.size ? [...r.by.values()].reduce((a, b) => a + b, 0) : null);
  // Days before the first event of all are not gaps: nobody sent yet.
  const first = [...rows.flatMap((r) => [...r.by.keys()])].sort()[0] ?? c.period.from;
  const seen = days.filter((d) => d >= first);
  const gaps = (r: One): number => seen.filter((d) => !r.by.get(d)).length;
  const columns: Column<One>[] = [
    { head: "Event type", value: (r) => r.type.name, cell: (r) => r.type.name },
    { head: "Events", number: true, value: total, cell: (r) => withUnit(total(r), "") },
    { head: "Days without", number: true, value: (r) => (r.by.size ? gaps(r) : null), cell: (r) => (r.by.size ? `${gaps(r)} of ${seen.length}` : r.type.setting ? "a setting" : withUnit(null, "")) },
    { head: `${day(first)} to ${day(c.period.to)}`, cell: (r) => (r.by.size ? strip(seen.map((d) => ({ label: `${day(d)}: ${withUnit(r.by.get(d) ?? 0, "")}`, there: Boolean(r.by.get(d)) }))) : null) },
    { head: "Complete through", value: (r) => ends[r.type.name], cell: (r) => h("span", { title: ago(ends[r.type.name] ?? "", Date.now()) }, moment(ends[r.type.name], c.zone)) },
  ];
  const silent = (await c.eventTypes()).filter((t) => !ends[t.name]).map((t) => t.name);
  return sheet(table("Event types", columns, rows), silent.length ? h("p", { class: "quiet" }, `Never came: ${silent.join(", ")}.`) : null);
}
