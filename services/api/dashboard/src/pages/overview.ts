/** How everything is, on one page. */

import { ask, Refusal } from "../api/client.js";
import type { Finding, OverDays, Published } from "../api/types.js";
import { byDay, type Context } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { rfc3339, time } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { began, open as open_now, watched } from "../state/now.js";
import { changed, empty, type Figure, figures, mark, sheet, subject, table } from "../ui/parts.js";
import { spark } from "../ui/spark.js";
import { alertRows, open, SEVERITIES } from "./alerts.js";
import { findingRows, mine, through } from "./findings.js";
import type { Page } from "./page.js";
import { judged, measured, nothing, returned } from "./shared.js";

const SHOWN = 3;
/** Alerts of a severity that are counted at most. */
const MANY = 100;
const SCORES = 12;
/** What was found and does not move: everything is as it was. */
const STILL = ["stable", "lasts", "days_left", "hold", "no_data"];

export const overview: Page = {
  path: "",
  name: "Overview",
  teams: true,
  compares: true,
  report: "executive",
  sections: (c) => [
    { title: "At a glance", load: () => glance(c) },
    { title: "Now", note: "Provisional: an hour is final when it is over", load: () => now(c), moves: "kpis" },
    { title: "Open alerts", load: () => alerting(c), moves: "findings", half: true },
    { title: "Since yesterday", load: () => since(c), half: true },
    { title: "What deserves a look", note: "Computed when a day was over, the most urgent first", load: () => found(c) },
    { title: "Spend by day", note: "Model calls, as reported or by the price book", load: () => spend(c) },
    { title: "Return by team", note: "What assistants save against what they cost", load: () => returns(c), half: true },
    { title: "Scores", note: "0 to 100 against targets, the lowest of each first", load: () => scores(c), half: true },
  ],
};

async function glance(c: Context): Promise<Child> {
  const team = c.view.team;
  return figures(await Promise.all([
    measured(c, ["Spend", "llm.call.cost", "usd", "lower"]),
    team ? judged(c, "roi", { team }, "Return on the assistant") : returned(c),
    ...(team ? [judged(c, "cost_saved", { team }, "Money saved")] : [health(c)]),
    measured(c, ["Executions of capabilities", "capability.executed.executions", ""]),
    measured(c, ["Calls", "llm.call.calls", ""]),
    measured(c, ["Engineers who called a model", "llm.call.engineers", ""]),
    ...(team
      ? [judged(c, "memory_hit_rate", { team }, "Found in memory"), judged(c, "suggestion_acceptance", { team }, "Suggestions taken")]
      : [judged(c, "assisted_commit_share", {}, "Commits with an assistant"), judged(c, "unpriced_share", {}, "Calls without a price")]),
  ]));
}

/** Health of the systems that are watched: their mean, and the weakest of them. */
async function health(c: Context): Promise<Figure> {
  const score = "optimization_health";
  const label = "Health of AI systems";
  const all = c.kpis.has(score) ? (await c.published(score)).filter((p) => p.value !== null && p.value !== undefined) : [];
  const last = all.filter((p) => p.window_end === all[0]?.window_end).sort((a, b) => (a.value ?? 0) - (b.value ?? 0));
  const weakest = last[0];
  if (!weakest) return { label, value: null, unit: "", note: "nobody sends optimization.sampled" };
  return {
    label,
    value: mean(last),
    unit: "of 100",
    trend: byDay(each(c.period.from, c.period.to), daily(all)),
    note: ["weakest ", h("a", { href: c.explain("kpi", score, weakest.dimensions, rfc3339(weakest.window_end)) }, `${subject(weakest.dimensions)} ${withUnit(weakest.value, "")}`)],
    explain: c.link("capabilities"),
  };
}

function mean(all: readonly Published[]): number {
  return all.reduce((sum, p) => sum + (p.value ?? 0), 0) / all.length;
}

/** What subjects have in the mean, by the day that their windows begin in. */
function daily(all: readonly Published[]): { from: string; value: number }[] {
  const days = new Map<string, Published[]>();
  for (const p of all) days.set(p.window_start.slice(0, 10), [...(days.get(p.window_start.slice(0, 10)) ?? []), p]);
  return [...days].map(([from, of]) => ({ from, value: mean(of) }));
}

async function ofToday(c: Context): Promise<Figure[]> {
  const day = { from: c.today, to: c.today };
  const one = async (label: string, statistic: string, unit: string): Promise<Figure> => {
    const rows = await c.measure(statistic, { subject: c.team, of: day });
    return { label, value: rows[0]?.value, unit, note: "of what was counted so far", explain: c.explain("measure", statistic, c.team, c.today) };
  };
  return Promise.all([one("Spend today", "llm.call.cost", "usd"), one("Calls today", "llm.call.calls", ""), one("Calls without an answer today", "llm.call.failures", "")]);
}

/** What the stream says of the open hour, beside what today has come to. */
async function now(c: Context): Promise<Child> {
  if (!began() || !watched(c.kpis).length) throw new Refusal(404, "", "there is no stream", "");
  const live = open_now(Date.now()).map((k): Figure => ({
    label: c.title(k.kpi),
    value: k.value,
    unit: c.unit(k.kpi),
    note: ["this hour, since ", time(k.window_start, c.zone)],
  }));
  live.sort((a, b) => a.label.localeCompare(b.label));
  const silent: Figure[] = live.length ? [] : [{ label: "This hour", value: null, unit: "", note: "nothing has come yet; it moves as events come in" }];
  return figures([...live, ...silent, ...(await c.once("today", () => ofToday(c)))]);
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
  const all = (await open(c, MANY)).filter((a) => a.severity !== "low" || !c.view.team);
  if (!all.length) return empty("No alert is open", "Rules are judged as events come in.");
  const counts = SEVERITIES.map((s) => [s, all.filter((a) => a.severity === s).length] as const).filter(([, n]) => n);
  const worst = all.filter((a) => a.severity !== "low").slice(0, SHOWN);
  return sheet(
    h("p", { class: "counts" }, counts.map(([s, n]) => h("a", { href: c.link("alerts") }, mark(s), ` ${n}${n === MANY ? " or more" : ""}`))),
    alertRows(c, worst));
}

/** Spend of yesterday against the same day a week before, and alerts that came and went since. */
async function since(c: Context): Promise<Child> {
  const yesterday = plus(c.today, -1);
  const week = plus(yesterday, -7);
  const of = (day: string): ReturnType<Context["measure"]> =>
    c.measure("llm.call.cost", { by: "team", subject: c.team, of: { from: day, to: day } });
  const mine: Record<string, string> = c.view.team ? { "subject[team]": c.view.team } : {};
  const [now, then, told] = await Promise.all([of(yesterday), of(week), ask("/v1/alerts", { from: yesterday, limit: 500, ...mine }, {}, c.signal)]);
  const opened = told.data.filter((a) => a.severity !== "low");
  const over = opened.filter((a) => a.state === "resolve").length;
  const alerts = h("p", {}, h("a", { href: c.link("alerts") }, `${opened.length} alerts`), ` opened since yesterday, ${over} of them are over.`);
  const name = (r: (typeof now)[number]): string => r.subject["team"] ?? "";
  const value = (of: typeof now, n: string): number | null => of.find((r) => name(r) === n)?.value ?? null;
  const rows = [...new Set([...now, ...then].map(name))].map((n) => ({ n, now: value(now, n), then: value(then, n) }));
  if (!rows.length) return sheet(alerts, h("p", {}, `Nothing was spent yesterday, nor on ${week}.`));
  rows.sort((a, b) => Math.abs((b.now ?? 0) - (b.then ?? 0)) - Math.abs((a.now ?? 0) - (a.then ?? 0)));
  const by = (r: (typeof rows)[number]): Child => { const told = change(r.now, r.then, "usd", "lower"); return told ? changed(told) : ""; };
  return sheet(
    alerts,
    table("Spend yesterday", [
      { head: "Spend of team", value: (r) => r.n, cell: (r) => r.n || "(not given)" },
      { head: "Week before", number: true, value: (r) => r.then, cell: (r) => withUnit(r.then, "usd") },
      { head: "Yesterday", number: true, value: (r) => r.now, cell: (r) => h("a", { href: c.explain("measure", "llm.call.cost", { team: r.n }, yesterday) }, withUnit(r.now, "usd")) },
      { head: "Change", number: true, cell: by },
    ], rows.slice(0, 8)),
  );
}

/** Verdicts, projections and causes that say more than that all is as it was. */
async function found(c: Context): Promise<Child> {
  const all = (await c.findings(null)).filter(mine(c));
  const worth = all.filter((f) => !STILL.includes(f.verdict) && f.kind !== "recommendation");
  if (!worth.length) return all.length ? empty("Nothing", "All is as it was.") : empty("Nothing was computed yet", "It is, once a day is over.");
  return sheet(findingRows(c, varied(worth, 8)), through(worth));
}

/** The most urgent of each kind in turn: many of one kind do not hide the others. */
function varied(all: readonly Finding[], most: number): Finding[] {
  const kinds = [...new Set(all.map((f) => f.kind))].map((k) => all.filter((f) => f.kind === k));
  const turns = Math.max(...kinds.map((k) => k.length));
  const list = Array.from({ length: turns }, (_, i) => kinds.flatMap((k) => k[i] ?? [])).flat().slice(0, most);
  return list.sort((a, b) => a.priority - b.priority);
}

async function returns(c: Context): Promise<Child> {
  const [now, days] = await Promise.all([c.values("roi", { subject: c.team }), c.values("roi", { subject: c.team, step: "day" })]);
  if (!now.length) return nothing(c, "executions");
  const all = each(c.period.from, c.period.to).filter((d) => d < c.today);
  const line = (r: OverDays): Child => spark(byDay(all, days.filter((d) => d.subject["team"] === r.subject["team"])));
  const rows = [...now].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  return sheet(
    table("Return by team", [
      { head: "Team", value: (r) => r.subject["team"], cell: (r) => h("a", { href: c.link("teams", { team: r.subject["team"] ?? null }) }, r.subject["team"] || "(not given)") },
      { head: "Return", number: true, value: (r) => r.value, cell: (r) => h("a", { href: c.explain("kpi", "roi", r.subject) }, withUnit(r.value, "x")) },
      { head: "Against target", cell: (r) => mark(r.status) },
      { head: "By day", cell: line },
    ], rows),
  );
}

async function scores(c: Context): Promise<Child> {
  // Scores of persons stand where persons are asked for.
  const names = [...c.kpis.values()].filter((k) => k.kind === "score" && !k.by.includes("operator") && !k.by.includes("engineer"));
  const past = (await Promise.all(names.map((k) => c.published(k.name)))).flat()
    .filter((p) => p.value !== null && p.value !== undefined && mine(c)(p));
  if (!past.length) return nothing(c, "scores");
  const series = new Map<string, Published[]>();
  for (const p of past) series.set(`${p.kpi} ${subject(p.dimensions)}`, [...(series.get(`${p.kpi} ${subject(p.dimensions)}`) ?? []), p]);
  const days = each(c.period.from, c.period.to);
  // The newest of each stands first.
  const rows = [...series.values()].flatMap((all) => (all[0] ? [{ last: all[0], all }] : []));
  rows.sort((a, b) => (a.last.value ?? 101) - (b.last.value ?? 101));
  // The lowest of each score, then others: many teams do not hide the rest.
  const first = names.flatMap((k) => rows.find((r) => r.last.kpi === k.name) ?? []);
  const shown = [...first, ...rows.filter((r) => !first.includes(r))].slice(0, SCORES).sort((a, b) => (a.last.value ?? 0) - (b.last.value ?? 0));
  type One = (typeof rows)[number];
  const scored = ({ last }: One): Child => h("a", { href: c.explain("kpi", last.kpi, last.dimensions, rfc3339(last.window_end)) }, withUnit(last.value, ""));
  return sheet(
    table("Scores", [
      { head: "Score", value: (r) => c.title(r.last.kpi), cell: (r) => [c.title(r.last.kpi), h("span", { class: "quiet under" }, subject(r.last.dimensions))] },
      { head: "Of\u00a0100", number: true, value: (r) => r.last.value, cell: scored },
      { head: "Lately", cell: (r) => momentum(r.last.momentum) },
      { head: "By day", cell: (r) => spark(byDay(days, daily(r.all))) },
    ], shown),
  );
}

/** Against the mean of the three values before. */
function momentum(told: string): Child {
  return told && told !== "unknown" && told !== "none" ? mark(told) : h("span", { class: "quiet" }, "—");
}
