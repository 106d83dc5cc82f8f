/** Lines over time: a canvas that can be read, moved and narrowed by pointer and keyboard, and a table with its numbers. */

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { compact, withUnit } from "../format/number.js";
import { day, moment } from "../format/time.js";
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

/** What lines stand over. */
export interface Times {
  /** What one of them is: Day. */
  head: string;
  /** Seconds since 1970, as the axis has them. */
  at: readonly number[];
  label: (place: number) => string;
  tick: (seconds: number, span: number) => string;
}

const HEIGHT = 220;
const DAY_S = 86_400;
/** Steps between ticks: hours, then days. */
const STEPS = [...[1, 3, 6, 12].map((h) => h * 3600), ...[1, 2, 7, 14, 28, 91].map((d) => d * DAY_S)];
/** So many points can be moved and narrowed; fewer are seen at once. */
const MANY = 120;
/** Fewest points that are left when it is narrowed. */
const LEAST = 12;
/** Rows of its table at most. */
const ROWS = 500;
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

export function chart(title: string, days: readonly string[], lines: readonly Line[], unit: string, near = false): HTMLElement {
  const short = (seconds: number): string => day(new Date(seconds * 1000).toISOString().slice(0, 10));
  return plot(title, { head: "Day", at: days.map(axis), label: (i) => day(days[i] ?? ""), tick: short }, lines, unit, near);
}

/** Moments, in the tenant's zone. */
export function moments(head: string, at: readonly string[], zone: string): Times {
  const seconds = at.map((t) => new Date(t).getTime() / 1000);
  const part = (of: Intl.DateTimeFormatOptions) => (t: number): string =>
    new Date(t * 1000).toLocaleString("en-GB", { timeZone: zone, ...of });
  const [hour, short] = [part({ hour: "2-digit", minute: "2-digit" }), part({ day: "numeric", month: "short" })];
  return { head, at: seconds, label: (i) => moment(at[i], zone), tick: (t, span) => (span > 4 * DAY_S || hour(t) === "00:00" ? short(t) : hour(t)) };
}

/** `near`: its axis begins near the lowest value, for shares that are all but whole. */
export function plot(title: string, times: Times, lines: readonly Line[], unit: string, near = false): HTMLElement {
  const count = times.at.length;
  const box = h("div", { class: "chart", tabindex: 0, role: "img", "aria-label": `${title}: lines over time; the table below has their numbers` });
  const reading = h("p", { class: "reading", "aria-live": "polite" });
  const legend = h("ul", { class: "legend" }, lines.filter((l, i) => !(l.edge && lines[i + 1]?.edge)).map((l) => {
    const item = h("li", { class: l.edge ? "band" : l.dashed ? "dashed" : "" }, l.edge ? l.label.replace(/,.*/, " band") : l.label);
    item.style.setProperty("--mark", `var(${tone(l, turn(lines, l))})`);
    return item;
  }));
  const tell = (i: number | null | undefined): void => {
    const told = lines.filter((l) => (l.values[i ?? 0] ?? null) !== null || !l.edge).map((l) => `${l.label} ${withUnit(l.values[i ?? 0] ?? null, unit)}`);
    reading.textContent = i === null || i === undefined || i >= count ? "" : `${times.label(i)}: ${told.join(", ")}`;
  };
  const drawn = new Drawn(title, box, times, lines, unit, near, tell);
  const button = (label: string, what: string, act: () => void): HTMLElement => h("button", { type: "button", "aria-label": `${title}: ${what}`, click: act }, label);
  const tools = h("div", { class: "zoom" }, button("−", "show more time", () => drawn.narrow(2)), button("+", "show less time", () => drawn.narrow(0.5)), button("All", "show all of it", () => drawn.narrow(Infinity)));
  const above = lines.length > 1 || count > MANY ? h("div", { class: "above" }, lines.length > 1 ? legend : h("span", {}), count > MANY ? tools : null) : null;
  return h("div", {}, above, box, reading, data(title, times, lines, unit));
}

/** Its numbers; of very many the newest, made when somebody opens them. */
function data(title: string, times: Times, lines: readonly Line[], unit: string): HTMLElement {
  const columns = [
    { head: times.head, cell: (i: number) => times.label(i) },
    ...lines.map((l) => ({ head: l.label, number: true, cell: (i: number) => withUnit(l.values[i] ?? null, unit) })),
  ];
  const places = times.at.map((_, i) => i).slice(-ROWS);
  const less = places.length < times.at.length ? h("p", { class: "quiet" }, `The newest ${ROWS} of ${times.at.length}.`) : "";
  const made = (): Node[] => [table(title, columns, places), ...(less ? [less] : [])];
  const many = times.at.length > MANY;
  const fold: HTMLDetailsElement = h("details", { class: "data", toggle: () => { if (fold.open && fold.childElementCount === 1) fold.append(...made()); } },
    h("summary", {}, "As a table"), many ? null : made());
  return fold;
}

/** An axis from 0, or from a little below the lowest value. */
function bounds(low: number, high: number, near: boolean): [number, number] {
  if (near && high > low) return [low - (high - low) * 0.1, high + (high - low) * 0.1];
  return [Math.min(0, low), high > 0 ? high * 1.08 : 1];
}

/** Charts that are drawn, for a change of colours. */
const all = new Set<Drawn>();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => all.forEach((d) => d.make()));
/** What is shown of a chart, by its title: it outlives its numbers. */
const narrowed = new Map<string, [number, number]>();

class Drawn {
  private plot: uPlot | null = null;
  private at: number;
  private asked = 0;

  constructor(
    private readonly title: string,
    private readonly box: HTMLElement,
    private readonly times: Times,
    private readonly lines: readonly Line[],
    private readonly unit: string,
    private readonly near: boolean,
    private readonly tell: (i: number | null | undefined) => void,
  ) {
    this.at = times.at.length - 1;
    for (const other of all) if (other.plot && !other.box.isConnected) all.delete(other);
    all.add(this);
    new ResizeObserver(() => {
      if (box.clientWidth === 0) return;
      if (this.plot) this.plot.setSize({ width: box.clientWidth, height: HEIGHT });
      else this.make();
    }).observe(box);
    box.addEventListener("keydown", (e) => this.key(e));
  }

  private get ends(): [number, number] {
    return [this.times.at[0] ?? 0, this.times.at.at(-1) ?? 0];
  }

  private get shown(): [number, number] {
    const { min, max } = this.plot?.scales["x"] ?? {};
    return min === undefined || max === undefined ? this.ends : [min, max];
  }

  /** Shows what lies between two moments, in the next frame; never beyond the ends. */
  private show(min: number, max: number): void {
    const [first, last] = this.ends;
    const span = Math.min(last - first, max - min);
    const from = Math.max(first, Math.min(last - span, min));
    narrowed.set(this.title, [from, from + span]);
    if (span >= last - first) narrowed.delete(this.title);
    cancelAnimationFrame(this.asked);
    this.asked = requestAnimationFrame(() => this.plot?.setScale("x", { min: from, max: from + span }));
  }

  /** Shows so many times as much, around its middle. */
  narrow(by: number): void {
    const [first, last] = this.ends;
    const [min, max] = this.shown;
    const least = ((last - first) / Math.max(1, this.times.at.length - 1)) * LEAST;
    const span = Math.min(last - first, Math.max(least, (max - min) * by));
    const middle = (min + max) / 2;
    this.show(middle - span / 2, middle + span / 2);
  }

  private key(e: KeyboardEvent): void {
    const by = e.key === "ArrowLeft" ? -1 : e.key === "ArrowRight" ? 1 : 0;
    const zoom = e.key === "+" ? 0.5 : e.key === "-" ? 2 : 0;
    if (!this.plot || (!by && !zoom)) return;
    e.preventDefault();
    const [min, max] = this.shown;
    if (zoom && this.times.at.length > MANY) return this.narrow(zoom);
    if (e.shiftKey) return this.show(min + (by * (max - min)) / 4, max + (by * (max - min)) / 4);
    this.at = Math.max(0, Math.min(this.times.at.length - 1, this.at + by));
    const time = this.times.at[this.at] ?? 0;
    if (time < min || time > max) this.show(time - (max - min) / 2, time + (max - min) / 2);
    this.plot.setCursor({ left: this.plot.valToPos(time, "x"), top: 0 });
    this.tell(this.at);
  }

  /** What is dragged goes along with the pointer. */
  private drag(u: uPlot, down: PointerEvent): void {
    const [min, max] = this.shown;
    const second = (max - min) / u.over.clientWidth;
    const move = (e: PointerEvent): void => this.show(min - (e.clientX - down.clientX) * second, max - (e.clientX - down.clientX) * second);
    u.over.setPointerCapture(down.pointerId);
    u.over.addEventListener("pointermove", move);
    u.over.addEventListener("lostpointercapture", () => u.over.removeEventListener("pointermove", move), { once: true });
  }

  make(): void {
    if (!this.box.isConnected) return;
    this.plot?.destroy();
    const { box, lines, times, unit } = this;
    const [ink, grid] = [colour("--quiet"), colour("--line")];
    const font = "12px Inter, system-ui, sans-serif";
    const ticks = { stroke: ink, font, grid: { stroke: grid, width: 1 }, ticks: { show: false } };
    const series = lines.map((l) => ({
      label: l.label,
      stroke: colour(tone(l, turn(lines, l))),
      width: l.edge ? 0 : l.quiet ? 1 : times.at.length > MANY ? 1.25 : 2,
      ...(l.dashed ? { dash: [5, 4] } : {}),
      // A day between two gaps is a point, or it would not be seen.
      points: { show: !l.edge && l.values.some((v, i) => v !== null && (l.values[i - 1] ?? null) === null && (l.values[i + 1] ?? null) === null), size: 5 },
    }));
    const bands = lines.flatMap((l, i) =>
      l.edge && lines[i + 1]?.edge
        ? [{ series: [i + 2, i + 1] as [number, number], fill: colour("--band") }]
        : [],
    );
    const known = narrowed.get(this.title);
    this.plot = new uPlot(
      {
        width: Math.max(240, box.clientWidth),
        height: HEIGHT,
        tzDate: (ts) => uPlot.tzDate(new Date(ts * 1e3), "Etc/UTC"),
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false } },
        scales: { x: { ...(known ? { min: known[0], max: known[1] } : {}) }, y: { range: (_u, low, high) => bounds(low, high, this.near) } },
        axes: [
          { ...ticks, grid: { show: false }, size: 30, space: 70, values: (u, at) => at.map((t) => times.tick(t, (u.scales["x"]?.max ?? 0) - (u.scales["x"]?.min ?? 0))), incrs: times.head === "Day" ? STEPS.slice(4) : STEPS },
          { ...ticks, size: 76, values: (_u, at) => at.map((v) => onAxis(v, unit)) },
        ],
        series: [{}, ...series],
        bands,
        hooks: { setCursor: [(u) => this.tell(u.cursor.idx)] },
      },
      [times.at, ...lines.map((l) => [...l.values])] as uPlot.AlignedData,
      box,
    );
    const u = this.plot;
    u.over.addEventListener("pointerdown", (e) => { if (times.at.length > MANY && e.button === 0) this.drag(u, e); });
  }
}
