import type { Fields } from "./types.js";

/** Fields of `capability.executed` that are known only when it is over. */
export interface Outcome {
  tokensSaved?: number;
  apiCallsAvoided?: number;
  timeSavedMinutes?: number;
  contextSizeTokens?: number;
}

/** One execution of a capability; `end` tells it, once. */
export class Run {
  readonly #tell: (fields: Fields) => void;
  readonly #began = performance.now();
  #outcome: Outcome = {};
  #error: string | undefined;
  #told = false;

  constructor(tell: (fields: Fields) => void) {
    this.#tell = tell;
  }

  /** What it saved. */
  set(outcome: Outcome): void {
    this.#outcome = { ...this.#outcome, ...outcome };
  }

  /** It did not work, though nothing is thrown. */
  fail(errorType: string): void {
    this.#error = errorType;
  }

  /** It is over. */
  end(): void {
    if (this.#told) return;
    this.#told = true;
    this.#tell({
      duration_ms: performance.now() - this.#began,
      success: this.#error === undefined,
      error_type: this.#error,
      tokens_saved: this.#outcome.tokensSaved,
      api_calls_avoided: this.#outcome.apiCallsAvoided,
      time_saved_minutes: this.#outcome.timeSavedMinutes,
      context_size_tokens: this.#outcome.contextSizeTokens,
    });
  }
}

/** Measures executions of a capability: how long they take, and whether they work. What is thrown
 * passes through. */
export class Capability {
  readonly #tell: (fields: Fields) => void;

  constructor(tell: (fields: Fields) => void) {
    this.#tell = tell;
  }

  /** Begins an execution that you `end`. */
  start(): Run {
    return new Run(this.#tell);
  }

  /** Runs a function, plain or async, as one execution; gives what it gives. */
  run<T>(work: (run: Run) => T): T {
    const run = this.start();
    let result: T;
    try {
      result = work(run);
    } catch (error) {
      run.fail(errorType(error));
      run.end();
      throw error;
    }
    if (!isPromise(result)) {
      run.end();
      return result;
    }
    return result.then(
      (value) => {
        run.end();
        return value;
      },
      (error: unknown) => {
        run.fail(errorType(error));
        run.end();
        throw error;
      },
    ) as T;
  }

  /** The function, each call of which is one execution. */
  wrap<This, A extends unknown[], R>(work: (this: This, ...args: A) => R) {
    const capability = this;
    return function (this: This, ...args: A): R {
      return capability.run(() => work.apply(this, args));
    };
  }
}

/** The class of what was thrown. */
export function errorType(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  return error.name !== "Error" ? error.name : error.constructor.name;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof (value as Promise<unknown> | undefined)?.then === "function";
}
