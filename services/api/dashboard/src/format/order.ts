/** Rows in an order that a reader chose. */

export type Key = number | string | null | undefined;

/** What is not known stands last, whichever way. */
export function inOrder<R>(rows: readonly R[], value: (row: R) => Key, down: boolean): R[] {
  const known = (v: Key): boolean => v !== null && v !== undefined && v !== "";
  return [...rows].sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    if (!known(x) || !known(y)) return Number(known(y)) - Number(known(x));
    const by = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return down ? -by : by;
  });
}
