/** A line without axes, beside a number that says the rest. */

import { svg } from "./dom.js";

const [WIDTH, HEIGHT, EDGE] = [132, 32, 3];

/** Gaps stay gaps: a day without a value is not drawn through. */
export function spark(values: readonly (number | null)[]): SVGElement | null {
  const known = values.filter((v): v is number => v !== null);
  if (known.length < 2) return null;
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const x = (i: number): number => EDGE + (i / (values.length - 1)) * (WIDTH - 2 * EDGE);
  const y = (v: number): number =>
    high === low ? HEIGHT / 2 : HEIGHT - EDGE - ((v - low) / (high - low)) * (HEIGHT - 2 * EDGE);
  let path = "";
  let pen = "M";
  values.forEach((v, i) => {
    if (v === null) {
      pen = "M";
      return;
    }
    path += `${pen}${x(i).toFixed(1)} ${y(v).toFixed(1)}`;
    pen = "L";
  });
  const last = values.findLastIndex((v) => v !== null);
  return svg(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "spark", preserveAspectRatio: "xMinYMid", "aria-hidden": "true", focusable: "false" },
    svg("path", { d: path }),
    svg("circle", { cx: x(last), cy: y(values[last] ?? 0), r: 2.5 }),
  );
}
