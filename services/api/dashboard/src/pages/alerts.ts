/** What was found, and what was said about it. */

import { ask, command } from "../api/client.js";
import type { Alert } from "../api/types.js";
import type { Context } from "../context.js";
import { withUnit } from "../format/number.js";
import { ago, moment } from "../format/time.js";
import { plus } from "../state/days.js";
import { actions, actor, done } from "../ui/acts.js";
import { type Child, h } from "../ui/dom.js";
import { empty, mark, sheet, subject, table } from "../ui/parts.js";
import type { Page } from "./page.js";

export const alerts: Page = {
  path: "alerts",
  name: "Alerts and anomalies",
  teams: true,
  compares: false,
  sections: (c) => [
    { title: "Open", load: () => opened(c), moves: "findings" },
    { title: "Silenced", note: "Nobody is told of these until then", load: () => silenced(c), moves: "findings" },
    { title: "Resolved", note: "Opened in the period", load: () => resolved(c), moves: "findings" },
    { title: "Anomalies", note: "What detectors found, the newest first; not all of it is worth an alert", load: () => anomalies(c), moves: "findings" },
  ],
};

/** Windows of the period; its days begin in the tenant's zone, these in UTC. */
function within(c: Context): Record<string, string> {
  const team: Record<string, string> = c.view.team ? { "subject[team]": c.view.team } : {};
  return { from: c.period.from, to: plus(c.period.to, 1), ...team };
}

/** The worst first. */
export const SEVERITIES = ["critical", "high", "medium", "low"] as const;

/** Open alerts of each severity, the worst first. */
export async function open(c: Context, limit: number): Promise<Alert[]> {
  const team = c.view.team ? { "subject[team]": c.view.team } : {};
  const of = (severity: string): ReturnType<typeof ask<"/v1/alerts">> =>
    ask("/v1/alerts", { status: "open", severity, limit, ...team }, {}, c.signal);
  return (await Promise.all(SEVERITIES.map(of))).flatMap((a) => a.data);
}

async function opened(c: Context): Promise<Child> {
  const all = await open(c, 50);
  if (!all.length) return empty("No alert is open", "Rules are judged as events come in.");
  const low = all.filter((a) => a.severity === "low");
  const others = all.filter((a) => a.severity !== "low");
  const folded = h("details", { class: "data" }, h("summary", {}, `${low.length} of low severity`), alertRows(c, low, true));
  return sheet(actor(), others.length ? alertRows(c, others, true) : h("p", {}, "None but those of low severity."), low.length ? folded : null);
}

async function resolved(c: Context): Promise<Child> {
  const answer = await ask("/v1/alerts", { status: "resolved", limit: 30, ...within(c) }, {}, c.signal);
  if (!answer.data.length) return empty("None", `No alert that opened from ${c.period.from} to ${c.period.to} is over.`);
  return sheet(
    table("Resolved alerts", [
      { head: "Opened", cell: (a) => moment(a.opened, c.zone) },
      { head: "Over", cell: (a) => moment(a.at, c.zone) },
      { head: "Rule", cell: (a) => a.rule.replaceAll("_", " ") },
      { head: "Of", cell: (a) => subject(a.dimensions) },
      { head: "Severity", cell: (a) => mark(a.severity) },
      { head: "Worst", number: true, cell: (a) => withUnit(a.worst, a.unit) },
      { head: "Limit", number: true, cell: (a) => withUnit(a.threshold, a.unit) },
    ], answer.data),
    answer.next ? h("p", { class: "quiet" }, `The newest ${answer.data.length} of more.`) : null,
  );
}

export function alertRows(c: Context, all: readonly Alert[], acts = false): HTMLElement {
  return h("div", {}, all.map((a) => alert(c, a, acts)));
}

function alert(c: Context, a: Alert, acts: boolean): HTMLElement {
  const over = a.state === "resolve";
  const known = c.kpis.has(a.metric);
  const value = withUnit(a.value, a.unit);
  const end = new Date(a.at).toISOString().replace(".000Z", "Z");
  const told = known ? h("a", { href: c.explain("kpi", a.metric, a.dimensions, end) }, value) : value;
  return h(
    "article",
    { class: "alert" },
    h("div", { class: "what" }, mark(a.severity), h("strong", {}, a.rule.replaceAll("_", " ")), h("span", {}, subject(a.dimensions))),
    h("div", {}, conditions(c, a) ?? [c.title(a.metric), ": ", told, a.threshold === null || a.threshold === undefined ? null : `, limit ${withUnit(a.threshold, a.unit)}`]),
    h("div", { class: "quiet" }, a.impact, " ", a.action),
    h(
      "div",
      { class: "quiet" },
      h("time", { datetime: a.opened, title: moment(a.opened, c.zone) }, `opened ${ago(a.opened, Date.now())}`),
      over ? `, over ${ago(a.at, Date.now())}` : `, ${a.windows} bad ${a.windows === 1 ? "window" : "windows"}`,
      a.reopenings ? `, opened again ${a.reopenings} times` : null,
      a.acknowledged_by ? `, taken on by ${a.acknowledged_by}` : null,
    ),
    acts && !over ? actions(a) : null,
  );
}

async function silenced(c: Context): Promise<Child> {
  const all = (await ask("/v1/silences", { limit: 100 }, {}, c.signal)).data;
  if (!all.length) return empty("Nothing is silenced", "An open alert can be, for a while.");
  const end = (id: string) => async (e: Event): Promise<void> => done(e, () => command("DELETE", "/v1/silences/{id}", { id }), "ended");
  return sheet(
    table("Silences", [
      { head: "Rule", cell: (s) => s.rule.replaceAll("_", " ") },
      { head: "Of", cell: (s) => (s.alert_id ? "one alert" : subject(s.subject)) },
      { head: "Until", cell: (s) => moment(s.until, c.zone) },
      { head: "By", cell: (s) => s.by },
      { head: "Why", cell: (s) => s.reason ?? "" },
      { head: "End", cell: (s) => h("button", { type: "button", click: (e) => void end(s.id)(e) }, "End") },
    ], all),
  );
}

/** Of a rule with several conditions: what each is at. */
function conditions(c: Context, a: Alert): string | null {
  const all = Object.entries(a.conditions);
  if (!all.length || (a.value !== null && a.value !== undefined)) return null;
  return all.map(([kpi, value]) => `${c.title(kpi)}: ${withUnit(value, c.kpis.get(kpi)?.unit ?? "")}`).join("; ");
}

async function anomalies(c: Context): Promise<Child> {
  const answer = await ask("/v1/anomalies", { limit: 30, ...within(c) }, {}, c.signal);
  if (!answer.data.length) return empty("Nothing unusual", `Detectors found nothing from ${c.period.from} to ${c.period.to}.`);
  const rows = answer.data;
  return sheet(
    table("Anomalies", [
      { head: "When", cell: (r) => moment(r.window_end, c.zone) },
      { head: "What", cell: (r) => r.detector.replaceAll("_", " ") },
      { head: "Of", cell: (r) => subject(r.dimensions) },
      { head: "Severity", cell: (r) => mark(r.severity) },
      { head: "Value", number: true, cell: (r) => withUnit(r.value, "") },
      { head: "Expected", number: true, cell: (r) => withUnit(r.expected, "") },
      { head: "Distance", number: true, cell: (r) => withUnit(r.score, "x") },
    ], rows),
    answer.next ? h("p", { class: "quiet" }, `The newest ${rows.length} of more.`) : null,
  );
}
