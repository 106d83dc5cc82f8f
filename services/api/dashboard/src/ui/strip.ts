/** Which days something came on: a mark for each, and how many of them have none. */

import { h } from "./dom.js";

export interface Mark {
  label: string;
  there: boolean;
}

export function strip(marks: readonly Mark[]): HTMLElement {
  return h("span", { class: "strip", "aria-hidden": "true" }, marks.map((m) => h("span", { class: m.there ? "there" : "", title: m.label })));
}
