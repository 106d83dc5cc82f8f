/** A line without axes, beside a number that says the rest. */

import { svg } from "./dom.js";

const [WIDTH, HEIGHT, EDGE] = [132, 32, 3];

/** From the first value on: gaps after it stay gaps, a day without a value is not drawn through. */
export function spark(all: readonly (number | null)[]): SVGElement | null {
  const values = all.slice(Math.max(0, all.findIndex((v) => v !== null)));
  const known = values.filter((v): v is number => v !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (i: number): string => (EDGE + (i / (values.length - 1)) * (WIDTH - 2 * EDGE)).toFixed(1);
  const y = (v: number): string =>
    (high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((v - low) / (high - low)) * (HEIGHT - 2 * EDGE)).toFixed(1);
  let path = "";
  let pen = "M";
  values.forEach((v, i) => {
    if (v === null) {
      pen = "M";
      return;
    }
    path += `${pen}${x(i)} ${y(v)}`;
    pen = "L";
  });
  const last = values.findLastIndex((v) => v !== null);
  // It is as wide as its place; a line of no length with round ends stays a dot.
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", preserveAspectRatio: "none", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: path }),
    svg("path", { class: "dot", d: `M${x(last)} ${y(values[last] ?? 0)}h0.01` }),
  );
}
