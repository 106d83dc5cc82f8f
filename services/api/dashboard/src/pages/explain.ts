/** What one number is made of: over the period, by day, and one window of it down to the events in the log. */

import { ask, Refusal } from "../api/client.js";
import { byDay, type Context, type Subject } from "../context.js";
import { change, plain, withUnit } from "../format/number.js";
import { day, moment } from "../format/time.js";
import { each, isDay, plus } from "../state/days.js";
import { chart } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { type Column, empty, figures, mark, sheet, subject, table } from "../ui/parts.js";
import type { Page } from "./page.js";

export const explain: Page = {
  path: "explain",
  name: "What a number is made of",
  teams: false,
  compares: true,
  sections: (c) => [
    { title: title(c), note: "Over the period", load: () => overDays(c) },
    { title: window(c), note: "One window of it, down to the events in the log", load: () => load(c), needed: true, every: 60 },
  ],
};

const asked = (c: Context): Subject =>
  Object.fromEntries(Object.entries(c.view.rest).flatMap(([n, v]) => { const name = /^subject\[(.+)\]$/.exec(n)?.[1]; return name ? [[name, v]] : []; }));

function title(c: Context): string {
  const { kpi, measure } = c.view.rest;
  const of = asked(c);
  return [kpi ? c.title(kpi) : (measure ?? ""), ...(Object.keys(of).length ? [subject(of)] : [])].join(" · ");
}

function window(c: Context): string {
  const at = c.view.rest["window"] ?? "";
  return isDay(at) ? day(at) : /Z$/.test(at) ? `Until ${moment(at, c.zone)}` : at || "A window";
}

interface Value {
  from: string;
  value?: number | null;
}

/** Its values over the period, and by day; what does not add up over days has none. */
async function overDays(c: Context): Promise<Child> {
  const { kpi, measure } = c.view.rest;
  const of = asked(c);
  const score = kpi ? c.kpis.get(kpi)?.kind === "score" : false;
  const ask_for = async (step: string | undefined, period = c.period): Promise<Value[]> => {
    if (kpi && score) return step ? (await c.published(kpi, { subject: of })).map((w) => ({ from: w.window_start.slice(0, 10), value: w.value ?? null })) : [];
    const query = { subject: of, of: period, ...(step ? { step } : {}) };
    return kpi ? c.values(kpi, query) : c.measure(measure ?? "", query);
  };
  const none = (e: unknown): never => {
    throw e instanceof Refusal && e.status === 400 ? new Refusal(404, e.code, e.message, e.remedy) : e;
  };
  const [now, then, days] = await Promise.all([ask_for(undefined), c.view.compare ? ask_for(undefined, c.before) : [], ask_for("day")]).catch(none);
  const declared = kpi ? c.kpis.get(kpi) : undefined;
  const unit = declared?.unit ?? (await unitOf(c, measure ?? ""));
  const all = each(c.period.from, c.period.to);
  const known = days.filter((d) => d.value !== null && d.value !== undefined);
  if (!known.length) return empty("No value in these days", "Choose a longer period.");
  const extremes = [...known].sort((a, b) => (a.value ?? 0) - (b.value ?? 0));
  const [least, most] = [extremes[0], extremes.at(-1)];
  const on = (d: Value | undefined): Child => (d ? h("a", { href: toDay(c, d.from) }, day(d.from)) : null);
  const target = declared?.target;
  return [
    figures([
      ...(score ? [] : [{ label: `${day(c.period.from)} to ${day(c.period.to)}`, value: now[0]?.value, unit, change: change(now[0]?.value, then[0]?.value, unit, declared?.better), note: target === null || target === undefined ? null : `target ${declared?.better === "lower" ? "≤" : "≥"} ${withUnit(target, unit)}` }]),
      { label: "Least, on", value: least?.value, unit, note: on(least) },
      { label: "Most, on", value: most?.value, unit, note: on(most) },
    ]),
    sheet(chart(title(c), all, [{ label: "Value", values: byDay(all, days) }], unit, unit === "percent")),
  ];
}

async function unitOf(c: Context, statistic: string): Promise<string> {
  const type = (await c.eventTypes()).find((t) => statistic.startsWith(`${t.name}.`));
  const measure = type?.measures.find((m) => statistic.slice(type.name.length + 1).split(".")[0] === m.name);
  return measure?.kind === "count" ? "" : (measure?.unit ?? "");
}

/** The same number, of another day. */
function toDay(c: Context, window: string): string {
  return c.link("explain", { rest: { ...c.view.rest, window } });
}

async function load(c: Context): Promise<Child> {
  const { kpi, measure, window } = c.view.rest;
  const query = { window, ...Object.fromEntries(Object.entries(c.view.rest).filter(([n]) => n.startsWith("subject["))) };
  const steps = window && isDay(window)
    ? h("p", { class: "counts tools" }, h("a", { href: toDay(c, plus(window, -1)) }, `← ${day(plus(window, -1))}`), window < c.today ? h("a", { href: toDay(c, plus(window, 1)) }, `${day(plus(window, 1))} →`) : null)
    : null;
  if (kpi) return [steps, made(c, (await ask("/v1/explain/kpis/{kpi}", query, { kpi }, c.signal)).data)];
  if (measure) return [steps, made(c, (await ask("/v1/explain/measures/{statistic}", query, { statistic: measure }, c.signal)).data)];
  return empty("No number is named", h("a", { href: c.link("") }, "Click on one"));
}

type Told = Readonly<Record<string, unknown>>;

const told = (of: unknown): Told => (typeof of === "object" && of !== null && !Array.isArray(of) ? (of as Told) : {});
const list = (of: unknown): Told[] => (Array.isArray(of) ? of.map(told) : []);
const number = (of: unknown): number | null => (typeof of === "number" ? of : null);
const word = (of: unknown): string => (typeof of === "string" ? of : "");

/** The number, its formula, its terms; of a score its inputs. */
function made(c: Context, of: unknown): Child {
  const all = told(of);
  const [formula, current, published] = [told(all["formula"]), told(all["current"]), told(all["published"])];
  const [unit, value, was] = [word(all["unit"]), number(current["value"]), number(published["value"])];
  const status = word(current["status"]);
  const terms = list(all["terms"]);
  const inputs = list(all["inputs"]);
  return [
    figures([
      { label: "By now", value, unit, note: [value === null ? null : `exactly ${value} `, status ? mark(status) : null] },
      ...(was === null ? [] : [{ label: "As published", value: was, unit, note: "when the window was final" }]),
      { label: "Adds up", value: null, unit: "", text: all["adds_up"] === true ? "yes" : "no", note: "what the log has, against what was stored" },
    ]),
    formula["expression"] ? h("p", { class: "formula" }, "= ", h("code", {}, word(formula["expression"]))) : null,
    inputs.length ? sheet(scored(c, inputs)) : null,
    terms.length > 1 ? sheet(termTable(c, terms)) : null,
    terms.map((t) => term(t, terms.length > 1)),
  ];
}

function scored(c: Context, inputs: readonly Told[]): HTMLElement {
  const at = c.view.rest["window"] ?? "";
  return table("Inputs", [
    { head: "Input", cell: (i) => h("a", { href: c.explain("kpi", word(i["kpi"]), asked(c), at) }, c.title(word(i["kpi"]))) },
    { head: "Of 100", number: true, cell: (i) => withUnit(number(i["worth"]), "") },
    { head: "Weight", number: true, cell: (i) => withUnit(number(i["weight"]), "") },
  ], inputs);
}

/** A count has no unit beside its title. */
const unitOfTerm = (t: Told): string => (word(t["kind"]) === "count" ? "" : word(t["unit"]));

function termTable(c: Context, terms: readonly Told[]): HTMLElement {
  const at = c.view.rest["window"] ?? "";
  const statistic = (t: Told): string => [word(t["event"]), word(t["measure"]), ...(word(t["statistic"]) && !["value", "sum", "count"].includes(word(t["statistic"])) ? [word(t["statistic"])] : [])].join(".");
  return table("Terms", [
    { head: "Term", cell: (t) => h("code", {}, word(t["name"])) },
    { head: "What", cell: (t) => word(t["title"]) || word(t["measure"]) },
    { head: "From", cell: (t) => (t["setting"] === true ? statistic(t) : h("a", { href: c.explain("measure", statistic(t), told(t["subject"]) as Subject, at) }, statistic(t))) },
    { head: "Value", number: true, cell: (t) => withUnit(number(t["value"]), unitOfTerm(t)) },
    { head: "Events", number: true, cell: (t) => withUnit(number(told(t["events"])["count"]), "") },
  ], terms);
}

/** A term: who priced it, its parts, and the events under it. */
function term(t: Told, many: boolean): Child {
  const events = told(t["events"]);
  const prices = list(t["prices"]);
  const listed = list(events["listed"]);
  const parts = list(told(t["parts"])["listed"]);
  const late = number(told(told(t["parts"])["late"])["parts"]) ?? 0;
  const unit = unitOfTerm(t);
  const count = number(events["count"]) ?? 0;
  const body: Child = [
    prices.length ? [h("h3", {}, "Prices"), table("Prices", priced, prices)] : null,
    h("h3", {}, `Events: ${withUnit(count, "")} in ${word(events["topic"])}, ${withUnit(number(events["adding"]), "")} of them add something`),
    listed.length ? table(`Events of ${word(t["name"])}`, [
      { head: "When", value: (e) => word(e["time"]), cell: (e) => word(e["time"]).replace("T", " ").replace("Z", " UTC") },
      { head: "Adds", number: true, value: (e) => number(e["value"]), cell: (e) => withUnit(number(e["value"]), unit) },
      { head: "Partition", number: true, cell: (e) => String(e["partition"] ?? "") },
      { head: "Offset", number: true, value: (e) => number(e["offset"]), cell: (e) => String(e["offset"] ?? "") },
      { head: "Event", cell: (e) => h("code", {}, word(e["event_id"])) },
    ] satisfies Column<Told>[], listed) : null,
    listed.length < count ? h("p", { class: "quiet" }, `The first ${listed.length} of ${plain(count, 0)}; \`weir explain\` lists more.`) : null,
    parts.length ? h("details", { class: "data" }, h("summary", {}, `Parts that were stored${late ? `, ${late} of them late` : ""}`), table("Parts", [
      { head: "From", cell: (p) => word(p["start"]).replace("T", " ").replace("Z", " UTC") },
      { head: "To", cell: (p) => word(p["end"]).replace("T", " ").replace("Z", " UTC") },
      { head: "Value", number: true, cell: (p) => withUnit(number(p["value"]), unit) },
      { head: "Late", cell: (p) => (p["late"] === true ? "late" : "") },
    ] satisfies Column<Told>[], parts)) : null,
  ];
  const name = [h("code", {}, word(t["name"])), `: ${word(t["title"])}`];
  return many
    ? h("details", { class: "data term" }, h("summary", {}, name, `, ${withUnit(number(t["value"]), unit)}`), h("div", { class: "sheet tree" }, body))
    : h("div", { class: "sheet tree" }, body);
}

const priced: Column<Told>[] = [
  { head: "By", cell: (p) => ({ reported: "the event", book: "price book", none: "no price" })[word(p["by"])] ?? word(p["by"]) },
  { head: "Provider", cell: (p) => word(p["provider"]) },
  { head: "Model", cell: (p) => word(p["model"]) },
  { head: "Calls", number: true, cell: (p) => withUnit(number(p["calls"]), "") },
  { head: "Cost", number: true, cell: (p) => withUnit(number(p["usd"]), "usd") },
  { head: "For a million tokens", cell: (p) => Object.entries(told(p["per_million"])).map(([k, v]) => `${k.replaceAll("_", " ")} ${withUnit(number(v), "usd")}`).join(", ") },
];
