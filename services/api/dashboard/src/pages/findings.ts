/** What was computed when a day was over, as people read it. */

import type { Finding } from "../api/types.js";
import type { Context, Subject } from "../context.js";
import { withUnit } from "../format/number.js";
import { day } from "../format/time.js";
import { type Child, h } from "../ui/dom.js";
import { mark, subject } from "../ui/parts.js";

/** Of the team that is looked at, or of no team in particular. */
export function mine(c: Context): (of: { dimensions: Subject }) => boolean {
  return (of) => !c.view.team || of.dimensions["team"] === undefined || of.dimensions["team"] === c.view.team;
}

/** What it is about, with a way to what that is made of where there is one. */
export function about(c: Context, f: Finding): Child {
  const known = c.kpis.get(f.about);
  const name = known ? known.title : f.about.replaceAll("_", " ");
  return known && known.by.every((d) => f.dimensions[d] !== undefined)
    ? h("a", { href: c.explain("kpi", f.about, f.dimensions, f.data_through) }, name)
    : name;
}

/** Its sentence, without the name that stands before it. */
function said(c: Context, f: Finding): string {
  const title = c.kpis.get(f.about)?.title;
  return title && f.text.startsWith(`${title} `) ? f.text.slice(title.length + 1) : f.text;
}

const KINDS: Readonly<Record<string, string>> = { cause: "cause", opportunity: "saving", recommendation: "training" };

/** The verdict in a word; of a kind that gives none, what it is. */
function verdict(f: Finding): HTMLElement {
  const kind = KINDS[f.kind];
  return kind ? h("span", { class: "quiet" }, kind) : mark(f.verdict);
}

/** Findings, one below the other: verdict, what and why, what it is worth. */
export function findingRows(c: Context, all: readonly Finding[]): HTMLElement {
  return h("div", {}, all.map((f) => h("article", { class: "finding" },
    verdict(f),
    h("p", {}, h("strong", {}, about(c, f)), Object.keys(f.dimensions).length ? ` of ${subject(f.dimensions)}` : "", ": ", said(c, f)),
    f.usd === null || f.usd === undefined ? h("span", {}) : h("span", { class: "worth" }, withUnit(f.usd, "usd")))));
}

/** Which day the newest of them are of. */
export function through(all: readonly Finding[]): Child {
  const last = all.map((f) => f.data_through).sort().at(-1);
  return last ? h("p", { class: "quiet" }, `Computed of everything through ${day(last)}.`) : null;
}
