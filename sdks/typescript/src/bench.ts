// What an event costs its host: npm run bench.
//
// Sends to a server of its own in another process, so that its work is not counted here. Prints:
// time of one call on the calling thread, share of a busy host's work, memory at a full queue.
import { fork } from "node:child_process";
import { createServer, type AddressInfo } from "node:net";
import http from "node:http";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Client } from "./client.js";

const EVENTS = 200_000;
const WORK_MS = 6000;

function serve(): void {
  const server = http.createServer((request, response) => {
    request.resume();
    request.on("end", () => response.end('{"accepted":0,"refused":[]}'));
  });
  server.listen(0, "127.0.0.1", () => process.send?.((server.address() as AddressInfo).port));
}

function emit(client: Client, n: number): void {
  client.llmCall({
    provider: "anthropic",
    model: "claude-sonnet-4-5",
    category: "coding",
    tokensInput: n,
    tokensCacheRead: 48213,
    tokensOutput: 642,
    latencyMs: 9120.5,
    sessionId: "5b0c7e4e-93f1",
  });
}

/** Mean, p50 and p99 of one call, in µs. */
async function perEvent(client: Client): Promise<[number, number, number]> {
  const took = new Float64Array(EVENTS);
  for (let n = 0; n < EVENTS; n++) {
    const began = process.hrtime.bigint();
    emit(client, n);
    took[n] = Number(process.hrtime.bigint() - began) / 1000;
    if (n % 500 === 0) await client.flush(); // a dropped event would be a cheap one
  }
  const mean = took.reduce((sum, one) => sum + one, 0) / EVENTS;
  took.sort();
  return [mean, took[EVENTS >> 1]!, took[Math.floor(EVENTS * 0.99)]!];
}

function used(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** The part of a busy host's processor time that is not its own work, in percent, with events at a
 * steady rate: the calls, and what the sender does in the same loop. */
async function share(each: (n: number) => void, rate: number): Promise<number> {
  const began = performance.now();
  const start = used();
  let own = 0;
  let emitted = 0;
  let sum = 0;
  for (let passed = 0; passed < WORK_MS; passed = performance.now() - began) {
    for (; emitted < (passed / 1000) * rate; emitted++) each(emitted);
    const before = used();
    for (let n = 0; n < 2_000_000; n++) sum += Math.sqrt(n);
    own += used() - before;
    await new Promise((tell) => setImmediate(tell));
  }
  return sum > 0 ? 100 * (1 - own / (used() - start)) : 0;
}

/** Events in a full queue, and what they hold, in MiB. */
async function memory(): Promise<[number, number]> {
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as () => void;
  const silent = createServer(() => {}).unref();
  await new Promise<void>((tell) => silent.listen(0, "127.0.0.1", tell));
  const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const client = new Client({ url, engineer: "ada@acme.example", exitTimeout: 0 });
  gc();
  const before = process.memoryUsage().heapUsed;
  for (let n = 0; n < 50_000; n++) emit(client, n);
  gc();
  const held = process.memoryUsage().heapUsed - before;
  return [client.stats().queued, held / 2 ** 20];
}

async function main(): Promise<void> {
  const child = fork(fileURLToPath(import.meta.url), ["serve"]);
  const port = await new Promise((tell) => child.once("message", tell));
  const client = new Client({ url: `http://127.0.0.1:${port}`, engineer: "ada@acme.example" });
  const [mean, p50, p99] = (await perEvent(client)).map((micros) => micros.toFixed(1));
  const rows = [["µs per event on the calling thread", `mean ${mean}, p50 ${p50}, p99 ${p99}`]];
  for (const rate of [100, 1000]) {
    // What the loop itself costs is none of the events'.
    const part = (await share((n) => emit(client, n), rate)) - (await share(() => {}, rate));
    rows.push([`of a busy host's work, ${rate} events/s`, `${part.toFixed(2)} %`]);
  }
  await client.close();
  child.kill();
  const [queued, held] = await memory();
  rows.push(["memory at a full queue", `${held.toFixed(1)} MiB, ${queued} events`]);
  for (const [what, value] of rows) console.log(`${what!.padEnd(38)} ${value}`);
  process.exit(0);
}

if (process.argv[2] === "serve") serve();
else await main();
