import assert from "node:assert/strict";
import { test } from "node:test";
import { each, isDay, plus, today } from "../src/state/days.js";
import { before, period, read, write } from "../src/state/view.js";

test("an address says the view, and the view the address", () => {
  for (const query of [
    "",
    "?last=7",
    "?from=2026-03-01&to=2026-03-31&team=R%26D&compare=no",
    "?last=90&by=model",
  ]) {
    assert.equal(write(read(query)), query);
  }
});

test("what makes no sense is what is usual", () => {
  for (const query of ["?last=0", "?last=many", "?from=2026-03-31&to=2026-03-01", "?from=2026-02-30&to=2026-03-01"]) {
    assert.deepEqual(read(query), read(""), query);
  }
});

test("the days before are as many, and touch", () => {
  const now = period(read("?last=7"), "2026-03-03");
  assert.deepEqual(now, { from: "2026-02-25", to: "2026-03-03" });
  assert.deepEqual(before(now), { from: "2026-02-18", to: "2026-02-24" });
});

test("days are counted over months, leap years and changes of the clock", () => {
  assert.equal(plus("2028-02-28", 1), "2028-02-29");
  assert.equal(each("2026-03-28", "2026-03-30").length, 3);
  assert.equal(isDay("2026-02-30"), false);
  assert.equal(today("Asia/Tokyo", new Date("2026-03-01T16:00:00Z")), "2026-03-02");
});
