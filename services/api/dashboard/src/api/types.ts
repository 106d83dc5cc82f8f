/** Short names of what the document declares; nothing is declared here. */

import type { Data } from "./client.js";

export type Kpi = Data<"/v1/kpis">[number];
/** What the document leaves out of the rows of `values`: they have these members too. */
interface Judged {
  subject: Record<string, string>;
  value: number | null;
  score: number | null;
  status: string;
  sample: number | null;
  terms: Record<string, number | null>;
}
export type OverDays = Data<"/v1/kpis/{kpi}/values">[number] & Judged;
export type Measured = Data<"/v1/measures/{statistic}/values">[number];
export type Alert = Data<"/v1/alerts">[number];
export type Anomaly = Data<"/v1/anomalies">[number];
export type EventType = Data<"/v1/event-types">[number];
export type Status = Data<"/v1/status">;
export type Forecast = Data<"/v1/kpis/{kpi}/forecast">;
