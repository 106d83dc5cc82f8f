import { Privacy, readKey } from "./privacy.js";
import type { Person } from "./types.js";

/** How a client is set up; what is left out comes from the environment, then from defaults. */
export interface Options {
  /** Address of the gateway: WEIR_URL, http://127.0.0.1:4318. */
  url?: string;
  /** WEIR_TOKEN. */
  token?: string;
  /** The instance that emits: WEIR_SOURCE, else the token's name. */
  source?: string;
  /** Whose events these are: WEIR_ENGINEER. */
  engineer?: Person;
  /** The engineer's team: WEIR_TEAM. */
  team?: string;
  /** OpenTelemetry resource attributes of every event. */
  resource?: Readonly<Record<string, string>>;
  /** "pseudonymise" writes pseudonyms in place of names before anything is queued: WEIR_PRIVACY. */
  privacy?: "pseudonymise" | "off";
  /** The folder that has the secret key of pseudonyms: WEIR_PRIVACY_FOLDER. */
  privacyFolder?: string;
  /** Whose events these are, which pseudonyms are made for: WEIR_TENANT. */
  tenant?: string;
  /** A folder in which batches wait while the gateway is away: WEIR_SPOOL. */
  spool?: string;
  /** Sends nothing: WEIR_DISABLED=1. */
  disabled?: boolean;
  /** Says on standard error what is sent: WEIR_DEBUG=1. */
  debug?: boolean;
  /** Bounds of the queue, in events and in characters of JSON. */
  maxEvents?: number;
  maxBytes?: number;
  /** Bounds of a batch. */
  batchEvents?: number;
  batchBytes?: number;
  /** How long an event waits for others, how long a request and the exit may take, in ms. */
  flushInterval?: number;
  timeout?: number;
  exitTimeout?: number;
  /** Bound of the spool, in bytes. */
  spoolBytes?: number;
}

/** Options completed. */
export interface Settings {
  url: URL;
  token: string;
  spool: string | undefined;
  disabled: boolean;
  debug: boolean;
  maxEvents: number;
  maxBytes: number;
  batchEvents: number;
  batchBytes: number;
  flushInterval: number;
  timeout: number;
  exitTimeout: number;
  spoolBytes: number;
}

const LIMITS = {
  maxEvents: 10_000,
  maxBytes: 8 << 20,
  batchEvents: 500,
  batchBytes: 512 << 10,
  flushInterval: 1000,
  timeout: 10_000,
  exitTimeout: 2000,
  spoolBytes: 64 << 20,
};
const MAY_BE_ZERO = ["flushInterval", "exitTimeout"];

/** Whether the environment switches something on. */
export function flag(name: string): boolean {
  return ["1", "true", "yes", "on"].includes((process.env[name] ?? "").trim().toLowerCase());
}

/** Completes options. Throws on what cannot work. */
export function settings(given: Options): Settings {
  const url = new URL((given.url || process.env.WEIR_URL || "http://127.0.0.1:4318").trim());
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError(`url ${url.href} is not an http or https address`);
  }
  url.pathname = url.pathname.replace(/\/+$/, "") + "/v1/events";
  const limits = { ...LIMITS };
  for (const name of Object.keys(LIMITS) as (keyof typeof LIMITS)[]) {
    const value = given[name] ?? LIMITS[name];
    if (!Number.isSafeInteger(value) || value < (MAY_BE_ZERO.includes(name) ? 0 : 1)) {
      throw new TypeError(`${name} has to be a whole number above 0`);
    }
    limits[name] = value;
  }
  return {
    url,
    token: (given.token || process.env.WEIR_TOKEN || "").trim(),
    spool: given.spool || process.env.WEIR_SPOOL || undefined,
    disabled: Boolean(given.disabled) || flag("WEIR_DISABLED"),
    debug: Boolean(given.debug) || flag("WEIR_DEBUG"),
    ...limits,
  };
}

/** The engineer as the schemas have it. */
export function person(given: Options): { email: string; team?: string } | undefined {
  const who = given.engineer || process.env.WEIR_ENGINEER;
  if (!who) return undefined;
  const found = typeof who === "string" ? { email: who } : { ...who };
  const team = given.team || process.env.WEIR_TEAM;
  return team && !found.team ? { ...found, team } : found;
}

/** What replaces names; undefined where they stay. Throws: without its key nothing is sent. */
export function names(given: Options): Privacy | undefined {
  const env = process.env;
  const mode = (given.privacy || env.WEIR_PRIVACY || "off").trim().toLowerCase();
  if (mode === "off") return undefined;
  if (mode !== "pseudonymise") throw new TypeError(`privacy is pseudonymise or off, not ${mode}`);
  const folder = given.privacyFolder || env.WEIR_PRIVACY_FOLDER;
  const tenant = given.tenant || env.WEIR_TENANT;
  if (!folder || !tenant) {
    throw new TypeError("privacy needs privacyFolder, which has the key, and tenant");
  }
  return new Privacy(readKey(folder), tenant);
}
