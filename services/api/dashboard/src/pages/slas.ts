/** What AI systems promise, and whether they keep it. */

import { ask } from "../api/client.js";
import { type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { rfc3339 } from "../format/time.js";
import { type Child, h } from "../ui/dom.js";
import { mark, meter, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, nothing } from "./shared.js";

export const slas: Page = {
  path: "slas",
  name: "AI SLAs",
  teams: false,
  compares: false,
  report: "sla",
  sections: (c) => [
    { title: "Promises", note: "Newest values. A burn of 1 uses the error budget up exactly at its end; above it, sooner", load: () => promises(c) },
    { title: "Models", note: "Time of inference, accuracy afterwards, drift", load: () => kpis(c, "models") },
    { title: "Components", note: "Against their limits", load: () => kpis(c, "component") },
  ],
};

async function promises(c: Context): Promise<Child> {
  const answer = await ask("/v1/slas", { ...c.period }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return nothing(c, "queries");
  const of = (kpi: string) => (r: Row): string =>
    c.explain("kpi", `sla_${text(r, "sla")}_${kpi}`, { component: text(r, "subject") });
  const left = (r: Row): number | null => number(r, "budget_left");
  const burn = (head: string, column: string): { head: string; number: true; cell: (r: Row) => Child } => ({
    head,
    number: true,
    cell: (r) => {
      const value = number(r, column);
      return h("span", { class: value !== null && value > 1 ? "bad" : "" }, withUnit(value, "x"));
    },
  });
  return sheet(table("Promises", [
    { head: "Promise", cell: (r) => text(r, "sla").replaceAll("_", " ") },
    { head: "Component", cell: (r) => text(r, "subject") },
    amount("In time", "compliant", "percent", of("compliance")),
    amount("Available", "available", "percent", of("availability")),
    amount("Satisfaction, of 5", "satisfaction", ""),
    { head: "Error budget left", number: true, cell: (r) => h("span", { class: (left(r) ?? 0) < 0 ? "bad" : "" }, withUnit(left(r), "percent")) },
    { head: "", cell: (r) => { const v = left(r); return v === null ? null : meter(100 - v); } },
    burn("Burn 1 h", "burn_1h"),
    burn("6 h", "burn_6h"),
    burn("3 days", "burn_3d"),
  ], rows));
}

/** Newest values of KPIs by subject: of a category, or of what they stand on. */
async function kpis(c: Context, of: string): Promise<Child> {
  const rows = (await c.question("kpis", { of })).filter((r) => number(r, "value") !== null && !text(r, "kpi").startsWith("sla_"));
  if (!rows.length) return nothing(c, "values");
  return sheet(kpiTable(c, rows));
}

export function kpiTable(c: Context, rows: readonly Row[]): HTMLElement {
  const subject = (r: Row): Record<string, string> => (r["dimensions"] ?? {}) as Record<string, string>;
  const unit = (r: Row): string => c.kpis.get(text(r, "kpi"))?.unit ?? "";
  const end = (r: Row): string => rfc3339(text(r, "window_end"));
  return table("Newest values", [
    { head: "Of", cell: (r) => Object.values(subject(r)).join(" · ") || "everything" },
    { head: "KPI", cell: (r) => c.title(text(r, "kpi")) },
    { head: "Value", number: true, cell: (r) => h("a", { href: c.explain("kpi", text(r, "kpi"), subject(r), end(r)) }, withUnit(number(r, "value"), unit(r))) },
    { head: "State", cell: (r) => mark(text(r, "status")) },
  ], [...rows].sort((a, b) => Object.values(subject(a)).join().localeCompare(Object.values(subject(b)).join())));
}
