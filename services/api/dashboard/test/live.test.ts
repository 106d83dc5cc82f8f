import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "../src/api/live.js";

test("a message is what its lines say", () => {
  assert.deepEqual(parse('event: alert\nid: a0-1\ndata: {"id":"x: y"}'), { event: "alert", id: "a0-1", data: '{"id":"x: y"}' });
  assert.deepEqual(parse(": "), { event: "", id: "", data: "" });
  assert.deepEqual(parse("retry: 2000\nevent: hello\ndata: {}"), { event: "hello", id: "", data: "{}" });
});
