/** Figures in full rows. */

/** Cells of a row of figures: each number of them that fits a row divides it. */
const CELLS = 60;

/** How many figures stand in a row: as few rows as are full, or nearly. */
function inRow(count: number, most: number): number {
  if (count <= most) return count;
  const full = [4, 3, 5].find((n) => n <= most && count % n === 0);
  return full ?? Math.min(4, most);
}

/** Cells that a figure takes: the last row is as wide as the others. */
export function cells(place: number, count: number, most: number): number {
  const row = inRow(count, most);
  const last = count % row || row;
  return CELLS / (place >= count - last ? last : row);
}
