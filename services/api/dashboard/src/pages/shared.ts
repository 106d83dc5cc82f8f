/** Parts that several pages show. */

import { type Context, byDay, number, type Row, type Subject, text } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { together } from "../format/together.js";
import { day } from "../format/time.js";
import { each, length } from "../state/days.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, type Figure } from "../ui/parts.js";

/** A measure as a figure: over the period, by day, against before. */
export async function measured(
  c: Context,
  [label, statistic, unit, better]: readonly [string, string, string, ("higher" | "lower")?],
  subject: Subject = c.team,
): Promise<Figure> {
  const [now, then, days, past] = await Promise.all([
    c.measure(statistic, { subject }),
    c.view.compare ? c.measure(statistic, { subject, of: c.before }) : [],
    c.measure(statistic, { subject, step: "day" }),
    c.view.compare ? c.measure(statistic, { subject, step: "day", of: c.before }) : [],
  ]);
  const value = now[0]?.value;
  const partial = begun(c, past);
  return {
    label,
    value,
    unit,
    change: partial ? null : change(value, then[0]?.value, unit, better),
    trend: trend(c, days),
    note: partial,
    explain: c.explain("measure", statistic, subject),
  };
}

/** Days that are over: what there is of today yet is no trend. */
function trend(c: Context, rows: readonly { from: string; value?: number | null }[]): (number | null)[] {
  return byDay(each(c.period.from, c.period.to).filter((d) => d < c.today), rows);
}

/** Says where the days before are not all there: a comparison with them would be of unequal things. */
export function begun(c: Context, past: readonly { from: string; value?: number | null }[]): string | null {
  const first = past.filter((r) => r.value !== null && r.value !== undefined).map((r) => r.from).sort()[0];
  if (!c.view.compare || !first) return null;
  const missing = length(c.before.from, first) - 1;
  return missing > 7 || missing * 4 > length(c.before.from, c.before.to) ? `no data before ${day(first)}` : null;
}

/** A KPI of one subject as a figure. */
export async function judged(c: Context, kpi: string, subject: Subject = {}, label = c.title(kpi)): Promise<Figure> {
  const declared = c.kpis.get(kpi);
  const unit = declared?.unit ?? "";
  const [now, then, days] = await Promise.all([
    c.values(kpi, { subject }),
    c.view.compare ? c.values(kpi, { subject, of: c.before }) : [],
    c.values(kpi, { subject, step: "day" }),
  ]);
  const value = now[0]?.value;
  const target = declared?.target;
  return {
    label,
    value,
    unit,
    change: change(value, then[0]?.value, unit, declared?.better),
    trend: trend(c, days),
    note: target === null || target === undefined ? null : `target ${declared?.better === "lower" ? "≤" : "≥"} ${withUnit(target, unit)}`,
    explain: c.explain("kpi", kpi, subject),
  };
}

/** The return of all teams: each by the engineers whose tool it pays for, as the formula has it. */
export async function returned(c: Context): Promise<Figure> {
  const [now, then, days] = await Promise.all([
    c.values("roi"),
    c.view.compare ? c.values("roi", { of: c.before }) : [],
    c.values("roi", { step: "day" }),
  ]);
  const value = together(now);
  const target = c.kpis.get("roi")?.target;
  const dates = [...new Set(days.map((d) => d.from))];
  return {
    label: "Return on the assistant",
    value,
    unit: "x",
    change: change(value, together(then), "x", "higher"),
    trend: trend(c, dates.map((from) => ({ from, value: together(days.filter((d) => d.from === from)) }))),
    note: target === null || target === undefined ? null : `target ≥ ${withUnit(target, "x")}`,
    explain: c.link("teams"),
  };
}

/** A column of a question's numbers. */
export function amount(head: string, column: string, unit: string, explain?: (row: Row) => string): Column<Row> {
  return {
    head,
    number: true,
    value: (row) => number(row, column),
    cell: (row) => {
      const value = number(row, column);
      const told = withUnit(value, unit);
      return explain && value !== null ? h("a", { href: explain(row), title: "What this is made of" }, told) : told;
    },
  };
}

export function word(head: string, column: string): Column<Row> {
  return { head, value: (row) => text(row, column), cell: (row) => text(row, column) || "(not given)" };
}

/** Nothing in these days: what one can do about it. */
export function nothing(c: Context, what: string): Child {
  return empty(`No ${what} from ${c.period.from} to ${c.period.to}`, h("span", {}, "Choose a longer period, or see ", h("a", { href: c.link("sources") }, "who sends"), "."));
}
