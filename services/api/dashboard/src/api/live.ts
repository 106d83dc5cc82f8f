/** What happens, as it happens: one stream for the page, that comes back by itself and goes on where it was. */

import { authorized } from "./client.js";
import type { Alert, Anomaly, SoFar } from "./types.js";

export interface Heard {
  alert: (alert: Alert) => void;
  anomaly: (anomaly: Anomaly) => void;
  kpi: (so_far: SoFar) => void;
  /** Too much happened while nobody listened: the lists have it. */
  missed: () => void;
  /** Whether the stream is there. */
  state: (live: boolean) => void;
}

/** Something comes at least every ten seconds. */
const SILENCE_MS = 25_000;
const AGAIN_MS = 2_000;
const LATEST_MS = 30_000;
/** Answers after which it is of no use to ask again: there is no such path, or nobody may listen. */
const NEVER = [400, 401, 403, 404];

/** Listens until the signal; resolves when it is over, or was refused for good. */
export async function listen(query: string, heard: Heard, signal: AbortSignal): Promise<void> {
  let last = "";
  let wait = AGAIN_MS;
  while (!signal.aborted) {
    try {
      const headers = { ...authorized(), Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const silent = new AbortController();
      const response = await fetch(`/v1/live?${query}`, { headers, cache: "no-store", signal: AbortSignal.any([signal, silent.signal]) });
      if (NEVER.includes(response.status)) return;
      if (response.ok && response.body) {
        heard.state(true);
        wait = AGAIN_MS;
        for await (const message of messages(response.body, silent)) {
          if (message.id) last = message.id;
          dispatch(heard, message);
        }
      }
    } catch {
      // It is gone: it is asked for again.
    }
    if (signal.aborted) return;
    heard.state(false);
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(wait * 2, LATEST_MS);
  }
}

interface Message {
  event: string;
  id: string;
  data: string;
}

function dispatch(heard: Heard, { event, data }: Message): void {
  const value: unknown = JSON.parse(data || "{}");
  if (event === "alert") heard.alert(value as Alert);
  else if (event === "anomaly") heard.anomaly(value as Anomaly);
  else if (event === "kpi") heard.kpi(value as SoFar);
  else if (event === "missed") heard.missed();
}

/** Messages of a stream; one that is silent for too long is given up. */
async function* messages(body: ReadableStream<Uint8Array>, silent: AbortController): AsyncGenerator<Message> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let text = "";
  for (;;) {
    const timer = setTimeout(() => silent.abort(), SILENCE_MS);
    const { value, done } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    text += value;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const message = parse(block);
      if (message.event) yield message;
    }
  }
}

/** A block of lines `name: value`; those that begin with a colon say only that somebody is there. */
export function parse(block: string): Message {
  const message: Message = { event: "", id: "", data: "" };
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const [name, value] = [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (name === "event") message.event = value;
    else if (name === "id") message.id = value;
    else if (name === "data") message.data += (message.data ? "\n" : "") + value;
  }
  return message;
}
