/** Whether everything flows. */

import { type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { moment, rfc3339 } from "../format/time.js";
import { moments, plot } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, nothing, word } from "./shared.js";

const HOUR_MS = 3_600_000;
/** So far behind is old. */
const OLD_S = 15 * 60;

export const pipeline: Page = {
  path: "pipeline",
  name: "Pipeline",
  teams: false,
  compares: false,
  sections: (c) => [
    { title: "At a glance", load: () => glance(c) },
    { title: "Throughput by hour", note: "Events by the time that they were written to the log", load: () => byHour(c) },
    { title: "Event types", note: "How much came, and how far each has been counted", load: () => throughput(c) },
    { title: "Late", note: "They are counted, but came too late to be judged", load: () => late(c), half: true },
    { title: "Not readable", note: "Records in weir.dlq; `weir dlq` shows and replays them", load: () => dead(c), half: true },
    { title: "Run", load: async () => run(c) },
  ],
};

const sum = (rows: readonly Row[], column: string): number => rows.reduce((s, r) => s + (number(r, column) ?? 0), 0);
const behind = (at: string): number => Math.max(0, (Date.now() - new Date(at).getTime()) / 1000);

async function glance(c: Context): Promise<Child> {
  const [flow, late, dead] = await Promise.all(["throughput", "late", "dead-letters"].map((q) => c.question(q)));
  const ends = Object.values(c.status.event_types).sort();
  const [least, last] = [ends[0], ends.at(-1)];
  const hours = totals(flow ?? []);
  return figures([
    { label: "Counted through", value: least ? behind(least) : null, unit: "s", note: least ? `behind: the slowest type is at ${moment(least, c.zone)}` : null },
    { label: "Fastest type", value: last ? behind(last) : null, unit: "s", note: "behind" },
    { label: "Events in the period", value: sum(flow ?? [], "events"), unit: "" },
    { label: "Most in an hour", value: hours.length ? Math.max(...hours.map(([, n]) => n)) / 3600 : null, unit: "a second", note: "mean of that hour" },
    { label: "Late", value: sum(late ?? [], "late_events"), unit: "", note: "counted, not judged" },
    { label: "Not readable", value: sum(dead ?? [], "records"), unit: "", note: "dead letters" },
  ]);
}

/** Events of all types, by hour. */
function totals(rows: readonly Row[]): [number, number][] {
  const all = new Map<number, number>();
  for (const r of rows) {
    const hour = new Date(rfc3339(text(r, "hour"))).getTime();
    all.set(hour, (all.get(hour) ?? 0) + (number(r, "events") ?? 0));
  }
  return [...all].sort((a, b) => a[0] - b[0]);
}

async function byHour(c: Context): Promise<Child> {
  const all = totals(await c.question("throughput"));
  const [first, last] = [all[0]?.[0], all.at(-1)?.[0]];
  if (first === undefined || last === undefined) return nothing(c, "events");
  if (first === last) return h("p", {}, `All ${withUnit(all[0]?.[1], "")} events came within one hour, from ${moment(new Date(first).toISOString(), c.zone)} on.`);
  const known = new Map(all);
  const hours = Array.from({ length: (last - first) / HOUR_MS + 1 }, (_, i) => first + i * HOUR_MS);
  const times = moments("Hour", hours.map((t) => new Date(t).toISOString()), c.zone);
  return sheet(plot("Throughput by hour", times, [{ label: "Events", values: hours.map((t) => known.get(t) ?? 0) }], ""));
}

async function throughput(c: Context): Promise<Child> {
  const rows = await c.question("throughput");
  const ends = c.status.event_types;
  const all = new Map<string, { events: number; peak: number; newest: string }>();
  for (const r of rows) {
    const of = all.get(text(r, "event")) ?? { events: 0, peak: 0, newest: "" };
    of.events += number(r, "events") ?? 0;
    of.peak = Math.max(of.peak, number(r, "per_second") ?? 0);
    if (text(r, "newest") > of.newest) of.newest = text(r, "newest");
    all.set(text(r, "event"), of);
  }
  const list = [...all.entries()].sort((a, b) => b[1].events - a[1].events);
  if (!list.length) return nothing(c, "events");
  type One = (typeof list)[number];
  const name = ([n]: One): string => n.replace("_", ".");
  const lag = (r: One): number | null => { const at = ends[name(r)]; return at ? behind(at) : null; };
  const columns: Column<One>[] = [
    { head: "Event type", value: name, cell: name },
    { head: "Events", number: true, value: ([, of]) => of.events, cell: ([, of]) => withUnit(of.events, "") },
    { head: "Most in an hour", number: true, value: ([, of]) => of.peak, cell: ([, of]) => withUnit(of.peak, "a second") },
    { head: "Newest event", value: ([, of]) => of.newest, cell: ([, of]) => moment(rfc3339(of.newest), c.zone) },
    { head: "Watermark", value: (r) => ends[name(r)], cell: (r) => moment(ends[name(r)], c.zone) },
    { head: "Behind", number: true, value: lag, cell: (r) => h("span", { class: (lag(r) ?? 0) > OLD_S ? "near" : "" }, withUnit(lag(r), "s")) },
  ];
  return sheet(table("Event types", columns, list));
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

function run(c: Context): Child {
  const s = c.status;
  const line = (name: string, value: Child): Child => [h("dt", {}, name), h("dd", {}, value)];
  return h("div", { class: "sheet tree" }, h("dl", {},
    line("Tenant", s.tenant), line("Zone", s.zone), line("Run", s.run ?? "not known"), line("Catalog", h("code", {}, s.catalog))));
}
