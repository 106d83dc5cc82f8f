// Batches that could not be sent, kept on disk: one JSONL file each, oldest first, bounded.
//
// A file is written under another name and renamed, so that half a file is never read. Processes
// may share a folder: who sends a file renames it first. A file whose taker died is free again
// after FREE_AFTER, well within the time in which a repeated event id is known.

import fs from "node:fs";
import path from "node:path";
import { uuid7 } from "./ids.js";

const FREE_AFTER = 60_000;
const READY = ".jsonl";
const TAKEN = ".taken";
const PART = ".part";

/** A folder of batches; also the Python SDK's form of it. Calls are short and only made while the
 * gateway is away or has just come back. Methods throw where the disk says no. */
export class Spool {
  readonly #folder: string;
  readonly #maxBytes: number;

  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Keeps a batch; false where it has no room. */
  write(lines: readonly string[]): boolean {
    const body = Buffer.from(lines.join("\n") + "\n");
    fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const used = this.#files().reduce((sum, file) => sum + file.size, 0);
    if (used + body.length > this.#maxBytes) return false;
    const name = path.join(this.#folder, uuid7(Date.now()));
    fs.writeFileSync(name + PART, body, { flag: "wx", mode: 0o600 });
    fs.renameSync(name + PART, name + READY);
    return true;
  }

  /** The oldest batch, and the name to give to `done` or `release`. */
  take(): { taken: string; lines: string[] } | undefined {
    for (const file of this.#files()) {
      const from = path.join(this.#folder, file.name);
      let taken = from;
      if (!file.name.endsWith(TAKEN)) taken = from.slice(0, -READY.length) + TAKEN;
      else if (file.age < FREE_AFTER) continue;
      try {
        const now = new Date();
        fs.utimesSync(from, now, now);
        if (taken !== from) fs.renameSync(from, taken);
        const lines = fs.readFileSync(taken, "utf8").split("\n").filter(Boolean);
        return { taken, lines };
      } catch (error) {
        if (!missing(error)) throw error; // else another process was faster
      }
    }
    return undefined;
  }

  /** Gives a batch back that could not be sent. */
  release(taken: string): void {
    try {
      fs.renameSync(taken, taken.slice(0, -TAKEN.length) + READY);
    } catch {
      // It is free again by its age.
    }
  }

  /** Forgets a batch that was answered. */
  done(taken: string): void {
    fs.rmSync(taken, { force: true });
  }

  #files(): { name: string; size: number; age: number }[] {
    let names: string[];
    try {
      names = fs.readdirSync(this.#folder).sort(); // ids sort by their time
    } catch (error) {
      if (missing(error)) return [];
      throw error;
    }
    const found = [];
    for (const name of names) {
      const full = path.join(this.#folder, name);
      const stat = fs.statSync(full, { throwIfNoEntry: false });
      if (!stat) continue;
      const age = Math.max(Date.now() - stat.mtimeMs, 0);
      if (name.endsWith(PART) && age > FREE_AFTER) fs.rmSync(full, { force: true });
      else if (name.endsWith(READY) || name.endsWith(TAKEN)) {
        found.push({ name, size: stat.size, age });
      }
    }
    return found;
  }
}

function missing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException)?.code === "ENOENT";
}
