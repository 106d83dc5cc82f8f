/** Teams and the people in them: never a rank of persons where the token may not see persons. */

import type { OverDays } from "../api/types.js";
import { byDay, type Context, type Subject, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, mark, meter, sheet, table } from "../ui/parts.js";
import { spark } from "../ui/spark.js";
import { dimensions, newest } from "./matrix.js";
import type { Page } from "./page.js";
import { judged, measured, nothing } from "./shared.js";

/** Most people that are shown. */
const PEOPLE = 50;
const COST = "llm.call.cost";
const PERSONS = ["engineer_value", "commits_per_day", "engineer_productivity_gain", "engineer_memory_hit_rate", "quality_score"];

export const teams: Page = {
  path: "teams",
  name: "Teams and people",
  teams: true,
  compares: true,
  report: "team",
  sections: (c) => [
    ...(person(c) ? [{ title: person(c), note: "One person", load: () => onePerson(c, person(c)) }] : []),
    ...(c.view.team && !person(c) ? [{ title: c.view.team, load: () => oneTeam(c, c.view.team ?? "") }] : []),
    { title: "Return of teams", note: "With the terms of its formula; put in order by any column", load: () => returns(c) },
    { title: "What teams do", note: "Spend, work and adoption in the period", load: () => work(c) },
    { title: "Capabilities by team", note: "Share of a team's engineers at work who use each", load: () => adoption(c) },
    { title: "People", note: "Shown to tokens that may see persons", load: () => people(c) },
  ],
};

function person(c: Context): string {
  return c.view.rest["person"] ?? "";
}

async function oneTeam(c: Context, team: string): Promise<Child> {
  const kpis = ["roi", "cost_saved", "productivity_value", "productivity_gain", "memory_hit_rate", "suggestion_acceptance", "spend_per_commit", "cache_read_share"];
  const known = kpis.filter((k) => c.kpis.has(k));
  return figures(await Promise.all(known.map((k) => judged(c, k, { team }))));
}

async function onePerson(c: Context, engineer: string): Promise<Child> {
  const kpis = PERSONS.filter((k) => c.kpis.has(k));
  return [
    h("p", { class: "lead" }, h("a", { href: c.link("teams") }, "All teams and people")),
    figures(await Promise.all([
      measured(c, ["Spend", COST, "usd", "lower"], { engineer }),
      measured(c, ["Calls", "llm.call.calls", ""], { engineer }),
      measured(c, ["Executions of capabilities", "capability.executed.executions", ""], { engineer }),
      ...kpis.map((k) => judged(c, k, { engineer })),
    ])),
  ];
}

const team = (r: { subject: Subject }): string => r.subject["team"] ?? "";

function named<R extends { subject: Subject }>(c: Context): Column<R> {
  return { head: "Team", value: team, cell: (r) => h("a", { href: c.link("teams", { team: team(r) || null }) }, team(r) || "(not given)") };
}

/** A term of a formula, as it went in. */
function term(head: string, name: string, unit: string, scale = 1): Column<OverDays> {
  const of = (r: OverDays): number | null => { const v = r.terms[name]; return v === null || v === undefined ? null : v * scale; };
  return { head, number: true, value: of, cell: (r) => withUnit(of(r), unit) };
}

async function returns(c: Context): Promise<Child> {
  const [rows, cost, days] = await Promise.all([
    c.values("roi", { subject: c.team }),
    c.values("tool_cost", { subject: c.team }),
    c.values("roi", { subject: c.team, step: "day" }),
  ]);
  if (!rows.length) return nothing(c, "executions");
  rows.sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const tool = (r: OverDays): number | null => cost.find((t) => team(t) === team(r))?.value ?? null;
  const worth = (r: OverDays): number | null => { const t = tool(r); return t === null || r.value === null || r.value === undefined ? null : t * r.value; };
  const all = each(c.period.from, c.period.to).filter((d) => d < c.today);
  const formula = c.kpis.get("roi")?.formula;
  return sheet(table("Return of teams", [
    named(c),
    { head: "Return", number: true, value: (r) => r.value, cell: (r) => h("a", { href: c.explain("kpi", "roi", r.subject) }, withUnit(r.value, "x")) },
    { head: "Against target", value: (r) => r.score, cell: (r) => mark(r.status) },
    { head: "By day", cell: (r) => spark(byDay(all, days.filter((d) => team(d) === team(r)))) },
    { head: "It saved", number: true, value: worth, cell: (r) => withUnit(worth(r), "usd") },
    { head: "It cost", number: true, value: tool, cell: (r) => h("a", { href: c.explain("kpi", "tool_cost", r.subject) }, withUnit(tool(r), "usd")) },
    term("Tokens saved", "tokens_saved", ""),
    term("Calls avoided", "calls_avoided", ""),
    term("Time saved", "minutes_saved", "hours", 1 / 60),
    term("Engineers", "engineers", ""),
  ], rows), formula ? h("p", { class: "formula" }, "Return = ", h("code", {}, formula)) : null);
}

/** A figure of each team, by what it is measured with. */
async function work(c: Context): Promise<Child> {
  const asked: readonly (readonly [string, string, string])[] = [
    ["Spend", COST, "usd"],
    ["Calls", "llm.call.calls", ""],
    ["Engineers", "llm.call.engineers", ""],
    ["Commits", "productivity.recorded.commits", ""],
    ["Merged", "productivity.recorded.prs_merged", ""],
    ["Executions", "capability.executed.executions", ""],
  ];
  const kpis = (["spend_per_commit", "memory_hit_rate", "suggestion_acceptance"] as const).filter((k) => c.kpis.has(k));
  const heads: Record<string, string> = { spend_per_commit: "Spend for each commit", memory_hit_rate: "Found in memory", suggestion_acceptance: "Suggestions taken" };
  const [measures, judgedOnes] = await Promise.all([
    Promise.all(asked.map(([, statistic]) => c.measure(statistic, { by: "team", subject: c.team }))),
    Promise.all(kpis.map((k) => c.values(k, { subject: c.team }))),
  ]);
  const names = [...new Set(measures.flat().map(team))].sort();
  if (!names.length) return nothing(c, "work of teams");
  const of = (list: readonly { subject: Subject; value?: number | null }[] | undefined, n: string): number | null => list?.find((r) => team(r) === n)?.value ?? null;
  return sheet(table("What teams do", [
    { head: "Team", value: (n) => n, cell: (n) => h("a", { href: c.link("teams", { team: n || null }) }, n || "(not given)") },
    ...asked.map(([head, statistic, unit], i): Column<string> => ({
      head,
      number: true,
      value: (n) => of(measures[i], n),
      cell: (n) => { const v = of(measures[i], n); return v === null ? withUnit(v, unit) : h("a", { href: c.explain("measure", statistic, { team: n }) }, withUnit(v, unit)); },
    })),
    ...kpis.map((k, i): Column<string> => ({
      head: heads[k] ?? c.title(k),
      number: true,
      value: (n) => of(judgedOnes[i], n),
      cell: (n) => { const v = of(judgedOnes[i], n); return v === null ? withUnit(v, "") : h("a", { href: c.explain("kpi", k, { team: n }) }, withUnit(v, c.unit(k))); },
    })),
  ], names));
}

/** Engineers of a team that use a capability, of those of it that use any. */
async function adoption(c: Context): Promise<Child> {
  const name = "capability.executed.engineers";
  const [cells, all] = await Promise.all([c.measure(name, { by: "capability,team", subject: c.team }), c.measure(name, { by: "team", subject: c.team })]);
  if (!cells.length) return nothing(c, "executions");
  const whole = new Map(all.map((r) => [team(r), r.value ?? 0]));
  const names = [...new Set(cells.map((r) => r.subject["capability"] ?? ""))];
  const share = (capability: string, t: string): number | null => {
    const used = cells.find((r) => r.subject["capability"] === capability && team(r) === t)?.value;
    const of = whole.get(t);
    return used === null || used === undefined || !of ? null : (100 * used) / of;
  };
  const mean = (capability: string): number => [...whole.keys()].reduce((s, t) => s + (share(capability, t) ?? 0), 0) / Math.max(1, whole.size);
  names.sort((a, b) => mean(b) - mean(a));
  const shown = names.slice(0, 12);
  return sheet(table("Capabilities by team", [
    { head: "Capability", value: (n) => n, cell: (n) => n || "(not given)" },
    ...[...whole.keys()].sort().map((t): Column<string> => ({
      head: t || "(not given)",
      number: true,
      value: (n) => share(n, t),
      cell: (n) => { const v = share(n, t); return v === null ? withUnit(v, "") : h("a", { href: c.explain("measure", name, { capability: n, team: t }) }, withUnit(v, "percent")); },
    })),
  ], shown), names.length > shown.length ? h("p", { class: "quiet" }, `The ${shown.length} most used of ${names.length}.`) : null);
}

async function people(c: Context): Promise<Child> {
  const [rows, spent] = await Promise.all([newest(c, PERSONS), c.measure(COST, { by: "engineer" })]);
  const all = new Map<string, Map<string, number>>();
  const put = (name: string, what: string, value: number | null | undefined): void => {
    if (!name || value === null || value === undefined) return;
    const of = all.get(name) ?? new Map<string, number>();
    all.set(name, of.set(what, value));
  };
  for (const r of rows) put(dimensions(r)["engineer"] ?? "", text(r, "kpi"), Number(r["value"]));
  for (const r of spent) put(r.subject["engineer"] ?? "", COST, r.value);
  if (!all.size) return empty("Nobody is named", "Events of these days name no engineer, or the token may not see persons.");
  const most = Math.max(...[...all.values()].map((of) => of.get("engineer_value") ?? 0));
  const list = [...all.entries()].sort((a, b) => (b[1].get("engineer_value") ?? -1) - (a[1].get("engineer_value") ?? -1));
  const column = (head: string, kpi: string, unit = c.unit(kpi)): Column<(typeof list)[number]> => ({
    head,
    number: true,
    value: ([, of]) => of.get(kpi),
    cell: ([name, of]) => {
      const value = of.get(kpi);
      const href = kpi === COST ? c.explain("measure", COST, { engineer: name }) : c.explain("kpi", kpi, { engineer: name });
      return value === undefined ? withUnit(null, "") : h("a", { href }, withUnit(value, unit));
    },
  });
  return sheet(table("People", [
    { head: "Person", value: ([name]) => name, cell: ([name]) => h("a", { href: c.link("teams", { rest: { person: name } }) }, name) },
    column("Saved in 28 days", "engineer_value"),
    { head: "", cell: ([, of]) => meter(most ? (100 * (of.get("engineer_value") ?? 0)) / most : null, Infinity, Infinity) },
    column("Spend", COST, "usd"),
    column("Commits a day", "commits_per_day", ""),
    column("Against the usual", "engineer_productivity_gain"),
    column("Found in memory", "engineer_memory_hit_rate"),
    column("Quality", "quality_score", ""),
  ], list.slice(0, PEOPLE)), list.length > PEOPLE ? h("p", { class: "quiet" }, `The first ${PEOPLE} of ${list.length}.`) : null);
}
