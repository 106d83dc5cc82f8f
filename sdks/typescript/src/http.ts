import http from "node:http";
import https from "node:https";
import { promisify } from "node:util";
import zlib from "node:zlib";
import { words } from "./notes.js";
import type { Settings } from "./settings.js";
import { VERSION } from "./version.js";

const gzip = promisify(zlib.gzip);
const MAX_ANSWER = 1 << 20;
const GZIP_FROM = 512;
const MAX_RETRY_AFTER = 600_000;

/** An event that was refused. */
export interface Refused {
  index?: number;
  code?: string;
  message?: string;
  remedy?: string;
}

/** What to do with a batch: done with it, split it, retry it, or blocked until someone acts. */
export interface Answer {
  verdict: "done" | "split" | "retry" | "blocked";
  cause: string;
  detail: string;
  accepted: number;
  refused: Refused[];
  /** In ms. */
  retryAfter?: number;
}

/** The headers of a request, without those of its body's encoding. */
export function headers(settings: Settings, dropped: number): Record<string, string> {
  const found: Record<string, string> = {
    "content-type": "application/json",
    accept: "application/json",
    "user-agent": `weir-sdk-typescript/${VERSION}`,
  };
  if (settings.token) found.authorization = `Bearer ${settings.token}`;
  if (dropped) found["weir-dropped"] = String(dropped);
  return found;
}

/** Posts batches over one connection, none of whose parts keeps the process from ending. */
export class Http {
  readonly #settings: Settings;
  readonly #module: typeof http | typeof https;
  readonly #agent: http.Agent;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#module = settings.url.protocol === "https:" ? https : http;
    this.#agent = new this.#module.Agent({ keepAlive: true, maxSockets: 1 });
  }

  /** Sends a batch. Never throws: what goes wrong on the way is an answer to try again. */
  async post(lines: readonly string[], dropped: number): Promise<Answer> {
    try {
      let body: Buffer = Buffer.from(`[${lines.join(",")}]`);
      const about = headers(this.#settings, dropped);
      if (body.length >= GZIP_FROM) {
        body = await gzip(body, { level: 5 });
        about["content-encoding"] = "gzip";
      }
      about["content-length"] = String(body.length);
      return await this.#exchange(about, body).catch((error: unknown) => {
        // A connection that was kept may have been closed meanwhile: once more with a new one.
        if (error instanceof Stale) return this.#exchange(about, body);
        throw error;
      });
    } catch (error) {
      const code = (error as NodeJS.ErrnoException)?.code ?? (error as Error)?.name ?? "failed";
      return { verdict: "retry", cause: code, detail: words(error), accepted: 0, refused: [] };
    }
  }

  /** Closes the connection. */
  close(): void {
    this.#agent.destroy();
  }

  #exchange(about: Record<string, string>, body: Buffer): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const request = this.#module.request(this.#settings.url, {
        method: "POST",
        headers: about,
        agent: this.#agent,
      });
      const late = setTimeout(
        () => request.destroy(new Error("the answer took too long")),
        this.#settings.timeout,
      ).unref();
      const fail = (error: NodeJS.ErrnoException) => {
        clearTimeout(late);
        const stale = request.reusedSocket && ["ECONNRESET", "EPIPE"].includes(error.code ?? "");
        reject(stale ? new Stale() : error);
      };
      request.on("socket", (socket) => socket.unref());
      request.on("error", fail);
      request.on("response", (response) => {
        const parts: Buffer[] = [];
        let size = 0;
        const answer = (text: string) => {
          clearTimeout(late);
          resolve(read(response.statusCode ?? 0, response.headers, text));
        };
        response.on("data", (part: Buffer) => {
          parts.push(part);
          size += part.length;
          if (size <= MAX_ANSWER) return;
          answer(""); // its status tells enough
          request.destroy();
        });
        response.on("error", fail);
        response.on("end", () => answer(Buffer.concat(parts).toString("utf8")));
      });
      request.end(body);
    });
  }
}

class Stale extends Error {}

function object(text: string): Record<string, unknown> {
  try {
    const told: unknown = JSON.parse(text);
    return told && typeof told === "object" ? (told as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** What an answer of the gateway, or of what stands before it, says to do. */
export function read(status: number, head: http.IncomingHttpHeaders, text: string): Answer {
  const told = object(text);
  if (status === 200 || status === 422) {
    if (typeof told.accepted !== "number") {
      const detail = `${status}, but not in the gateway's words`;
      return { verdict: "blocked", cause: "not-a-gateway", detail, accepted: 0, refused: [] };
    }
    const refused = (Array.isArray(told.refused) ? told.refused : []).filter(
      (item: unknown): item is Refused => typeof item === "object" && item !== null,
    );
    return { verdict: "done", cause: `${status}`, detail: "", accepted: told.accepted, refused };
  }
  const known = [told.code, told.title, told.detail].filter(Boolean).map(String);
  const answer: Answer = {
    verdict: "blocked",
    cause: String(told.code || `HTTP ${status}`),
    detail: [`HTTP ${status}`, ...known].join(": "),
    accepted: 0,
    refused: [],
  };
  if (status === 400 || status === 413) return { ...answer, verdict: "split" };
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const after = retryAfter(head["retry-after"]);
    return { ...answer, verdict: "retry", ...(after === undefined ? {} : { retryAfter: after }) };
  }
  return answer;
}

function retryAfter(value: string | undefined): number | undefined {
  if (!value?.trim()) return undefined;
  const seconds = Number(value);
  const millis = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(millis) ? undefined : Math.min(Math.max(millis, 0), MAX_RETRY_AFTER);
}
