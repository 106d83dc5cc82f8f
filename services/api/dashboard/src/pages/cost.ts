/** What is spent, on what, and what it comes to. */

import { ask, Refusal } from "../api/client.js";
import type { Finding } from "../api/types.js";
import { type Context, byDay, number, type Row, text } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { day, rfc3339 } from "../format/time.js";
import { each, plus } from "../state/days.js";
import { chart, type Line } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { changed, empty, figures, mark, meter, sheet, table } from "../ui/parts.js";
import { findingRows, mine, through } from "./findings.js";
import type { Page } from "./page.js";
import { amount, begun, measured, nothing, word } from "./shared.js";

const COST = "llm.call.cost";
const SHOWN = 12;

export const cost: Page = {
  path: "cost",
  name: "Cost",
  teams: true,
  compares: true,
  report: "cost",
  sections: (c) => [
    { title: "In the period", load: () => totals(c) },
    { title: "By day, with a forecast", note: "The band holds 80 of 100 days where the past is like the future", load: () => forecast(c) },
    { title: "By what", load: () => breakdown(c) },
    { title: "Budgets", note: "Used so far, and what the pace comes to at the end", load: () => budgets(c), every: 60 },
    { title: "Burn of a budget", note: "This month, against what was reserved", load: () => burn(c), every: 60 },
    { title: "Opportunities", note: "What calls cost in vain, in USD", load: () => opportunities(c), every: 60 },
    { title: "Caching", note: "In input tokens at full price; it may cost more than it saves", load: () => caching(c), every: 60 },
    { title: "Calls without a price", note: "They are not in any spend: add their models to the price book", load: () => unpriced(c), every: 60 },
  ],
};

async function totals(c: Context): Promise<Child> {
  return figures(await Promise.all([
    measured(c, ["Spend", COST, "usd", "lower"]),
    measured(c, ["Calls", "llm.call.calls", ""]),
    measured(c, ["Input tokens at full price", "llm.call.tokens_input", "tokens"]),
    measured(c, ["Read from a cache", "llm.call.tokens_cache_read", "tokens"]),
    measured(c, ["Output tokens", "llm.call.tokens_output", "tokens"]),
    measured(c, ["Calls without a price", "llm.call.unpriced", "", "lower"]),
  ]));
}

async function forecast(c: Context): Promise<Child> {
  const days = each(c.period.from, c.period.to);
  const spent = byDay(days, await c.measure(COST, { subject: c.team, step: "day" }));
  if (!spent.some((v) => v !== null)) return nothing(c, "calls");
  const none = (why: string): Child => [
    sheet(chart("Spend by day", days, [{ label: "Spend", values: spent }], "usd")),
    h("p", { class: "quiet" }, why),
  ];
  if (c.view.team) return none("There is no forecast by team: it is made of the spend of all.");
  try {
    const told = (await ask("/v1/kpis/{kpi}/forecast", { horizon: 14 }, { kpi: "spend_per_hour" }, c.signal)).data;
    const ahead = told.points.map((p) => p.time.slice(0, 10));
    const all = [...days.filter((d) => !ahead.includes(d)), ...ahead];
    const known = new Map(days.map((d, i) => [d, spent[i] ?? null]));
    const of = (pick: (p: (typeof told.points)[number]) => number): (number | null)[] => {
      const at = new Map(told.points.map((p) => [p.time.slice(0, 10), pick(p)]));
      return all.map((d) => at.get(d) ?? null);
    };
    const lines: Line[] = [
      { label: "80 %, from", values: of((p) => p.lower_80), edge: true },
      { label: "80 %, to", values: of((p) => p.upper_80), edge: true },
      { label: "Spend", values: all.map((d) => (d < (ahead[0] ?? "9") ? (known.get(d) ?? null) : null)) },
      { label: "Forecast", values: of((p) => p.point), dashed: true, quiet: true },
    ];
    const tested = Reflect.get(told.backtest, "coverage_80");
    return [
      sheet(chart("Spend by day, with a forecast", all, lines, "usd")),
      h("p", { class: "quiet" }, `Method: ${told.method.replaceAll("_", " ")}, from ${told.values} days`, typeof tested === "number" ? `; in a back-test the band held ${withUnit(tested, "share")} of days.` : "."),
    ];
  } catch (e) {
    if (e instanceof Refusal && e.status === 422) return none(`No forecast: ${e.message}.`);
    throw e;
  }
}

/** Dimensions that calls can be cut by: those that are kept alone, or with the team that is looked at. */
async function cuts(c: Context): Promise<string[]> {
  const rollups = (await c.eventTypes()).find((e) => e.name === "llm.call")?.rollups ?? [];
  const fixed = c.view.team ? ["team"] : [];
  const fits = rollups.map((r) => r.by).filter((by) => by.length && fixed.every((d) => by.includes(d)));
  const left = fits.map((by) => by.filter((d) => !fixed.includes(d))).filter((by) => by.length);
  return [...new Set(left.map((by) => by.join(",")))].sort((a, b) => a.split(",").length - b.split(",").length);
}

async function breakdown(c: Context): Promise<Child> {
  const all = await cuts(c);
  const asked = c.view.rest["by"];
  const by = all.find((b) => b === asked) ?? all.find((b) => b === "team") ?? all[0];
  if (!by) return empty("Calls are kept by no dimension", "The catalog declares rollups.");
  const [now, before, past] = await Promise.all([
    c.measure(COST, { by, subject: c.team }),
    c.view.compare ? c.measure(COST, { by, subject: c.team, of: c.before }) : [],
    c.view.compare ? c.measure(COST, { subject: c.team, step: "day", of: c.before }) : [],
  ]);
  const partial = begun(c, past);
  const then = partial ? [] : before;
  const told = (b: string): string => b.replaceAll("_", " ").split(",").join(" and ");
  const choice = h("nav", { class: "choice", "aria-label": "By what" }, all.map((b) =>
    h("a", { href: c.link("cost", { rest: { ...c.view.rest, by: b } }), "aria-current": b === by ? "true" : null }, told(b))));
  if (!now.length) return [h("div", { class: "tools" }, choice), nothing(c, "calls")];
  const total = now.reduce((sum, r) => sum + (r.value ?? 0), 0);
  const name = (r: { subject: Readonly<Record<string, string>> }): string => by.split(",").map((d) => r.subject[d] || "(not given)").join(" · ");
  const old = new Map(then.map((r) => [name(r), r.value ?? null]));
  const rows = [...now].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const share = (v: number | null | undefined): number | null => (total > 0 && v !== null && v !== undefined ? (100 * v) / total : null);
  const shown = rows.slice(0, SHOWN);
  const against = (r: (typeof rows)[number]): Child => {
    const told = change(r.value, old.get(name(r)), "usd", "lower");
    return told ? changed(told) : (partial ?? withUnit(null, ""));
  };
  return [
    h("div", { class: "tools" }, choice),
    h("div", {}, sheet(
      table(`Spend by ${told(by)}`, [
        { head: told(by)[0]?.toUpperCase() + told(by).slice(1), value: name, cell: name },
        { head: "Spend", number: true, value: (r) => r.value, cell: (r) => h("a", { href: c.explain("measure", COST, r.subject) }, withUnit(r.value, "usd")) },
        { head: "Share", number: true, value: (r) => r.value, cell: (r) => withUnit(share(r.value), "percent") },
        { head: "", cell: (r) => meter(share(r.value), Infinity, Infinity) },
        ...(c.view.compare && (then.length || partial) ? [{ head: "Against before", number: true, cell: against }] : []),
      ], shown),
      rows.length > SHOWN ? h("p", { class: "quiet" }, `${rows.length - SHOWN} more, ${withUnit(rows.slice(SHOWN).reduce((s, r) => s + (r.value ?? 0), 0), "usd")} together.`) : null,
    )),
  ];
}

async function budgets(c: Context): Promise<Child> {
  const [answer, found] = await Promise.all([ask("/v1/budgets", { ...c.period }, {}, c.signal), c.findings("budget")]);
  const rows = (answer.data.rows as Row[]).filter((r) => !c.view.team || text(r, "subject") === c.view.team || !text(r, "subject"));
  if (!rows.length) return empty("No budget is set", "An event budget.set sets one; `weir emit budget.set` sends it.");
  const ahead = (r: Row): Finding | undefined => found.find((f) => f.about === text(r, "budget") && Object.values(f.dimensions).join(" ") === text(r, "subject"));
  const of = (r: Row): Child => {
    const name = text(r, "subject");
    return ahead(r) ? h("a", { href: c.link("cost", { rest: { ...c.view.rest, budget: name } }), title: "How it burns" }, name) : name || "everything";
  };
  const last = (r: Row): Child => {
    const f = ahead(r);
    return f ? [mark(f.verdict), f.due ? ` ${day(f.due)}` : ""] : "";
  };
  const subject = (r: Row): Record<string, string> => (text(r, "subject") ? { team: text(r, "subject") } : {});
  return sheet(table("Budgets", [
    { head: "Budget", value: (r) => text(r, "budget"), cell: (r) => text(r, "budget").replaceAll("_", " ") },
    { head: "Of", value: (r) => text(r, "subject"), cell: of },
    { head: "", cell: (r) => meter(number(r, "used_percent")) },
    amount("Used", "used_percent", "percent", (r) => c.explain("kpi", `budget_${text(r, "budget")}_used`, subject(r), rfc3339(text(r, "through")))),
    amount("Left", "left_usd", "usd"),
    amount("Comes to", "forecast_percent", "percent"),
    { head: "State", cell: (r) => mark(text(r, "status")) },
    ...(rows.some(ahead) ? [{ head: "Month", cell: last }] : []),
  ], rows));
}

/** What a team has spent of its month, and where it will be at its end: the budget that is asked for, or the most used. */
async function burn(c: Context): Promise<Child> {
  const all = (await c.findings("budget")).filter((f) => Object.keys(f.dimensions).join() === "team");
  const wanted = c.view.team ?? c.view.rest["budget"];
  const share = (f: Finding): number => f.evidence["expected share"] ?? 0;
  const f = all.find((f) => f.dimensions["team"] === wanted) ?? [...all].sort((a, b) => share(b) - share(a))[0];
  if (!f) return empty("No budget of a month is projected", "It is, once a day of the month is over.");
  const first = `${f.data_through.slice(0, 8)}01`;
  const end = plus(`${plus(first, 31).slice(0, 8)}01`, -1);
  const spent = byDay(each(first, f.data_through), await c.measure(COST, { subject: f.dimensions, step: "day", of: { from: first, to: f.data_through } }));
  let sum = 0;
  const used = spent.map((v) => (sum += v ?? 0));
  const days = each(first, end);
  const ahead = days.length - used.length;
  // Straight to what is expected at the end of the month.
  const to = (value: number | null | undefined): (number | null)[] =>
    days.map((_, i) => (i < used.length - 1 || value === null || value === undefined ? null : sum + ((value - sum) * (i - used.length + 1)) / Math.max(1, ahead)));
  const limit = f.evidence["limit"] ?? null;
  const lines: Line[] = [
    { label: "80 %, from", values: to(f.lower), edge: true },
    { label: "80 %, to", values: to(f.upper), edge: true },
    { label: "Spent", values: days.map((_, i) => used[i] ?? null) },
    { label: "Expected", values: to(f.value), dashed: true, quiet: true },
    { label: "Budget", values: days.map(() => limit), dashed: true },
  ];
  return [
    h("p", { class: "lead" }, h("strong", {}, f.dimensions["team"] || "(not given)"), ": ", f.text, "."),
    sheet(chart("Burn of a budget", days, lines, "usd")),
  ];
}

async function opportunities(c: Context): Promise<Child> {
  const all = (await c.findings("opportunity")).filter(mine(c));
  if (!all.length) return empty("None was found", "Answers that were cut off and calls without one are looked for once a day is over.");
  const sum = all.reduce((s, f) => s + (f.usd ?? 0), 0);
  all.sort((a, b) => (b.usd ?? 0) - (a.usd ?? 0));
  return sheet(findingRows(c, all.slice(0, SHOWN)), h("p", { class: "quiet" }, `${withUnit(sum, "usd")} in all.`), through(all));
}

async function caching(c: Context): Promise<Child> {
  const rows = (await c.question("cache-economics")).filter((r) => !c.view.team || text(r, "team") === c.view.team);
  if (!rows.length) return nothing(c, "calls");
  return sheet(table("Caching", [
    word("Team", "team"),
    amount("Net saving", "net_saving_tokens", "tokens", (r) => c.explain("kpi", "net_cache_saving", { team: text(r, "team") })),
    amount("Input from a cache", "read_percent", "percent"),
    amount("Reads for each write", "reads_per_write", ""),
    amount("At full price", "fresh", "tokens"),
    amount("Read", "read", "tokens"),
    amount("Written", "written", "tokens"),
  ], rows));
}

async function unpriced(c: Context): Promise<Child> {
  const rows = await c.question("unpriced");
  if (!rows.length) return empty("None", "Every call of these days has a price.");
  return sheet(table("Calls without a price", [
    word("Provider", "provider"),
    word("Model", "model"),
    amount("Calls", "unpriced_calls", ""),
    amount("Of its calls", "percent", "percent"),
    amount("Input", "input", "tokens"),
    amount("Output", "output", "tokens"),
  ], rows));
}
