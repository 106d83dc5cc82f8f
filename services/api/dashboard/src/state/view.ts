/** What is looked at, as the address of the page says it: nothing of it is kept anywhere else. */

import { isDay, length, plus } from "./days.js";

export interface View {
  /** Last so many days, where no days are named. */
  last: number;
  /** Named days, both included. */
  from: string | null;
  to: string | null;
  team: string | null;
  /** Whether the days just before are shown beside. */
  compare: boolean;
  /** What one page alone knows: `by` of Cost. */
  rest: Readonly<Record<string, string>>;
}

export interface Period {
  from: string;
  to: string;
}

export const PERIODS = [7, 30, 90] as const;
const USUAL = 30;
const LONGEST = 3660;
const OWN = ["last", "from", "to", "team", "compare"];

export function read(query: string): View {
  const all = new URLSearchParams(query);
  const last = Number(all.get("last"));
  const [from, to] = [all.get("from"), all.get("to")];
  const named = isDay(from) && isDay(to) && from <= to && length(from, to) <= LONGEST;
  const rest = [...all.entries()].filter(([name]) => !OWN.includes(name));
  return {
    last: Number.isInteger(last) && last >= 1 && last <= LONGEST ? last : USUAL,
    from: named ? from : null,
    to: named ? to : null,
    team: all.get("team") || null,
    compare: all.get("compare") !== "no",
    rest: Object.fromEntries(rest),
  };
}

/** The query of a view; what is usual is left out, so that equal views have equal addresses. */
export function write(view: View): string {
  const all = new URLSearchParams();
  if (view.from && view.to) {
    all.set("from", view.from);
    all.set("to", view.to);
  } else if (view.last !== USUAL) {
    all.set("last", String(view.last));
  }
  if (view.team) all.set("team", view.team);
  if (!view.compare) all.set("compare", "no");
  for (const name of Object.keys(view.rest).sort()) all.set(name, view.rest[name] ?? "");
  const text = all.toString();
  return text ? `?${text}` : "";
}

/** The days that are looked at; the last one is today. */
export function period(view: View, today: string): Period {
  if (view.from && view.to) return { from: view.from, to: view.to };
  return { from: plus(today, 1 - view.last), to: today };
}

/** As many days, just before. */
export function before(of: Period): Period {
  const days = length(of.from, of.to);
  return { from: plus(of.from, -days), to: plus(of.from, -1) };
}
