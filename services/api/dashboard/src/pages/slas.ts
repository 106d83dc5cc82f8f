/** What AI systems promise, and whether they keep it. */

import { ask } from "../api/client.js";
import { byDay, type Context, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { moment } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, meter, sheet, subject, table } from "../ui/parts.js";
import { matrix, newest } from "./matrix.js";
import type { Page } from "./page.js";
import { amount, nothing } from "./shared.js";

const MODELS: readonly (readonly [string, string])[] = [
  ["model_inference_time", "95 % answer within"],
  ["model_timeouts", "Took too long"],
  ["model_business_accuracy", "Good enough"],
  ["model_r2", "R²"],
  ["model_f1", "F1"],
  ["model_precision", "Precision"],
  ["model_size", "Size"],
  ["model_training_time", "Training"],
];
const BASELINES: readonly (readonly [string, string])[] = [
  ["query_time_to_baseline", "Queries"],
  ["inference_time_to_baseline", "Inference"],
  ["feedback_time_to_baseline", "Feedback"],
];
const COMPONENTS: readonly (readonly [string, string])[] = [
  ["component_memory", "Memory"],
  ["component_cpu", "Processor"],
  ["component_concurrency", "Under way at once"],
  ["component_queue", "Longest queue"],
  ["component_connections", "Connections"],
  ["measuring_overhead", "Cost of measuring"],
  ["query_availability", "Queries answered"],
  ["query_satisfaction", "Rating, of 5"],
];

export const slas: Page = {
  path: "slas",
  name: "AI SLAs",
  teams: false,
  compares: false,
  report: "sla",
  sections: (c) => [
    { title: "At a glance", load: () => glance(c), every: 60 },
    { title: "Promises", note: "Newest values. A burn of 1 uses the error budget up exactly at its end; above it, sooner", load: () => promises(c), every: 60 },
    { title: "In time, by day", load: () => daily(c), every: 60 },
    { title: "Models", note: "Against their targets", load: () => of(c, "Models", "Model", MODELS, "predictions"), every: 60 },
    { title: "Drift", note: "Where a model predicts otherwise than before", load: () => drift(c), half: true, every: 60 },
    { title: "Against baselines", note: "1 × is what was captured", load: () => of(c, "Baselines", "Component", BASELINES, "baselines"), half: true, every: 60 },
    { title: "Components", note: "Against their limits", load: () => of(c, "Components", "Component", COMPONENTS, "samples"), every: 60 },
  ],
};

/** Three parts of this page stand on it. */
const promised = (c: Context): Promise<Row[]> => c.once("slas", async () => (await ask("/v1/slas", { ...c.period }, {}, c.signal)).data.rows as Row[]);
const name = (r: Row): string => text(r, "sla").replaceAll("_", " ");

async function glance(c: Context): Promise<Child> {
  const rows = await promised(c);
  if (!rows.length) return nothing(c, "queries");
  const least = (column: string, sign: number): Row | undefined =>
    rows.filter((r) => number(r, column) !== null).sort((a, b) => sign * ((number(a, column) ?? 0) - (number(b, column) ?? 0)))[0];
  const figure = (label: string, column: string, unit: string, kpi: string, sign: number): Parameters<typeof figures>[0][number] => {
    const r = least(column, sign);
    return { label, value: r ? number(r, column) : null, unit, note: r ? `${name(r)}, ${text(r, "subject")}` : null, explain: r ? c.explain("kpi", `sla_${text(r, "sla")}_${kpi}`, { component: text(r, "subject") }) : null };
  };
  const kept = rows.filter((r) => (number(r, "budget_left") ?? 0) >= 0).length;
  return figures([
    { label: "Error budgets that hold", value: kept, unit: `of ${rows.length}`, note: "of 28 days" },
    figure("Least error budget left", "budget_left", "percent", "budget_left", 1),
    figure("Fastest burn, 6 hours", "burn_6h", "x", "burn_6h", -1),
    figure("Least in time", "compliant", "percent", "compliance", 1),
    figure("Least satisfaction, of 5", "satisfaction", "", "satisfaction", 1),
  ]);
}

async function promises(c: Context): Promise<Child> {
  const rows = await promised(c);
  if (!rows.length) return nothing(c, "queries");
  const of = (kpi: string) => (r: Row): string =>
    c.explain("kpi", `sla_${text(r, "sla")}_${kpi}`, { component: text(r, "subject") });
  const left = (r: Row): number | null => number(r, "budget_left");
  const told = (r: Row, value: number | null, unit: string, kpi: string, bad: boolean): Child =>
    value === null ? withUnit(null, unit) : h("a", { href: of(kpi)(r), class: bad ? "bad" : "" }, withUnit(value, unit));
  const burn = (head: string, column: string): Column<Row> => ({
    head,
    number: true,
    value: (r) => number(r, column),
    cell: (r) => told(r, number(r, column), "x", column, (number(r, column) ?? 0) > 1),
  });
  return sheet(table("Promises", [
    { head: "Promise", value: name, cell: (r) => h("a", { href: c.link("slas", { rest: { sla: text(r, "sla") } }), title: "By day" }, name(r)) },
    { head: "Component", value: (r) => text(r, "subject"), cell: (r) => text(r, "subject") },
    amount("In time", "compliant", "percent", of("compliance")),
    amount("Available", "available", "percent", of("availability")),
    amount("Satisfaction, of 5", "satisfaction", "", of("satisfaction")),
    { head: "Error budget left", number: true, value: left, cell: (r) => told(r, left(r), "percent", "budget_left", (left(r) ?? 0) < 0) },
    { head: "", cell: (r) => { const v = left(r); return v === null ? null : meter(Math.max(0, v), Infinity, Infinity); } },
    burn("Burn 1 h", "burn_1h"),
    burn("6 h", "burn_6h"),
    burn("3 days", "burn_3d"),
  ], rows));
}

/** One promise by component: that which is asked for, or whose error budget has least left. */
async function daily(c: Context): Promise<Child> {
  const rows = await promised(c);
  const worst = [...rows].sort((a, b) => (number(a, "budget_left") ?? Infinity) - (number(b, "budget_left") ?? Infinity))[0];
  const sla = c.view.rest["sla"] ?? (worst ? text(worst, "sla") : "");
  const kpi = `sla_${sla}_compliance`;
  if (!c.kpis.has(kpi)) return nothing(c, "queries");
  const values = await c.values(kpi, { step: "day" });
  if (!values.length) return nothing(c, "queries");
  const days = each(c.period.from, c.period.to);
  const components = [...new Set(values.map((v) => v.subject["component"] ?? ""))].sort().slice(0, 4);
  const target = c.kpis.get(kpi)?.target ?? null;
  return [
    h("p", { class: "lead" }, h("strong", {}, sla.replaceAll("_", " ")), ": share within the target of time. Click on a promise to see it here."),
    sheet(chart(`In time: ${sla}`, days, [
      ...components.map((name) => ({ label: name || "(not given)", values: byDay(days, values.filter((v) => (v.subject["component"] ?? "") === name)) })),
      { label: "Promised", values: days.map(() => target), dashed: true, quiet: true },
    ], "percent", true)),
  ];
}

async function of(c: Context, caption: string, head: string, columns: readonly (readonly [string, string])[], what: string): Promise<Child> {
  const rows = await newest(c, columns.map(([kpi]) => kpi));
  if (!rows.length) return nothing(c, what);
  return sheet(matrix(c, caption, head, rows, columns));
}

async function drift(c: Context): Promise<Child> {
  const asked = { detector: "model_drift", from: c.period.from, to: plus(c.period.to, 1), limit: 20 };
  const rows = (await ask("/v1/anomalies", asked, {}, c.signal)).data;
  if (!rows.length) return empty("No drift", "What models predict is distributed as it was.");
  return sheet(table("Drift", [
    { head: "Day", value: (r) => r.window_end, cell: (r) => moment(r.window_end, c.zone) },
    { head: "Model", value: (r) => subject(r.dimensions), cell: (r) => h("a", { href: c.explain("measure", "ai.inference.predicted.mean", r.dimensions, r.window_end) }, subject(r.dimensions)) },
    { head: "Stability index", number: true, value: (r) => r.value, cell: (r) => withUnit(r.value, "") },
    { head: "Limit", number: true, cell: (r) => withUnit(r.expected, "") },
  ], rows));
}
