import { Client, type Options } from "../src/index.js";

for (const name of Object.keys(process.env)) {
  if (name.startsWith("WEIR_") && name !== "WEIR_BINARY") delete process.env[name];
}

/** A client for one test; closed without waiting when the test is over. */
export function client(t: { after(f: () => unknown): void }, url: string, options: Options = {}) {
  const made = new Client({
    url,
    token: "secret",
    flushInterval: 20,
    engineer: "ada@acme.example",
    ...options,
  });
  t.after(() => made.close(0));
  return made;
}

export function send(weir: Client, count: number, start = 0) {
  for (let n = start; n < start + count; n++)
    weir.toolCalled({ tool: `tool-${n}`, durationMs: 1.5 });
}

/** What is written to standard error while a test runs. */
export function stderr(t: { after(f: () => unknown): void }): string[] {
  const lines: string[] = [];
  const write = process.stderr.write;
  process.stderr.write = ((line: string) => (lines.push(line), true)) as typeof write;
  t.after(() => (process.stderr.write = write));
  return lines;
}
