/** Reports about what a page shows, to take along: the same days, as a file. */

import { ask, file } from "../api/client.js";
import type { Context } from "../context.js";
import { h } from "./dom.js";

/** A choice of formats; nothing where this api does not have the report. */
export function reports(c: Context, name: string | undefined): HTMLElement {
  const place = h("p", { class: "quiet tools" });
  if (name) void offer(c, name, place).catch(() => place.remove());
  return place;
}

async function offer(c: Context, name: string, place: HTMLElement): Promise<void> {
  const known = (await ask("/v1/reports", {}, {}, c.signal)).data.find((r) => r.name === name);
  if (!known) return;
  const link = (format: string): HTMLElement =>
    h("button", { type: "button", class: "plain", "aria-label": `Download the report ${name} as ${format}`, click: (e) => void take(e, c, name, format) }, format);
  place.replaceChildren("Download the report: ", ...known.formats.flatMap((f) => [link(f), " "]));
}

/** A report takes some seconds: what was pressed waits with it. */
async function take(e: Event, c: Context, name: string, format: string): Promise<void> {
  const pressed = e.currentTarget as HTMLButtonElement;
  const place = pressed.parentElement;
  pressed.disabled = true;
  place?.querySelector("[role]")?.remove();
  try {
    const [bytes, named] = await file("/v1/reports/{report}", { report: name }, { format, ...c.period });
    const address = URL.createObjectURL(bytes);
    h("a", { href: address, download: named }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } catch (error) {
    place?.append(h("span", { class: "bad", role: "alert" }, error instanceof Error ? error.message : "no answer"));
  }
  pressed.disabled = false;
}
