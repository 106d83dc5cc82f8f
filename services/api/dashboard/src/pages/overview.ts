/** How everything is, on one page. */

import { ask, Refusal } from "../api/client.js";
import { type Context, byDay, number, type Row, text } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { rfc3339, time } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { began, open as open_now, watched } from "../state/now.js";
import { changed, empty, type Figure, figures, mark, sheet, table } from "../ui/parts.js";
import { spark } from "../ui/spark.js";
import { alertRows, open } from "./alerts.js";
import type { Page } from "./page.js";
import { judged, measured, nothing } from "./shared.js";

const SHOWN = 4;

export const overview: Page = {
  path: "",
  name: "Overview",
  teams: true,
  compares: true,
  report: "executive",
  sections: (c) => [
    { title: "At a glance", load: () => glance(c) },
    { title: "Now", note: "This hour so far, provisional: it is final when the hour is over", load: async () => now(c), moves: "kpis" },
    { title: "Open alerts", load: () => alerting(c), moves: "findings" },
    { title: "Spend by day", note: "Model calls, as reported or by the price book", load: () => spend(c) },
    { title: "Return by team", note: "What assistants save against what they cost", load: () => returns(c) },
    { title: "What changed yesterday", note: "Spend against the same day a week before, largest changes first", load: () => changes(c) },
    { title: "Scores", note: "0 to 100 against targets, newest value, the lowest first", load: () => scores(c) },
  ],
};

async function glance(c: Context): Promise<Child> {
  const team = c.view.team;
  const all = [
    measured(c, ["Spend", "llm.call.cost", "usd", "lower"]),
    measured(c, ["Calls", "llm.call.calls", ""]),
    measured(c, ["Engineers who called a model", "llm.call.engineers", ""]),
    measured(c, ["Executions of capabilities", "capability.executed.executions", ""]),
    ...(team
      ? [judged(c, "roi", { team }, "Return on the assistant"), judged(c, "cost_saved", { team }, "Money saved")]
      : [judged(c, "assisted_commit_share", {}, "Commits with an assistant"), judged(c, "unpriced_share", {}, "Calls without a price")]),
  ];
  return figures(await Promise.all(all));
}

/** What the stream says of the open hour; nothing of it is asked for. */
function now(c: Context): Child {
  if (!began() || !watched(c.kpis).length) throw new Refusal(404, "", "there is no stream", "");
  const all = open_now(Date.now()).map((k): Figure => ({
    label: c.title(k.kpi),
    value: k.value,
    unit: c.kpis.get(k.kpi)?.unit ?? "",
    note: ["since ", time(k.window_start, c.zone)],
  }));
  if (!all.length) return empty("Nothing has come in this hour yet", "It moves as events come in.");
  all.sort((a, b) => a.label.localeCompare(b.label));
  return figures(all);
}

async function spend(c: Context): Promise<Child> {
  const of = (period: typeof c.period): Promise<{ from: string; value?: number | null }[]> =>
    c.measure("llm.call.cost", { subject: c.team, step: "day", of: period });
  const [now, then] = await Promise.all([of(c.period), c.view.compare ? of(c.before) : []]);
  if (!now.length) return nothing(c, "calls");
  const days = each(c.period.from, c.period.to);
  const lines = [{ label: "Spend", values: byDay(days, now) }];
  const beside = { label: "Before", values: byDay(each(c.before.from, c.before.to), then), dashed: true, quiet: true };
  return sheet(chart("Spend by day", days, then.length ? [...lines, beside] : lines, "usd"));
}

async function alerting(c: Context): Promise<Child> {
  const all = await open(c, SHOWN + 1);
  if (!all.length) return empty("No alert is open", "Rules are judged as events come in.");
  const more = h("p", {}, h("a", { href: c.link("alerts") }, "All open alerts"));
  return sheet(alertRows(c, all.slice(0, SHOWN)), all.length > SHOWN ? more : null);
}

async function returns(c: Context): Promise<Child> {
  const [now, days] = await Promise.all([c.values("roi", { subject: c.team }), c.values("roi", { subject: c.team, step: "day" })]);
  if (!now.length) return nothing(c, "executions");
  const all = each(c.period.from, c.period.to);
  const line = (team: string | undefined): Child => spark(byDay(all, days.filter((d) => d.subject["team"] === team)));
  const rows = [...now].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  return sheet(
    table("Return by team", [
      { head: "Team", cell: (r) => h("a", { href: c.link("", { team: r.subject["team"] ?? null }) }, r.subject["team"] || "(not given)") },
      { head: "Return", number: true, cell: (r) => h("a", { href: c.explain("kpi", "roi", r.subject) }, withUnit(r.value, "x")) },
      { head: "Against target", cell: (r) => mark(r.status) },
      { head: "By day", cell: (r) => line(r.subject["team"]) },
    ], rows),
  );
}

async function changes(c: Context): Promise<Child> {
  const yesterday = plus(c.today, -1);
  const week = plus(yesterday, -7);
  const by = c.view.team ? "" : "team";
  const of = (day: string): ReturnType<Context["measure"]> =>
    c.measure("llm.call.cost", { by: by || "team", subject: c.team, of: { from: day, to: day } });
  const [now, then] = await Promise.all([of(yesterday), of(week)]);
  if (!now.length && !then.length) return empty("Nothing was spent yesterday", `Nor on ${week}.`);
  const name = (r: (typeof now)[number]): string => r.subject["team"] ?? "";
  const names = [...new Set([...now, ...then].map(name))];
  const value = (of: typeof now, n: string): number | null => of.find((r) => name(r) === n)?.value ?? null;
  const rows = names.map((n) => ({ n, now: value(now, n), then: value(then, n) }));
  rows.sort((a, b) => Math.abs((b.now ?? 0) - (b.then ?? 0)) - Math.abs((a.now ?? 0) - (a.then ?? 0)));
  return sheet(
    table("What changed yesterday", [
      { head: "Team", cell: (r) => r.n || "(not given)" },
      { head: "Week before", number: true, cell: (r) => withUnit(r.then, "usd") },
      { head: "Yesterday", number: true, cell: (r) => h("a", { href: c.explain("measure", "llm.call.cost", { team: r.n }, yesterday) }, withUnit(r.now, "usd")) },
      { head: "Change", number: true, cell: (r) => told(change(r.now, r.then, "usd", "lower")) },
    ], rows.slice(0, 8)),
  );
}

function told(by: ReturnType<typeof change>): Child {
  return by ? changed(by) : "";
}

async function scores(c: Context): Promise<Child> {
  const answer = await ask("/v1/scores", { ...c.period }, {}, c.signal);
  const all = answer.data.rows as Row[];
  const rows = all.filter((r) => !c.view.team || dimension(r)["team"] === c.view.team);
  if (!rows.length) return nothing(c, "scores");
  rows.sort((a, b) => (number(a, "value") ?? -1) - (number(b, "value") ?? -1));
  const of = (r: Row): string => Object.values(dimension(r)).join(" · ") || "everything";
  return sheet(
    table("Scores", [
      { head: "Score", cell: (r) => c.title(text(r, "kpi")) },
      { head: "Of", cell: of },
      { head: "Value", number: true, cell: (r) => scored(c, r) },
      { head: "State", cell: (r) => mark(text(r, "status")) },
    ], rows.slice(0, 20)),
  );
}

function scored(c: Context, r: Row): Child {
  const value = number(r, "value");
  const end = rfc3339(text(r, "window_end"));
  const told = withUnit(value, c.kpis.get(text(r, "kpi"))?.unit ?? "");
  return value === null ? told : h("a", { href: c.explain("kpi", text(r, "kpi"), dimension(r), end) }, told);
}

function dimension(row: Row): Record<string, string> {
  const value = row["dimensions"];
  return value && typeof value === "object" ? (value as Record<string, string>) : {};
}
