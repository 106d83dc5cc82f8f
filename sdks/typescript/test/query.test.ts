// The client for queries, against a peer that tests tell what to say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { Api, Problem, query, Rows } from "../src/index.js";
import "./helpers.js";
import * as hostile from "./hostile.js";
import { Hostile, reply, type Behaviour } from "./hostile.js";

const THROUGH = "2026-03-31T12:00:00Z";

interface More {
  next?: string;
  headers?: string[];
  through?: null;
}

function told(data: unknown, more: More = {}): Behaviour {
  const { next, headers = [], through = THROUGH } = more;
  const body = JSON.stringify({ data, next, complete_through: through });
  return (socket) => reply(socket, 200, body, headers);
}

const api = (server: Hostile, more = {}) => new Api({ url: server.url, token: "secret", ...more });

/** Path and parameters of a request. */
function asked(server: Hostile, n: number): [string, Record<string, string>] {
  const url = new URL(server.requests[n]!.line.split(" ")[1]!, server.url);
  return [url.pathname, Object.fromEntries(url.searchParams)];
}

/** The problem that a promise is rejected with. */
async function problem(promise: Promise<unknown>): Promise<Problem> {
  const found = await promise.then(
    () => undefined,
    (error) => error,
  );
  assert(found instanceof Problem, String(found));
  return found;
}

test("parameters are written as the api reads them", () =>
  Hostile.with([told([])], async (server) => {
    await api(server).aggregates("llm.call", {
      window: "1h",
      by: ["team", "model"],
      from: new Date("2026-03-01T01:00:00+02:00"),
      subject: { team: "R&D é" },
    });
    await api(server).query("top models/x", { days: 7 });
    const [path, parameters] = asked(server, 0);
    assert.equal(path, "/v1/aggregates/llm.call");
    assert.deepEqual(parameters, {
      window: "1h",
      by: "team,model",
      from: "2026-02-28T23:00:00.000Z",
      "subject[team]": "R&D é",
      limit: "1000",
    });
    assert.deepEqual(asked(server, 1), ["/v1/questions/top%20models%2Fx", { days: "7" }]);
    assert.equal(server.requests[0]!.headers.authorization, "Bearer secret");
  }));

test("rows have types, and what stands beside them is told", () =>
  Hostile.with(
    [
      told([{ at: "2026-03-01T01:02:03Z", day: "2026-03-01", subject: { team: THROUGH } }]),
      told({ method: "combined", points: [{ point: 1.5 }] }),
      told({ tenant: "acme" }, { through: null }),
    ],
    async (server) => {
      const rows = await api(server).alerts();
      assert(rows instanceof Rows);
      assert.deepEqual(rows[0], {
        at: new Date("2026-03-01T01:02:03Z"),
        day: "2026-03-01",
        subject: { team: THROUGH },
      });
      assert.deepEqual(rows.completeThrough, new Date(THROUGH));
      assert.deepEqual(rows.map((row) => row.day), ["2026-03-01"]);
      const forecast = await api(server).forecast("spend");
      assert.deepEqual([...forecast], [{ point: 1.5 }]);
      assert.deepEqual(forecast.about, { method: "combined" });
      const status = await api(server).get("/v1/status");
      assert.deepEqual([[...status], status.completeThrough], [[{ tenant: "acme" }], undefined]);
    },
  ));

test("pages are followed to the end, or as far as asked", async () => {
  const pages = [
    told([{ n: 0 }, { n: 1 }], { next: "p0" }),
    told([{ n: 2 }, { n: 3 }], { next: "p2" }),
    told([{ n: 4 }], { through: null }),
  ];
  await Hostile.with(pages, async (server) => {
    const rows = await api(server, { page: 2 }).alerts({ status: "open" });
    assert.deepEqual(rows.map((row) => row.n), [0, 1, 2, 3, 4]);
    assert.equal(rows.completeThrough, undefined); // one page did not know
    assert.deepEqual([0, 1, 2].map((n) => asked(server, n)[1].after), [undefined, "p0", "p2"]);
  });
  await Hostile.with(pages, async (server) => {
    const rows = await api(server, { page: 2 }).alerts({ limit: 3 });
    assert.deepEqual(rows.map((row) => row.n), [0, 1, 2]);
    assert.deepEqual([0, 1].map((n) => asked(server, n)[1].limit), ["2", "1"]);
    assert.equal(server.requests.length, 2);
    await assert.rejects(api(server).alerts({ limit: 0 }), RangeError);
  });
});

test("what did not change is not sent again", async () => {
  await Hostile.with(
    [
      told([{ n: 1 }], { headers: ['ETag: W/"a"'] }),
      (socket) => reply(socket, 304, ""),
      told([{ n: 2 }], { headers: ['ETag: W/"b"'] }),
    ],
    async (server) => {
      const one = api(server);
      const found = [await one.kpis(), await one.kpis(), await one.kpis()];
      assert.deepEqual(found.map(([row]) => row!.n), [1, 1, 2]);
      const tags = server.requests.map((request) => request.headers["if-none-match"]);
      assert.deepEqual(tags, [undefined, 'W/"a"', 'W/"a"']);
    },
  );
  await Hostile.with([told([{ n: 1 }], { headers: ['ETag: "a"'] })], async (server) => {
    const one = api(server, { cacheSize: 10 });
    await one.kpis();
    await one.kpis();
    assert.equal(server.requests[1]!.headers["if-none-match"], undefined);
  });
});

for (const code of [429, 503]) {
  test(`busy answers are waited for as long as they say: ${code}`, () =>
    Hostile.with(
      [hostile.status(code, ["Retry-After: 0.2"]), hostile.status(503), told([])],
      async (server) => {
        const begun = performance.now();
        assert.equal((await api(server).alerts()).length, 0);
        const took = performance.now() - begun;
        assert(took >= 200 && took < 5000, `${took}`);
        assert.equal(server.requests.length, 3);
      },
    ));
}

test("patience has an end", async () => {
  for (const headers of [["Retry-After: 60"], []]) {
    await Hostile.with([hostile.status(503, headers)], async (server) => {
      const found = await problem(api(server, { patience: 500 }).alerts());
      assert.equal(found.status, 503);
    });
  }
});

test("refusals are problems with their code", async () => {
  const known = { status: 400, detail: "`step` is wrong", code: "WEIR-0305", remedy: "ask anew" };
  await Hostile.with([(socket) => reply(socket, 400, JSON.stringify(known))], async (server) => {
    const found = await problem(api(server).kpi("spend"));
    assert.deepEqual([found.code, found.status, found.remedy], ["WEIR-0305", 400, "ask anew"]);
    assert.equal(found.message, "WEIR-0305: `step` is wrong");
    assert.deepEqual(found.known, known);
    assert.equal(server.requests.length, 1);
  });
});

for (const name of ["close", "half", "garbage", "drip", "hang"] as const) {
  test(`what is no answer is a problem in time: ${name}`, () =>
    Hostile.with([hostile[name]], async (server) => {
      const begun = performance.now();
      const found = await problem(api(server, { timeout: 500 }).alerts());
      assert.deepEqual([found.status, found.code], [0, ""]);
      assert(found.message.includes(server.url) && performance.now() - begun < 5000);
    }));
}

test("what is not the api says so", () =>
  Hostile.with([told("x"), told([1]), (s) => reply(s, 200, "<html>")], async (server) => {
    for (let n = 0; n < 3; n++) {
      assert.match((await problem(api(server).alerts())).message, /WEIR_API/);
    }
    assert.throws(() => new Api({ url: "ftp://x" }), TypeError);
  }));

test("a packed answer is unpacked", () => {
  const packed = gzipSync('{"data": [{"n": 1}], "complete_through": null}');
  const answer: Behaviour = (socket) => reply(socket, 200, packed, ["Content-Encoding: gzip"]);
  return Hostile.with([answer], async (server) => {
    assert.deepEqual([...(await api(server).alerts())], [{ n: 1 }]);
  });
});

test("the environment names the api", () =>
  Hostile.with([told({ rows: [{ n: 1 }] }, { headers: ['ETag: "a"'] })], async (server) => {
    process.env.WEIR_API = `${server.url}/`;
    process.env.WEIR_TOKEN = "named";
    try {
      assert.deepEqual([...(await query("top-models", { days: 7 }))], [{ n: 1 }]);
      await query("top-models", { days: 7 });
      assert.equal(server.requests[0]!.headers.authorization, "Bearer named");
      assert.equal(server.requests[1]!.headers["if-none-match"], '"a"');
    } finally {
      delete process.env.WEIR_API;
      delete process.env.WEIR_TOKEN;
    }
  }));
