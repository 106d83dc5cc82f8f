import assert from "node:assert/strict";
import { test } from "node:test";
import { cells } from "../src/format/grid.js";
import { inOrder } from "../src/format/order.js";
import { together } from "../src/format/together.js";

test("every row of figures is full", () => {
  for (const most of [2, 3, 5]) {
    for (let count = 1; count <= 12; count++) {
      const all = Array.from({ length: count }, (_, i) => cells(i, count, most));
      let row = 0;
      for (const n of all) {
        assert.ok(n >= 60 / most, `${count} of at most ${most}: ${all}`);
        row += n;
        assert.ok(row <= 60, `${count} of at most ${most}: ${all}`);
        if (row === 60) row = 0;
      }
      assert.equal(row, 0, `${count} of at most ${most}: ${all}`);
    }
  }
});

test("what is not known stands last, whichever way", () => {
  const rows = [null, 2, undefined, 10, 1];
  assert.deepEqual(inOrder(rows, (r) => r, true), [10, 2, 1, null, undefined]);
  assert.deepEqual(inOrder(rows, (r) => r, false), [1, 2, 10, null, undefined]);
  assert.deepEqual(inOrder(["b", "", "a"], (r) => r, false), ["a", "b", ""]);
});

test("returns of teams count by their engineers", () => {
  const of = (value: number | null, engineers: number | null): { value: number | null; terms: Record<string, number | null> } => ({ value, terms: { engineers } });
  assert.equal(together([of(2, 10), of(8, 5)]), 4);
  assert.equal(together([of(2, 10), of(null, 5), of(9, null)]), 2);
  assert.equal(together([]), null);
});
