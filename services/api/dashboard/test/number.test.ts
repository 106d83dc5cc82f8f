import assert from "node:assert/strict";
import { test } from "node:test";
import { NONE, change, compact, usd, withUnit } from "../src/format/number.js";

test("no value is never 0", () => {
  for (const none of [null, undefined, NaN, Infinity]) assert.equal(withUnit(none, "usd"), NONE);
  assert.equal(withUnit(0, "usd"), "$0");
});

test("a unit is always there", () => {
  assert.equal(withUnit(12.345, "usd"), "$12.35");
  assert.equal(withUnit(-1234.5, "usd"), "−$1,235");
  assert.equal(usd(0.004213), "$0.0042");
  assert.equal(withUnit(99.52, "percent"), "99.5 %");
  assert.equal(withUnit(0.72, "share"), "72.0 %");
  assert.equal(withUnit(8500, "ms"), "8.50 s");
  assert.equal(withUnit(450, "ms"), "450 ms");
  assert.equal(withUnit(26.5, "hours"), "26.5 h");
  assert.equal(withUnit(15, "minutes"), "15.0 min");
  assert.equal(withUnit(101, "percent_of_budget"), "101.0 %");
  assert.equal(withUnit(25.95, "x"), "26.0 ×");
  assert.equal(withUnit(12_345_678, "tokens"), "12.3 M tokens");
  assert.equal(withUnit(3, "percent_change"), "+3.0 %");
});

test("large counts are short, small ones whole", () => {
  assert.equal(compact(9_999), "9,999");
  assert.equal(compact(12_300), "12.3 k");
  assert.equal(compact(-2_500_000), "−2.5 M");
  assert.equal(compact(0), "0");
});

test("a change knows which way is better, and what it cannot say", () => {
  assert.deepEqual(change(110, 100, "usd", "lower"), { text: "+10 %", good: false });
  assert.deepEqual(change(90, 100, "usd", "lower"), { text: "−10 %", good: true });
  assert.deepEqual(change(95, 93.5, "percent", "higher"), { text: "+1.5 points", good: true });
  assert.deepEqual(change(100, 100, "usd", "higher"), { text: "±0.0 %", good: null });
  assert.equal(change(5, 0, "usd"), null);
  assert.equal(change(null, 4, "usd"), null);
});
