/** What lasted when: a bar for each, in a row of its kind. Tables beside say the same in words. */

import { type Child, h } from "./dom.js";

export interface Span {
  row: string;
  from: number;
  to: number;
  tone: "bad" | "near" | "quiet";
  /** What it was, in a line. */
  told: string;
}

/** A bar is never so narrow that it is not seen, in percent. */
const LEAST = 0.5;

export function timeline(from: number, to: number, spans: readonly Span[], ticks: readonly { at: number; label: string }[]): HTMLElement {
  const part = (at: number): number => (100 * (Math.max(from, Math.min(to, at)) - from)) / (to - from);
  const rows = [...new Set(spans.map((s) => s.row))];
  const bar = (s: Span): Child => {
    const element = h("span", { class: `bar ${s.tone}`, title: s.told });
    element.style.left = `${Math.min(part(s.from), 100 - LEAST)}%`;
    element.style.width = `${Math.max(LEAST, part(s.to) - part(s.from))}%`;
    return element;
  };
  const tick = ({ at, label }: { at: number; label: string }): Child => {
    const element = h("span", {}, label);
    element.style.left = `${part(at)}%`;
    return element;
  };
  return h("div", { class: "timeline", "aria-hidden": "true" },
    rows.map((r) => [h("span", { class: "row" }, r), h("span", { class: "track" }, spans.filter((s) => s.row === r).map(bar))]),
    h("span", {}), h("span", { class: "ticks" }, ticks.map(tick)));
}
