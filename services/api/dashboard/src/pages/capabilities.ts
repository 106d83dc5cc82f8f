/** What assistants do, and on what machines. */

import { type Context, byDay, number, type Row, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, mark, meter, sheet, table } from "../ui/parts.js";
import { dimensions, newest, standing, valued } from "./matrix.js";
import type { Page } from "./page.js";
import { amount, nothing, word } from "./shared.js";

export const capabilities: Page = {
  path: "capabilities",
  name: "Capabilities and platforms",
  teams: false,
  compares: false,
  report: "procedures",
  sections: (c) => [
    { title: "Capabilities", note: "Who uses them, how well they work, what they save", load: () => list(c) },
    { title: "Executions by day", load: () => daily(c) },
    { title: "Optimising systems", note: "Content loaders, caches, token monitors: newest values against their targets", load: () => systems(c), every: 60 },
    { title: "Tools of agents", note: "Which calls fail, which are refused", load: () => tools(c), every: 60 },
    { title: "Platforms", note: "Mean duration: under 1 s is excellent, 1.5 s good, 2.5 s fair", load: () => platforms(c), every: 60 },
  ],
};

async function list(c: Context): Promise<Child> {
  const rows = await c.question("capability-adoption");
  if (!rows.length) return nothing(c, "executions");
  const of = (kpi: string) => (r: (typeof rows)[number]): string => c.explain("kpi", kpi, { capability: text(r, "capability") });
  return sheet(table("Capabilities", [
    word("Capability", "capability"),
    amount("Executions", "executions", ""),
    amount("Adoption", "adoption_percent", "percent", of("capability_adoption")),
    { head: "", cell: (r) => meter(number(r, "adoption_percent"), Infinity, Infinity) },
    amount("Succeed", "success_percent", "percent", of("capability_success_rate")),
    amount("95 % take less than", "p95_ms", "ms", of("capability_duration_p95")),
    amount("Tokens saved", "tokens_saved", "tokens"),
  ], rows));
}

async function daily(c: Context): Promise<Child> {
  const name = "capability.executed";
  const [all, failed] = await Promise.all(["executions", "failures"].map((m) => c.measure(`${name}.${m}`, { step: "day" })));
  if (!all?.length) return nothing(c, "executions");
  const days = each(c.period.from, c.period.to);
  return sheet(chart("Executions by day", days, [
    { label: "Executions", values: byDay(days, all) },
    { label: "Failed", values: byDay(days, failed ?? []), dashed: true },
  ], ""));
}

/** A row for each KPI, a column for each system. */
async function systems(c: Context): Promise<Child> {
  const rows = await newest(c, standing(c, "system"));
  if (!rows.length) return nothing(c, "samples of systems");
  const names = [...new Set(rows.map((r) => dimensions(r)["system"] ?? ""))].sort().slice(0, 6);
  const kpis = [...new Set(rows.map((r) => text(r, "kpi")))].sort((a, b) => order(c, a).localeCompare(order(c, b)));
  const target = (kpi: string): string => {
    const of = c.kpis.get(kpi);
    return of?.target === null || of?.target === undefined ? "" : `${of.better === "lower" ? "≤" : "≥"} ${withUnit(of.target, of.unit)}`;
  };
  const at = (kpi: string, system: string): Row | undefined => rows.find((r) => text(r, "kpi") === kpi && dimensions(r)["system"] === system);
  return sheet(table("Optimising systems", [
    { head: "KPI", value: (k) => c.title(k), cell: (k) => c.title(k) },
    { head: "Target", cell: target },
    ...names.map((n): Column<string> => ({
      head: n.replaceAll("_", " ") || "(not given)",
      number: true,
      value: (k) => { const r = at(k, n); return r ? number(r, "value") : null; },
      cell: (k) => { const r = at(k, n); return r ? valued(c, r) : withUnit(null, ""); },
    })),
  ], kpis));
}

/** Scores stand first, then KPIs by category. */
function order(c: Context, kpi: string): string {
  const of = c.kpis.get(kpi);
  return `${of?.kind === "score" ? 0 : 1} ${of?.category ?? ""} ${kpi}`;
}

async function tools(c: Context): Promise<Child> {
  const asked = ["calls", "failures", "rejected", "blocked", "duration.p95"] as const;
  const all = await Promise.all(asked.map((m) => c.measure(`tool.called.${m}`, { by: "tool" })));
  const [calls] = all;
  if (!calls?.length) return nothing(c, "calls of tools");
  const of = (i: number, tool: string | undefined): number | null => all[i]?.find((r) => r.subject["tool"] === tool)?.value ?? null;
  type One = (typeof calls)[number];
  const share = (i: number) => (r: One): number | null => (r.value ? (100 * (of(i, r.subject["tool"]) ?? 0)) / r.value : null);
  const column = (head: string, i: number, m: string): Column<One> => ({
    head, number: true, value: share(i), cell: (r) => h("a", { href: c.explain("measure", `tool.called.${m}`, r.subject) }, withUnit(share(i)(r), "percent")),
  });
  const rows = [...calls].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  return sheet(table("Tools of agents", [
    { head: "Tool", value: (r) => r.subject["tool"], cell: (r) => r.subject["tool"] || "(not given)" },
    { head: "Calls", number: true, value: (r) => r.value, cell: (r) => h("a", { href: c.explain("measure", "tool.called.calls", r.subject) }, withUnit(r.value, "")) },
    column("Failed", 1, "failures"),
    column("Refused", 2, "rejected"),
    column("Blocked", 3, "blocked"),
    { head: "95 % take less than", number: true, value: (r) => of(4, r.subject["tool"]), cell: (r) => withUnit(of(4, r.subject["tool"]), "ms") },
  ], rows.slice(0, 20)));
}

const GRADES = ["", "poor", "fair", "good", "excellent"];

async function platforms(c: Context): Promise<Child> {
  const [latency, grade] = await Promise.all([c.values("platform_latency"), c.values("platform_grade")]);
  if (!latency.length) return nothing(c, "executions");
  const graded = new Map(grade.map((g) => [g.subject["platform"], g.value]));
  return sheet(table("Platforms", [
    { head: "Platform", cell: (r) => r.subject["platform"] || "(not given)" },
    { head: "Mean duration", number: true, cell: (r) => h("a", { href: c.explain("kpi", "platform_latency", r.subject) }, withUnit(r.value, "ms")) },
    { head: "Executions", number: true, cell: (r) => withUnit(r.sample, "") },
    { head: "Grade", cell: (r) => GRADES[graded.get(r.subject["platform"]) ?? 0] || withUnit(null, "") },
    { head: "Against target", cell: (r) => mark(r.status) },
  ], latency));
}
