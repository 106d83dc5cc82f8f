// Pseudonyms in place of names, the same as on every other way in.
import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { Privacy, readKey } from "../src/privacy.js";
import { client, stderr } from "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile } from "./hostile.js";

interface Vector {
  tenant: string;
  text: string;
  pseudonym: string;
}
interface Hidden {
  tenant: string;
  type: string;
  item: Record<string, unknown>;
  hidden: Record<string, unknown>;
}
const VECTORS: { key: string; people: Vector[]; texts: Vector[]; events: Hidden[] } = JSON.parse(
  fs.readFileSync("../privacy-vectors.json", "utf8"),
);
const KEY = Buffer.from(VECTORS.key, "hex");

/** A folder that is gone after the test, with the key of the vectors. */
function folder(t: { after(f: () => unknown): void }): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), "weir-sdk-"));
  t.after(() => fs.rmSync(made, { recursive: true, force: true }));
  fs.writeFileSync(path.join(made, "key"), VECTORS.key + "\n", { mode: 0o600 });
  return made;
}

const hiding = (privacyFolder: string) =>
  ({ privacy: "pseudonymise", privacyFolder, tenant: "acme" }) as const;

test("pseudonyms are those of the vectors", () => {
  assert(VECTORS.people.length > 20 && VECTORS.texts.length > 20);
  for (const v of VECTORS.people) {
    assert.equal(new Privacy(KEY, v.tenant).person(v.text), v.pseudonym, JSON.stringify(v));
  }
  for (const v of VECTORS.texts) {
    assert.equal(new Privacy(KEY, v.tenant).text(v.text), v.pseudonym, JSON.stringify(v));
  }
  for (const { tenant, type, item, hidden } of VECTORS.events) {
    const made = new Privacy(KEY, tenant).hidden({ type, ...item });
    assert.deepEqual(made, { type, ...hidden, tenant });
  }
});

test("no name is sent or spooled", async (t) => {
  const key = folder(t);
  const spool = path.join(folder(t), "spool");
  stderr(t);
  await Hostile.with([hostile.status(503)], async (server) => {
    const weir = client(t, server.url, {
      source: "noras-laptop",
      engineer: { email: "Nora@Example.com", team: "search" },
      resource: { "host.name": "noras-laptop", "service.name": "ide" },
      spool,
      ...hiding(key),
    });
    weir.llmCall({ provider: "p", model: "m" });
    weir.engineerRegistered({ name: "Nora L.", hostName: "noras-laptop" });
    // Of another form than it should have: refused at the gateway, but named to nobody.
    weir.emit("llm.call", { engineer: "nora@example.com", source: ["nora"] });
    await weir.capability("review").run(async () => {});
    await server.waitFor(() => server.requests.length > 0);
    await weir.close(100);
    const read = (name: string) => fs.readFileSync(path.join(spool, name), "utf8");
    const kept = fs.readdirSync(spool).map(read);
    assert.equal(kept.join("").split("\n").length, 5);
    const told = JSON.stringify(server.events);
    assert.equal(server.events.length, 4);
    for (const text of [told, ...kept]) assert(!/nora/i.test(text), text);
    const first = server.events[0] as Record<string, any>;
    assert.equal(first.engineer.email, new Privacy(KEY, "acme").person("nora@example.com"));
    assert.deepEqual([first.engineer.team, first.tenant], ["search", "acme"]);
    assert.equal(first.resource["service.name"], "ide");
    assert.equal(first.resource["host.name"], first.source);
    // A type that is not known here may have names anywhere.
    weir.emit("review.finished", { reviewer: "nora" });
    weir.emit("toString", {});
    assert.equal(weir.stats().refused, 2);
  });
});

test("without its key nothing is sent", async (t) => {
  const told = stderr(t);
  await Hostile.with([], async (server) => {
    for (const [given, said] of [
      [{ privacy: "pseudonymize" as "off" }, "pseudonymise"],
      [{ privacy: "pseudonymise" }, "privacyFolder"],
      [{ privacy: "pseudonymise", privacyFolder: "/no/such", tenant: "acme" }, "/no/such"],
    ] as const) {
      const weir = client(t, server.url, given);
      weir.llmCall({ provider: "p", model: "m" });
      assert(await weir.flush(1000));
      assert(told.at(-1)?.includes(said), told.at(-1));
    }
    assert.equal(server.requests.length, 0);
  });
});

test("a key is for its owner alone", (t) => {
  const made = folder(t);
  const key = path.join(made, "key");
  assert.deepEqual(readKey(made), KEY);
  fs.chmodSync(key, 0o644);
  assert.throws(() => readKey(made), /600/);
  fs.chmodSync(key, 0o600);
  for (const damaged of ["0".repeat(64), "12", "x".repeat(64), VECTORS.key.repeat(2)]) {
    fs.writeFileSync(key, damaged);
    assert.throws(() => readKey(made), /damaged/);
  }
});
