/** The way to the api: one place that asks, and says what an answer was not. */

import type { paths } from "./schema.js";

/** What a path answers, as the OpenAPI document has it. */
export type Answer<P extends keyof paths> = paths[P] extends {
  get: { responses: { 200: { content: { "application/json": infer A } } } };
}
  ? A
  : never;

export type Data<P extends keyof paths> = Answer<P> extends { data: infer D } ? D : never;

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** A refusal, as RFC 9457 has it. */
export class Refusal extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    detail: string,
    readonly remedy: string,
  ) {
    super(detail);
  }
}

const TOKEN = "weir.token";
const PATIENCE_MS = 30_000;

export function keep(token: string | null): void {
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

function address(path: string, at: Readonly<Record<string, string>>, query: Query): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(at[name] ?? ""));
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") all.set(name, String(value));
  }
  const text = all.toString();
  return text ? `${filled}?${text}` : filled;
}

/** What a request says of who asks. A cookie goes along by itself; a token is sent where one is kept. */
export function authorized(): Record<string, string> {
  const token = sessionStorage.getItem(TOKEN);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

/** Gives a command: what it changes is shown by the lists a moment later. */
export async function command(method: "POST" | "DELETE", path: string, at: Readonly<Record<string, string>>, body?: unknown): Promise<{ by: string }> {
  const headers = { ...authorized(), Accept: "application/json", ...(body ? { "Content-Type": "application/json" } : {}) };
  const response = await fetch(address(path, at, {}), {
    method,
    headers,
    body: body ? JSON.stringify(body) : null,
    signal: AbortSignal.timeout(PATIENCE_MS),
  }).catch(() => {
    throw new Refusal(0, "", "weir does not answer", "Look whether it runs: `weir status`.");
  });
  if (!response.ok) throw await refused(response);
  return ((await response.json()) as { data: { by: string } }).data;
}

/** Asks for a path of the document. */
export async function ask<P extends keyof paths & string>(
  path: P,
  query: Query = {},
  at: Readonly<Record<string, string>> = {},
  signal?: AbortSignal,
): Promise<Answer<P>> {
  const headers = { ...authorized(), Accept: "application/json" };
  const patience = AbortSignal.timeout(PATIENCE_MS);
  let response: Response;
  try {
    response = await fetch(address(path, at, query), {
      headers,
      // The browser asks with the tag that it has: what did not change is not sent again.
      cache: "no-cache",
      signal: signal ? AbortSignal.any([signal, patience]) : patience,
    });
  } catch (e) {
    if (signal?.aborted) throw e;
    throw new Refusal(0, "", "weir does not answer", "Look whether it runs: `weir status`.");
  }
  if (!response.ok) throw await refused(response);
  return (await response.json()) as Answer<P>;
}

/** A file, and how it is called. It may take longer than an answer of numbers. */
export async function file(path: string, at: Readonly<Record<string, string>>, query: Query): Promise<[Blob, string]> {
  const response = await fetch(address(path, at, query), {
    headers: authorized(),
    signal: AbortSignal.timeout(4 * PATIENCE_MS),
  }).catch(() => {
    throw new Refusal(0, "", "weir does not answer", "Look whether it runs: `weir status`.");
  });
  if (!response.ok) throw await refused(response);
  const named = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") ?? "");
  return [await response.blob(), named?.[1] ?? "report"];
}

async function refused(response: Response): Promise<Refusal> {
  const told: unknown = await response.json().catch(() => null);
  const text = (name: string): string => {
    const value = told && typeof told === "object" ? Reflect.get(told, name) : null;
    return typeof value === "string" ? value : "";
  };
  const detail = text("detail") || `the api answered ${response.status}`;
  return new Refusal(response.status, text("code"), detail, text("remedy"));
}
