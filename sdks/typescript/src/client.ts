import { Capability, type Outcome } from "./capability.js";
import { encode, plain } from "./encode.js";
import { Events } from "./events.js";
import { uuid7 } from "./ids.js";
import { Notes, words } from "./notes.js";
import { Pipeline, type Stats } from "./pipeline.js";
import type { Privacy } from "./privacy.js";
import { flag, names, person, settings, type Options } from "./settings.js";
import type { Envelope, Fields } from "./types.js";
import { wrapAnthropic, wrapOpenAI, type About } from "./wrap.js";

const MAX_EVENT = 256 << 10;

/** Sends events to weir's gateway, in the background. No method throws, blocks, or keeps the
 * process from ending. */
export class Client extends Events {
  readonly #notes: Notes;
  readonly #pipeline: Pipeline | undefined;
  readonly #patience: number = 0;
  readonly #engineer: { email: string; team?: string } | undefined;
  readonly #source: string | undefined;
  readonly #resource: Readonly<Record<string, string>> | undefined;
  readonly #privacy: Privacy | undefined;
  #refused = 0;

  constructor(options: Options = {}) {
    super();
    let notes = new Notes(flag("WEIR_DEBUG"));
    try {
      const found = settings(options ?? {});
      notes = new Notes(found.debug);
      this.#engineer = person(options);
      this.#source = options.source || process.env.WEIR_SOURCE || undefined;
      this.#resource = options.resource;
      this.#privacy = names(options ?? {});
      this.#patience = found.exitTimeout;
      if (!found.disabled) this.#pipeline = new Pipeline(found, notes);
    } catch (error) {
      notes.once("settings", `nothing is sent, the settings are wrong: ${words(error)}`);
    }
    this.#notes = notes;
  }

  /** Sends an event of any type, with fields by the names of its schema; what is undefined or null
   * is left out. */
  emit(type: string, fields: Fields, envelope: Envelope = {}): void {
    this.send(type, fields, envelope);
  }

  /** Measures executions: `client.capability("review").run(async () => …)`, or `.wrap(fn)`. */
  capability(name: string, outcome: Outcome & Envelope = {}): Capability {
    return new Capability((fields) =>
      this.send(
        "capability.executed",
        { capability: name, ...told(outcome), ...defined(fields) },
        outcome,
        "engineer",
      ),
    );
  }

  /** The OpenAI client (also Azure), each call of which is told as `llm.call`. */
  wrapOpenAI<T>(openai: T, about: About = {}): T {
    return this.#wrap(openai, () => wrapOpenAI(openai, this.#calls(about)));
  }

  /** The Anthropic client, each call of which is told as `llm.call`. */
  wrapAnthropic<T>(anthropic: T, about: About = {}): T {
    return this.#wrap(anthropic, () => wrapAnthropic(anthropic, this.#calls(about)));
  }

  /** Waits until what was sent before is answered (or spooled); false where it is not within
   * `timeout` ms. */
  flush(timeout = 5000): Promise<boolean> {
    return this.#pipeline?.flush(timeout) ?? Promise.resolve(true);
  }

  /** Sends what is queued and takes no more; at the exit this happens by itself. Whether all was
   * answered or spooled. */
  close(timeout = this.#patience): Promise<boolean> {
    return this.#pipeline?.close(timeout) ?? Promise.resolve(true);
  }

  /** Events since the start. */
  stats(): Stats {
    const none = { sent: 0, refused: 0, dropped: 0, spooled: 0, lost: 0, queued: 0 };
    const found = { ...(this.#pipeline?.stats ?? none) };
    found.refused += this.#refused;
    return found;
  }

  protected override send(type: string, fields: Fields, given: Envelope, who?: string): void {
    const pipeline = this.#pipeline;
    if (!pipeline) return;
    try {
      const millis = Date.now();
      const event: Record<string, unknown> = {
        type,
        event_id: given.eventId ?? uuid7(millis),
        event_time: plain("eventTime", given.eventTime ?? millis * 1000),
        source: given.source ?? this.#source,
        resource:
          given.resource && this.#resource
            ? { ...this.#resource, ...given.resource }
            : (given.resource ?? this.#resource),
      };
      for (const name in fields) {
        const value = fields[name];
        if (value !== undefined && value !== null) event[name] = plain(name, value);
      }
      if (who !== undefined) {
        const named = event[who];
        if (named === undefined && who === "engineer") event[who] = this.#engineer;
        else if (typeof named === "string") event[who] = { email: named };
      }
      let line = encode(event);
      // What is plain JSON holds no name in a form of its own.
      if (this.#privacy) line = encode(this.#privacy.hidden(JSON.parse(line)));
      if (line.length > MAX_EVENT) {
        throw new RangeError(`it has ${line.length} characters, at most ${MAX_EVENT} are sent`);
      }
      pipeline.put(line);
    } catch (error) {
      this.#refused++;
      const why = words(error);
      this.#notes.once(`${type} ${why}`, `an event ${type} was not sent: ${why}`);
    }
  }

  #calls(about: About) {
    const { streamUsage = false, ...rest } = about;
    const emit = (fields: Fields) => this.send("llm.call", fields, {}, "engineer");
    return { emit, notes: this.#notes, about: rest, streamUsage };
  }

  #wrap<T>(given: T, how: () => void): T {
    try {
      how();
    } catch (error) {
      this.#notes.once("wrap", `calls are not measured: ${words(error)}`);
    }
    return given;
  }
}

function told(outcome: Outcome): Fields {
  return {
    tokens_saved: outcome.tokensSaved,
    api_calls_avoided: outcome.apiCallsAvoided,
    time_saved_minutes: outcome.timeSavedMinutes,
    context_size_tokens: outcome.contextSizeTokens,
  };
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
