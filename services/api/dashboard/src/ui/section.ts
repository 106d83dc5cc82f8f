/** A part of a page that asks for its own numbers: while it waits, fails or finds nothing, it says so itself. */

import { Refusal } from "../api/client.js";
import { type Child, h } from "./dom.js";

export interface Section {
  title: string;
  note?: string;
  load: () => Promise<Child>;
  /** What of the stream makes it load anew. */
  moves?: "kpis" | "findings";
  /** Beside another one, where there is room. */
  half?: boolean;
  /** It costs much to ask: it is renewed at most so often, in seconds. */
  every?: number;
  /** It is shown even where there is no such thing. */
  needed?: boolean;
}

export interface Placed {
  section: Section;
  element: HTMLElement;
  refresh: () => Promise<void>;
}

let count = 0;

export function place(section: Section, signal: AbortSignal): Placed {
  const id = `section-${++count}`;
  const body = h("div", { "aria-busy": "true" }, h("div", { class: "loading" }, h("span", { class: "hidden" }, "Loading")));
  const element = h(
    "section",
    { "aria-labelledby": id, class: section.half ? "half" : null },
    h("header", {}, h("h2", { id }, section.title), section.note ? h("p", { class: "quiet" }, section.note) : null),
    body,
  );
  let shown = false;
  let asked = 0;
  const refresh = async (): Promise<void> => {
    if (shown && performance.now() - asked < 1000 * (section.every ?? 0)) return;
    asked = performance.now();
    try {
      const made = await section.load();
      if (signal.aborted) return;
      // A table that somebody opened or stands in stays as it is.
      if (shown && (body.querySelector("details[open]") || body.contains(document.activeElement))) return;
      body.replaceChildren(h("div", {}, made));
      element.hidden = false;
      shown = true;
    } catch (e) {
      if (signal.aborted) return;
      // What this api or catalog does not have is no fault: the page is without it.
      if (!section.needed && e instanceof Refusal && e.status === 404) {
        element.hidden = true;
        return;
      }
      const told = failed(e, () => void refresh());
      if (shown) {
        body.querySelector(":scope > .warn")?.remove();
        body.prepend(h("p", { class: "warn" }, "These numbers are not renewed: ", e instanceof Error ? e.message : "no answer"));
      } else {
        body.replaceChildren(told);
      }
    }
    body.removeAttribute("aria-busy");
  };
  return { section, element, refresh };
}

function failed(e: unknown, again: () => void): HTMLElement {
  const refusal = e instanceof Refusal ? e : new Refusal(0, "", e instanceof Error ? e.message : String(e), "");
  return h(
    "div",
    { class: "state error", role: "alert" },
    h("strong", {}, refusal.message),
    refusal.remedy ? h("p", {}, refusal.remedy) : null,
    h("p", { class: "quiet" }, refusal.code ? `${refusal.code} ` : "", h("button", { type: "button", click: again }, "Ask again")),
  );
}
