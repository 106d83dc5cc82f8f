/** Teams and the people in them: never a rank of persons where the token may not see persons. */

import { type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { type Child, h } from "../ui/dom.js";
import { figures, mark, meter, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, judged, nothing, word } from "./shared.js";

/** Most people that are shown. */
const PEOPLE = 50;

export const teams: Page = {
  path: "teams",
  name: "Teams and people",
  teams: true,
  compares: true,
  report: "team",
  sections: (c) => [
    ...(c.view.team ? [{ title: c.view.team, load: () => one(c, c.view.team ?? "") }] : []),
    { title: "Teams", note: "Return on the assistant, with the terms of its formula", load: () => returns(c) },
    { title: "Spend of teams", load: () => spend(c) },
    { title: "People", note: "Money and time that each saved in 28 days; shown to tokens that may see persons", load: () => people(c) },
  ],
};

async function one(c: Context, team: string): Promise<Child> {
  const kpis = ["roi", "cost_saved", "productivity_value", "productivity_gain", "memory_hit_rate", "suggestion_acceptance", "spend_per_commit", "cache_read_share"];
  const known = kpis.filter((k) => c.kpis.has(k));
  return figures(await Promise.all(known.map((k) => judged(c, k, { team }))));
}

async function returns(c: Context): Promise<Child> {
  const rows = (await c.question("roi-by-team")).filter((r) => !c.view.team || text(r, "team") === c.view.team);
  if (!rows.length) return nothing(c, "executions");
  return sheet(table("Return of teams", [
    { head: "Team", cell: (r) => h("a", { href: c.link("teams", { team: text(r, "team") || null }) }, text(r, "team") || "(not given)") },
    amount("Return", "roi", "x", (r) => c.explain("kpi", "roi", { team: text(r, "team") })),
    { head: "Against target", cell: (r) => mark(text(r, "status")) },
    amount("Engineers", "engineers", ""),
    amount("Tokens saved", "tokens_saved", "tokens"),
    amount("Calls avoided", "calls_avoided", ""),
    { head: "Time saved", number: true, cell: (r) => { const m = number(r, "minutes_saved"); return withUnit(m === null ? null : m / 60, "h"); } },
  ], rows));
}

async function spend(c: Context): Promise<Child> {
  const rows = (await c.question("spend-by-team")).filter((r) => !c.view.team || text(r, "team") === c.view.team);
  if (!rows.length) return nothing(c, "calls");
  return sheet(table("Spend of teams", [
    word("Team", "team"),
    amount("Spend", "usd", "usd", (r) => c.explain("measure", "llm.call.cost", { team: text(r, "team") })),
    amount("Share", "percent", "percent"),
    { head: "", cell: (r) => meter(number(r, "percent"), Infinity, Infinity) },
    amount("Engineers", "engineers", ""),
    amount("Spend of each", "usd_per_engineer", "usd"),
    amount("Calls", "calls", ""),
  ], rows));
}

async function people(c: Context): Promise<Child> {
  const rows = (await c.question("kpis", { of: "engineer" })).filter((r) => person(r));
  if (!rows.length) return nothing(c, "values of people");
  const all = new Map<string, Map<string, number | null>>();
  for (const r of rows) {
    const of = all.get(person(r)) ?? new Map<string, number | null>();
    of.set(text(r, "kpi"), number(r, "value"));
    all.set(person(r), of);
  }
  const list = [...all.entries()].sort((a, b) => (b[1].get("engineer_value") ?? -1) - (a[1].get("engineer_value") ?? -1));
  const column = (head: string, kpi: string): { head: string; number: true; cell: (r: (typeof list)[number]) => Child } => ({
    head,
    number: true,
    cell: ([, of]) => withUnit(of.get(kpi), c.kpis.get(kpi)?.unit ?? ""),
  });
  return sheet(table("People", [
    { head: "Person", cell: ([name]) => name },
    column("Saved", "engineer_value"),
    column("Commits a day", "commits_per_day"),
    column("Against the usual", "engineer_productivity_gain"),
    column("Found in memory", "engineer_memory_hit_rate"),
    column("Quality", "quality_score"),
  ], list.slice(0, PEOPLE)), list.length > PEOPLE ? h("p", { class: "quiet" }, `The first ${PEOPLE} of ${list.length}.`) : null);
}

function person(row: Row): string {
  const of = row["dimensions"];
  return of && typeof of === "object" ? String(Reflect.get(of, "engineer") ?? "") : "";
}
