/** What a page is told: what is looked at, and how to ask for it. */

import { type Answer, ask, type Query } from "./api/client.js";
import type { EventType, Finding, Kpi, Measured, OverDays, Published, Status, TrendOf } from "./api/types.js";
import { plus } from "./state/days.js";
import { before, type Period, period, type View, write } from "./state/view.js";

export type Subject = Readonly<Record<string, string>>;

/** Rows that a page asks for at most. */
const ROWS = 2000;
/** What was asked for holds so long. */
const KEPT_MS = 9_000;
export const BASE = "/dashboard/";

export interface Row {
  readonly [column: string]: unknown;
}

export class Context {
  readonly period: Period;
  readonly before: Period;
  private readonly kept = new Map<string, { at: number; told: Promise<unknown> }>();

  constructor(
    readonly view: View,
    readonly status: Status,
    readonly kpis: ReadonlyMap<string, Kpi>,
    readonly today: string,
    readonly signal: AbortSignal,
  ) {
    this.period = period(view, today);
    this.before = before(this.period);
  }

  get zone(): string {
    return this.status.zone;
  }

  /** The team that is looked at, as a subject; nothing of what has no teams. */
  get team(): Subject {
    return this.view.team ? { team: this.view.team } : {};
  }

  link(page: string, changes: Partial<View> = {}): string {
    return BASE + page + write({ ...this.view, rest: {}, ...changes });
  }

  /** Where a number is explained: its last whole day within the period. */
  explain(of: "kpi" | "measure", name: string, subject: Subject = {}, window?: string): string {
    const last = this.period.to < this.today ? this.period.to : plus(this.today, -1);
    const rest: Record<string, string> = { [of]: name, window: window ?? last };
    for (const [dimension, value] of Object.entries(subject)) rest[`subject[${dimension}]`] = value;
    return this.link("explain", { rest });
  }

  /** A statistic of a measure over days. */
  async measure(statistic: string, asked: { by?: string; step?: string; subject?: Subject; of?: Period } = {}): Promise<Measured[]> {
    const days = asked.of ?? this.period;
    const query = { ...days, by: asked.by, step: asked.step, limit: ROWS, ...named(asked.subject) };
    const path = "/v1/measures/{statistic}/values";
    return (await ask(path, query, { statistic }, this.signal)).data;
  }

  /** A KPI over days. */
  async values(kpi: string, asked: { step?: string; subject?: Subject; of?: Period } = {}): Promise<OverDays[]> {
    const days = asked.of ?? this.period;
    const query = { ...days, step: asked.step, limit: ROWS, ...named(asked.subject) };
    return (await ask("/v1/kpis/{kpi}/values", query, { kpi }, this.signal)).data;
  }

  /** Rows of a named question, over the period where it takes one. */
  async question(name: string, asked: Query = {}): Promise<Row[]> {
    return this.once(`${name} ${JSON.stringify(asked)}`, () => this.rows(name, { ...this.period, ...asked }));
  }

  private async rows(name: string, query: Query): Promise<Row[]> {
    // Its columns are the question's own: the document cannot know them.
    const answer: Answer<"/v1/questions/{name}"> = await ask("/v1/questions/{name}", query, { name }, this.signal);
    return answer.data.rows as Row[];
  }

  /** What was said of a KPI or score when its windows were final, the newest first. */
  async published(kpi: string, asked: { subject?: Subject; limit?: number } = {}): Promise<Published[]> {
    const query = { from: this.period.from, to: plus(this.period.to, 1), limit: asked.limit ?? ROWS, ...named(asked.subject) };
    return (await ask("/v1/kpis/{kpi}/published", query, { kpi }, this.signal)).data;
  }

  /** What several parts of a page want is asked for once, until it is worth to ask again. */
  once<T>(key: string, load: () => Promise<T>): Promise<T> {
    const known = this.kept.get(key);
    if (known && Date.now() - known.at < KEPT_MS) return known.told as Promise<T>;
    const told = load();
    this.kept.set(key, { at: Date.now(), told });
    told.catch(() => this.kept.delete(key));
    return told;
  }

  /** What deserves a look, the most urgent first. */
  async findings(kind: Finding["kind"] | null, asked: Query = {}): Promise<Finding[]> {
    return (await ask("/v1/findings", { kind, limit: 500, ...asked }, {}, this.signal)).data;
  }

  /** Verdicts on KPIs, as computed last. */
  async trends(): Promise<TrendOf[]> {
    return (await ask("/v1/trends", { limit: ROWS }, {}, this.signal)).data;
  }

  async eventTypes(): Promise<EventType[]> {
    return this.once("event-types", async () => (await ask("/v1/event-types", {}, {}, this.signal)).data);
  }

  unit(kpi: string): string {
    return this.kpis.get(kpi)?.unit ?? "";
  }

  title(kpi: string): string {
    return this.kpis.get(kpi)?.title ?? kpi.replaceAll("_", " ");
  }
}

function named(subject: Subject = {}): Query {
  return Object.fromEntries(Object.entries(subject).map(([name, value]) => [`subject[${name}]`, value]));
}

/** Values by day, with a gap where there is none. */
export function byDay(days: readonly string[], rows: readonly { from: string; value?: number | null }[]): (number | null)[] {
  const known = new Map(rows.map((r) => [r.from, r.value ?? null]));
  return days.map((d) => known.get(d) ?? null);
}

export function text(row: Row, column: string): string {
  const value = row[column];
  return typeof value === "string" ? value : value === null || value === undefined ? "" : String(value);
}

export function number(row: Row, column: string): number | null {
  const value = row[column];
  if (typeof value === "number") return value;
  return typeof value === "string" && value !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
}
