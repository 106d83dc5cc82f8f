// The host program is never held up, hurt, or kept from its end.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { Client, machine } from "../src/index.js";
import { client, stderr } from "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile, sleep } from "./hostile.js";

const SDK = new URL("../src/index.js", import.meta.url).href;

async function run(program: string, env: Record<string, string>) {
  const code = `import { Client } from ${JSON.stringify(SDK)};\n${program}`;
  const began = performance.now();
  const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
    env: { ...process.env, ...env },
  });
  let out = "";
  let err = "";
  child.stdout.on("data", (part) => (out += part));
  child.stderr.on("data", (part) => (err += part));
  const late = setTimeout(() => child.kill("SIGKILL"), 20_000);
  const ended = await new Promise<number | null>((tell) => child.on("close", tell));
  clearTimeout(late);
  return { code: ended, out, err, took: performance.now() - began };
}

const PROGRAM = `
  const client = new Client({ engineer: "ada@acme.example", exitTimeout: 1000 });
  for (let n = 0; n < 3; n++) client.toolCalled({ tool: "tool-" + n });
  console.log("done");
`;
const ENDS: Record<string, [string, number]> = {
  "runs out": ["", 0],
  "calls process.exit": ["process.exit(3);", 3],
  throws: ["throw new Error('x');", 1],
  "throws later": ["setTimeout(() => { throw new Error('x'); }, 20);", 1],
};
for (const [name, [end, code]] of Object.entries(ENDS)) {
  test(`what is queued is sent when the program ${name}`, () =>
    Hostile.with([], async (server) => {
      const done = await run(PROGRAM + end, { WEIR_URL: server.url });
      assert.equal(done.code, code, done.err);
      assert.equal(done.out, "done\n");
      assert.deepEqual(
        server.events.map((event) => event.tool),
        ["tool-0", "tool-1", "tool-2"],
      );
    }));
}

test("at its end a program has the time to try again", () =>
  Hostile.with([hostile.status(503, ["Retry-After: 0"]), hostile.ok], async (server) => {
    const done = await run(PROGRAM, { WEIR_URL: server.url });
    assert.equal(done.code, 0);
    assert.equal(server.requests.length, 2);
    assert.equal(server.requests[1].events.length, 3);
  }));

const HANGS: Record<string, hostile.Behaviour> = {
  hang: hostile.hang,
  drip: hostile.drip,
  endless: hostile.endless,
  "Retry-After": hostile.status(503, ["Retry-After: 600"]),
};
for (const [name, fault] of Object.entries(HANGS)) {
  for (const end of ["", "process.exit(0);", "setTimeout(() => process.exit(0), 100);"]) {
    test(`the process ends within the deadline: ${name} ${end}`, () =>
      Hostile.with([fault], async (server) => {
        const done = await run(PROGRAM + end, { WEIR_URL: server.url });
        assert.equal(done.code, 0, done.err);
        assert(done.took < 5000, `${done.took} ms`);
      }));
  }
}

test("the process ends when nobody listens or the network swallows", async () => {
  for (const url of ["http://127.0.0.1:1", "http://192.0.2.1:4318"]) {
    const done = await run(PROGRAM, { WEIR_URL: url });
    assert.equal(done.code, 0);
    assert(done.took < 5000);
    assert.match(done.err, /3 events could not be sent/);
  }
});

test("an idle client does not keep the process", () =>
  Hostile.with([], async (server) => {
    const done = await run(
      `const c = new Client({ engineer: "a@b", flushInterval: 60000 });
       c.toolCalled({ tool: "x" }); await c.flush();`,
      { WEIR_URL: server.url, WEIR_SPOOL: fs.mkdtempSync(path.join(os.tmpdir(), "weir-sdk-")) },
    );
    assert.equal(done.code, 0);
    assert(done.took < 4000, `${done.took}`);
    assert.equal(server.events.length, 1);
  }));

test("worker threads have clients of their own and flush", () =>
  Hostile.with([], async (server) => {
    const worker = `
      const { Client } = await import(${JSON.stringify(SDK)});
      const { workerData, threadId } = await import("node:worker_threads");
      const c = new Client({ engineer: "a@b", flushInterval: 60000 });
      for (let n = 0; n < 50; n++) c.toolCalled({ tool: workerData + "/" + n });
    `;
    const program = `
      import { Worker } from "node:worker_threads";
      const code = new URL("data:text/javascript," + encodeURIComponent(${JSON.stringify(worker)}));
      const ends = [0, 1, 2].map((n) => new Promise((tell) =>
        new Worker(code, { workerData: n }).on("exit", tell).on("error", console.error)));
      console.log(await Promise.all(ends));
    `;
    const done = await run(program, { WEIR_URL: server.url });
    assert.equal(done.out.replace(/\s/g, ""), "[0,0,0]", done.err);
    assert.equal(new Set(server.events.map((event) => event.tool)).size, 150);
    assert.equal(new Set(server.events.map((event) => event.event_id)).size, 150);
  }));

test("settings come from the environment", () =>
  Hostile.with([], async (server) => {
    const done = await run(`new Client().seatGranted({ tool: "t", costUsdPer30Days: 20 });`, {
      WEIR_URL: server.url + "/",
      WEIR_TOKEN: "t0ken\n",
      WEIR_SOURCE: "laptop-1",
      WEIR_ENGINEER: "ada@acme.example",
      WEIR_TEAM: "payments",
      WEIR_DEBUG: "1",
    });
    const [event] = server.events;
    assert.equal(event.source, "laptop-1");
    assert.deepEqual(event.engineer, { email: "ada@acme.example", team: "payments" });
    assert.equal(event.cost_usd_per_30_days, 20);
    assert.equal(server.requests[0].headers.authorization, "Bearer t0ken");
    assert.match(done.err, /sent 1 events \(seat.granted 1\)/);
  }));

test("nothing is thrown into the host", (t) =>
  Hostile.with([], async (server) => {
    stderr(t);
    const weir = client(t, server.url) as any;
    const circle: any = {};
    circle.circle = circle;
    const hostage = new Proxy(
      {},
      {
        get: () => {
          throw new Error("no");
        },
        ownKeys: () => {
          throw new Error("no");
        },
      },
    );
    weir.toolCalled({ tool: "t", durationMs: NaN });
    weir.toolCalled({ tool: "t", durationMs: Infinity });
    weir.toolCalled({ tool: hostage });
    weir.toolCalled({ tool: 10n ** 40n });
    weir.toolCalled({ tool: () => 1 });
    weir.alertSilenced({ rule: "r", subject: circle, silencedUntil: 1 });
    weir.toolCalled({ tool: "x".repeat(300_000) });
    weir.llmCall({
      model: "m",
      provider: "p",
      finishedAt: new Date(NaN),
      eventTime: new Date(NaN),
    });
    assert(await weir.flush(5000));
    assert.equal(server.events.length, 0);
    assert.equal(weir.stats().refused, 8);
    weir.toolCalled(undefined);
    weir.toolCalled(null);
    weir.toolCalled({ tool: "half a pair \ud800 and \u{1f600}", wrong: 1 });
    assert(await weir.flush(5000));
    assert.equal(server.events[2].tool, "half a pair \ufffd and \u{1f600}");
  }));

for (const options of [
  { url: "nonsense" },
  { url: "ftp://h" },
  { maxEvents: 0 },
  { timeout: "x" },
  null,
] as any[]) {
  test(`wrong settings switch the client off and say so: ${JSON.stringify(options)}`, async (t) => {
    const told = stderr(t);
    const weir = new Client(options === null ? { batchEvents: -1 } : options);
    weir.toolCalled({ tool: "x" });
    assert.equal(
      weir.capability("x").run(() => 3),
      3,
    );
    assert((await weir.flush(100)) && (await weir.close()));
    assert.match(told.join(""), /nothing is sent/);
  });
}

test("disabled makes no request", (t) =>
  Hostile.with([], async (server) => {
    process.env.WEIR_DISABLED = "1";
    t.after(() => delete process.env.WEIR_DISABLED);
    const weir = client(t, server.url);
    weir.toolCalled({ tool: "x" });
    assert(await weir.flush(100));
    await sleep(50);
    assert.equal(server.requests.length, 0);
  }));

test("memory at a full queue is bounded", async () => {
  const done = await run(
    `const c = new Client({ engineer: "a@b", maxBytes: 2 << 20 });
     gc(); const before = process.memoryUsage().heapUsed;
     for (let n = 0; n < 50000; n++)
       c.llmCall({ provider: "openai", model: "gpt-5", tokensInput: n, sessionId: "s".repeat(36) });
     gc(); console.log(process.memoryUsage().heapUsed - before, c.stats().dropped);
     process.exit();`,
    { WEIR_URL: "http://127.0.0.1:1", NODE_OPTIONS: "--expose-gc" },
  );
  const [used, dropped] = done.out.split(" ").map(Number);
  assert(dropped > 25_000, done.out + done.err);
  assert(used < 6 << 20, `${used}`);
});

test("facts of the machine fit their event", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url);
    weir.engineerRegistered({ ...machine() });
    assert(await weir.flush(5000));
    assert.equal(server.events[0].host_name, os.hostname());
    assert.match(server.events[0].runtime_version, /^Node 2\d/);
  }));

test("the package gives what it declares", async () => {
  const root = path.resolve(import.meta.dirname, "../..");
  const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
  const { types, default: code } = manifest.exports["."];
  assert(fs.existsSync(path.join(root, types)));
  const found = await import(pathToFileURL(path.join(root, code)).href);
  assert.equal(found.VERSION, manifest.version);
  assert.deepEqual(manifest.dependencies, {});
});
