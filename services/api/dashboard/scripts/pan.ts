/** A chart of ten thousand points, for scripts/pan.mjs. */

import "../src/style/base.css";
import "../src/style/parts.css";
import { moments, plot } from "../src/ui/chart.js";

const POINTS = 10_000;
const FIVE_MINUTES = 300_000;
const start = Date.UTC(2026, 0, 1);
const at = Array.from({ length: POINTS }, (_, i) => new Date(start + i * FIVE_MINUTES).toISOString());
const values = at.map((_, i) => 50 + 30 * Math.sin(i / 40) + 10 * Math.sin(i * 12.9898));
document.getElementById("app")?.append(plot("Ten thousand points", moments("Time", at, "UTC"), [{ label: "Value", values }], "ms"));
