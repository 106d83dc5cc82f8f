// Pseudonyms in place of what tells who somebody is: the same as on every other way into weir.
//
// A pseudonym is HMAC-SHA-256 of a text, 128 bits of it, under a key that is made of the secret key
// and the tenant; crates/privacy has the definition, sdks/privacy-vectors.json what both have to
// make.
import { createHmac } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { EVENTS, MAPS } from "./personal.js";

type Json = Record<string, unknown>;

const PURPOSE = "weir pseudonyms 1";
const PERSON = "p-";
const TEXT = "x-";
/** Digits of a hash that are shown. */
const SHOWN = 32;
const MADE = /^[px]-[0-9a-f]{32}$/;
const KEY = /^[0-9a-f]{64}$/i;
/** White space as Unicode has it: JavaScript's own is another. */
const SPACE = "[\\t-\\r \\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const AROUND = new RegExp(`^${SPACE}|${SPACE}$`, "g");
/** Names that are remembered, so that each is hashed once. */
const REMEMBERED = 10_000;

/** The secret key of a folder (`key`, 64 hexadecimal digits). Throws where there is none. */
export function readKey(folder: string): Buffer {
  const file = path.join(folder, "key");
  const opened = fs.openSync(file, "r");
  try {
    if (process.platform !== "win32" && (fs.fstatSync(opened).mode & 0o077) !== 0) {
      throw new Error(`others may read ${file}: give it the rights 600`);
    }
    const text = fs.readFileSync(opened, "latin1").trimEnd();
    if (!KEY.test(text) || /^0+$/.test(text)) {
      throw new Error(`${file} is damaged: bring the key back from a copy`);
    }
    return Buffer.from(text, "hex");
  } finally {
    fs.closeSync(opened);
  }
}

/** The one spelling of an address: no white space around it, normal form C, lower case. */
export function canonicalEmail(text: string): string {
  const composed = text.replace(AROUND, "").normalize("NFC");
  // Letter by letter: what a letter becomes does not depend on its neighbours.
  const lower = [...composed].map((letter) => letter.toLowerCase()).join("");
  return lower.normalize("NFC");
}

/** Makes pseudonyms for one tenant. */
export class Privacy {
  readonly #key: Buffer;
  readonly #known = new Map<string, string>();

  constructor(
    secret: Buffer,
    readonly tenant: string,
  ) {
    // HKDF: of the secret key one for each tenant.
    const made = createHmac("sha256", PURPOSE).update(secret).digest();
    this.#key = createHmac("sha256", made).update(tenant).update("\x01").digest();
  }

  /** An event, which is plain JSON, without names. It names its tenant: pseudonyms are good for no
   * other, and another one's token is refused. Throws for an event type that is not known here:
   * which of its fields hold names cannot be told. */
  hidden(event: Json): Json {
    const personal = Object.hasOwn(EVENTS, String(event.type)) && EVENTS[String(event.type)];
    if (!personal) {
      throw new Error("its names cannot be replaced: this version does not know the type");
    }
    const [people, texts, maps] = personal;
    for (const at of people) this.#at(event, at.split("."), (text) => this.person(text));
    for (const at of texts) this.#at(event, at.split("."), (text) => this.text(text));
    for (const name of maps) this.#map(event, name);
    return { ...event, tenant: this.tenant };
  }

  /** The pseudonym of a person, by address. A pseudonym is its own. */
  person(text: string): string {
    const address = canonicalEmail(text);
    return address === "" || MADE.test(address) ? address : this.#hash(PERSON, address);
  }

  /** The pseudonym of another text; of an address that of the person. */
  text(text: string): string {
    if (text === "" || MADE.test(text)) return text;
    return text.includes("@") ? this.person(text) : this.#hash(TEXT, text);
  }

  #hash(kind: string, text: string): string {
    const named = kind + text;
    let found = this.#known.get(named);
    if (found === undefined) {
      const made = createHmac("sha256", this.#key).update(named).digest("hex");
      found = kind + made.slice(0, SHOWN);
      if (this.#known.size >= REMEMBERED) this.#known.clear();
      this.#known.set(named, found);
    }
    return found;
  }

  /** Replaces what is at a path. What is not of its type there is replaced too: it may be a name
   * all the same. */
  #at(inside: Json, [first, ...rest]: string[], how: (text: string) => string): void {
    if (first === undefined) return;
    const value = inside[first];
    if (rest.length > 0 && isObject(value)) this.#at(value, rest, how);
    else if (value !== undefined && value !== null) inside[first] = how(words(value));
  }

  #map(event: Json, name: string): void {
    const entries = event[name];
    if (entries === undefined || entries === null) return;
    if (!isObject(entries)) {
      event[name] = this.text(words(entries));
      return;
    }
    const [how, keys] = MAPS[name] ?? ["kept", []];
    for (const [key, value] of Object.entries(entries)) {
      if (value === null || isNamed(keys, key) !== (how === "replaced")) continue;
      entries[key] = this.text(words(value));
    }
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function words(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function isNamed(keys: readonly string[], key: string): boolean {
  return keys.some((k) => (k.endsWith(".") ? key.startsWith(k) : key === k));
}
