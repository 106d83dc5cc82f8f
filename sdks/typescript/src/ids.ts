import { randomFillSync } from "node:crypto";

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
// Random bytes of the system, fetched for many ids at once.
const POOL = new Uint8Array(4096);
let used = POOL.length;

/** A UUIDv7 of a moment, in milliseconds since 1970. */
export function uuid7(millis: number): string {
  if (used + 10 > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  const at = used;
  used += 10;
  const byte = (offset: number) => HEX[POOL[at + offset]!]!;
  const time = millis.toString(16).padStart(12, "0");
  const variant = HEX[0x80 | (POOL[at + 2]! & 0x3f)]!;
  return (
    time.slice(0, 8) +
    "-" +
    time.slice(8) +
    "-7" +
    byte(0)[0] +
    byte(1) +
    "-" +
    variant +
    byte(3) +
    "-" +
    byte(4) +
    byte(5) +
    byte(6) +
    byte(7) +
    byte(8) +
    byte(9)
  );
}
