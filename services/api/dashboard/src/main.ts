/** Puts the page together that the address names, and keeps it fresh. */

import "./style/base.css";
import "./style/layout.css";
import "./style/parts.css";
import { ask, keep, Refusal } from "./api/client.js";
import { listen } from "./api/live.js";
import type { Alert, Kpi } from "./api/types.js";
import { BASE, Context } from "./context.js";
import { alerts } from "./pages/alerts.js";
import { capabilities } from "./pages/capabilities.js";
import { cost } from "./pages/cost.js";
import { delivery } from "./pages/delivery.js";
import { explain } from "./pages/explain.js";
import { learning } from "./pages/learning.js";
import { overview } from "./pages/overview.js";
import type { Page } from "./pages/page.js";
import { pipeline } from "./pages/pipeline.js";
import { slas } from "./pages/slas.js";
import { sources } from "./pages/sources.js";
import { teams } from "./pages/teams.js";
import { today } from "./state/days.js";
import * as now from "./state/now.js";
import { read } from "./state/view.js";
import { h } from "./ui/dom.js";
import { reports } from "./ui/reports.js";
import { type Placed, place } from "./ui/section.js";
import { inSight, news, side, stand, top } from "./ui/shell.js";

const PAGES: readonly Page[] = [overview, cost, teams, delivery, slas, alerts, capabilities, learning, sources, pipeline];
const FRESH_MS = 10_000;
/** What was just said reaches the lists so much later. */
const LISTED_MS = 1_500;
/** Values that move are drawn at most so often. */
const DRAWN_MS = 200;

const app = document.getElementById("app") ?? document.body;
let current: AbortController | null = null;

async function show(focus: boolean): Promise<void> {
  current?.abort();
  const own = (current = new AbortController());
  const path = location.pathname.replace(BASE, "").replace(/^\/|\/$/g, "");
  const page = [...PAGES, explain].find((p) => p.path === path) ?? overview;
  document.title = `${page.name} · weir`;
  try {
    const context = await begin(own.signal);
    if (own.signal.aborted) return;
    const standing = h("div", { class: "stand quiet" }, stand(context));
    const placed = page.sections(context).map((s) => place(s, own.signal));
    const told = h("div", { class: "news", role: "status" });
    const main = h("main", { class: "main", id: "main", tabindex: -1 }, top(context, page, await names(context)), standing, reports(context, page.report), told, h("div", { class: "sections" }, placed.map((p) => p.element)));
    const nav = side(context, PAGES, page);
    app.replaceChildren(
      h("a", { class: "skip", href: "#main", click: (e) => { e.preventDefault(); main.focus(); } }, "To the numbers"),
      nav,
      main,
    );
    inSight(nav);
    if (focus) { main.focus({ preventScroll: true }); scrollTo(0, 0); }
    await Promise.all(placed.map((p) => p.refresh()));
    document.body.dataset["ready"] = page.path || "overview";
    void hear(own.signal, context, placed, told);
    await follow(own.signal, context, standing, () => placed.map((p) => p.refresh()));
  } catch (e) {
    if (!own.signal.aborted) app.replaceChildren(refused(e));
  }
}

/** What every page needs; asked once for each view. */
async function begin(signal: AbortSignal): Promise<Context> {
  const [status, kpis] = await Promise.all([ask("/v1/status", {}, {}, signal), ask("/v1/kpis", {}, {}, signal)]);
  const known = new Map<string, Kpi>(kpis.data.map((k) => [k.name, k]));
  return new Context(read(location.search), status.data, known, today(status.data.zone), signal);
}

/** Teams to choose from: those that spent or did something. */
async function names(context: Context): Promise<string[]> {
  const rows = await context.measure("llm.call.calls", { by: "team" }).catch(() => []);
  return rows.map((r) => r.subject["team"] ?? "").filter(Boolean).sort();
}

/** Asks again while somebody looks. */
async function follow(signal: AbortSignal, context: Context, standing: HTMLElement, refresh: () => Promise<void>[]): Promise<void> {
  while (!signal.aborted) {
    await new Promise((done) => setTimeout(done, FRESH_MS));
    if (signal.aborted || document.hidden) continue;
    const told = await ask("/v1/status", {}, {}, signal).catch(() => null);
    standing.replaceChildren(...stand(context, told));
    if (told) await Promise.all(refresh());
  }
}

/** Shows what happens: values move, and what was found is told at once and listed a moment later. */
async function hear(signal: AbortSignal, context: Context, placed: readonly Placed[], told: HTMLElement): Promise<void> {
  const moved = (what: "kpis" | "findings"): void => placed.filter((p) => p.section.moves === what).forEach((p) => void p.refresh());
  const soon = (what: "kpis" | "findings", wait: number): (() => void) => {
    let timer = 0;
    return () => {
      if (timer) return;
      timer = window.setTimeout(() => { timer = 0; if (!signal.aborted) moved(what); }, wait);
    };
  };
  const [drawn, listed] = [soon("kpis", DRAWN_MS), soon("findings", LISTED_MS)];
  const team = context.view.team;
  const mine = (of: Record<string, string>): boolean => !team || of["team"] === undefined || of["team"] === team;
  const kpis = now.watched(context.kpis).map((k) => k.name);
  const topics = kpis.length ? "alerts,anomalies,kpis" : "alerts,anomalies";
  await listen(`topics=${topics}&kpis=${kpis.join(",")}`, {
    alert: (a: Alert) => { if (mine(a.dimensions) && a.state !== "update") told.replaceChildren(news(context, a)); listed(); },
    anomaly: listed,
    kpi: (k) => { now.take(k); drawn(); },
    missed: listed,
    state: (live) => {
      if (live) { now.begin(); moved("kpis"); }
      document.body.dataset["live"] = live ? "yes" : "no";
    },
  }, signal);
  // It was refused for good: numbers are asked for now and then, as before.
  if (!signal.aborted) document.body.dataset["live"] = "none";
}

function refused(e: unknown): HTMLElement {
  const refusal = e instanceof Refusal ? e : new Refusal(0, "", e instanceof Error ? e.message : String(e), "");
  if (refusal.status === 401) return signIn();
  return h("main", { class: "main" }, h("h1", {}, "weir"), h("div", { class: "state error", role: "alert" },
    h("strong", {}, refusal.message), h("p", {}, refusal.remedy, " ", refusal.code),
    h("button", { type: "button", click: () => void show(false) }, "Ask again")));
}

function signIn(): HTMLElement {
  const token = h("input", { id: "token", type: "password", autocomplete: "off", required: true });
  const enter = (e: Event): void => { e.preventDefault(); keep(token.value.trim()); void show(true); };
  return h("main", { class: "main" }, h("h1", {}, "weir"),
    h("p", {}, "This page needs a token that may read. The link that `weir up` prints, or `weir status --secrets`, opens it without one, once."),
    h("form", { submit: enter }, h("p", {}, h("label", { for: "token" }, "Token "), token, " ", h("button", {}, "Open"))));
}

/** Links within the dashboard do not load it again. */
document.addEventListener("click", (e) => {
  const link = e.target instanceof Element ? e.target.closest("a") : null;
  if (!link || e.defaultPrevented || e.button || e.metaKey || e.ctrlKey || e.shiftKey || e.altKey) return;
  if (link.origin !== location.origin || !link.pathname.startsWith(BASE) || link.hash) return;
  e.preventDefault();
  const samePage = link.pathname === location.pathname;
  history.pushState(null, "", link.href);
  delete document.body.dataset["ready"];
  void show(!samePage);
});
addEventListener("popstate", () => void show(true));
addEventListener("weir:view", () => void show(false));
void show(false);
