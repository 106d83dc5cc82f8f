/** Lines over days: a canvas that can be read by pointer and keyboard, and a table with the same numbers. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { compact, withUnit } from "../format/number.js";
import { day } from "../format/time.js";
import { axis } from "../state/days.js";
import { h } from "./dom.js";
import { table } from "./parts.js";

export interface Line {
  label: string;
  values: readonly (number | null)[];
  dashed?: boolean;
  /** Of quiet colour: what is beside, not what is looked at. */
  quiet?: boolean;
  /** With the line after it, the edges of a band. */
  edge?: boolean;
}

const HEIGHT = 220;
const TONES = ["--accent", "--near", "--good", "--bad", "--quiet"];

/** Lines take colours in turn; edges of a band take none. */
function tone(line: Line, place: number): string {
  return line.edge ? "--band" : line.quiet ? "--quiet" : (TONES[place % TONES.length] ?? "--accent");
}

/** Which place a line has among those that take colours. */
function turn(lines: readonly Line[], line: Line): number {
  const own = lines.filter((l) => !l.edge && !l.quiet);
  return Math.max(0, own.indexOf(line));
}

/** A round value, without decimals that it does not have. */
function onAxis(value: number, unit: string): string {
  if (unit === "usd") return `$${compact(value)}`;
  return unit === "" && value < 1e4 ? String(Number(value.toFixed(2))) : withUnit(value, unit);
}

function colour(name: string): string {
  // A custom property is text: only a property of colour is computed.
  const probe = h("span", {});
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

export function chart(title: string, days: readonly string[], lines: readonly Line[], unit: string): HTMLElement {
  const box = h("div", { class: "chart", tabindex: 0, role: "img", "aria-label": `${title}: a line by day; the table below has its numbers` });
  const reading = h("p", { class: "reading", "aria-live": "polite" });
  const legend = h("ul", { class: "legend" }, lines.filter((l, i) => !(l.edge && lines[i + 1]?.edge)).map((l) => {
    const item = h("li", { class: l.edge ? "band" : l.dashed ? "dashed" : "" }, l.label);
    item.style.setProperty("--mark", `var(${tone(l, turn(lines, l))})`);
    return item;
  }));
  const tell = (i: number | null | undefined): void => {
    const at = i === null || i === undefined ? null : days[i];
    const told = lines.filter((l) => (l.values[i ?? 0] ?? null) !== null || !l.edge).map((l) => `${l.label} ${withUnit(l.values[i ?? 0] ?? null, unit)}`);
    reading.textContent = at ? `${day(at)}: ${told.join(", ")}` : "";
  };
  draw(box, days, lines, unit, tell);
  const columns = [
    { head: "Day", cell: (i: number) => days[i] ?? "" },
    ...lines.map((l) => ({ head: l.label, number: true, cell: (i: number) => withUnit(l.values[i] ?? null, unit) })),
  ];
  const data = h("details", { class: "data" }, h("summary", {}, "As a table"), table(title, columns, days.map((_, i) => i)));
  return h("div", {}, lines.length > 1 ? legend : null, box, reading, data);
}

function draw(
  box: HTMLElement,
  days: readonly string[],
  lines: readonly Line[],
  unit: string,
  tell: (i: number | null | undefined) => void,
): void {
  let plot: uPlot | null = null;
  const make = (): void => {
    plot?.destroy();
    const [ink, grid] = [colour("--quiet"), colour("--line")];
    const font = "12px Inter, system-ui, sans-serif";
    const ticks = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const series = lines.map((l) => ({
      label: l.label,
      stroke: colour(tone(l, turn(lines, l))),
      width: l.edge ? 0 : l.quiet ? 1 : 2,
      ...(l.dashed ? { dash: [5, 4] } : {}),
      // A day between two gaps is a point, or it would not be seen.
      points: { show: !l.edge && l.values.some((v, i) => v !== null && (l.values[i - 1] ?? null) === null && (l.values[i + 1] ?? null) === null), size: 5 },
    }));
    const bands = lines.flatMap((l, i) =>
      l.edge && lines[i + 1]?.edge
        ? [{ series: [i + 2, i + 1] as [number, number], fill: colour("--band") }]
        : [],
    );
    plot = new uPlot(
      {
        width: Math.max(240, box.clientWidth),
        height: HEIGHT,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { y: { range: (_u, low, high) => [Math.min(0, low), high > 0 ? high * 1.08 : 1] } },
        axes: [
          { ...ticks, grid: { show: false }, space: 70, values: (_u, at) => at.map((t) => day(new Date(t * 1000).toISOString().slice(0, 10))), incrs: [1, 2, 7, 14, 28, 91].map((d) => d * 86_400) },
          { ...ticks, size: 76, values: (_u, at) => at.map((v) => onAxis(v, unit)) },
        ],
        series: [{}, ...series],
        bands,
        hooks: { setCursor: [(u) => tell(u.cursor.idx)] },
      },
      [days.map(axis), ...lines.map((l) => [...l.values])] as uPlot.AlignedData,
      box,
    );
  };
  let at = days.length - 1;
  box.addEventListener("keydown", (e) => {
    const by = e.key === "ArrowLeft" ? -1 : e.key === "ArrowRight" ? 1 : 0;
    if (!by || !plot) return;
    e.preventDefault();
    at = Math.max(0, Math.min(days.length - 1, at + by));
    plot.setCursor({ left: plot.valToPos(axis(days[at] ?? ""), "x"), top: 0 });
    tell(at);
  });
  const seen = new ResizeObserver(() => {
    if (box.clientWidth === 0) return;
    if (plot) plot.setSize({ width: box.clientWidth, height: HEIGHT });
    else make();
  });
  seen.observe(box);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot && make());
}
