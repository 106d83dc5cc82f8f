/** Parts that several pages show. */

import { type Context, byDay, number, type Row, type Subject, text } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, type Figure } from "../ui/parts.js";

/** A measure as a figure: over the period, by day, against before. */
export async function measured(
  c: Context,
  [label, statistic, unit, better]: readonly [string, string, string, ("higher" | "lower")?],
  subject: Subject = c.team,
): Promise<Figure> {
  const [now, then, days] = await Promise.all([
    c.measure(statistic, { subject }),
    c.view.compare ? c.measure(statistic, { subject, of: c.before }) : [],
    c.measure(statistic, { subject, step: "day" }),
  ]);
  const value = now[0]?.value;
  return {
    label,
    value,
    unit,
    change: change(value, then[0]?.value, unit, better),
    trend: byDay(each(c.period.from, c.period.to), days),
    explain: c.explain("measure", statistic, subject),
  };
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
    trend: byDay(each(c.period.from, c.period.to), days),
    note: target === null || target === undefined ? null : `target ${declared?.better === "lower" ? "≤" : "≥"} ${withUnit(target, unit)}`,
    explain: c.explain("kpi", kpi, subject),
  };
}

/** A column of a question's numbers. */
export function amount(head: string, column: string, unit: string, explain?: (row: Row) => string): Column<Row> {
  return {
    head,
    number: true,
    cell: (row) => {
      const value = number(row, column);
      const told = withUnit(value, unit);
      return explain && value !== null ? h("a", { href: explain(row), title: "What this is made of" }, told) : told;
    },
  };
}

export function word(head: string, column: string): Column<Row> {
  return { head, cell: (row) => text(row, column) || "(not given)" };
}

/** Nothing in these days: what one can do about it. */
export function nothing(c: Context, what: string): Child {
  return empty(`No ${what} from ${c.period.from} to ${c.period.to}`, h("span", {}, "Choose a longer period, or see ", h("a", { href: c.link("sources") }, "who sends"), "."));
}
