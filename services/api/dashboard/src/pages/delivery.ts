/** How software reaches its users. */

import { ask } from "../api/client.js";
import type { Finding, OverDays } from "../api/types.js";
import { byDay, type Context, number, type Row, text } from "../context.js";
import { plain, withUnit } from "../format/number.js";
import { day } from "../format/time.js";
import { each } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, mark, sheet, table } from "../ui/parts.js";
import { matrix, newest } from "./matrix.js";
import type { Page } from "./page.js";
import { amount, judged, measured, nothing, word } from "./shared.js";

const FIVE: readonly (readonly [string, string])[] = [
  ["deployment_frequency", "Deployments a day"],
  ["lead_time", "Lead time, median"],
  ["change_fail_rate", "Harmed users"],
  ["recovery_time", "Recovery, median"],
  ["rework_rate", "Made to repair"],
];

export const delivery: Page = {
  path: "delivery",
  name: "Delivery",
  teams: true,
  compares: true,
  report: "compliance",
  sections: (c) => [
    { title: c.view.team ?? "In the period", load: () => totals(c) },
    { title: "Five measures of delivery", note: "By team: how often, how soon, how safe, how fast recovered, how much is repair", load: () => five(c) },
    { title: "Deployments by day", load: () => daily(c), half: true },
    { title: "Services", note: "Newest values", load: () => services(c), half: true },
    { title: "Experiments", note: "Each variant against the baseline; valid however often one looks", load: () => experiments(c) },
    { title: "Procedures", note: "Most used first, with what agents say of them", load: () => procedures(c) },
  ],
};

async function totals(c: Context): Promise<Child> {
  const team = c.view.team;
  if (team) return figures(await Promise.all(FIVE.map(([kpi, label]) => judged(c, kpi, { team }, label))));
  return figures(await Promise.all([
    measured(c, ["Deployments", "deployment.recorded.deployments", ""], {}),
    measured(c, ["Lead time, half are sooner", "deployment.recorded.lead_time.p50", "s", "lower"], {}),
    measured(c, ["Deployments that harmed users", "deployment.recorded.change_failures", "", "lower"], {}),
    measured(c, ["Incidents", "incident.recorded.incidents", "", "lower"], {}),
    measured(c, ["Deployments with assisted changes", "deployment.recorded.ai_assisted", ""], {}),
  ]));
}

async function five(c: Context): Promise<Child> {
  const all = await Promise.all(FIVE.map(([kpi]) => c.values(kpi, { subject: c.team })));
  const names = [...new Set(all.flat().map((r) => r.subject["team"] ?? ""))].sort();
  if (!names.length) return nothing(c, "deployments");
  const of = (i: number, n: string): OverDays | undefined => all[i]?.find((r) => (r.subject["team"] ?? "") === n);
  const cell = (kpi: string, r: OverDays | undefined): Child => {
    if (r?.value === null || r?.value === undefined) return withUnit(null, "");
    const tone = r.status === "off" ? "bad" : r.status === "near" ? "near" : "";
    const unit = kpi === "deployment_frequency" ? "" : c.unit(kpi);
    return h("a", { href: c.explain("kpi", kpi, r.subject), class: tone }, withUnit(r.value, unit), tone ? [h("span", { class: "hidden" }, ` ${r.status}`), h("span", { class: "off", "aria-hidden": "true" }, tone === "bad" ? " ■" : " ◆")] : null);
  };
  const target = (kpi: string): string => {
    const k = c.kpis.get(kpi);
    return k?.target === null || k?.target === undefined ? "" : `${k.better === "lower" ? "≤" : "≥"} ${withUnit(k.target, kpi === "deployment_frequency" ? "" : k.unit)}`;
  };
  return sheet(table("Five measures of delivery", [
    { head: "Team", value: (n) => n, cell: (n) => h("a", { href: c.link("delivery", { team: n || null }) }, n || "(not given)") },
    ...FIVE.map(([kpi, label], i): Column<string> => ({ head: label, number: true, value: (n) => of(i, n)?.value, cell: (n) => cell(kpi, of(i, n)) })),
  ], names), h("p", { class: "formula" }, "Targets: ", FIVE.map(([kpi, label]) => `${label} ${target(kpi)}`).join("; "), ". ■ off, ◆ near target."));
}

async function daily(c: Context): Promise<Child> {
  const [all, harmed] = await Promise.all(["deployments", "change_failures"].map((m) => c.measure(`deployment.recorded.${m}`, { step: "day", subject: c.team })));
  if (!all?.length) return nothing(c, "deployments");
  const days = each(c.period.from, c.period.to);
  return sheet(chart("Deployments by day", days, [
    { label: "Deployments", values: byDay(days, all) },
    { label: "Harmed users", values: byDay(days, harmed ?? []), dashed: true },
  ], ""));
}

async function services(c: Context): Promise<Child> {
  const rows = await newest(c, ["deployment_success", "deployment_duration"]);
  if (!rows.length) return nothing(c, "deployments of services");
  return sheet(matrix(c, "Services", "Service", rows, [["deployment_success", "Reached their end"], ["deployment_duration", "Nine of ten take less than"]]));
}

async function procedures(c: Context): Promise<Child> {
  const answer = await ask("/v1/procedures", { ...c.period, limit: 20 }, {}, c.signal);
  const rows = answer.data.rows as Row[];
  if (!rows.length) return nothing(c, "procedures");
  const of = (kpi: string) => (r: Row): string => c.explain("kpi", kpi, { procedure: text(r, "procedure") });
  return sheet(table("Procedures", [
    word("Procedure", "procedure"),
    amount("Used", "invocations", "", of("procedure_use")),
    amount("Failed", "failed_percent", "percent", of("procedure_failure_rate")),
    amount("Clarity, of 5", "clarity", "", of("procedure_clarity")),
    amount("Usefulness, of 5", "usefulness", "", of("procedure_usefulness")),
  ], rows));
}

async function experiments(c: Context): Promise<Child> {
  const [answer, found] = await Promise.all([ask("/v1/experiments", { ...c.period }, {}, c.signal), c.findings("experiment")]);
  const rows = (answer.data.rows as Row[]).filter((r) => text(r, "variant") !== "baseline");
  if (!rows.length) return empty("No experiment in these days", "Events experiment.observed tell of one.");
  const base = (r: Row): Row | undefined => (answer.data.rows as Row[]).find((b) => text(b, "variant") === "baseline" && ["experiment", "metric"].every((n) => text(b, n) === text(r, n)));
  const verdict = (r: Row): Finding | undefined => found.find((f) => f.about === text(r, "experiment") && f.of === text(r, "metric") && f.dimensions["variant"] === text(r, "variant"));
  const told = (r: Row): Child => {
    const f = verdict(r);
    if (!f) return h("span", { class: "quiet" }, "not judged");
    return [mark(f.verdict), f.due ? h("span", { class: "quiet" }, `, until ${day(f.due)}`) : null];
  };
  const signed = (v: number | null | undefined): string => (v === null || v === undefined ? "" : `${v > 0 ? "+" : ""}${plain(v)}`);
  const between = (r: Row): Child => {
    const f = verdict(r);
    return f?.lower === null || f?.lower === undefined ? withUnit(null, "") : `${signed(f.lower)} to ${signed(f.upper)}`;
  };
  return sheet(table("Experiments", [
    word("Experiment", "experiment"),
    word("Metric", "metric"),
    word("Variant", "variant"),
    amount("Observations", "observations", ""),
    { head: "Baseline", number: true, cell: (r) => { const b = base(r); return withUnit(b ? number(b, "mean") : null, ""); } },
    amount("Mean", "mean", "", (r) => c.explain("kpi", "experiment_mean", Object.fromEntries(["experiment", "metric", "variant"].map((n) => [n, text(r, n)])))),
    { head: "Effect", number: true, value: (r) => number(r, "effect"), cell: (r) => signed(number(r, "effect")) || withUnit(null, "") },
    { head: "Between", number: true, cell: between },
    { head: "p", number: true, value: (r) => number(r, "p_value"), cell: (r) => { const p = number(r, "p_value"); return p === null ? withUnit(null, "") : p < 0.001 ? "< 0.001" : plain(p, 3); } },
    { head: "Verdict", cell: told },
  ], rows));
}
