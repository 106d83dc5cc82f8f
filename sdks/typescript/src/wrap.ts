// Measures the calls of OpenAI and Anthropic clients.
//
// Methods of the given client are replaced on the instance. What the host gets back is the very
// promise or stream that it got before; only how an answer is parsed, and a stream iterated, is
// observed. A fault in here is noted and never the host's.

import { errorType } from "./capability.js";
import { words, type Notes } from "./notes.js";
import type { Fields, Person } from "./types.js";
import { AnthropicReader, get, OpenAiReader, type Reader } from "./usage.js";

/** What is told with each call of a wrapped client. */
export interface About {
  /** What it was for, e.g. coding, review, chat. */
  category?: string;
  sessionId?: string;
  engineer?: Person;
  /** Left out: by the client's class and address. */
  provider?: string;
  /** Asks for the usage of streamed chat completions, and keeps it from the host, also where the
   * address is not OpenAI's own or Azure. */
  streamUsage?: boolean;
}

/** Where the calls of one client are told. */
export interface Calls {
  emit: (fields: Fields) => void;
  notes: Notes;
  about: Omit<About, "streamUsage">;
  streamUsage: boolean;
}

type Method = ((...args: unknown[]) => unknown) & { weir?: boolean };
type Parse = (client: unknown, props: unknown) => Promise<unknown>;

/** One call, told once. */
class Call {
  hideUsage = false;
  readonly #calls: Calls;
  readonly #reader: Reader;
  readonly #model: unknown;
  readonly #began = performance.now();
  #firstToken: number | undefined;
  #told = false;

  constructor(calls: Calls, reader: Reader, model: unknown) {
    this.#calls = calls;
    this.#reader = reader;
    this.#model = model;
  }

  #since(): number {
    return performance.now() - this.#began;
  }

  tell(outcome: Fields = {}): void {
    if (this.#told) return;
    this.#told = true;
    const { category, sessionId, engineer, provider } = this.#calls.about;
    this.#calls.emit({
      model: this.#model,
      success: true,
      latency_ms: this.#since(),
      first_token_ms: this.#firstToken,
      usage_complete: this.#reader.complete,
      ...this.#reader.fields,
      category,
      session_id: sessionId,
      engineer,
      provider,
      ...outcome,
    });
  }

  failed(error: unknown): void {
    this.tell({ success: false, error_type: errorType(error) });
  }

  /** Whether an item of a stream is for the host. */
  saw(item: unknown): boolean {
    try {
      const shown = this.#reader.saw(item);
      if (this.#reader.tokensSeen) this.#firstToken ??= this.#since();
      return shown || !this.hideUsage;
    } catch (error) {
      this.#calls.notes.once("item", `a stream was not understood: ${words(error)}`);
      return true;
    }
  }

  /** Looks at what came back; the host gets the same. */
  answered(result: unknown, response?: unknown): void {
    try {
      if (response instanceof Response) this.#reader.headers(response.headers);
      const stream = result as { iterator?: () => AsyncIterator<unknown> } | undefined;
      if (typeof stream?.iterator === "function" && Symbol.asyncIterator in stream) {
        const inner = stream.iterator;
        stream.iterator = () => items(inner.call(stream), this);
        return;
      }
      this.#reader.whole(result);
    } catch (error) {
      this.#calls.notes.once("answer", `an answer was not understood: ${words(error)}`);
    }
    this.tell();
  }
}

async function* items(inner: AsyncIterator<unknown>, call: Call) {
  try {
    for await (const item of { [Symbol.asyncIterator]: () => inner }) {
      if (call.saw(item)) yield item;
    }
  } catch (error) {
    call.failed(error);
    throw error;
  } finally {
    call.tell();
  }
}

/** Sees what a promise gives without being one more that waits for it: `parse` is lazy, so that the
 * host may take the bare response. */
function observe(promise: unknown, call: Call): void {
  const api = promise as { parseResponse?: Parse; responsePromise?: Promise<unknown> };
  const { parseResponse: parse, responsePromise: response } = api;
  if (typeof parse !== "function" || !(response instanceof Promise)) {
    Promise.resolve(promise).then(
      (value) => call.answered(value),
      (error) => call.failed(error),
    );
    return;
  }
  response.catch((error: unknown) => call.failed(error));
  api.parseResponse = async (client, props) => {
    let value: unknown;
    try {
      value = await parse(client, props);
    } catch (error) {
      call.failed(error);
      throw error;
    }
    call.answered(value, get(props, "response"));
    return value;
  };
}

/** Replaces a method below a client; one that this version of it lacks is left out. */
function measure(
  client: unknown,
  path: string[],
  calls: Calls,
  reader: () => Reader,
  askUsage = false,
): void {
  const owner = get(client, ...path.slice(0, -1)) as Record<string, Method> | undefined;
  const name = path[path.length - 1]!;
  const original = owner?.[name];
  if (!owner || typeof original !== "function" || original.weir) return;
  const method: Method = function (...args: unknown[]) {
    const call = new Call(calls, reader(), get(args[0], "model"));
    const asked = args[0] as Record<string, unknown> | undefined;
    if (askUsage && asked?.stream === true && !asked.stream_options) {
      args[0] = { ...asked, stream_options: { include_usage: true } };
      call.hideUsage = true;
    }
    let promise: unknown;
    try {
      promise = original.apply(owner, args);
    } catch (error) {
      call.failed(error);
      throw error;
    }
    observe(promise, call);
    return promise;
  };
  method.weir = true;
  owner[name] = method;
}

/** A client with other options, made of a measured one, is measured too. */
function measureCopies(client: unknown, again: (copy: unknown) => void): void {
  const made = client as { withOptions?: Method };
  const original = made.withOptions;
  if (typeof original !== "function" || original.weir) return;
  made.withOptions = function (...args: unknown[]) {
    const copy = original.apply(client, args);
    again(copy);
    return copy;
  };
  made.withOptions.weir = true;
}

function host(client: unknown): string {
  try {
    return new URL(String(get(client, "baseURL"))).hostname;
  } catch {
    return "";
  }
}

/** Measures an OpenAI client. */
export function wrapOpenAI(client: unknown, calls: Calls): void {
  const at = host(client);
  const azure =
    /Azure/.test(String(get(client, "constructor", "name"))) || at.endsWith(".azure.com");
  calls.about.provider ??= azure ? "azure" : "openai";
  const ask = calls.streamUsage || azure || at === "openai.com" || at.endsWith(".openai.com");
  const reader = () => new OpenAiReader();
  measure(client, ["chat", "completions", "create"], calls, reader, ask);
  measure(client, ["responses", "create"], calls, reader);
  measure(client, ["embeddings", "create"], calls, reader);
  measureCopies(client, (copy) => wrapOpenAI(copy, calls));
}

/** Measures an Anthropic client. */
export function wrapAnthropic(client: unknown, calls: Calls): void {
  const kind = String(get(client, "constructor", "name"));
  calls.about.provider ??= /Bedrock/.test(kind)
    ? "bedrock"
    : /Vertex/.test(kind)
      ? "vertex"
      : "anthropic";
  const reader = () => new AnthropicReader();
  for (const path of [["messages"], ["beta", "messages"]]) {
    measure(client, [...path, "create"], calls, reader);
  }
  measureCopies(client, (copy) => wrapAnthropic(copy, calls));
}
