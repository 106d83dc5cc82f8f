// A person at the dashboard of a running system: enters by the link, sees a figure move when an event comes, takes an alert
// on, puts a table in order, goes from a number to its events.
// `WEIR_LINK=... WEIR_EMIT="weir --data-dir DIR emit" node scripts/drive.mjs`
import { execFile } from "node:child_process";
import { chromium } from "playwright-core";

const link = process.env.WEIR_LINK;
const [emit, ...before] = process.env.WEIR_EMIT.split(" ");
const PATIENCE_MS = 30_000;

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const faults = [];
const check = (what, holds) => { console.log(`${holds ? "ok" : "not ok"} - ${what}`); if (!holds) faults.push(what); };
try {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const page = await context.newPage();
  page.on("pageerror", (e) => faults.push(e.message));
  page.on("console", (m) => { if (/Content Security Policy/.test(m.text())) faults.push(m.text()); });
  await page.goto(link);
  check("the link leads to the pages, without its code", new URL(page.url()).search === "");
  const [cookie] = await context.cookies();
  check("the cookie is no script's and no other site's", cookie.httpOnly && cookie.sameSite === "Strict");
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.live === "yes", null, { timeout: PATIENCE_MS });
  check("a script of the page sees no cookie", (await page.evaluate(() => document.cookie)) === "");
  check("a link opens once", (await context.request.get(link, { maxRedirects: 0 })).status() === 403);

  // A figure of the open hour moves; the clock of the page says how long that took.
  const now = page.locator("section", { has: page.getByRole("heading", { name: "Now", exact: true }) });
  const figure = () => now.locator(".value").allTextContents();
  const was = (await figure()).join();
  const begun = Date.now();
  const sent = new Promise((done, failed) => {
    const fields = ["llm.call", "provider=p", "model=m", "tokens_input=10", "cost_usd=7.25", "success=true", "engineer.email=ada@example.org", "engineer.team=core"];
    execFile(emit, [...before, ...fields], (e) => (e ? failed(e) : done(Date.now())));
  });
  await page.waitForFunction((was) => {
    const all = [...document.querySelectorAll("section")].find((s) => s.querySelector("h2")?.textContent === "Now");
    const is = [...(all?.querySelectorAll(".value") ?? [])].map((v) => v.textContent).join();
    return is && is !== was;
  }, was, { timeout: PATIENCE_MS, polling: 20 });
  const moved = Date.now();
  check(`a figure moved ${moved - begun} ms after the command began, ${moved - (await sent)} ms after it ended`, true);

  // An alert of the simulated days is taken on, and everybody sees by whom.
  await page.goto(new URL("/dashboard/alerts", link).href);
  const open = page.locator("section", { has: page.getByRole("heading", { name: "Open", exact: true }) });
  await open.locator(".alert").first().waitFor({ state: "attached", timeout: PATIENCE_MS });
  for (const fold of await open.locator("details:not([open]) > summary").all()) await fold.click();
  await open.locator("#actor").fill("ada@example.org");
  await open.locator("#actor").blur();
  const free = open.locator(".alert", { has: page.getByRole("button", { name: /^Take on/ }) }).first();
  const answer = page.waitForResponse((r) => r.url().endsWith("/acknowledge"));
  await free.getByRole("button", { name: /^Take on/ }).click();
  const told = await answer;
  check("an alert is taken on", told.ok());
  check("the page says so", await open.getByText("taken on by ada@example.org").first().waitFor({ timeout: PATIENCE_MS }).then(() => true, () => false));
  const id = new URL(told.url()).pathname.split("/").at(-2);
  let by = null;
  for (const end = Date.now() + PATIENCE_MS; by === null && Date.now() < end; await page.waitForTimeout(200)) {
    by = (await (await context.request.get(new URL(`/v1/alerts/${id}`, link).href)).json()).data.acknowledged_by ?? null;
  }
  check("the alert says by whom", by === "ada@example.org");

  // Any column puts a table in order.
  await page.goto(new URL("/dashboard/teams", link).href);
  const table = page.getByRole("region", { name: "What teams do" });
  await table.getByRole("button", { name: "Spend", exact: true }).click({ timeout: PATIENCE_MS });
  const spent = (await table.locator("tbody tr td:nth-child(2)").allTextContents()).map((t) => Number(t.replace(/[$,]/g, "")));
  check("the largest stands first", spent.length > 1 && spent.every((v, i) => !i || v <= spent[i - 1]));

  // From a number to what it is made of, and to the events in the log.
  await table.locator('tbody a[href*="/explain"]').first().click();
  await page.waitForFunction(() => document.body.dataset.ready === "explain", null, { timeout: PATIENCE_MS });
  check("a number leads to its events", await page.getByRole("region", { name: /^Events of / }).locator("tbody tr").first().waitFor({ timeout: PATIENCE_MS }).then(() => true, () => false));
} finally {
  await browser.close();
}
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
