// Drives every page in Debian's Chromium against a running api, looks for what axe calls serious, and writes
// pictures. `WEIR_API=http://127.0.0.1:9347 WEIR_TOKEN=... npm run shots -- [FOLDER] [PAGE...]` shows the files that
// were just built; `WEIR_LINK=...`, as `weir status --secrets` prints it, shows those that the api serves. `LOOKS=` names
// some of the looks.
import { AxeBuilder } from "@axe-core/playwright";
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";
import { preview } from "vite";

const [folder = "shots", ...only] = process.argv.slice(2);
const PAGES = ["", "cost", "teams", "delivery", "slas", "alerts", "capabilities", "learning", "sources", "pipeline"];
const LOOKS = [
  { name: "light-wide", colorScheme: "light", viewport: { width: 1360, height: 900 } },
  { name: "dark-wide", colorScheme: "dark", viewport: { width: 1360, height: 900 } },
  { name: "light-narrow", colorScheme: "light", viewport: { width: 390, height: 844 } },
  { name: "dark-narrow", colorScheme: "dark", viewport: { width: 390, height: 844 } },
];
const wanted = process.env.LOOKS ? LOOKS.filter((l) => process.env.LOOKS.split(",").includes(l.name)) : LOOKS;
const GRAVE = ["serious", "critical"];

mkdirSync(folder, { recursive: true });
const link = process.env.WEIR_LINK;
const server = link ? null : await preview({ preview: { port: 0, host: "127.0.0.1" } });
const base = new URL("/dashboard/", link ?? server.resolvedUrls.local[0]).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const faults = [];

async function look(context, name, path) {
  const page = await context.newPage();
  const label = `${path.split("?")[0] || "overview"}-${name}`;
  page.on("pageerror", (e) => faults.push(`${label}: ${e.message}`));
  await page.goto(base + path);
  await page.waitForFunction(() => document.body.dataset.ready, null, { timeout: 60_000 });
  const found = await new AxeBuilder({ page }).analyze();
  for (const v of found.violations.filter((v) => GRAVE.includes(v.impact))) {
    faults.push(`${label}: ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 3).join("; ")}`);
  }
  for (const error of await page.locator(".state.error strong").allTextContents()) faults.push(`${label}: ${error}`);
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wider > 0) faults.push(`${label}: the page is ${wider} px wider than its window`);
  await page.screenshot({ path: `${folder}/${label}.png`, fullPage: true });
  // From a number to what it is made of.
  const link = page.locator('a[href*="/explain"]').first();
  const href = path === "" && name.endsWith("wide") && (await link.count()) ? await link.getAttribute("href") : null;
  await page.close();
  return href;
}

try {
  let cookies = null;
  for (const { name, ...options } of wanted) {
    const context = await browser.newContext(options);
    if (cookies) await context.addCookies(cookies);
    if (link && !cookies) {
      // It opens once.
      const page = await context.newPage();
      await page.goto(link);
      if (page.url() !== base) throw new Error(`the link leads to ${page.url()}`);
      await page.close();
      cookies = await context.cookies();
    }
    if (process.env.WEIR_TOKEN) {
      await context.addInitScript((t) => sessionStorage.setItem("weir.token", t), process.env.WEIR_TOKEN);
    }
    for (const path of only.length ? PAGES.filter((p) => only.includes(p || "overview")) : PAGES) {
      const explained = await look(context, name, path);
      if (explained) await look(context, name, explained.replace("/dashboard/", ""));
      console.log(`${path || "overview"} ${name}`);
    }
    await context.close();
  }
} finally {
  await browser.close();
  await server?.close();
}
for (const fault of faults) console.error(fault);
process.exit(faults.length ? 1 : 0);
