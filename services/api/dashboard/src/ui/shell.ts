/** What stands around every page: where one is, what is looked at, and how far the numbers have come. */

import type { Answer } from "../api/client.js";
import type { Alert } from "../api/types.js";
import type { Context } from "../context.js";
import { ago, moment } from "../format/time.js";
import type { Page } from "../pages/page.js";
import { PERIODS, type View, write } from "../state/view.js";
import { h } from "./dom.js";
import { mark, subject } from "./parts.js";

/** Numbers that are further behind are called old. */
const OLD_MS = 15 * 60_000;

export function side(c: Context, pages: readonly Page[], now: Page): HTMLElement {
  return h(
    "nav",
    { class: "side", "aria-label": "Pages" },
    h("a", { class: "name", href: c.link("") }, "weir"),
    h("ul", {}, pages.map((p) => h("li", {}, h("a", { href: c.link(p.path), "aria-current": p === now ? "page" : null }, p.name)))),
  );
}

export function top(c: Context, page: Page, teams: readonly string[]): HTMLElement {
  const here = (changes: Partial<View>): string => location.pathname + write({ ...c.view, ...changes });
  const go = (changes: Partial<View>): void => {
    history.pushState(null, "", here(changes));
    dispatchEvent(new Event("weir:view"));
  };
  const named = c.view.from !== null;
  const last = PERIODS.map((days) =>
    h("a", { href: here({ last: days, from: null, to: null }), "aria-current": !named && c.view.last === days ? "true" : null }, `${days} days`));
  const date = (label: string, value: string, set: (day: string) => Partial<View>): HTMLElement =>
    h("label", {}, h("span", { class: "hidden" }, label), h("input", { type: "date", value, max: c.today, change: (e) => go(set((e.target as HTMLInputElement).value)) }));
  const team = h("select", { id: "team", change: (e) => go({ team: (e.target as HTMLSelectElement).value || null }) },
    h("option", { value: "" }, "All teams"),
    [...new Set([...teams, ...(c.view.team ? [c.view.team] : [])])].map((t) => h("option", { value: t, selected: t === c.view.team }, t)));
  const compare = h("input", { type: "checkbox", id: "compare", checked: c.view.compare, change: (e) => go({ compare: (e.target as HTMLInputElement).checked }) });
  const form = h("form", { submit: (e) => e.preventDefault() },
    page.teams ? [h("label", { class: "hidden", for: "team" }, "Team"), team] : null,
    h("span", { class: "choice", role: "group", "aria-label": "Period" }, last),
    date("First day", c.period.from, (day) => ({ from: day, to: c.period.to })),
    date("Last day", c.period.to, (day) => ({ from: c.period.from, to: day })),
    page.compares ? h("label", { for: "compare", class: "check" }, compare, "with before") : null);
  return h("header", { class: "top" }, h("h1", {}, page.name), form);
}

/** Brings the page where one is into sight, where the list of pages is narrow. */
export function inSight(nav: HTMLElement): void {
  const list = nav.querySelector("ul");
  const here = nav.querySelector<HTMLElement>("[aria-current]");
  if (list && here) list.scrollLeft = here.offsetLeft - (list.clientWidth - here.offsetWidth) / 2;
}

/** What was just said of an alert. */
export function news(c: Context, a: Alert): HTMLElement {
  const over = a.state === "resolve";
  const what = `${a.rule.replaceAll("_", " ")}, ${subject(a.dimensions)}`;
  return h("a", { href: c.link("alerts") }, over ? "Over: " : [mark(a.severity), " "], what);
}

/** Whose numbers, of which days, and how far they are. */
export function stand(c: Context, told: Answer<"/v1/status"> | null = { data: c.status }): HTMLElement[] {
  const ends = Object.values(told?.data.event_types ?? c.status.event_types).sort();
  const least = ends[0];
  const old = least ? Date.now() - new Date(least).getTime() > OLD_MS : false;
  const through = least ? `complete through ${moment(least, c.zone)} (${ago(least, Date.now())})` : "how far it is complete is not known yet";
  const lines = [
    h("span", {}, `${c.status.tenant}, ${c.period.from} to ${c.period.to}, ${c.zone}`),
    h("span", { class: old ? "near" : "" }, through),
  ];
  lines.push(h("span", { class: "live" }));
  if (!told) lines.push(h("span", { class: "bad", role: "alert" }, "weir does not answer: these numbers are not renewed"));
  return lines;
}
