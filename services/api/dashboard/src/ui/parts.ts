/** The parts that pages are made of. */

import { type Change, NONE, withUnit } from "../format/number.js";
import { type Child, h } from "./dom.js";
import { spark } from "./spark.js";

export interface Figure {
  label: string;
  value: number | null | undefined;
  unit: string;
  change?: Change | null;
  trend?: readonly (number | null)[];
  note?: Child;
  /** Where the number is explained. */
  explain?: string | null;
}

export function figures(all: readonly Figure[]): HTMLElement {
  return h("dl", { class: "figures" }, all.map(figure));
}

function figure(f: Figure): HTMLElement {
  const text = withUnit(f.value, f.unit);
  const none = text === NONE;
  const value = f.explain && !none ? h("a", { href: f.explain, title: "What this is made of" }, text) : text;
  const line = f.trend ? spark(f.trend) : null;
  return h(
    "div",
    { class: "figure" },
    h("dt", {}, f.label),
    h("dd", { class: none ? "value none" : "value" }, value),
    f.change ? h("dd", { class: "quiet" }, changed(f.change), " against before") : null,
    f.note ? h("dd", { class: "quiet" }, f.note) : null,
    line ? h("dd", {}, line) : null,
  );
}

export function changed(c: Change): HTMLElement {
  const tone = c.good === null ? "" : c.good ? "good" : "bad";
  return h("span", { class: tone }, c.text);
}

export interface Column<R> {
  head: string;
  cell: (row: R) => Child;
  number?: boolean;
}

/** A table; numbers stand at the right, below each other. */
export function table<R>(caption: string, columns: readonly Column<R>[], rows: readonly R[]): HTMLElement {
  const side = (c: Column<R>): string => (c.number ? "number" : "");
  const head = columns.map((c) => c.head ? h("th", { scope: "col", class: side(c) }, c.head) : h("td", { class: "bar" }));
  const body = rows.map((row) =>
    h("tr", {}, columns.map((c) => {
      const told = c.cell(row);
      return h("td", { class: told === NONE ? `${side(c)} none` : side(c) }, told);
    })),
  );
  return h(
    "div",
    // What scrolls can be reached by keyboard.
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)),
  );
}

const WORDS: Record<string, [string, string]> = {
  on_target: ["good", "on target"],
  near: ["near", "near target"],
  off: ["bad", "off target"],
  no_data: ["", "no data"],
  critical: ["bad", "critical"],
  high: ["bad", "high"],
  medium: ["near", "medium"],
  low: ["", "low"],
};

/** A state in a word, with a shape of its own: colour is never all. */
export function mark(state: string): HTMLElement {
  const [tone, word] = WORDS[state] ?? ["", state.replaceAll("_", " ")];
  return h("span", { class: `mark ${tone || "quiet"}` }, word);
}

/** How much of a whole; `over` is where it is too much. */
export function meter(percent: number | null, over = 100, near = 75): HTMLElement | null {
  if (percent === null) return null;
  const tone = percent > over ? "bad" : percent >= near ? "near" : "";
  const bar = h("span", {});
  bar.style.width = `${Math.max(0, Math.min(100, percent))}%`;
  return h("span", { class: `meter ${tone}`, "aria-hidden": "true" }, bar);
}

export function sheet(...children: Child[]): HTMLElement {
  return h("div", { class: "sheet" }, children);
}

export function empty(what: string, next: Child): HTMLElement {
  return h("div", { class: "state" }, h("strong", {}, what), next);
}

/** Values of dimensions in a line; nobody's is said so. */
export function subject(of: Readonly<Record<string, string>>): string {
  const all = Object.values(of).map((v) => v || "(not given)");
  return all.length ? all.join(" · ") : "everything";
}
