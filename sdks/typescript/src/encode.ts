/** One event as the JSON that `POST /v1/events` takes. Throws on what cannot be sent. */
export function encode(event: Record<string, unknown>): string {
  const text = JSON.stringify(event);
  // Half a surrogate pair is no text for its readers: the whole body would be refused.
  return text.includes("\\ud") ? JSON.stringify(event, wellFormed) : text;
}

function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === "string" ? value.replace(/\p{Surrogate}/gu, "\ufffd") : value;
}

/** A value as events have it: moments are microseconds; what JSON would turn to null is refused. */
export function plain(name: string, value: unknown): unknown {
  switch (typeof value) {
    case "number":
      if (!Number.isFinite(value)) throw new TypeError(`${name} is ${value}`);
      return value;
    case "bigint":
      if (!Number.isSafeInteger(Number(value))) throw new TypeError(`${name} is too large`);
      return Number(value);
    case "function":
    case "symbol":
      throw new TypeError(`${name} is a ${typeof value}`);
    case "object":
      if (value instanceof Date) return plain(name, value.getTime() * 1000);
      return value;
    default:
      return value;
  }
}
