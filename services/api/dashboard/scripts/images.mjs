// The pictures of the documentation, of a running system: `WEIR_LINK=... npm run images -- ../../../docs/images`; with
// `WEIR_PAGES=http://127.0.0.1:5173` the pages are those of `npm run dev`.
import { chromium } from "playwright-core";

const [folder = "images"] = process.argv.slice(2);
const WIDE = { width: 1280, height: 860 };
/** File, page, colours, window. */
const PICTURES = [
  ["dashboard", "", "light", WIDE],
  ["dashboard-alerts", "alerts", "dark", WIDE],
];
const link = process.env.WEIR_LINK;
const base = new URL("/dashboard/", process.env.WEIR_PAGES ?? link).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let cookies = null;
const only = process.argv.slice(3);
for (const [file, path, colorScheme, viewport] of PICTURES.filter(([file]) => !only.length || only.includes(file))) {
  const context = await browser.newContext({ colorScheme, viewport });
  const page = await context.newPage();
  // The link opens once.
  if (cookies) await context.addCookies(cookies);
  else await page.goto(link);
  await page.goto(base + path);
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.live === "yes", null, { timeout: 120_000 });
  // What was refused is asked for again by itself.
  await page.waitForFunction(() => !document.querySelector(".state.error, .loading"), null, { timeout: 180_000 });
  // Charts are drawn once they have their width.
  await page.waitForTimeout(1000);
  await page.screenshot({ path: `${folder}/${file}.png` });
  cookies = await context.cookies();
  await context.close();
  console.log(file);
}
await browser.close();
