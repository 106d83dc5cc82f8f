import assert from "node:assert/strict";
import { test } from "node:test";
import { moment, rfc3339 } from "../src/format/time.js";

test("a moment of an answer is one that the api takes", () => {
  assert.equal(rfc3339("2026-11-30T00:00:00.000000Z"), "2026-11-30T00:00:00Z");
  assert.equal(rfc3339("2026-11-30 10:05:00"), "2026-11-30T10:05:00Z");
  assert.equal(rfc3339("2026-11-30T10:05:00.250000Z"), "2026-11-30T10:05:00.250000Z");
  assert.equal(rfc3339(""), "");
});

test("a moment stands in one line", () => {
  assert.equal(moment("2026-03-02T10:00:00Z", "UTC").includes(" "), false);
  assert.equal(moment("", "UTC"), "not known");
});
