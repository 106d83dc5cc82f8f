/** What operators learn. */

import { ask } from "../api/client.js";
import { type Context, byDay, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { chart } from "../ui/chart.js";
import type { Child } from "../ui/dom.js";
import { empty, figures, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, measured, nothing, word } from "./shared.js";

export const learning: Page = {
  path: "learning",
  name: "Learning",
  teams: false,
  compares: true,
  report: "learning",
  sections: (c) => [
    { title: "In the period", load: () => totals(c) },
    { title: "Leaderboard", note: "By experience points", load: () => board(c) },
    { title: "Sessions by day", load: () => daily(c) },
    { title: "Gaps in skills", note: "Against what a role needs, the widest first", load: () => gaps(c) },
  ],
};

async function totals(c: Context): Promise<Child> {
  return figures(await Promise.all([
    measured(c, ["Sessions", "training.session.sessions", ""], {}),
    measured(c, ["Operators", "training.session.operators", ""], {}),
    measured(c, ["Certifications", "certification.granted.certifications", ""], {}),
  ]));
}

async function board(c: Context): Promise<Child> {
  const answer = await ask("/v1/leaderboards", { ...c.period, limit: 20 }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return nothing(c, "sessions");
  return sheet(table("Leaderboard", [
    word("Operator", "operator"),
    amount("Points", "xp", "", (r) => c.explain("kpi", "operator_xp", { operator: text(r, "operator") })),
    amount("Level", "level", ""),
    amount("Sessions", "sessions", ""),
    amount("Time", "hours", "hours"),
    amount("Succeed", "success_percent", "percent"),
    amount("Certifications", "certifications", ""),
  ], rows));
}

async function daily(c: Context): Promise<Child> {
  const rows = await c.measure("training.session.sessions", { step: "day" });
  if (!rows.length) return nothing(c, "sessions");
  const days = each(c.period.from, c.period.to);
  return sheet(chart("Sessions by day", days, [{ label: "Sessions", values: byDay(days, rows) }], ""));
}

async function gaps(c: Context): Promise<Child> {
  const rows = await c.question("kpis", { of: "operator,skill" });
  if (!rows.length) return nothing(c, "scores of skills");
  const size = (r: Row): number => number(r, "value") ?? 0;
  const open = rows.filter((r) => text(r, "kpi").endsWith("_gap") && size(r) > 0).sort((a, b) => size(b) - size(a));
  if (!open.length) return empty("No gap", "Every skill that was scored is at the level of its role.");
  const of = (r: Row, dimension: string): string => String(Reflect.get((r["dimensions"] ?? {}) as object, dimension) ?? "");
  return sheet(table("Gaps in skills", [
    { head: "Operator", cell: (r) => of(r, "operator") },
    { head: "Skill", cell: (r) => of(r, "skill").replaceAll("_", " ") },
    { head: "Against", cell: (r) => c.title(text(r, "kpi")) },
    { head: "Gap", number: true, cell: (r) => withUnit(size(r), c.kpis.get(text(r, "kpi"))?.unit ?? "points") },
  ], open.slice(0, 20)));
}
