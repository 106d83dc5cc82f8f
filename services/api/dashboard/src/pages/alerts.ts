/** What was found, and what was said about it. */

import { ask, command } from "../api/client.js";
import type { Alert } from "../api/types.js";
import type { Context } from "../context.js";
import { withUnit } from "../format/number.js";
import { ago, day, moment } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { actions, actor, done } from "../ui/acts.js";
import { type Child, h } from "../ui/dom.js";
import { empty, mark, sheet, subject, table } from "../ui/parts.js";
import { type Span, timeline } from "../ui/timeline.js";
import { mine } from "./findings.js";
import type { Page } from "./page.js";

export const alerts: Page = {
  path: "alerts",
  name: "Alerts and anomalies",
  teams: true,
  compares: false,
  sections: (c) => [
    { title: "Open", load: () => opened(c), moves: "findings" },
    { title: "Timeline", note: "From when they opened to when they were over; without those of low severity", load: () => lasted(c), moves: "findings" },
    { title: "Silenced", note: "Nobody is told of these until then", load: () => silenced(c), moves: "findings" },
    { title: "Resolved", note: "Opened in the period", load: () => resolved(c), moves: "findings" },
    { title: "Anomalies", note: "What detectors found, the newest first; not all of it is worth an alert", load: () => anomalies(c), moves: "findings" },
    { title: "Explained by dimension", note: "What anomalies are made of: values that moved beyond their share", load: () => causes(c) },
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

/** Open alerts that stand unfolded. */
const SHOWN = 10;

async function opened(c: Context): Promise<Child> {
  const all = await open(c, 50);
  if (!all.length) return empty("No alert is open", "Rules are judged as events come in.");
  const low = all.filter((a) => a.severity === "low");
  const others = all.filter((a) => a.severity !== "low");
  const folded = (list: readonly Alert[], what: string): Child =>
    list.length ? h("details", { class: "data" }, h("summary", {}, `${list.length} ${what}`), alertRows(c, list, true)) : null;
  return sheet(
    actor(),
    others.length ? alertRows(c, others.slice(0, SHOWN), true) : h("p", {}, "None but those of low severity."),
    folded(others.slice(SHOWN), "more of high or medium severity"),
    folded(low, "of low severity"));
}

/** Rows of the timeline at most. */
const ROWS = 14;

/** Every alert of the period, as it lasted. */
async function lasted(c: Context): Promise<Child> {
  const asked = (severity: string): ReturnType<typeof ask<"/v1/alerts">> => ask("/v1/alerts", { severity, limit: 500, ...within(c) }, {}, c.signal);
  const all = (await Promise.all(SEVERITIES.slice(0, 3).map(asked))).flatMap((a) => a.data);
  if (!all.length) return empty("None", `No alert opened from ${c.period.from} to ${c.period.to}.`);
  const start = new Date(`${c.period.from}T00:00:00Z`).getTime();
  const end = Math.min(Date.now(), new Date(`${plus(c.period.to, 1)}T00:00:00Z`).getTime());
  const rank = new Map<string, number>();
  for (const a of all) rank.set(a.rule, Math.min(rank.get(a.rule) ?? 9, SEVERITIES.indexOf(a.severity as (typeof SEVERITIES)[number])));
  const rules = [...rank].sort((a, b) => a[1] - b[1] || a[0].localeCompare(b[0])).map(([rule]) => rule);
  const shown = rules.slice(0, ROWS);
  const spans = shown.flatMap((rule) => all.filter((a) => a.rule === rule).map((a): Span => {
    const to = a.state === "resolve" ? new Date(a.at).getTime() : end;
    const told = `${subject(a.dimensions)}: ${moment(a.opened, c.zone)} to ${a.state === "resolve" ? moment(a.at, c.zone) : "now"}`;
    return { row: rule.replaceAll("_", " "), from: new Date(a.opened).getTime(), to, tone: a.severity === "medium" ? "near" : "bad", told };
  }));
  const days = each(c.period.from, c.period.to);
  const step = Math.max(1, Math.ceil(days.length / 6));
  const ticks = days.filter((_, i) => i % step === 0 && i < days.length - step / 2).map((d) => ({ at: new Date(`${d}T00:00:00Z`).getTime(), label: day(d) }));
  const number = all.filter((a) => a.state !== "resolve").length;
  return sheet(
    timeline(start, end, spans, ticks),
    h("p", { class: "quiet" }, mark("high"), " or critical, ", mark("medium"), `; ${all.length} alerts of ${rules.length} rules, ${number} still open`, rules.length > ROWS ? `; the ${ROWS} worst rules` : "", ". The tables here say the same."));
}

async function resolved(c: Context): Promise<Child> {
  const answer = await ask("/v1/alerts", { status: "resolved", limit: 30, ...within(c) }, {}, c.signal);
  if (!answer.data.length) return empty("None", `No alert that opened from ${c.period.from} to ${c.period.to} is over.`);
  return sheet(
    table("Resolved alerts", [
      { head: "Rule", value: (a) => a.rule, cell: (a) => a.rule.replaceAll("_", " ") },
      { head: "Of", value: (a) => subject(a.dimensions), cell: (a) => subject(a.dimensions) },
      { head: "Severity", value: (a) => -SEVERITIES.findIndex((s) => s === a.severity), cell: (a) => mark(a.severity) },
      { head: "Opened", value: (a) => a.opened, cell: (a) => moment(a.opened, c.zone) },
      { head: "Over", value: (a) => a.at, cell: (a) => moment(a.at, c.zone) },
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
      { head: "What", value: (r) => r.detector, cell: (r) => r.detector.replaceAll("_", " ") },
      { head: "Of", value: (r) => subject(r.dimensions), cell: (r) => subject(r.dimensions) },
      { head: "In", value: (r) => r.event, cell: (r) => r.event },
      { head: "When", value: (r) => r.window_end, cell: (r) => moment(r.window_end, c.zone) },
      { head: "Severity", cell: (r) => mark(r.severity) },
      { head: "Value", number: true, value: (r) => r.value, cell: (r) => withUnit(r.value, "") },
      { head: "Expected", number: true, cell: (r) => withUnit(r.expected, "") },
      { head: "Distance", number: true, cell: (r) => withUnit(r.score, "x") },
    ], rows),
    answer.next ? h("p", { class: "quiet" }, `The newest ${rows.length} of more.`) : null,
  );
}

/** Causes that were found for anomalies of a day, once it was over. */
async function causes(c: Context): Promise<Child> {
  const all = (await c.findings("cause", { since: c.period.from })).filter(mine(c));
  if (!all.length) return empty("Nothing is explained yet", "Anomalies of a day are explained once it is over.");
  all.sort((a, b) => b.data_through.localeCompare(a.data_through));
  return sheet(
    table("Explained by dimension", [
      { head: "Day", value: (f) => f.data_through, cell: (f) => day(f.data_through) },
      { head: "What", value: (f) => f.about, cell: (f) => f.about.replaceAll("_", " ") },
      { head: "Of", value: (f) => subject(f.dimensions), cell: (f) => subject(f.dimensions) },
      { head: "Because of", cell: (f) => f.verdict.replace("=", " ") },
      { head: "How", cell: (f) => f.text },
    ], all.slice(0, 20)),
    all.length > 20 ? h("p", { class: "quiet" }, `The newest 20 of ${all.length}.`) : null,
  );
}
