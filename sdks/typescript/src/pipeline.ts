// The queue between the host's code and the network.
//
// Timers and sockets do not keep the process from ending. When nothing else does, `beforeExit`
// gives the queue its time; when the host calls process.exit(), a thread sends what is left while
// this one waits, no longer than `exitTimeout`.

import { headers, Http, type Answer } from "./http.js";
import { sendNow } from "./last.js";
import { words, type Notes } from "./notes.js";
import type { Settings } from "./settings.js";
import { Spool } from "./spool.js";

const FIRST_PAUSE = 500;
const LAST_PAUSE = 30_000;
const BLOCKED_PAUSE = 30_000;
const SPOOL_LOOK = 1000;

/** Events since the start. */
export interface Stats {
  sent: number;
  /** By the gateway, or for their form. */
  refused: number;
  /** At a full queue. */
  dropped: number;
  spooled: number;
  /** At the exit. */
  lost: number;
  /** Now. */
  queued: number;
}

const all = new Set<Pipeline>();

function watch(pipeline: Pipeline): void {
  if (all.size === 0) {
    process.on("beforeExit", () => all.forEach((one) => one.beforeExit()));
    process.on("exit", () => all.forEach((one) => one.atExit()));
  }
  all.add(pipeline);
}

/** Queue and sender of one client. */
export class Pipeline {
  readonly stats: Stats = { sent: 0, refused: 0, dropped: 0, spooled: 0, lost: 0, queued: 0 };
  readonly #settings: Settings;
  readonly #notes: Notes;
  readonly #http: Http;
  readonly #spool: Spool | undefined;
  #queue: string[] = [];
  #queuedBytes = 0;
  #inFlight: readonly string[] = [];
  #putCount = 0;
  #doneCount = 0;
  #urgentUntil = 0;
  #timer: NodeJS.Timeout | undefined;
  #spoolTimer: NodeJS.Timeout | undefined;
  #running = false;
  #waiters: { target: number; tell: (done: boolean) => void }[] = [];
  #pausing: { until: number; end: (waited: boolean) => void } | undefined;
  #deadline: number | undefined;
  #closed = false;
  #failures = 0;
  #notBefore = 0;
  #untoldDrops = 0;

  constructor(settings: Settings, notes: Notes) {
    this.#settings = settings;
    this.#notes = notes;
    this.#http = new Http(settings);
    if (settings.spool) this.#spool = new Spool(settings.spool, settings.spoolBytes);
    watch(this);
    this.#lookAtSpool();
  }

  /** Takes an event, or drops it where the queue is full. */
  put(line: string): void {
    const limits = this.#settings;
    const waiting = this.#queue.length;
    const full = waiting >= limits.maxEvents || this.#queuedBytes + line.length > limits.maxBytes;
    if (this.#closed || full) {
      this.stats.dropped++;
      this.#untoldDrops++;
      return;
    }
    this.#queue.push(line);
    this.#queuedBytes += line.length;
    this.#putCount++;
    this.stats.queued = waiting + 1;
    if (this.#running) return;
    if (waiting + 1 >= limits.batchEvents) this.#soon(0);
    else if (this.#timer === undefined) this.#soon(limits.flushInterval);
  }

  /** Waits until all that was put before is answered or spooled; false where time ran out. */
  flush(timeout: number): Promise<boolean> {
    const target = this.#putCount;
    if (this.#doneCount >= target) return Promise.resolve(true);
    this.#urgentUntil = Math.max(this.#urgentUntil, target);
    if (!this.#running) this.#soon(0);
    return new Promise((resolve) => {
      // Who waits for a flush is kept alive for it.
      const late = setTimeout(() => waiter.tell(false), timeout);
      const waiter = {
        target,
        tell: (done: boolean) => {
          clearTimeout(late);
          this.#waiters = this.#waiters.filter((one) => one !== waiter);
          resolve(done);
        },
      };
      this.#waiters.push(waiter);
    });
  }

  /** Sends what is queued within the time left; spools the rest, or counts it as lost. Whether all
   * was answered or spooled. */
  async close(timeout: number): Promise<boolean> {
    this.#closed = true;
    await this.#finish(timeout);
    all.delete(this);
    clearTimeout(this.#spoolTimer);
    this.#http.close();
    return this.stats.lost === 0;
  }

  /** Nothing else keeps the process: what is queued has `exitTimeout` to be sent. */
  beforeExit(): void {
    if (this.#doneCount < this.#putCount && this.#deadline === undefined) {
      void this.#finish(this.#settings.exitTimeout);
    }
  }

  /** The process ends now: what is left is spooled, or sent by a thread that is waited for. */
  atExit(): void {
    const left = this.#rest();
    if (left.length === 0 || this.#keep(left)) return;
    const limits = this.#settings;
    const timeout = Math.min(limits.exitTimeout, limits.timeout);
    const paused = this.#notBefore > Date.now();
    if (!paused && timeout > 0 && sendNow(limits.url, this.#batches(left), timeout)) {
      this.stats.sent += left.length;
    } else this.#giveUp(left.length);
  }

  async #finish(timeout: number): Promise<void> {
    this.#deadline = Date.now() + timeout;
    if (this.#pausing && this.#pausing.until >= this.#deadline) this.#pausing.end(false);
    if (!(await this.flush(timeout))) {
      const left = this.#rest();
      if (!this.#keep(left)) this.#giveUp(left.length);
    }
    this.#deadline = undefined;
  }

  /** Takes all that is not answered yet; from then on nobody waits for it. */
  #rest(): string[] {
    const left = [...this.#inFlight, ...this.#queue];
    this.#inFlight = [];
    this.#queue = [];
    this.#queuedBytes = this.stats.queued = 0;
    this.#doneCount = this.#putCount;
    return left;
  }

  #batches(left: string[]): { body: string; headers: Record<string, string> }[] {
    const found = [];
    for (let at = 0; at < left.length; at += this.#settings.batchEvents) {
      const body = `[${left.slice(at, at + this.#settings.batchEvents).join(",")}]`;
      found.push({ body, headers: headers(this.#settings, at === 0 ? this.#untoldDrops : 0) });
    }
    return found;
  }

  #giveUp(count: number): void {
    if (count === 0) return;
    this.stats.lost += count;
    this.#notes.once("lost", `${count} events could not be sent before the exit`);
  }

  #soon(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.#run();
    }, delay).unref();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      do await this.#batch();
      while (
        this.#queue.length >= this.#settings.batchEvents ||
        (this.#queue.length > 0 && this.#urgentUntil > this.#doneCount)
      );
      if (!this.#closed) await this.#drainSpool();
    } catch (error) {
      this.#notes.once("step", `sending failed: ${words(error)}`);
      this.#notBefore = Date.now() + FIRST_PAUSE;
    } finally {
      this.#running = false;
      if (this.#queue.length > 0) this.#soon(this.#closed ? 0 : this.#settings.flushInterval);
    }
  }

  async #batch(): Promise<void> {
    const batch = this.#take();
    if (batch.length === 0) return;
    try {
      await this.#deliver(batch);
    } finally {
      if (this.#inFlight === batch) {
        this.#doneCount += batch.length;
        this.#inFlight = [];
      }
      for (const one of [...this.#waiters]) if (this.#doneCount >= one.target) one.tell(true);
    }
  }

  #take(): readonly string[] {
    const { batchEvents, batchBytes } = this.#settings;
    let count = 0;
    let size = 0;
    while (count < this.#queue.length && count < batchEvents) {
      const next = size + this.#queue[count]!.length;
      if (count > 0 && next > batchBytes) break;
      size = next;
      count++;
    }
    const batch = this.#queue.splice(0, count);
    this.#queuedBytes -= size;
    this.stats.queued = this.#queue.length;
    this.#inFlight = batch;
    return batch;
  }

  /** Sends a batch, or a part of one, until it is answered, spooled, given up or taken away. */
  async #deliver(batch: readonly string[]): Promise<void> {
    const whole = this.#inFlight;
    while (this.#inFlight === whole) {
      const pause = this.#notBefore - Date.now();
      if (pause > 0) {
        if (this.#keep(batch)) return;
        if (!(await this.#pause(pause))) {
          if (this.#inFlight === whole) this.#giveUp(batch.length);
          return;
        }
      }
      if (await this.#try(batch)) return;
      if (this.#inFlight === whole && this.#keep(batch)) return;
    }
  }

  /** Waits before the next attempt; false where the exit comes sooner. */
  #pause(millis: number): Promise<boolean> {
    const until = Date.now() + millis;
    if (this.#deadline !== undefined && until >= this.#deadline) return Promise.resolve(false);
    return new Promise((resolve) => {
      const end = (waited: boolean) => {
        clearTimeout(timer);
        this.#pausing = undefined;
        resolve(waited);
      };
      const timer = setTimeout(() => end(true), millis).unref();
      this.#pausing = { until, end };
    });
  }

  /** One attempt, and its accounts; whether the batch is done with. */
  async #try(batch: readonly string[]): Promise<boolean> {
    const told = this.#untoldDrops;
    const began = performance.now();
    const answer = await this.#http.post(batch, told);
    this.#notes.debug(
      () =>
        `sent ${batch.length} events (${types(batch)}) to ${this.#settings.url.origin}: ` +
        `${answer.detail || answer.cause}, ${answer.accepted} accepted, ` +
        `${answer.refused.length} refused, ${told} dropped before, ` +
        `${(performance.now() - began).toFixed(0)} ms`,
    );
    if (answer.verdict === "retry" || answer.verdict === "blocked") {
      this.#failed(answer);
      return false;
    }
    this.#failures = this.#notBefore = 0;
    if (answer.verdict === "split") {
      await this.#split(batch, answer);
      return true;
    }
    this.#untoldDrops -= told;
    this.stats.sent += answer.accepted;
    this.stats.refused += answer.refused.length;
    for (const { code = "refused", message = "", remedy } of answer.refused) {
      const mend = remedy ? ` (${remedy})` : "";
      this.#notes.once(`refused ${code}`, `an event was refused: ${code} ${message}${mend}`);
    }
    return true;
  }

  /** One bad event must not take its neighbours with it. */
  async #split(batch: readonly string[], answer: Answer): Promise<void> {
    if (batch.length > 1) {
      const half = batch.length >> 1;
      await this.#deliver(batch.slice(0, half));
      await this.#deliver(batch.slice(half));
      return;
    }
    this.stats.refused++;
    this.#notes.once(`refused ${answer.cause}`, `an event was refused: ${answer.detail}`);
  }

  #failed(answer: Answer): void {
    this.#failures++;
    this.#notes.once(
      `failed ${answer.cause}`,
      `${this.#settings.url.origin} did not take events, they are kept and tried again: ` +
        answer.detail,
    );
    const grown = FIRST_PAUSE * 2 ** Math.min(this.#failures - 1, 16);
    const most = answer.verdict === "blocked" ? BLOCKED_PAUSE : Math.min(LAST_PAUSE, grown);
    // A little later than asked for, so that clients do not come back all at once.
    const pause =
      answer.retryAfter === undefined
        ? most * (0.5 + Math.random() / 2)
        : answer.retryAfter * (1 + Math.random() / 10);
    this.#notBefore = Date.now() + pause;
  }

  #keep(batch: readonly string[]): boolean {
    if (!this.#spool || batch.length === 0) return false;
    try {
      if (this.#spool.write(batch)) {
        this.stats.spooled += batch.length;
        this.#lookAtSpool();
        return true;
      }
      this.#notes.once("spool full", `the spool ${this.#settings.spool} is full`);
    } catch (error) {
      this.#notes.once("spool", `the spool cannot be written: ${words(error)}`);
    }
    return false;
  }

  #lookAtSpool(): void {
    if (!this.#spool || this.#spoolTimer || this.#closed) return;
    const wait = Math.max(this.#notBefore - Date.now(), SPOOL_LOOK);
    this.#spoolTimer = setTimeout(() => {
      this.#spoolTimer = undefined;
      if (this.#running) this.#lookAtSpool();
      else void this.#run();
    }, wait).unref();
  }

  /** Sends what is spooled, oldest first, as long as it is taken. */
  async #drainSpool(): Promise<void> {
    if (!this.#spool) return;
    try {
      while (Date.now() >= this.#notBefore && this.#queue.length < this.#settings.batchEvents) {
        const found = this.#spool.take();
        if (!found) return this.#lookAtSpool();
        if (found.lines.length > 0 && !(await this.#try(found.lines))) {
          this.#spool.release(found.taken);
          break;
        }
        this.#spool.done(found.taken);
      }
    } catch (error) {
      this.#notes.once("spool", `the spool cannot be read: ${words(error)}`);
    }
    this.#lookAtSpool();
  }
}

/** How many events of which type: every line begins with its type. */
function types(batch: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const line of batch) {
    const name = line.split('"', 4)[3] ?? "";
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, count]) => `${name} ${count}`).join(", ");
}
