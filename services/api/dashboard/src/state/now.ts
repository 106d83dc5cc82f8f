/** What KPIs are so far, as the stream told last. */

import type { Kpi, SoFar } from "../api/types.js";

/** The size of windows that is shown as now. */
const WINDOW = "1h";
const known = new Map<string, SoFar>();
let told = false;

export function take(so_far: SoFar): void {
  if (!Object.keys(so_far.subject).length) known.set(so_far.kpi, so_far);
}

/** Whether the stream was ever there. */
export function begin(): void {
  told = true;
}

export function began(): boolean {
  return told;
}

/** KPIs that there can be a value of now: those of everything, by the hour. */
export function watched(kpis: ReadonlyMap<string, Kpi>): Kpi[] {
  return [...kpis.values()].filter((k) => !k.by.length && k.window === WINDOW && k.kind === "kpi");
}

/** Values of windows that are open at a moment. */
export function open(now: number): SoFar[] {
  return [...known.values()].filter((k) => new Date(k.window_end).getTime() > now);
}
