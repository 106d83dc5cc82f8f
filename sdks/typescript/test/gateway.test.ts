// Against a real system: run when WEIR_BINARY names a weir binary, which is started here.
import assert from "node:assert/strict";
import { execFile, spawn, type ChildProcess } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { Api, Problem } from "../src/index.js";
import { client, stderr } from "./helpers.js";
import { Hostile, reply, sleep, type Behaviour } from "./hostile.js";

const BINARY = process.env.WEIR_BINARY ?? "";
const SCHEMAS = path.resolve(import.meta.dirname, "../../../../schemas/events");
const camel = (name: string) =>
  name.replace(/[._]([a-z0-9])/g, (_, letter) => letter.toUpperCase());

describe("the gateway", { skip: BINARY ? false : "WEIR_BINARY names no weir binary" }, () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "weir-sdk-"));
  let up: ChildProcess;
  let url = "";
  let asked = "";
  let token = "";

  const ask = (...words: string[]) =>
    promisify(execFile)(BINARY, ["--data-dir", path.join(folder, "data"), ...words], {
      timeout: 180_000,
    });
  const counts = async () => JSON.parse((await ask("verify", "--json")).stdout).log.by_event;

  before(async () => {
    const log = fs.openSync(path.join(folder, "up.log"), "w");
    const words = ["--data-dir", path.join(folder, "data"), "up", "--gateway", "127.0.0.1:0"];
    up = spawn(BINARY, words, { stdio: ["ignore", log, log] });
    const end = Date.now() + 90_000;
    for (;;) {
      const told = await ask("status", "--json", "--secrets").catch(() => undefined);
      const status = told && JSON.parse(told.stdout);
      if (status?.gateway) {
        url = status.gateway;
        asked = status.api;
        token = status.secrets.gateway.token;
        return;
      }
      if (up.exitCode !== null || Date.now() > end) {
        throw new Error(fs.readFileSync(path.join(folder, "up.log"), "utf8"));
      }
      await sleep(500);
    }
  });

  after(async () => {
    if (up.exitCode === null) {
      const ended = new Promise((tell) => up.once("exit", tell));
      up.kill("SIGTERM");
      const late = setTimeout(() => up.kill("SIGKILL"), 30_000);
      await ended;
      clearTimeout(late);
    }
    fs.rmSync(folder, { recursive: true, force: true });
  });

  test("takes every event type", async (t) => {
    const weir = client(t, url, { token }) as any;
    const sent = new Map<string, number>();
    for (const file of fs.readdirSync(SCHEMAS).filter((name) => name.endsWith(".avsc"))) {
      const type = file.slice(0, -".avsc".length);
      const examples = path.join(SCHEMAS, "examples", type);
      for (const name of fs.readdirSync(examples)) {
        const { tenant, event_time, event_id, ...fields } = JSON.parse(
          fs.readFileSync(path.join(examples, name), "utf8"),
        );
        const given = Object.entries(fields).map(([key, value]) => [camel(key), value]);
        weir[camel(type)](Object.fromEntries(given));
        sent.set(type, (sent.get(type) ?? 0) + 1);
      }
    }
    assert(await weir.flush(60_000));
    const total = [...sent.values()].reduce((sum, count) => sum + count);
    assert.deepEqual([weir.stats().sent, weir.stats().refused], [total, 0]);
    const found = await counts();
    for (const [type, count] of sent) {
      assert.equal(found[type].events + found[type].duplicates, count, type);
      assert.equal(found[type].dead, 0);
    }
  });

  test("counts a batch once whose answer was lost", async (t) => {
    stderr(t);
    let lost = false;
    const between: Behaviour = async (socket, asked) => {
      const answer = await fetch(url + "/v1/events", {
        method: "POST",
        headers: {
          authorization: asked.headers.authorization,
          "content-type": "application/json",
        },
        body: JSON.stringify(asked.events),
      });
      const body = await answer.text();
      if (lost) return reply(socket, 200, body);
      lost = true;
      socket.destroy();
    };
    const was = (await counts())["tool.called"] ?? { events: 0, duplicates: 0 };
    await Hostile.with([between], async (server) => {
      const weir = client(t, server.url, { token, source: "lossy" });
      for (let n = 0; n < 20; n++) weir.toolCalled({ tool: `tool-${n}` });
      assert(await weir.flush(60_000));
      assert.equal(server.requests.length, 2);
      assert.equal(weir.stats().sent, 20);
    });
    const is = (await counts())["tool.called"];
    assert.equal(is.events - was.events, 20);
    assert.equal(is.duplicates - was.duplicates, 20);
  });

  test("has an api that answers", async () => {
    const api = new Api({ url: asked, token });
    const names = (await api.questions()).map((row) => row.name);
    assert(names.includes("top-models"));
    const answer = await api.query("top-models", { days: 7 });
    assert.equal(typeof answer.about.title, "string");
    assert.equal((await api.get("/v1/status"))[0]?.tenant, "default");
    assert((await api.kpis({ kind: "kpi" })).length > 50);
    await api.aggregates("llm.call", { window: "1h", by: ["model"], from: new Date(0), limit: 3 });
    await assert.rejects(api.query("top-modles"), (error) => {
      assert(error instanceof Problem && error.status === 404, String(error));
      return /^WEIR-\d{4}$/.test(error.code) && error.remedy !== "";
    });
    await assert.rejects(new Api({ url: asked, token: "wrong" }).kpis(), { status: 401 });
  });

  test("refuses by item", async (t) => {
    const told = stderr(t);
    const weir = client(t, url, { token });
    weir.emit("tool.called", { tool: "good", engineer: { email: "a@b" } });
    weir.emit("tool.called", { tool: "bad", engineer: { email: "a@b" }, tol: 1 });
    weir.emit("no.such.type", { tool: "bad" });
    assert(await weir.flush(60_000));
    assert.deepEqual([weir.stats().sent, weir.stats().refused], [1, 2]);
    assert.equal(told.join("").match(/WEIR-09/g)?.length, 2);
  });
});
