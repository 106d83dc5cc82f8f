/** The return of several teams as one. */

/** Means of returns, by engineers: the cost of the tool is the same for each of them. */
export function together(all: readonly { value?: number | null; terms: Readonly<Record<string, number | null>> }[]): number | null {
  let [gain, engineers] = [0, 0];
  for (const { value, terms } of all) {
    const of = terms["engineers"];
    if (value === null || value === undefined || !of) continue;
    gain += value * of;
    engineers += of;
  }
  return engineers ? gain / engineers : null;
}
