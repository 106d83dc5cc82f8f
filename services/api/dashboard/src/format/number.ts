/** Numbers as they are read: always with their unit, never more digits than they carry. */

/** What stands where there is no value: it is not 0. */
export const NONE = "no data";

const LOCALE = "en-US";

type Value = number | null | undefined;

/** Decimals that a magnitude deserves: two or three digits that matter. */
export function decimalsOf(value: number): number {
  const size = Math.abs(value);
  if (size >= 100 || size === 0) return 0;
  if (size >= 10) return 1;
  if (size >= 1) return 2;
  return Math.min(6, 1 - Math.floor(Math.log10(size)));
}

export function plain(value: number, decimals = decimalsOf(value)): string {
  const text = value.toLocaleString(LOCALE, {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  });
  // A rounded nothing has no sign.
  return /^-[0.,]+$/.test(text) ? text.slice(1) : text.replace("-", "−");
}

/** 12,345,678 as 12.3 M: counts of tokens and calls. */
export function compact(value: number): string {
  const size = Math.abs(value);
  const steps: [number, string][] = [
    [1e12, " T"],
    [1e9, " B"],
    [1e6, " M"],
    [1e4, " k"],
  ];
  for (const [step, letter] of steps) {
    if (size >= step) {
      const small = step === 1e4 ? 1e3 : step;
      return plain(value / small, size / small >= 100 ? 0 : 1) + letter;
    }
  }
  return Number.isInteger(value) ? plain(value, 0) : plain(value);
}

export function usd(value: number): string {
  const size = Math.abs(value);
  const decimals = size >= 1000 || size === 0 ? 0 : size >= 0.01 ? 2 : decimalsOf(size);
  const text = plain(size, decimals);
  return (value < 0 && /[1-9]/.test(text) ? "−$" : "$") + text;
}

/** A duration that is kept in milliseconds. */
export function milliseconds(value: number): string {
  const size = Math.abs(value);
  if (size < 1000) return `${plain(value)} ms`;
  return seconds(value / 1000);
}

export function seconds(value: number): string {
  const size = Math.abs(value);
  if (size < 1) return `${plain(value * 1000)} ms`;
  if (size < 120) return `${plain(value, size < 10 ? 2 : 1)} s`;
  if (size < 7200) return `${plain(value / 60, 1)} min`;
  if (size < 172_800) return `${plain(value / 3600, 1)} h`;
  return `${plain(value / 86_400, 1)} days`;
}

/** A value with its unit, as the catalog names units. */
export function withUnit(value: Value, unit: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return NONE;
  switch (unit) {
    case "usd":
      return usd(value);
    case "percent":
    case "percent_of_budget":
      return `${plain(value, 1)} %`;
    case "percent_change":
      return `${value > 0 ? "+" : ""}${plain(value, 1)} %`;
    case "share":
      return `${plain(value * 100, 1)} %`;
    case "ms":
      return milliseconds(value);
    case "s":
    case "seconds":
      return seconds(value);
    case "minutes":
      return seconds(value * 60);
    case "hours":
      return seconds(value * 3600);
    case "x":
      return `${plain(value, Math.abs(value) >= 100 ? 0 : 1)} ×`;
    case "":
      return compact(value);
    default:
      return `${compact(value)} ${unit.replaceAll("_", " ")}`;
  }
}

export interface Change {
  /** `+12 %`, or points where the unit is a percentage. */
  text: string;
  /** Whether it is a change for the better; null where no way is better. */
  good: boolean | null;
}

/** What changed against before; null where it cannot be said. */
export function change(now: Value, before: Value, unit: string, better?: string | null): Change | null {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  const points = unit === "percent" || unit === "percent_change" || unit === "share";
  const scale = unit === "share" ? 100 : 1;
  const by = points ? (now - before) * scale : before === 0 ? NaN : ((now - before) / Math.abs(before)) * 100;
  if (!Number.isFinite(by)) return null;
  const text = plain(Math.abs(by), Math.abs(by) >= 10 ? 0 : 1);
  const none = !/[1-9]/.test(text);
  const sign = none ? "±" : by > 0 ? "+" : "−";
  const good = none || !better ? null : by > 0 === (better === "higher");
  return { text: `${sign}${text} ${points ? "points" : "%"}`, good };
}
