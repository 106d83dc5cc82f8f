// What the answers of OpenAI and Anthropic say about a call, in the fields of `llm.call`.
//
// Token classes of `llm.call` are disjoint: OpenAI's input has the cached tokens in it and both
// providers' output the reasoning, so these are taken out.

import type { Fields } from "./types.js";

type Told = Record<string, unknown>;

/** A value below an object; undefined where there is none. */
export function get(thing: unknown, ...path: (string | number)[]): unknown {
  let found = thing;
  for (const name of path) {
    if (found === null || (typeof found !== "object" && typeof found !== "function"))
      return undefined;
    found = (found as Record<string | number, unknown>)[name];
  }
  return found ?? undefined;
}

function number(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

function less(whole: unknown, ...parts: unknown[]): number | undefined {
  if (typeof whole !== "number") return undefined;
  return Math.max(
    parts.reduce<number>((left, part) => left - (number(part) ?? 0), whole),
    0,
  );
}

function assign(into: Fields, found: Fields): void {
  for (const name in found) if (found[name] !== undefined) into[name] = found[name];
}

/** What is read of one call's answer. */
export interface Reader {
  readonly fields: Fields;
  /** Whether the counts are those of the whole call. */
  complete: boolean;
  /** Whether a stream has given its first token. */
  tokensSeen: boolean;
  /** Takes an answer that came at once. */
  whole(answer: unknown): void;
  /** Takes an item of a stream; whether the host would have got it unasked. */
  saw(item: unknown): boolean;
  /** Takes the headers of the response. */
  headers(headers: Headers): void;
}

/** An answer of chat completions, responses or embeddings. */
export class OpenAiReader implements Reader {
  readonly fields: Fields = {};
  complete = false;
  tokensSeen = false;

  headers(): void {
    // The id of the call is in the body.
  }

  whole(answer: unknown): void {
    this.#about(answer);
    this.complete = get(answer, "usage") !== undefined;
  }

  saw(item: unknown): boolean {
    const kind = get(item, "type");
    if (typeof kind === "string") {
      const answer = get(item, "response");
      if (answer !== undefined) this.#about(answer);
      if (["response.completed", "response.incomplete", "response.failed"].includes(kind)) {
        this.complete = get(answer, "usage") !== undefined;
      }
      this.tokensSeen ||= kind.endsWith(".delta");
      return true;
    }
    this.#about(item);
    const choices = get(item, "choices");
    const some = Array.isArray(choices) && choices.length > 0;
    this.tokensSeen ||= some;
    if (get(item, "usage") === undefined) return true;
    this.complete = true;
    return some;
  }

  #about(answer: unknown): void {
    const usage = get(answer, "usage");
    const details = get(usage, "prompt_tokens_details") ?? get(usage, "input_tokens_details");
    const into = get(usage, "prompt_tokens") ?? get(usage, "input_tokens");
    const out = get(usage, "completion_tokens") ?? get(usage, "output_tokens");
    const reasoning =
      get(usage, "completion_tokens_details", "reasoning_tokens") ??
      get(usage, "output_tokens_details", "reasoning_tokens");
    const read = get(details, "cached_tokens");
    const written = get(details, "cache_write_tokens");
    assign(this.fields, {
      request_id: get(answer, "id"),
      model: get(answer, "model"),
      tokens_input: less(into, read, written),
      tokens_cache_read: number(read),
      tokens_cache_write: number(written),
      tokens_output: less(out, reasoning),
      tokens_reasoning: number(reasoning),
      service_tier: get(answer, "service_tier"),
      stop_reason:
        get(answer, "choices", 0, "finish_reason") ?? get(answer, "incomplete_details", "reason"),
    });
    if (get(answer, "status") === "failed") {
      this.fields.success = false;
      this.fields.error_type = get(answer, "error", "code") ?? "failed";
    }
  }
}

/** A message of Anthropic's. */
export class AnthropicReader implements Reader {
  readonly fields: Fields = {};
  complete = false;
  tokensSeen = false;
  readonly #usage: Told = {};
  #request: string | undefined;

  headers(headers: Headers): void {
    // The id of the request is there, as in others' logs.
    this.#request = headers.get("request-id") ?? undefined;
  }

  whole(answer: unknown): void {
    this.#about(answer);
    this.complete = get(answer, "usage") !== undefined;
  }

  saw(item: unknown): boolean {
    switch (get(item, "type")) {
      case "message_start":
        this.#about(get(item, "message"));
        break;
      case "message_delta":
        assign(this.fields, { stop_reason: get(item, "delta", "stop_reason") });
        this.#count(get(item, "usage"));
        this.complete = true;
        break;
      case "content_block_delta":
        this.tokensSeen = true;
        break;
    }
    return true;
  }

  #about(answer: unknown): void {
    assign(this.fields, {
      request_id: this.#request ?? get(answer, "_request_id") ?? get(answer, "id"),
      model: get(answer, "model"),
      stop_reason: get(answer, "stop_reason"),
    });
    this.#count(get(answer, "usage"));
  }

  /** Counts of a stream replace those told before: they are running totals. */
  #count(usage: unknown): void {
    const told = this.#usage;
    assign(told, {
      input: get(usage, "input_tokens"),
      read: get(usage, "cache_read_input_tokens"),
      written: get(usage, "cache_creation_input_tokens"),
      minutes: get(usage, "cache_creation", "ephemeral_5m_input_tokens"),
      hour: get(usage, "cache_creation", "ephemeral_1h_input_tokens"),
      output: get(usage, "output_tokens"),
      thought: get(usage, "output_tokens_details", "thinking_tokens"),
      tier: get(usage, "service_tier"),
    });
    assign(this.fields, {
      tokens_input: told.input,
      tokens_cache_read: told.read,
      tokens_cache_write: told.written,
      tokens_cache_write_5m: told.minutes,
      tokens_cache_write_1h: told.hour,
      tokens_output: less(told.output, told.thought),
      tokens_reasoning: told.thought,
      service_tier: told.tier,
    });
  }
}
