/** Short names of what the document declares; nothing is declared here. */

import type { Data } from "./client.js";
import type { components } from "./schema.js";

export type Kpi = Data<"/v1/kpis">[number];
export type OverDays = Data<"/v1/kpis/{kpi}/values">[number];
export type Measured = Data<"/v1/measures/{statistic}/values">[number];
export type Alert = Data<"/v1/alerts">[number];
export type Anomaly = Data<"/v1/anomalies">[number];
export type EventType = Data<"/v1/event-types">[number];
export type Status = Data<"/v1/status">;
export type Forecast = Data<"/v1/kpis/{kpi}/forecast">;
export type Finding = Data<"/v1/findings">[number];
export type TrendOf = Data<"/v1/trends">[number];
export type Published = Data<"/v1/kpis/{kpi}/published">[number];
export type Silence = Data<"/v1/silences">[number];
export type SoFar = components["schemas"]["SoFar"];
