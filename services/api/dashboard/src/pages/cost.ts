/** What is spent, on what, and what it comes to. */

import { ask, Refusal } from "../api/client.js";
import { type Context, byDay, number, type Row, text } from "../context.js";
import { change, withUnit } from "../format/number.js";
import { each } from "../state/days.js";
import { chart, type Line } from "../ui/chart.js";
import { type Child, h } from "../ui/dom.js";
import { changed, empty, figures, mark, meter, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";
import { amount, begun, measured, nothing, word } from "./shared.js";

const COST = "llm.call.cost";
/** Dimensions that calls are kept by alone. */
const BY = ["team", "model", "provider", "category", "engineer"] as const;
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
    { title: "Budgets", note: "Used so far, and what the pace comes to at the end", load: () => budgets(c) },
    { title: "Caching", note: "In input tokens at full price; it may cost more than it saves", load: () => caching(c) },
    { title: "Calls without a price", note: "They are not in any spend: add their models to the price book", load: () => unpriced(c) },
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
      h("p", { class: "quiet" }, `By ${told.method.replaceAll("_", " ")}, from ${told.values} days`, typeof tested === "number" ? `; in a back-test the band held ${withUnit(tested, "share")} of days.` : "."),
    ];
  } catch (e) {
    if (e instanceof Refusal && e.status === 422) return none(`No forecast: ${e.message}.`);
    throw e;
  }
}

async function breakdown(c: Context): Promise<Child> {
  const asked = c.view.rest["by"];
  const by = BY.find((b) => b === asked) ?? "team";
  const subject = by === "team" ? c.team : {};
  const [now, before, past] = await Promise.all([
    c.measure(COST, { by, subject }),
    c.view.compare ? c.measure(COST, { by, subject, of: c.before }) : [],
    c.view.compare ? c.measure(COST, { subject: c.team, step: "day", of: c.before }) : [],
  ]);
  const partial = begun(c, past);
  const then = partial ? [] : before;
  const choice = h("nav", { class: "choice", "aria-label": "By what" }, BY.map((b) =>
    h("a", { href: c.link("cost", { rest: { by: b } }), "aria-current": b === by ? "true" : null }, b)));
  const beside = c.view.team && by !== "team" ? h("p", { class: "warn" }, "This is of all teams: calls are not kept by team and by this together.") : null;
  if (!now.length) return [choice, nothing(c, "calls")];
  const total = now.reduce((sum, r) => sum + (r.value ?? 0), 0);
  const old = new Map(then.map((r) => [r.subject[by], r.value ?? null]));
  const rows = [...now].sort((a, b) => (b.value ?? 0) - (a.value ?? 0));
  const share = (v: number | null | undefined): number | null => (total > 0 && v !== null && v !== undefined ? (100 * v) / total : null);
  const shown = rows.slice(0, SHOWN);
  return [
    h("div", { class: "tools" }, choice),
    beside,
    h("div", {}, sheet(
      table(`Spend by ${by}`, [
        { head: by[0]?.toUpperCase() + by.slice(1), cell: (r) => r.subject[by] || "(not given)" },
        { head: "Spend", number: true, cell: (r) => h("a", { href: c.explain("measure", COST, r.subject) }, withUnit(r.value, "usd")) },
        { head: "Share", number: true, cell: (r) => withUnit(share(r.value), "percent") },
        { head: "", cell: (r) => meter(share(r.value), Infinity, Infinity) },
        { head: "Against before", number: true, cell: (r) => { const by_ = change(r.value, old.get(r.subject[by]), "usd", "lower"); return by_ ? changed(by_) : (partial ?? withUnit(null, "")); } },
      ], shown),
      rows.length > SHOWN ? h("p", { class: "quiet" }, `${rows.length - SHOWN} more, ${withUnit(rows.slice(SHOWN).reduce((s, r) => s + (r.value ?? 0), 0), "usd")} together.`) : null,
    )),
  ];
}

async function budgets(c: Context): Promise<Child> {
  const answer = await ask("/v1/budgets", { ...c.period }, {}, c.signal);
  const rows = (answer.data.rows as Row[]).filter((r) => !c.view.team || text(r, "subject") === c.view.team || !text(r, "subject"));
  if (!rows.length) return empty("No budget is set", "An event budget.set sets one; `weir emit budget.set` sends it.");
  return sheet(table("Budgets", [
    { head: "Budget", cell: (r) => text(r, "budget").replaceAll("_", " ") },
    { head: "Of", cell: (r) => text(r, "subject") || "everything" },
    { head: "", cell: (r) => meter(number(r, "used_percent")) },
    amount("Used", "used_percent", "percent"),
    amount("Left", "left_usd", "usd"),
    amount("Comes to", "forecast_percent", "percent"),
    { head: "State", cell: (r) => mark(text(r, "status")) },
  ], rows));
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
