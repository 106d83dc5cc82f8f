// Drags a chart of ten thousand points, as a person does, and says how long its frames took: p95 has to be under 32 ms.
// A machine that has much else to do gets five tries.
import { chromium } from "playwright-core";
import { createServer } from "vite";

const MOST_MS = 32;
const TRIES = 5;
const server = await createServer({ root: new URL("..", import.meta.url).pathname, logLevel: "error", server: { port: 0, host: "127.0.0.1" } });
await server.listen();
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Frames of a drag there and back over two seconds: the time between them, without the first. */
async function drag(page) {
  const over = await page.locator(".u-over").boundingBox();
  const y = over.y + over.height / 2;
  await page.evaluate(() => {
    window.frames_ms = [];
    let last = 0;
    const frame = (t) => { if (last) window.frames_ms.push(t - last); last = t; window.asked = requestAnimationFrame(frame); };
    window.asked = requestAnimationFrame(frame);
  });
  await page.mouse.move(over.x + over.width * 0.5, y);
  await page.mouse.down();
  for (let i = 1; i <= 120; i++) {
    await page.mouse.move(over.x + over.width * (0.5 + 0.45 * Math.sin((i / 120) * 2 * Math.PI)), y);
  }
  await page.mouse.up();
  return page.evaluate(() => { cancelAnimationFrame(window.asked); return window.frames_ms; });
}

let best = Infinity;
try {
  const page = await browser.newPage({ viewport: { width: 1360, height: 900 } });
  await page.goto(new URL("scripts/pan.html", server.resolvedUrls.local[0]).href);
  await page.waitForSelector(".u-over");
  const shown = () => page.locator("canvas").evaluate((c) => c.toDataURL());
  for (let i = 0; i < TRIES && best >= MOST_MS; i++) {
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
    const frames = (await drag(page)).sort((a, b) => a - b);
    const p95 = frames[Math.floor(frames.length * 0.95)];
    console.log(`${frames.length} frames, p50 ${frames[Math.floor(frames.length / 2)].toFixed(1)} ms, p95 ${p95.toFixed(1)} ms`);
    best = Math.min(best, p95);
  }
} finally {
  await browser.close();
  await server.close();
}
if (best >= MOST_MS) console.error(`not ok - p95 of a frame is ${best.toFixed(1)} ms, not under ${MOST_MS}`);
process.exit(best < MOST_MS ? 0 : 1);
