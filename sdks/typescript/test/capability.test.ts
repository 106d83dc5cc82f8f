// Durations and outcomes of capabilities.
import assert from "node:assert/strict";
import { test } from "node:test";
import { client } from "./helpers.js";
import { Hostile, sleep } from "./hostile.js";

test("plain and async functions are measured; what they throw passes through", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url);
    const review = weir.capability("review", { contextSizeTokens: 900 });
    assert.equal(
      review.run(() => 3),
      3,
    );
    const work = async (run: { set(o: object): void }) => {
      await sleep(30);
      run.set({ tokensSaved: 1200 });
      return 4;
    };
    assert.equal(await review.run(work), 4);
    const error = new RangeError("x");
    assert.throws(
      () =>
        review.run(() => {
          throw error;
        }),
      (caught) => caught === error,
    );
    await assert.rejects(
      review.run(async () => {
        throw error;
      }),
      (caught) => caught === error,
    );
    const run = review.start();
    run.fail("timeout");
    run.end();
    run.end();
    assert(await weir.flush(5000));
    const found = server.events;
    assert.deepEqual(
      found.map((event) => [event.capability, event.success, event.error_type]),
      [
        ["review", true, undefined],
        ["review", true, undefined],
        ["review", false, "RangeError"],
        ["review", false, "RangeError"],
        ["review", false, "timeout"],
      ],
    );
    assert(found[1].duration_ms > 28 && found[1].duration_ms < 2000);
    assert.equal(found[1].tokens_saved, 1200);
    assert.equal(found[0].context_size_tokens, 900);
    assert.deepEqual(found[0].engineer, { email: "ada@acme.example" });
  }));

test("wrapped functions keep their arguments and this", (t) =>
  Hostile.with([], async (server) => {
    const weir = client(t, server.url);
    const thing = {
      base: 10,
      add: weir.capability("add").wrap(async function (this: { base: number }, n: number) {
        return this.base + n;
      }),
    };
    assert.deepEqual(await Promise.all([thing.add(1), thing.add(2)]), [11, 12]);
    assert(await weir.flush(5000));
    assert.equal(server.events.length, 2);
  }));
