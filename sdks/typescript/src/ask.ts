// Questions to the api over HTTP: one request and its answer, again where it asks for patience.
import { setTimeout as sleep } from "node:timers/promises";
import { VERSION } from "./version.js";

type Json = Record<string, unknown>;

const FIRST_PAUSE = 250;
const LAST_PAUSE = 5000;
/** Answers that say: not now. */
const BUSY = [408, 425, 429, 502, 503, 504];

/** Why there is no answer. A refusal has a `code` of docs/errors.md and a `remedy`. */
export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: string;
  readonly detail: string;
  readonly remedy: string;

  constructor(
    /** That of HTTP; 0: nothing answered, and `code` is empty. */
    readonly status: number,
    /** The whole document (RFC 9457); where ClickHouse does not answer it tells `run` and
     * `complete_through` by event type. */
    readonly known: Json,
    options?: ErrorOptions,
  ) {
    const text = (name: string) => (typeof known[name] === "string" ? (known[name] as string) : "");
    const first = text("code") || (status ? `HTTP ${status}` : "");
    const words = [first, text("detail") || text("title")];
    super(words.filter((word) => word !== "").join(": "), options);
    this.code = text("code");
    this.detail = text("detail");
    this.remedy = text("remedy");
  }
}

/** An answer's document. */
export interface Told {
  data: Json | Json[];
  next?: string;
  complete_through: string | null;
}

/** How an api is asked; times in ms, sizes in characters. */
export interface Asking {
  url: string;
  token: string;
  timeout: number;
  patience: number;
  cacheSize: number;
}

/** Another attempt is worth it, after a pause where the answer named one. */
class Later {
  constructor(
    readonly problem: Problem,
    readonly pause: number | undefined,
  ) {}
}

/** Asks one api. */
export class Asker {
  readonly #how: Asking;
  /** Answers by path with the tag (ETag) that the api gave them; the oldest go first. */
  readonly #kept = new Map<string, { tag: string; body: string }>();
  #size = 0;

  constructor(how: Asking) {
    this.#how = how;
  }

  /** The document at a path (with its query). Rejects with a Problem. */
  async get(path: string): Promise<Told> {
    const end = performance.now() + this.#how.patience;
    for (let attempt = 0; ; attempt++) {
      const found = await this.#once(path);
      if (!(found instanceof Later)) return found;
      const most = Math.min(LAST_PAUSE, FIRST_PAUSE * 2 ** Math.min(attempt, 16));
      const pause = found.pause ?? most * (0.5 + Math.random() / 2);
      if (performance.now() + pause > end) throw found.problem;
      await sleep(pause);
    }
  }

  async #once(path: string): Promise<Told | Later> {
    const kept = this.#kept.get(path);
    const { status, headers, body } = await this.#exchange(path, kept?.tag);
    if (status === 304 && kept) {
      this.#keep(path, kept.tag, kept.body);
      return document(status, kept.body);
    }
    if (status === 200) {
      const told = document(status, body);
      const tag = headers.get("etag");
      if (tag) this.#keep(path, tag, body);
      return told;
    }
    const problem = new Problem(status, refusal(body));
    if (!BUSY.includes(status)) throw problem;
    return new Later(problem, retryAfter(headers.get("retry-after")));
  }

  async #exchange(path: string, tag: string | undefined) {
    const { url, token, timeout } = this.#how;
    const headers: Record<string, string> = {
      accept: "application/json",
      "user-agent": `weir-sdk-typescript/${VERSION}`,
    };
    if (token) headers.authorization = `Bearer ${token}`;
    if (tag) headers["if-none-match"] = tag;
    try {
      const signal = AbortSignal.timeout(timeout);
      const answer = await fetch(url + path, { headers, signal, redirect: "manual" });
      return { status: answer.status, headers: answer.headers, body: await answer.text() };
    } catch (error) {
      const cause = error instanceof Error ? String(error.cause ?? error.message) : String(error);
      throw new Problem(0, { detail: `${url} gave no answer: ${cause}` }, { cause: error });
    }
  }

  #keep(path: string, tag: string, body: string): void {
    const old = this.#kept.get(path);
    if (old) this.#size -= old.body.length;
    this.#kept.delete(path);
    if (body.length > this.#how.cacheSize) return;
    this.#kept.set(path, { tag, body });
    this.#size += body.length;
    for (const [oldest, { body: gone }] of this.#kept) {
      if (this.#size <= this.#how.cacheSize) return;
      this.#kept.delete(oldest);
      this.#size -= gone.length;
    }
  }
}

function document(status: number, body: string): Told {
  const told = parsed(body);
  const data = isObject(told) ? told.data : undefined;
  if (Array.isArray(data) ? !data.every(isObject) : !isObject(data)) {
    const detail = "the answer is not in the api's words: is WEIR_API the api's address?";
    throw new Problem(status, { detail });
  }
  return told as unknown as Told;
}

/** What a refusal says; of something that stands before the api nothing. */
function refusal(body: string): Json {
  const told = parsed(body);
  return isObject(told) ? told : { detail: "refused" };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Milliseconds from now: the header is a number of seconds, or a date. */
function retryAfter(value: string | null): number | undefined {
  if (!value) return undefined;
  const seconds = Number(value);
  const pause = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(pause) ? undefined : Math.max(pause, 0);
}
