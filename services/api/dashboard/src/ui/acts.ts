/** What one can do about an alert. Who does it is remembered in this browser. */

import { command } from "../api/client.js";
import type { Alert } from "../api/types.js";
import { type Child, h } from "./dom.js";

const NAME = "weir.name";
const HOUR_MS = 3_600_000;
const SILENCES: readonly (readonly [string, number])[] = [["1 hour", 1], ["8 hours", 8], ["1 day", 24], ["1 week", 168]];

/** Who acts; nothing: the name of the token stands for him. */
function name(): { by?: string } {
  const known = localStorage.getItem(NAME)?.trim();
  return known ? { by: known } : {};
}

export function actor(): HTMLElement {
  const keep = (e: Event): void => localStorage.setItem(NAME, (e.target as HTMLInputElement).value);
  return h("p", { class: "acts" }, h("label", { for: "actor" }, "You are"),
    h("input", { id: "actor", type: "text", autocomplete: "email", maxlength: 200, placeholder: "the bearer of the token", value: localStorage.getItem(NAME) ?? "", change: keep }));
}

export function actions(a: Alert): HTMLElement {
  const title = `${a.rule.replaceAll("_", " ")}, opened ${a.opened}`;
  const take = (e: Event): void => void done(e, () => command("POST", "/v1/alerts/{id}/acknowledge", { id: a.id }, name()), "taken on");
  const silence = h("select", { "aria-label": `Silence ${title}`, change: (e) => {
    const hours = Number((e.target as HTMLSelectElement).value);
    const until = new Date(Date.now() + hours * HOUR_MS).toISOString();
    void done(e, () => command("POST", "/v1/silences", {}, { alert_id: a.id, until, ...name() }), "silenced");
  } }, h("option", { value: "" }, "Silence for…"), SILENCES.map(([label, hours]) => h("option", { value: hours }, label)));
  return h("div", { class: "acts" },
    a.acknowledged_by ? null : h("button", { type: "button", "aria-label": `Take on ${title}`, click: take }, "Take on"),
    silence);
}

/** Does it, and says in place of what was pressed that it is done, or why not. */
export async function done(e: Event, act: () => Promise<{ by: string }>, word: string): Promise<void> {
  const pressed = e.currentTarget as HTMLButtonElement | HTMLSelectElement;
  pressed.disabled = true;
  const say = (what: Child, tone: string): void => pressed.replaceWith(h("span", { class: tone, role: "status" }, what));
  try {
    const told = await act();
    say(`${word} by ${told.by}`, "good");
  } catch (error) {
    say(error instanceof Error ? error.message : String(error), "bad");
  }
}
