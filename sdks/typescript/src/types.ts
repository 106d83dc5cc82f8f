/** A moment: a Date, microseconds since 1970, or RFC 3339. */
export type Time = Date | number | string;

/** Who: an address alone, or one with a team. */
export type Person = string | { email: string; team?: string };

/** What every event may have. */
export interface Envelope {
  /** A UUID; two events with the same one are the same event. Left out, a new UUIDv7. */
  eventId?: string | null;
  /** When it happened; left out, now. */
  eventTime?: Time | null;
  /** The instance that emits; left out, the client's. */
  source?: string | null;
  /** OpenTelemetry resource attributes, laid over the client's. */
  resource?: Readonly<Record<string, string>> | null;
}

/** Fields by the names of their schema. */
export type Fields = Record<string, unknown>;
