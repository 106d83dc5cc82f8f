/** The parts that pages are made of. */

import { type Change, NONE, withUnit } from "../format/number.js";
import { inOrder } from "../format/order.js";
import { cells } from "../format/grid.js";
import { type Child, h } from "./dom.js";
import { spark } from "./spark.js";

export interface Figure {
  label: string;
  value: number | null | undefined;
  unit: string;
  /** In place of a number. */
  text?: string;
  change?: Change | null;
  trend?: readonly (number | null)[];
  note?: Child;
  /** Where the number is explained. */
  explain?: string | null;
}

export function figures(all: readonly Figure[]): HTMLElement {
  const shown = all.map((f, i) => {
    const element = figure(f);
    for (const [name, most] of [["wide", 5], ["middle", 3], ["narrow", 2]] as const) {
      element.style.setProperty(`--${name}`, String(cells(i, all.length, most)));
    }
    return element;
  });
  return h("dl", { class: all.length === 1 ? "figures one" : "figures" }, shown);
}

function figure(f: Figure): HTMLElement {
  const text = f.text ?? withUnit(f.value, f.unit);
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
    line ? h("dd", { class: "line" }, line) : null,
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
  /** What rows are put in order by, where a reader may. */
  value?: (row: R) => number | string | null | undefined;
}

/** How tables of these pages are put in order, by page and caption: it outlives their rows. */
const orders = new Map<string, { head: string; down: boolean }>();

/** A table; numbers stand at the right, below each other. */
export function table<R>(caption: string, columns: readonly Column<R>[], rows: readonly R[]): HTMLElement {
  const key = `${location.pathname} ${caption}`;
  const side = (c: Column<R>): string => (c.number ? "number" : "");
  const body = h("tbody", {});
  const head = columns.map((c) => {
    if (!c.head) return h("td", { class: "bar" });
    const turn = (e: Event): void => {
      const was = orders.get(key);
      // Largest numbers first, words from A.
      orders.set(key, { head: c.head, down: was?.head === c.head ? !was.down : c.number === true });
      fill();
      // Whoever points does not stand in the table: it goes on being renewed.
      if (e instanceof MouseEvent && e.detail > 0) (e.currentTarget as HTMLElement).blur();
    };
    return h("th", { scope: "col", class: side(c) }, c.value && rows.length > 1 ? h("button", { type: "button", class: "order", click: turn }, c.head) : c.head);
  });
  const line = (row: R): HTMLElement => h("tr", {}, columns.map((c) => {
    const told = c.cell(row);
    return h("td", { class: told === NONE ? `${side(c)} none` : side(c) }, told);
  }));
  function fill(): void {
    const order = orders.get(key);
    const by = columns.find((c) => c.head === order?.head)?.value;
    body.replaceChildren(...(order && by ? inOrder(rows, by, order.down) : rows).map(line));
    columns.forEach((c, i) => {
      if (order && by && c.head === order.head) head[i]?.setAttribute("aria-sort", order.down ? "descending" : "ascending");
      else head[i]?.removeAttribute("aria-sort");
    });
  }
  fill();
  return h(
    "div",
    // What scrolls can be reached by keyboard.
    { class: "scroll", tabindex: 0, role: "region", "aria-label": caption },
    h("table", {}, h("caption", { class: "hidden" }, caption), h("thead", {}, h("tr", {}, head)), body),
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
  improving: ["good", "improving"],
  degrading: ["bad", "degrading"],
  stable: ["", "stable"],
  roll_out: ["good", "roll out"],
  roll_back: ["bad", "roll back"],
  unhealthy: ["bad", "not to be judged"],
  hold: ["", "hold"],
  days_left: ["", "goes on"],
  used_up: ["bad", "used up"],
  at_risk: ["near", "at risk"],
  lasts: ["good", "lasts"],
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
