// What was counted, as rows: the client for weir's api.
import { Asker, type Told } from "./ask.js";

/** A row: moments are Dates; days (`2026-03-01`) and exact sums (`cost_exact`) are texts. */
export type Row = Record<string, unknown>;
/** A day of the tenant, or a moment: `2026-03-01`, RFC 3339, or a Date. */
export type When = string | Date;
/** What a parameter may be; what is undefined is left out. */
export type Parameter =
  When | number | boolean | readonly string[] | Readonly<Record<string, string>>;

/** The rows of an answer, and what it says beside them. */
export class Rows extends Array<Row> {
  /** Everything that arrived in time and happened before has been counted; undefined: that is not
   * known yet. */
  completeThrough: Date | undefined;
  /** Other members of the answer, e.g. a question's `title`, a forecast's `method`. */
  about: Row = {};

  /** What is made of rows (`map`, `filter`) is a plain array. */
  static override get [Symbol.species]() {
    return Array;
  }
}

/** How an api is found and asked; what is left out comes from the environment. */
export interface ApiOptions {
  /** Address: WEIR_API (`weir status --json` shows it as `api`), http://127.0.0.1:9347. */
  url?: string;
  /** WEIR_TOKEN. */
  token?: string;
  /** How long one request may take, in ms. */
  timeout?: number;
  /** How long answers that say "not now" (429, 503) are waited for, in ms. */
  patience?: number;
  /** Characters of answers that are kept, to be sent again only where they changed (ETag). */
  cacheSize?: number;
  /** Rows of a page; less where the api's `limits.rows` is. */
  page?: number;
}

/** Which rows of a list: the first `limit`, or all of them. */
export type Listed = {
  subject?: Readonly<Record<string, string>>;
  limit?: number;
};

/** Asks weir's api. Methods give all rows, page after page; they reject with a Problem where there
 * is no answer. Days are of the tenant, `from` and `to` both included; moments are in UTC. */
export class Api {
  readonly #asker: Asker;
  readonly #page: number;

  constructor(options: ApiOptions = {}) {
    const { timeout = 60_000, patience = 30_000, cacheSize = 32 << 20, page = 1000 } = options;
    const url = new URL((options.url || process.env.WEIR_API || "http://127.0.0.1:9347").trim());
    if (url.protocol !== "http:" && url.protocol !== "https:") {
      throw new TypeError(`url ${url.href} is not an http or https address`);
    }
    const token = (options.token || process.env.WEIR_TOKEN || "").trim();
    const address = url.href.replace(/\/+$/, "");
    this.#asker = new Asker({ url: address, token, timeout, patience, cacheSize });
    this.#page = page;
  }

  /** The answer to a named question (`questions` lists them), with its parameters by name. */
  query(question: string, parameters: Readonly<Record<string, Parameter>> = {}): Promise<Rows> {
    return this.get(`/v1/questions/${encodeURIComponent(question)}`, parameters);
  }

  /** The named questions, and what parameters they take. */
  questions(): Promise<Rows> {
    return this.get("/v1/questions");
  }

  /** KPIs and scores as they are declared. */
  kpis(asked: { category?: string; kind?: "kpi" | "score" } = {}): Promise<Rows> {
    return this.get("/v1/kpis", asked);
  }

  /** A KPI over days, the last 30 where nothing is said. */
  kpi(
    kpi: string,
    asked: Listed & { from?: When; to?: When; step?: "all" | "day" | "week" | "month" } = {},
  ): Promise<Rows> {
    return this.#pages(`/v1/kpis/${encodeURIComponent(kpi)}/values`, asked);
  }

  /** A KPI by now, by the windows that it is published for; scores too. */
  kpiWindows(kpi: string, asked: Listed & { from?: When; asOf?: When } = {}): Promise<Rows> {
    const { asOf, ...rest } = asked;
    return this.#pages(`/v1/kpis/${encodeURIComponent(kpi)}/windows`, { ...rest, as_of: asOf });
  }

  /** Measures of an event type by window and subject, of windows that begin from `from` on and
   * before `to`. */
  aggregates(
    eventType: string,
    asked: Listed & {
      window?: "1m" | "5m" | "1h" | "1d";
      by?: readonly string[];
      measures?: readonly string[];
      from?: When;
      to?: When;
    } = {},
  ): Promise<Rows> {
    return this.#pages(`/v1/aggregates/${encodeURIComponent(eventType)}`, asked);
  }

  /** A measure over days (`llm.call.cost`, `llm.call.latency.p95`), by dimensions. */
  measure(
    statistic: string,
    asked: Listed & {
      from?: When;
      to?: When;
      step?: "all" | "day" | "week" | "month";
      by?: readonly string[];
    } = {},
  ): Promise<Rows> {
    return this.#pages(`/v1/measures/${encodeURIComponent(statistic)}/values`, asked);
  }

  /** The days ahead of a KPI of one subject, with intervals; `about` has the method and how it did
   * in a back-test. */
  forecast(
    kpi: string,
    asked: {
      from?: When;
      to?: When;
      horizon?: number;
      season?: number;
      subject?: Readonly<Record<string, string>>;
    } = {},
  ): Promise<Rows> {
    return this.get(`/v1/kpis/${encodeURIComponent(kpi)}/forecast`, asked);
  }

  /** Forecasts that were computed once a day was over: of the newest day, or since one. */
  forecasts(asked: Listed & { kpi?: string; since?: When } = {}): Promise<Rows> {
    return this.#pages("/v1/forecasts", asked);
  }

  /** Trends that were computed once a day was over. */
  trends(asked: Listed & { kpi?: string; verdict?: string; since?: When } = {}): Promise<Rows> {
    return this.#pages("/v1/trends", asked);
  }

  /** What deserves a look, the most urgent first. */
  findings(
    asked: Listed & { kind?: string; about?: string; verdict?: string; since?: When } = {},
  ): Promise<Rows> {
    return this.#pages("/v1/findings", asked);
  }

  /** Alerts at their last step, those that opened last first. */
  alerts(
    asked: Listed & {
      status?: "open" | "resolved";
      rule?: string;
      severity?: string;
      priority?: string;
      from?: When;
      to?: When;
    } = {},
  ): Promise<Rows> {
    return this.#pages("/v1/alerts", asked);
  }

  /** What detectors found, of the newest windows first. */
  anomalies(
    asked: Listed & {
      detector?: string;
      severity?: string;
      event?: string;
      from?: When;
      to?: When;
    } = {},
  ): Promise<Rows> {
    return this.#pages("/v1/anomalies", asked);
  }

  /** Any other path of `/docs`, with its parameters. What is no list is one row. */
  async get(
    path: string,
    parameters: Readonly<Record<string, Parameter | undefined>> = {},
  ): Promise<Rows> {
    const told = await this.#asker.get(path + queryOf(parameters));
    const [rows, about] = parts(told.data);
    return rowsOf(rows, through(told), about);
  }

  /** All pages of a list, or what its first `limit` rows are. It is complete through what the page
   * says that knew least. */
  async #pages(
    path: string,
    { limit, ...asked }: Readonly<Record<string, Parameter | undefined>> & { limit?: number },
  ): Promise<Rows> {
    if (limit !== undefined && !(limit >= 1)) {
      throw new RangeError(`limit is a number of rows from 1 on, not ${limit}`);
    }
    const most = limit ?? Infinity;
    const rows: Row[] = [];
    let known = Infinity;
    let after: string | undefined;
    do {
      const page = { ...asked, limit: Math.min(this.#page, most - rows.length), after };
      const told = await this.#asker.get(path + queryOf(page));
      rows.push(...parts(told.data)[0]);
      known = Math.min(known, through(told)?.getTime() ?? NaN);
      after = told.next;
    } while (after !== undefined && rows.length < most);
    return rowsOf(rows.slice(0, limit), Number.isNaN(known) ? undefined : new Date(known), {});
  }
}

const shared = new Map<string, Api>();

/** The answer to a named question, as `weir query` gives it: `await query("top-models", { days: 7
 * })`. Address and token come from WEIR_API and WEIR_TOKEN. */
export function query(
  question: string,
  parameters: Readonly<Record<string, Parameter>> = {},
): Promise<Rows> {
  const named = `${process.env.WEIR_API ?? ""} ${process.env.WEIR_TOKEN ?? ""}`;
  let api = shared.get(named);
  if (!api) {
    shared.clear();
    shared.set(named, (api = new Api()));
  }
  return api.query(question, parameters);
}

/** The rows of an answer, and its other members: rows are a list, a member that holds them, or the
 * answer is one itself. */
function parts(data: Row | Row[]): [Row[], Row] {
  if (Array.isArray(data)) return [data, {}];
  for (const member of ["rows", "points"]) {
    const { [member]: rows, ...about } = data;
    if (Array.isArray(rows)) return [rows, about];
  }
  return [[data], {}];
}

function rowsOf(rows: Row[], completeThrough: Date | undefined, about: Row): Rows {
  const found = new Rows();
  for (const row of rows) found.push(typed(row));
  found.completeThrough = completeThrough;
  found.about = typed(about);
  return found;
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;
/** Members that hold values of dimensions: names that people chose, whatever they look like. */
const NAMES = ["subject", "dimensions"];

function typed(row: Row): Row {
  const one = ([name, value]: [string, unknown]) => {
    if (typeof value === "string" && MOMENT.test(value)) return [name, new Date(value)];
    const inner = typeof value === "object" && value !== null && !Array.isArray(value);
    return [name, inner && !NAMES.includes(name) ? typed(value as Row) : value];
  };
  return Object.fromEntries(Object.entries(row).map(one));
}

function through(told: Told): Date | undefined {
  return typeof told.complete_through === "string" ? new Date(told.complete_through) : undefined;
}

/** Parameters as an address has them. */
function queryOf(parameters: Readonly<Record<string, Parameter | undefined>>): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === undefined || value === null) continue;
    if (value instanceof Date) pairs.append(name, value.toISOString());
    else if (Array.isArray(value)) pairs.append(name, value.join(","));
    else if (typeof value === "object") {
      for (const [key, of] of Object.entries(value)) pairs.append(`${name}[${key}]`, of);
    } else pairs.append(name, String(value));
  }
  pairs.sort();
  const text = pairs.toString();
  return text === "" ? "" : `?${text}`;
}
