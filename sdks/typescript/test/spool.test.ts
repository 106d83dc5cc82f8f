// Batches on disk, while the gateway is away.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { client, stderr } from "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile, sleep } from "./hostile.js";

function folder(t: { after(f: () => unknown): void }): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "weir-sdk-"));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  return made;
}

test("a batch waits on disk and is sent when the gateway is back", (t) => {
  const spool = folder(t);
  return Hostile.with([hostile.status(503, ["Retry-After: 1"]), hostile.ok], async (server) => {
    stderr(t);
    const weir = client(t, server.url, { spool });
    weir.toolCalled({ tool: "first" });
    assert(await weir.flush(5000));
    assert.equal(weir.stats().spooled, 1);
    assert.equal(fs.readdirSync(spool).length, 1);
    await server.waitFor(() => server.requests.length >= 2);
    assert.deepEqual(server.requests[1].events, server.requests[0].events);
    await server.waitFor(() => fs.readdirSync(spool).length === 0);
  });
});

test("what one client could not send is sent by the next one", async (t) => {
  const spool = folder(t);
  await Hostile.with([hostile.hang], async (server) => {
    const weir = client(t, server.url, { spool });
    for (let n = 0; n < 3; n++) weir.toolCalled({ tool: `tool-${n}` });
    assert(await weir.close(300));
  });
  await Hostile.with([], async (server) => {
    client(t, server.url, { spool }).toolCalled({ tool: "new" });
    await server.waitFor(() => server.events.length === 4);
    const found = server.events.map((event) => event.tool).sort();
    assert.deepEqual(found, ["new", "tool-0", "tool-1", "tool-2"]);
    await server.waitFor(() => fs.readdirSync(spool).length === 0);
  });
});

test("the spool is bounded", (t) => {
  const spool = folder(t);
  return Hostile.with([hostile.status(503, ["Retry-After: 60"])], async (server) => {
    stderr(t);
    const weir = client(t, server.url, { spool, spoolBytes: 2000, batchEvents: 1 });
    for (let n = 0; n < 50; n++) weir.toolCalled({ tool: "x".repeat(100) });
    await sleep(300);
    const used = fs
      .readdirSync(spool)
      .reduce((sum, n) => sum + fs.statSync(path.join(spool, n)).size, 0);
    assert(used > 0 && used <= 2000, `${used}`);
    assert(!(await weir.close(100)));
  });
});

test("a spool that cannot be written is no error of the host", (t) => {
  const file = path.join(folder(t), "file");
  fs.writeFileSync(file, "in the way");
  return Hostile.with([hostile.status(503), hostile.ok], async (server) => {
    const told = stderr(t);
    const weir = client(t, server.url, { spool: path.join(file, "spool") });
    weir.toolCalled({ tool: "x" });
    assert(await weir.flush(5000));
    assert.equal(weir.stats().sent, 1);
    assert.match(told.join(""), /spool cannot be/);
  });
});

test("torn and foreign files are left out", (t) => {
  const spool = folder(t);
  const write = (name: string, text: string) => fs.writeFileSync(path.join(spool, name), text);
  write("notes.txt", "not ours");
  write("0190.jsonl.part", '{"type": "half');
  write("0191.jsonl", "");
  write("0192.taken", '{"type":"tool.called","tool":"of another process"}\n');
  write("0193.taken", '{"type":"tool.called","tool":"of a dead process"}\n');
  fs.utimesSync(path.join(spool, "0193.taken"), 1, 1);
  return Hostile.with([], async (server) => {
    client(t, server.url, { spool }).toolCalled({ tool: "new" });
    await server.waitFor(() => server.events.length === 2);
    await sleep(100);
    assert.deepEqual(
      server.events.map((event) => event.tool),
      ["new", "of a dead process"],
    );
    assert(fs.readdirSync(spool).includes("0192.taken"));
  });
});
