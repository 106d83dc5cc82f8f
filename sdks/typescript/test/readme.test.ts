// The example of the README runs as printed.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";

test("the example runs and tells what it says", () => {
  const root = path.resolve(import.meta.dirname, "../..");
  const readme = fs.readFileSync(path.join(root, "README.md"), "utf8");
  const [, example = ""] = /```js\n(.*?)```/s.exec(readme) ?? [];
  // A program of this package finds it by its name.
  const server = `
    import http from "node:http";
    const types = [];
    const server = http.createServer(async (request, response) => {
      let parts = [];
      for await (const part of request) parts.push(part);
      const { gunzipSync } = await import("node:zlib");
      const body = Buffer.concat(parts);
      const events = JSON.parse(request.headers["content-encoding"] ? gunzipSync(body) : body);
      types.push(...events.map((event) => event.type));
      response.end(JSON.stringify({ accepted: events.length, refused: [] }));
    });
    await new Promise((tell) => server.listen(0, "127.0.0.1", tell));
    process.env.WEIR_URL = "http://127.0.0.1:" + server.address().port;
  `;
  const imports = example.match(/^import .*$/m)?.[0] ?? "";
  const program =
    `${imports}\n${server}\n${example.replace(imports, "")}\n` +
    "console.log(types.join()); process.exit();";
  const done = spawnSync(process.execPath, ["--input-type=module", "-e", program], {
    cwd: root,
    encoding: "utf8",
    timeout: 20_000,
  });
  assert.equal(done.status, 0, done.stderr);
  assert.equal(done.stderr, "");
  assert.match(done.stdout, /^true \{[^}]*sent: 5/s);
  const types =
    "capability.executed,capability.executed,llm.call,productivity.recorded,engineer.registered";
  assert(done.stdout.includes(types), done.stdout);
});
