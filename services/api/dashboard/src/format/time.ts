/** Moments and days as they are read, in the tenant's zone. */

export function moment(iso: string | null | undefined, zone: string): string {
  const at = iso ? new Date(iso) : null;
  if (!at || Number.isNaN(at.getTime())) return "not known";
  return at.toLocaleString("en-GB", {
    timeZone: zone,
    day: "numeric",
    month: "short",
    hour: "2-digit",
    minute: "2-digit",
    // It stays in one line, however narrow its column.
  }).replaceAll(" ", "\u00a0");
}

/** A moment of an answer as the api takes it again: RFC 3339, in UTC, without a fraction of zeros. */
export function rfc3339(text: string): string {
  const at = text.replace(" ", "T").replace(/Z$/, "").replace(/\.0+$/, "");
  return at ? `${at}Z` : "";
}

/** The time of day. */
export function time(iso: string, zone: string): string {
  return new Date(iso).toLocaleTimeString("en-GB", { timeZone: zone, hour: "2-digit", minute: "2-digit" });
}

/** 3 min ago, 2 h ago, 5 days ago. */
export function ago(iso: string, now: number): string {
  const seconds = Math.max(0, (now - new Date(iso).getTime()) / 1000);
  if (seconds < 60) return "just now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

/** 2026-03-02 as 2 Mar. */
export function day(date: string): string {
  const at = new Date(`${date}T00:00:00Z`);
  if (Number.isNaN(at.getTime())) return date;
  return at.toLocaleDateString("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
}
