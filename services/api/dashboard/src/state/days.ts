/** Days as texts (`2026-03-02`): arithmetic without zones. */

const MS = 86_400_000;

function ordinal(day: string): number {
  return Math.round(Date.parse(`${day}T00:00:00Z`) / MS);
}

export function isDay(text: string | null): text is string {
  if (!text || !/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

export function plus(day: string, days: number): string {
  return new Date((ordinal(day) + days) * MS).toISOString().slice(0, 10);
}

/** Days of a span, both ends included. */
export function length(from: string, to: string): number {
  return ordinal(to) - ordinal(from) + 1;
}

export function each(from: string, to: string): string[] {
  return Array.from({ length: Math.max(0, length(from, to)) }, (_, i) => plus(from, i));
}

/** Seconds since 1970 at which a day begins, as if days were those of UTC: for axes. */
export function axis(day: string): number {
  return (ordinal(day) * MS) / 1000;
}

/** Today in a zone. */
export function today(zone: string, now = new Date()): string {
  return now.toLocaleDateString("sv-SE", { timeZone: zone });
}
