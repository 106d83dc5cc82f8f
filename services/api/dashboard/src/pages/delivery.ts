/** How software reaches its users. */

import { ask } from "../api/client.js";
import { type Context, number, type Row, text } from "../context.js";
import { plain, withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { byDay } from "../context.js";
import { type Child, h } from "../ui/dom.js";
import { empty, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, nothing, word } from "./shared.js";

export const delivery: Page = {
  path: "delivery",
  name: "Delivery",
  teams: true,
  compares: false,
  report: "compliance",
  sections: (c) => [
    { title: "Deployments", note: "How often, how soon, how safe, how fast recovered", load: () => five(c) },
    { title: "Deployments by day", load: () => daily(c) },
    { title: "Procedures", note: "Most used first, with what agents say of them", load: () => procedures(c) },
    { title: "Experiments", note: "Each variant against the baseline; valid however often one looks", load: () => experiments(c) },
  ],
};

const mine = (c: Context) => (r: Row): boolean => !c.view.team || text(r, "team") === c.view.team;

async function five(c: Context): Promise<Child> {
  const answer = await ask("/v1/deployments", { ...c.period }, {}, c.signal);
  const rows = (answer.data.rows as Row[]).filter(mine(c));
  if (!rows.length) return nothing(c, "deployments");
  const of = (kpi: string) => (r: Row): string => c.explain("kpi", kpi, { team: text(r, "team") });
  return sheet(table("Deployments", [
    word("Team", "team"),
    amount("Deployments", "deployments", ""),
    amount("A day", "per_day", "", of("deployment_frequency")),
    amount("Lead time", "lead_hours", "hours", of("lead_time")),
    amount("Harmed users", "failed_percent", "percent", of("change_fail_rate")),
    amount("Recovery", "recovery_hours", "hours", of("recovery_time")),
    amount("Rework", "rework_percent", "percent", of("rework_rate")),
  ], rows));
}

async function daily(c: Context): Promise<Child> {
  const rows = await c.measure("deployment.recorded.deployments", { step: "day", subject: c.team });
  if (!rows.length) return nothing(c, "deployments");
  const days = each(c.period.from, c.period.to);
  return sheet(chart("Deployments by day", days, [{ label: "Deployments", values: byDay(days, rows) }], ""));
}

async function procedures(c: Context): Promise<Child> {
  const answer = await ask("/v1/procedures", { ...c.period, limit: 20 }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return nothing(c, "procedures");
  return sheet(table("Procedures", [
    word("Procedure", "procedure"),
    amount("Used", "invocations", ""),
    amount("Failed", "failed_percent", "percent", (r) => c.explain("kpi", "procedure_failure_rate", { procedure: text(r, "procedure") })),
    amount("Clarity, of 5", "clarity", ""),
    amount("Usefulness, of 5", "usefulness", ""),
  ], rows));
}

async function experiments(c: Context): Promise<Child> {
  const answer = await ask("/v1/experiments", { ...c.period }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return empty("No experiment in these days", "Events experiment.observed tell of one.");
  const sure = (r: Row): Child => {
    const p = number(r, "p_value");
    if (text(r, "variant") === "baseline") return h("span", { class: "quiet" }, "baseline");
    return p === null ? withUnit(null, "") : p < 0.05 ? "differs" : "not told apart yet";
  };
  return sheet(table("Experiments", [
    word("Experiment", "experiment"),
    word("Metric", "metric"),
    word("Variant", "variant"),
    amount("Observations", "observations", ""),
    amount("Mean", "mean", ""),
    amount("Effect", "effect", ""),
    { head: "p", number: true, cell: (r) => { const p = number(r, "p_value"); return p === null ? withUnit(null, "") : p < 0.001 ? "< 0.001" : plain(p, 3); } },
    { head: "Verdict", cell: sure },
  ], rows));
}
