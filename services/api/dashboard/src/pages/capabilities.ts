/** What assistants do, and on what machines. */

import { type Context, byDay, number, text } from "../context.js";
import { withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { mark, meter, sheet, table } from "../ui/parts.js";
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
    { title: "Platforms", note: "Mean duration: under 1 s is excellent, 1.5 s good, 2.5 s fair", load: () => platforms(c) },
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
