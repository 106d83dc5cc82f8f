/** What operators learn. */

import { ask } from "../api/client.js";
import { byDay, type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { moment } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { empty, figures, sheet, subject, table } from "../ui/parts.js";
import { through } from "./findings.js";
import { dimensions, matrix, newest, standing, valued } from "./matrix.js";
import type { Page } from "./page.js";
import { amount, judged, measured, nothing } from "./shared.js";

const SHOWN = 15;
const MILESTONE = "milestone_";

export const learning: Page = {
  path: "learning",
  name: "Learning",
  teams: false,
  compares: true,
  report: "learning",
  sections: (c) => [
    operator(c)
      ? { title: operator(c), note: "One operator", load: () => one(c, operator(c)) }
      : { title: "In the period", load: () => totals(c) },
    { title: "Curves of skills", note: "Mean of what was scored on a day, 0 to 100", load: () => curves(c), every: 60 },
    { title: "Leaderboard", note: "By experience points", load: () => board(c), every: 60 },
    { title: "Plan", note: "What to train next for the roles of the catalog, the most urgent first", load: () => plan(c), every: 60, half: true },
    { title: "Gaps in skills", note: "Against what a role needs, the widest first", load: () => gaps(c), every: 60, half: true },
    { title: "Goals and roles", note: "How far each has come", load: () => goals(c), every: 60 },
    { title: "Milestones", note: "Reached in the period, the newest first", load: () => milestones(c), every: 60, half: true },
    { title: "Scenarios", note: "The hardest first", load: () => scenarios(c), every: 60, half: true },
  ],
};

function operator(c: Context): string {
  return c.view.rest["operator"] ?? "";
}

function named(c: Context, name: string): Child {
  return h("a", { href: c.link("learning", { rest: { operator: name } }) }, name || "(not given)");
}

/** Of the operator that is looked at, or of all. */
function own(c: Context): (r: Row) => boolean {
  return (r) => !operator(c) || dimensions(r)["operator"] === operator(c);
}

async function totals(c: Context): Promise<Child> {
  return figures(await Promise.all([
    measured(c, ["Sessions", "training.session.sessions", ""], {}),
    measured(c, ["Sessions that reached their goal", "training.session.successes", ""], {}),
    measured(c, ["Time spent", "training.session.seconds", "s"], {}),
    measured(c, ["Operators", "training.session.operators", ""], {}),
    measured(c, ["Cost of sessions", "training.session.cost", "usd", "lower"], {}),
    measured(c, ["Certifications", "certification.granted.certifications", ""], {}),
  ]));
}

async function one(c: Context, name: string): Promise<Child> {
  const of = { operator: name };
  const kpis: readonly (readonly [string, string])[] = [["operator_score", "Score of sessions"], ["operator_success_rate", "Sessions reach their goal"], ["operator_objectives", "Objectives reached"], ["operator_skill", "Skill"], ["operator_xp", "Experience"]];
  return [
    h("p", { class: "lead" }, h("a", { href: c.link("learning") }, "All operators")),
    figures(await Promise.all([
      measured(c, ["Sessions", "training.session.sessions", ""], of),
      measured(c, ["Time spent", "training.session.seconds", "s"], of),
      measured(c, ["Cost of sessions", "training.session.cost", "usd", "lower"], of),
      ...kpis.filter(([k]) => c.kpis.has(k)).map(([k, label]) => judged(c, k, of, label)),
    ])),
  ];
}

async function curves(c: Context): Promise<Child> {
  const rows = await c.measure("skill.scored.score.mean", { by: "skill", step: "day", subject: operator(c) ? { operator: operator(c) } : {} });
  if (!rows.length) return nothing(c, "scores of skills");
  const days = each(c.period.from, c.period.to);
  const skills = [...new Set(rows.map((r) => r.subject["skill"] ?? ""))].sort();
  const of = (skill: string): { label: string; values: (number | null)[] } => {
    const values = byDay(days, rows.filter((r) => r.subject["skill"] === skill)).map((v) => (v === null ? null : v * 100));
    return { label: skill.replaceAll("_", " "), values };
  };
  return sheet(chart("Curves of skills", days, skills.slice(0, 5).map(of), "", true));
}

async function board(c: Context): Promise<Child> {
  const answer = await ask("/v1/leaderboards", { ...c.period, limit: 20 }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return nothing(c, "sessions");
  const of = (kpi: string) => (r: Row): string => c.explain("kpi", kpi, { operator: text(r, "operator") });
  return sheet(table("Leaderboard", [
    { head: "Operator", value: (r) => text(r, "operator"), cell: (r) => named(c, text(r, "operator")) },
    amount("Points", "xp", "", of("operator_xp")),
    amount("Level", "level", "", of("operator_level")),
    amount("Sessions", "sessions", "", of("operator_sessions")),
    amount("Time", "hours", "hours", of("operator_hours")),
    amount("Succeed", "success_percent", "percent", of("operator_success_rate")),
    amount("Certifications", "certifications", "", of("operator_certifications")),
  ], rows));
}

async function plan(c: Context): Promise<Child> {
  const asked = operator(c) ? { "subject[operator]": operator(c) } : {};
  const all = await c.findings("recommendation", asked);
  if (!all.length) return empty("Nothing is recommended", "It is, once skills were scored and a day was over.");
  return sheet(table("Plan", [
    { head: "Priority", number: true, value: (f) => f.priority, cell: (f) => f.priority },
    { head: "Operator", value: (f) => f.dimensions["operator"], cell: (f) => named(c, f.dimensions["operator"] ?? "") },
    { head: "What", value: (f) => f.text, cell: (f) => f.text.replaceAll("_", " ") },
  ], all.slice(0, SHOWN)), through(all));
}

async function gaps(c: Context): Promise<Child> {
  const rows = (await newest(c, standing(c, "operator,skill").filter((k) => k.endsWith("_gap")))).filter(own(c));
  if (!rows.length) return nothing(c, "scores of skills");
  const size = (r: Row): number => number(r, "value") ?? 0;
  const open = rows.filter((r) => size(r) > 0).sort((a, b) => size(b) - size(a));
  if (!open.length) return empty("No gap", "Every skill that was scored is at the level of its role.");
  return sheet(table("Gaps in skills", [
    { head: "Operator", value: (r) => dimensions(r)["operator"], cell: (r) => named(c, dimensions(r)["operator"] ?? "") },
    { head: "Skill", value: (r) => dimensions(r)["skill"], cell: (r) => (dimensions(r)["skill"] ?? "").replaceAll("_", " ") },
    { head: "For", value: (r) => text(r, "kpi"), cell: (r) => role(c, text(r, "kpi")) },
    { head: "Gap", number: true, value: size, cell: (r) => valued(c, r) },
  ], open.slice(0, SHOWN)));
}

/** Red team expert, of "Red team expert: what an operator misses in a skill". */
function role(c: Context, kpi: string): string {
  const title = c.title(kpi);
  return kpi === "operator_skill_gap" ? "the role aimed at" : (title.split(":")[0] ?? title);
}

async function goals(c: Context): Promise<Child> {
  const rows = (await newest(c, standing(c, "operator").filter((k) => /^goal_.*_progress$|^role_.*_readiness$/.test(k)))).filter(own(c));
  if (!rows.length) return empty("No goal is set", "An event goal.set sets one; roles are of the catalog.");
  const names = [...new Set(rows.map((r) => text(r, "kpi")))].sort();
  return sheet(matrix(c, "Goals and roles", "Operator", rows, names.map((kpi) => [kpi, role(c, kpi)] as const)));
}

async function milestones(c: Context): Promise<Child> {
  const within = { from: c.period.from, to: plus(c.period.to, 1), severity: "low", limit: 1000, ...(operator(c) ? { "subject[operator]": operator(c) } : {}) };
  const all = (await ask("/v1/alerts", within, {}, c.signal)).data.filter((a) => a.rule.startsWith(MILESTONE));
  if (!all.length) return empty("None was reached", `From ${c.period.from} to ${c.period.to}.`);
  all.sort((a, b) => b.opened.localeCompare(a.opened));
  return sheet(table("Milestones", [
    { head: "When", value: (a) => a.opened, cell: (a) => moment(a.opened, c.zone) },
    { head: "Operator", value: (a) => subject(a.dimensions), cell: (a) => named(c, a.dimensions["operator"] ?? "") },
    { head: "What", value: (a) => a.rule, cell: (a) => a.rule.slice(MILESTONE.length).replaceAll("_", " ") },
  ], all.slice(0, SHOWN)), all.length > SHOWN ? h("p", { class: "quiet" }, `The newest ${SHOWN} of ${all.length}.`) : null);
}

async function scenarios(c: Context): Promise<Child> {
  const [rate, sessions] = await Promise.all([newest(c, ["scenario_success_rate"]), c.measure("training.session.sessions", { by: "scenario" })]);
  const rows = [...rate].sort((a, b) => (number(a, "value") ?? 0) - (number(b, "value") ?? 0));
  if (!rows.length) return nothing(c, "sessions");
  const of = (r: Row): number | null => sessions.find((s) => s.subject["scenario"] === dimensions(r)["scenario"])?.value ?? null;
  return sheet(table("Scenarios", [
    { head: "Scenario", value: (r) => dimensions(r)["scenario"], cell: (r) => (dimensions(r)["scenario"] ?? "").replaceAll("_", " ") },
    { head: "Succeed", number: true, value: (r) => number(r, "value"), cell: (r) => valued(c, r) },
    { head: "Sessions", number: true, value: of, cell: (r) => withUnit(of(r), "") },
  ], rows));
}
