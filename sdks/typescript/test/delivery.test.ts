// What arrives at a peer that fails in every way it can.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client, send, stderr } from "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile, sleep } from "./hostile.js";

const tools = (server: Hostile) => server.events.map((event) => event.tool);
const names = (count: number) => Array.from({ length: count }, (_, n) => `tool-${n}`);

test("an event has what the contract asks for", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url, {
      source: "ci-7",
      resource: { "service.name": "x" },
      team: "payments",
    });
    weir.llmCall({
      provider: "openai",
      model: "gpt-5",
      tokensInput: 3,
      success: false,
      costUsd: null,
    });
    assert(await weir.flush(5000));
    assert.equal(server.requests[0].line, "POST /v1/events HTTP/1.1");
    assert.equal(server.requests[0].headers.authorization, "Bearer secret");
    const { event_id, event_time, ...rest } = server.events[0];
    assert.match(event_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert(Math.abs(event_time / 1000 - Date.now()) < 5000);
    assert.deepEqual(rest, {
      type: "llm.call",
      source: "ci-7",
      resource: { "service.name": "x" },
      engineer: { email: "ada@acme.example", team: "payments" },
      provider: "openai",
      model: "gpt-5",
      tokens_input: 3,
      success: false,
    });
  }));

test("events go in batches, compressed", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url, { flushInterval: 5000, batchEvents: 100 });
    send(weir, 250);
    await server.waitFor(() => server.events.length >= 200);
    assert(await weir.flush(5000));
    assert.deepEqual(
      server.requests.map((request) => request.events.length),
      [100, 100, 50],
    );
    assert.equal(server.requests[0].headers["content-encoding"], "gzip");
    assert(server.requests[0].size < 5000);
    assert.deepEqual(tools(server), names(250));
    assert.equal(weir.stats().sent, 250);
  }));

const faults: Record<string, hostile.Behaviour> = {
  close: hostile.close,
  reset: hostile.reset,
  half: hostile.half,
  garbage: hostile.garbage,
  drip: hostile.drip,
  hang: hostile.hang,
  endless: hostile.endless,
  "503": hostile.status(503),
  "500": hostile.status(500),
  "429": hostile.status(429, ["Retry-After: 0"]),
  "502": hostile.status(502, [], "<html>"),
  "a Retry-After of rubbish": hostile.status(503, ["Retry-After: rubbish"]),
};
for (const [name, fault] of Object.entries(faults)) {
  test(`a failed batch is repeated with the same ids: ${name}`, (t) =>
    Hostile.with([fault, hostile.ok], async (server) => {
      stderr(t);
      const weir = client(t, server.url, { timeout: 400 });
      send(weir, 3);
      assert(await weir.flush(8000));
      assert.equal(server.requests.length, 2);
      assert.deepEqual(server.requests[0].events, server.requests[1].events);
      assert.equal(weir.stats().sent, 3);
    }));
}

test("a kept connection that was closed costs no pause", (t) =>
  Hostile.with([hostile.okThenClose], async (server) => {
    const told = stderr(t);
    const weir = client(t, server.url);
    for (let n = 0; n < 4; n++) {
      send(weir, 1, n);
      assert(await weir.flush(5000));
      await sleep(20);
    }
    assert.deepEqual(tools(server), names(4));
    assert.deepEqual(told, []); // as there would be before a pause
  }));

test("a kept connection that closes under a request is replaced at once", (t) =>
  Hostile.with([hostile.ok, hostile.close, hostile.ok], async (server) => {
    const told = stderr(t);
    const weir = client(t, server.url);
    for (let n = 0; n < 2; n++) {
      send(weir, 1, n);
      assert(await weir.flush(5000));
    }
    assert.deepEqual(tools(server), ["tool-0", "tool-1", "tool-1"]);
    assert.deepEqual(told, []);
  }));

for (const code of [429, 503]) {
  test(`Retry-After is honoured: ${code}`, (t) =>
    Hostile.with([hostile.status(code, ["Retry-After: 1"]), hostile.ok], async (server) => {
      stderr(t);
      const weir = client(t, server.url);
      send(weir, 1);
      assert(await weir.flush(5000));
      const waited = server.requests[1].at - server.requests[0].at;
      assert(waited >= 990 && waited < 4000, `${waited}`);
    }));
}

test("pauses grow and are jittered", (t) =>
  Hostile.with([hostile.status(503)], async (server) => {
    stderr(t);
    send(client(t, server.url), 1);
    await server.waitFor(() => server.requests.length >= 4);
    [500, 1000, 2000].forEach((most, n) => {
      const pause = server.requests[n + 1].at - server.requests[n].at;
      assert(pause >= most / 2 - 10 && pause < most + 1000, `${pause} of ${most}`);
    });
  }));

test("refused items are told once per code and not repeated", (t) =>
  Hostile.with([hostile.refuse(0, 2), hostile.refuse(0), hostile.ok], async (server) => {
    const told = stderr(t);
    const weir = client(t, server.url);
    for (const count of [3, 1, 1]) {
      send(weir, count);
      assert(await weir.flush(5000));
    }
    assert.equal(server.requests.length, 3);
    assert.equal(weir.stats().refused, 3);
    assert.equal(weir.stats().sent, 2);
    assert.equal(told.length, 1);
    assert.match(told[0], /WEIR-0931.*send a good one/);
  }));

for (const code of [400, 413]) {
  test(`one bad event does not take its batch with it: ${code}`, (t) =>
    Hostile.with([hostile.rejectIf((event) => event.tool === "tool-5", code)], async (server) => {
      stderr(t);
      const weir = client(t, server.url);
      send(weir, 12);
      assert(await weir.flush(5000));
      assert.equal(weir.stats().sent, 11);
      assert.equal(weir.stats().refused, 1);
    }));
}

for (const fault of [
  hostile.status(401),
  hostile.status(404),
  hostile.status(302),
  hostile.status(200, [], "<html>welcome</html>"),
]) {
  test("what only a person can mend is kept and not hammered", (t) =>
    Hostile.with([fault], async (server) => {
      const told = stderr(t);
      const weir = client(t, server.url);
      send(weir, 2);
      assert(!(await weir.flush(1000)));
      assert.equal(server.requests.length, 1);
      assert.equal(told.length, 1);
      const began = performance.now();
      assert(!(await weir.close(5000)));
      assert(performance.now() - began < 3000);
      assert.equal(weir.stats().lost, 2);
    }));
}

test("a full queue drops the newest and says how many", (t) => {
  let answer = () => {};
  const wait: hostile.Behaviour = (...asked) => {
    answer = () => hostile.ok(...asked);
  };
  return Hostile.with([wait, hostile.ok], async (server) => {
    const weir = client(t, server.url, { maxEvents: 50, batchEvents: 10 });
    send(weir, 10);
    await server.waitFor(() => server.requests.length > 0);
    send(weir, 70, 10);
    assert.equal(weir.stats().dropped, 20);
    answer();
    assert(await weir.flush(5000));
    assert.deepEqual(tools(server), names(60));
    const told = server.requests.map((request) => Number(request.headers["weir-dropped"] ?? 0));
    assert.deepEqual(told, [0, 20, 0, 0, 0, 0]);
  });
});

test("drops that nobody heard of are told again", (t) =>
  Hostile.with([hostile.hang, hostile.close, hostile.ok], async (server) => {
    stderr(t);
    const weir = client(t, server.url, { maxEvents: 1, timeout: 300 });
    send(weir, 1);
    await server.waitFor(() => server.requests.length > 0);
    send(weir, 4, 1);
    assert(await weir.flush(8000));
    const told = server.requests.map((request) => Number(request.headers["weir-dropped"] ?? 0));
    assert.equal(told[1], 3);
    assert.equal(
      told.slice(2).reduce((a, b) => a + b),
      3,
    );
  }));

test("the queue is bounded in size too", (t) =>
  Hostile.with([hostile.hang], async (server) => {
    stderr(t);
    const weir = client(t, server.url, { maxBytes: 100_000 });
    for (let n = 0; n < 100; n++) weir.toolCalled({ tool: "x".repeat(10_000) });
    assert(weir.stats().dropped >= 90);
    assert(weir.stats().queued >= 9);
  }));
