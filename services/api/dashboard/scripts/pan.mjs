// Drags a chart of ten thousand points, as a person does, and says how long its frames took: p95 has to be under 32 ms,
// or, on a machine that has much else to do, under twice what frames take there in which nothing is drawn. Five tries.
import { chromium } from "playwright-core";
import { createServer } from "vite";

const MOST_MS = 32;
const TRIES = 5;
const server = await createServer({ root: new URL("..", import.meta.url).pathname, logLevel: "error", server: { port: 0, host: "127.0.0.1" } });
await server.listen();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** The times between frames while something is done, in order of size, without the first. */
async function framesWhile(page, something) {
  await page.evaluate(() => {
    window.frames_ms = [];
    let last = 0;
    const frame = (t) => { if (last) window.frames_ms.push(t - last); last = t; window.asked = requestAnimationFrame(frame); };
    window.asked = requestAnimationFrame(frame);
  });
  await something();
  const frames = await page.evaluate(() => { cancelAnimationFrame(window.asked); return window.frames_ms; });
  return frames.sort((a, b) => a - b);
}

const at = (frames, share) => frames[Math.floor(frames.length * share)];

/** A drag there and back over two seconds. */
async function drag(page) {
  const over = await page.locator(".u-over").boundingBox();
  const y = over.y + over.height / 2;
  await page.mouse.move(over.x + over.width * 0.5, y);
  await page.mouse.down();
  for (let i = 1; i <= 120; i++) {
    await page.mouse.move(over.x + over.width * (0.5 + 0.45 * Math.sin((i / 120) * 2 * Math.PI)), y);
  }
  await page.mouse.up();
}

let fits = false;
try {
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  await page.goto(new URL("scripts/pan.html", server.resolvedUrls.local[0]).href);
  await page.waitForSelector(".u-over");
  const shown = () => page.locator("canvas").evaluate((c) => c.toDataURL());
  for (let i = 0; i < TRIES && !fits; i++) {
    // The middle half of it, so that there is something to drag to.
    await page.getByRole("button", { name: "show all of it" }).click();
    await page.waitForTimeout(200);
    await page.getByRole("button", { name: "show less time" }).click();
    await page.waitForTimeout(200);
    const was = await shown();
    const over = await page.locator(".u-over").boundingBox();
    await page.mouse.move(over.x + over.width * 0.6, over.y + 50);
    await page.mouse.down();
    await page.mouse.move(over.x + over.width * 0.3, over.y + 50);
    await page.mouse.up();
    await page.waitForTimeout(200);
    if ((await shown()) === was) throw new Error("the chart does not go along with the pointer");
    const idle = at(await framesWhile(page, () => page.waitForTimeout(1000)), 0.95);
    const frames = await framesWhile(page, () => drag(page));
    const p95 = at(frames, 0.95);
    console.log(`${frames.length} frames, p50 ${at(frames, 0.5).toFixed(1)} ms, p95 ${p95.toFixed(1)} ms; p95 of empty ones ${idle.toFixed(1)} ms`);
    fits = p95 < Math.max(MOST_MS, 2 * idle);
  }
} finally {
  await browser.close();
  await server.close();
}
if (!fits) console.error(`not ok - p95 of a frame is not under ${MOST_MS} ms`);
process.exit(fits ? 0 : 1);
