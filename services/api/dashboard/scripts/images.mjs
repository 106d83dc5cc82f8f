// The pictures of the documentation, of a running system: `WEIR_LINK=... npm run images -- ../../../docs/images`.
import { chromium } from "playwright-core";

const [folder = "images"] = process.argv.slice(2);
const WIDE = { width: 1280, height: 860 };
const NARROW = { width: 390, height: 844 };
/** File, page, colours, window, and the heading that stands at the top where it is not the page's own. */
const PICTURES = [
  ["dashboard", "", "light", WIDE],
  ["dashboard-alerts", "alerts", "dark", WIDE],
  ["dashboard-cost", "cost", "light", WIDE, "By day, with a forecast"],
  ["dashboard-slas", "slas", "light", WIDE],
  ["dashboard-teams", "teams", "dark", WIDE],
  ["dashboard-narrow", "", "dark", NARROW],
];
const link = process.env.WEIR_LINK;
const base = new URL("/dashboard/", link).href;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
let cookies = null;
for (const [file, path, colorScheme, viewport, heading] of PICTURES) {
  const context = await browser.newContext({ colorScheme, viewport });
  const page = await context.newPage();
  // The link opens once.
  if (cookies) await context.addCookies(cookies);
  else await page.goto(link);
  await page.goto(base + path);
  await page.waitForFunction(() => document.body.dataset.ready && document.body.dataset.live === "yes", null, { timeout: 60_000 });
  if (heading) await page.getByRole("heading", { name: heading }).evaluate((h) => scrollTo(0, h.getBoundingClientRect().top - 24));
  // Charts are drawn once they have their width.
  await page.waitForTimeout(1000);
  await page.screenshot({ path: `${folder}/${file}.png` });
  cookies = await context.cookies();
  await context.close();
  console.log(file);
}
await browser.close();
