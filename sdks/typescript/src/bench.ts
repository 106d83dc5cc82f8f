// What an event costs its host: npm run bench.
//
// Sends to a server of its own in another process, so that its work is not counted here. Prints a
// table: time of one call on the calling thread, share of a busy host's work, memory at a full queue.
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
    provider: "anthropic", model: "claude-sonnet-4-5", category: "coding", tokensInput: n,
    tokensCacheRead: 48213, tokensOutput: 642, latencyMs: 9120.5, sessionId: "5b0c7e4e-93f1",
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

/** Rounds of work per second of processor time, with events at a steady rate; the sender works in
 * the same loop. What else runs on the machine does not count so. */
async function busy(each: (n: number) => void, rate: number, millis: number): Promise<number> {
  const began = performance.now();
  const used = process.cpuUsage();
  let rounds = 0;
  let emitted = 0;
  let sum = 0;
  for (let passed = 0; passed < millis; passed = performance.now() - began) {
    for (; emitted < (passed / 1000) * rate; emitted++) each(emitted);
    for (let n = 0; n < 20_000; n++) sum += Math.sqrt(n);
    rounds++;
    if (rounds % 50 === 0) await new Promise((tell) => setImmediate(tell));
  }
  const { user, system } = process.cpuUsage(used);
  return sum > 0 ? (rounds / (user + system)) * 1e6 : 0;
}

/** How much less work a host gets done, in percent: medians of turns one after the other. */
async function share(client: Client, rate: number): Promise<number> {
  const turns = 8;
  const without: number[] = [];
  const with_: number[] = [];
  for (let turn = 0; turn < turns; turn++) {
    without.push(await busy(() => {}, rate, WORK_MS / turns / 2));
    with_.push(await busy((n) => emit(client, n), rate, WORK_MS / turns / 2));
  }
  const median = (of: number[]) => of.sort((a, b) => a - b)[turns >> 1]!;
  return 100 * (1 - median(with_) / median(without));
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
    const less = (await share(client, rate)).toFixed(2);
    rows.push([`a busy host's work, ${rate} events/s`, `${less} % less`]);
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
