// The typed methods are those of the schemas.
import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { uuid7 } from "../src/ids.js";
import { client } from "./helpers.js";
import { Hostile } from "./hostile.js";

const SCHEMAS = path.resolve(import.meta.dirname, "../../../../schemas/events");
const camel = (name: string) =>
  name.replace(/[._]([a-z0-9])/g, (_, letter) => letter.toUpperCase());

for (const file of fs.readdirSync(SCHEMAS).filter((name) => name.endsWith(".avsc"))) {
  const type = file.slice(0, -".avsc".length);
  test(`every example is what its method sends: ${type}`, (t) =>
    Hostile.with([], async (server) => {
      const weir = client(t, server.url, { engineer: undefined }) as any;
      const folder = path.join(SCHEMAS, "examples", type);
      const sent = fs
        .readdirSync(folder)
        .sort()
        .map((name) => {
          const { tenant, ...example } = JSON.parse(
            fs.readFileSync(path.join(folder, name), "utf8"),
          );
          const given = Object.entries(example).filter(([, value]) => value !== null);
          weir[camel(type)](Object.fromEntries(given.map(([key, value]) => [camel(key), value])));
          return { type, ...Object.fromEntries(given) };
        });
      assert(sent.length > 0);
      assert(await weir.flush(5000));
      assert.deepEqual(server.events, sent);
      assert.equal(weir.stats().refused, 0);
    }));
}

test("moments are whole microseconds; resources are laid over each other", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url, { resource: { a: "1", b: "1" } });
    const moment = new Date("2026-03-02T12:00:00.001+02:00");
    weir.incidentRecorded({
      incidentId: "i",
      serviceName: "s",
      openedAt: moment,
      eventTime: moment,
      resource: { b: "2" },
    });
    weir.alertAcknowledged({ alertId: "a", engineer: "grace@acme.example" });
    assert(await weir.flush(5000));
    const [incident, alert] = server.events;
    assert.equal(incident.opened_at, 1772445600001000);
    assert.equal(incident.event_time, 1772445600001000);
    assert.deepEqual(incident.resource, { a: "1", b: "2" });
    assert.deepEqual(alert.engineer, { email: "grace@acme.example" });
  }));

test("ids are UUIDs of version 7 and sort by time", () => {
  const ids = Array.from({ length: 5000 }, (_, n) => uuid7(1_772_445_600_000 + n));
  assert.equal(new Set(ids).size, ids.length);
  assert.deepEqual([...ids].sort(), ids);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  }
  assert.equal(parseInt(ids[7].replace("-", "").slice(0, 12), 16), 1_772_445_600_007);
});
