// Fails where the built files are larger than a reader's first load may be.
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MOST_KB = 250;
const files = (dir) =>
  readdirSync(dir).flatMap((name) => {
    const path = join(dir, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
const root = new URL("../dist", import.meta.url).pathname;
const bytes = files(root).reduce((sum, path) => sum + gzipSync(readFileSync(path)).length, 0);
const kb = bytes / 1000;
console.log(`${kb.toFixed(1)} kB gzipped, at most ${MOST_KB} kB`);
process.exit(kb > MOST_KB ? 1 : 0);
