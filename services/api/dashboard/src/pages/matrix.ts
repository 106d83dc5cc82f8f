/** Newest values of KPIs: a row for each subject, a column for each KPI. */

import { type Context, number, type Row, type Subject, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { rfc3339 } from "../format/time.js";
import { type Child, h } from "../ui/dom.js";
import { subject, table } from "../ui/parts.js";

export function dimensions(row: Row): Subject {
  const value = row["dimensions"];
  return value && typeof value === "object" ? (value as Subject) : {};
}

/** Rows that hold the newest value of each subject. */
const NEWEST = 500;

/** The newest values of KPIs by subject, as they were published. */
export async function newest(c: Context, kpis: readonly string[]): Promise<Row[]> {
  const all = await Promise.all(kpis.filter((k) => c.kpis.has(k)).map(async (k) => {
    const seen = new Set<string>();
    return (await c.published(k, { limit: NEWEST })).filter((r) => {
      const of = subject(r.dimensions);
      if (r.value === null || r.value === undefined || seen.has(of)) return false;
      return Boolean(seen.add(of));
    });
  }));
  return all.flat().map((r): Row => ({ ...r }));
}

/** Names of KPIs, or scores, that stand on exactly such dimensions. */
export function standing(c: Context, by: string): string[] {
  return [...c.kpis.values()].filter((k) => k.by.join() === by).map((k) => k.name);
}

/** A value with the way to what it is made of; off its target it is told so, not by colour alone. */
export function valued(c: Context, r: Row): Child {
  const kpi = text(r, "kpi");
  const status = text(r, "status");
  const tone = status === "off" ? "bad" : status === "near" ? "near" : "";
  const href = c.explain("kpi", kpi, dimensions(r), rfc3339(text(r, "window_end")));
  const target = c.kpis.get(kpi)?.target;
  const better = c.kpis.get(kpi)?.better === "lower" ? "≤" : "≥";
  const told = target === null || target === undefined ? "What this is made of" : `${status.replaceAll("_", " ")}, usually ${better} ${withUnit(target, c.unit(kpi))}`;
  return h("a", { href, title: told, class: tone }, withUnit(number(r, "value"), c.unit(kpi)), tone ? h("span", { class: "hidden" }, ` ${status}`) : null, tone ? h("span", { class: "off", "aria-hidden": "true" }, tone === "bad" ? " ■" : " ◆") : null);
}

/** `columns` names KPIs in the order of their columns, with a short head; those without values are left out. */
export function matrix(c: Context, caption: string, head: string, rows: readonly Row[], columns: readonly (readonly [string, string])[], extra: (of: Subject) => Child = () => null, more = ""): HTMLElement {
  const subjects = new Map<string, Map<string, Row>>();
  for (const r of rows) {
    const name = subject(dimensions(r));
    const of = subjects.get(name) ?? new Map<string, Row>();
    of.set(text(r, "kpi"), r);
    subjects.set(name, of);
  }
  const shown = columns.filter(([kpi]) => rows.some((r) => text(r, "kpi") === kpi));
  const list = [...subjects.entries()].filter(([, of]) => shown.some(([kpi]) => of.has(kpi))).sort((a, b) => a[0].localeCompare(b[0]));
  return table(caption, [
    { head, value: ([name]) => name, cell: ([name]) => name },
    ...shown.map(([kpi, label]) => ({
      head: label,
      number: true,
      value: ([, of]: (typeof list)[number]) => { const r = of.get(kpi); return r ? number(r, "value") : null; },
      cell: ([, of]: (typeof list)[number]): Child => { const r = of.get(kpi); return r ? valued(c, r) : withUnit(null, ""); },
    })),
    ...(more ? [{ head: more, cell: ([, of]: (typeof list)[number]): Child => { const r = [...of.values()][0]; return r ? extra(dimensions(r)) : null; } }] : []),
  ], list);
}
