/** What one number is made of, down to the events in the log. */

import { ask } from "../api/client.js";
import type { Context } from "../context.js";
import { type Child, h } from "../ui/dom.js";
import { empty, figures, sheet, table } from "../ui/parts.js";
import type { Page } from "./page.js";

export const explain: Page = {
  path: "explain",
  name: "What a number is made of",
  teams: false,
  compares: false,
  sections: (c) => [{ title: title(c), note: c.view.rest["window"] ?? "", load: () => load(c), needed: true }],
};

function title(c: Context): string {
  const { kpi, measure } = c.view.rest;
  const of = Object.entries(c.view.rest).filter(([n]) => n.startsWith("subject[")).map(([, v]) => v || "(not given)");
  return [kpi ? c.title(kpi) : (measure ?? ""), ...of].join(" · ");
}

async function load(c: Context): Promise<Child> {
  const { kpi, measure, window, ...rest } = c.view.rest;
  const query = { window, ...Object.fromEntries(Object.entries(rest).filter(([n]) => n.startsWith("subject["))) };
  if (kpi) return tree((await ask("/v1/explain/kpis/{kpi}", query, { kpi }, c.signal)).data);
  if (measure) return tree((await ask("/v1/explain/measures/{statistic}", query, { statistic: measure }, c.signal)).data);
  return empty("No number is named", h("a", { href: c.link("") }, "Click on one"));
}

/** An explanation as it comes: members in a list, lists of the same members in a table. */
function tree(of: unknown): Child {
  if (!isRecord(of)) return h("div", { class: "tree" }, sheet(shown(of)));
  const { current, unit, formula, published, title: told, what, name, tenant, subject, ...rest } = of;
  const value = isRecord(current) && typeof current["value"] === "number" ? current["value"] : null;
  const was = isRecord(published) && typeof published["value"] === "number" ? published["value"] : null;
  const units = typeof unit === "string" ? unit : "";
  return h("div", { class: "tree" }, figures([
    { label: "By now", value, unit: units, note: value === null ? null : `exactly ${value}` },
    ...(was === null ? [] : [{ label: "As published", value: was, unit: units, note: "when the window was final" }]),
  ]), typeof formula === "string" ? h("p", { class: "formula" }, "= ", h("code", {}, formula)) : null, sheet(shown(rest)));
}

function isRecord(of: unknown): of is Record<string, unknown> {
  return typeof of === "object" && of !== null && !Array.isArray(of);
}

function shown(of: unknown): Child {
  if (of === null || of === undefined) return h("span", { class: "quiet" }, "no data");
  if (Array.isArray(of)) return listed(of);
  if (!isRecord(of)) return h("span", {}, word(of));
  const flat = Object.entries(of).filter(([, v]) => !isDeep(v) && !isBlank(v));
  const deep = Object.entries(of).filter(([, v]) => isDeep(v));
  return [
    flat.length ? h("dl", {}, flat.map(([name, v]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", {}, shown(v))])) : null,
    deep.map(([name, v]) => [h("h3", {}, name.replaceAll("_", " ")), shown(v)]),
  ];
}

/** Nothing to say: left out, unless it is a value that is missing. */
function isBlank(of: unknown): boolean {
  return of === "" || (Array.isArray(of) && !of.length) || (isRecord(of) && !Object.keys(of).length);
}

/** Moments without their fractions, everything else as it is. */
function word(of: unknown): string {
  if (typeof of === "boolean") return of ? "yes" : "no";
  return String(of).replace(/^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?Z$/, "$1 $2 UTC");
}

function isDeep(of: unknown): boolean {
  return (Array.isArray(of) && of.some(isRecord)) || (isRecord(of) && Object.values(of).some((v) => isRecord(v) || Array.isArray(v)));
}

function listed(of: readonly unknown[]): Child {
  if (!of.every(isRecord)) return of.map(String).join(", ");
  const names = [...new Set(of.flatMap((r) => Object.keys(r)))];
  if (of.some((r) => Object.values(r).some(isDeep))) {
    return of.map((r) => h("div", {}, h("h3", {}, String(r["name"] ?? r["title"] ?? "")), shown(r)));
  }
  const columns = names.map((name) => ({
    head: name.replaceAll("_", " "),
    number: of.every((r) => typeof r[name] === "number" || r[name] === null || r[name] === undefined),
    cell: (r: Record<string, unknown>): Child => (isRecord(r[name]) ? Object.values(r[name]).join(" · ") : shown(r[name])),
  }));
  return table("Parts", columns, of);
}
