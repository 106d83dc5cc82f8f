const MAX_CAUSES = 200;

/** What the SDK tells its host: a warning once per cause, and with debug what was sent. */
export class Notes {
  readonly #told = new Set<string>();
  readonly #debug: boolean;

  constructor(debug: boolean) {
    this.#debug = debug;
  }

  /** Warns of a cause the first time that it is met. */
  once(cause: string, message: string): void {
    if (this.#told.has(cause) || this.#told.size >= MAX_CAUSES) {
      this.debug(() => message);
      return;
    }
    this.#told.add(cause);
    write(message);
  }

  /** Says on standard error what happens, where that is switched on. */
  debug(message: () => string): void {
    if (this.#debug) write(message());
  }
}

function write(message: string): void {
  try {
    process.stderr.write(`weir: ${message}\n`);
  } catch {
    // There is nobody left to tell.
  }
}

/** An error in words, whatever was thrown. */
export function words(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return "something without words";
  }
}
