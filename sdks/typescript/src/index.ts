/** Sends what AI-assisted engineering does and costs to weir: typed events, in the background. And
 * asks for what was counted: `query`, `Api`. */
export { Problem } from "./ask.js";
export { Capability, Run, type Outcome } from "./capability.js";
export { Client } from "./client.js";
export type * from "./events.js";
export { machine } from "./machine.js";
export type { Stats } from "./pipeline.js";
export { Api, query, Rows, type ApiOptions, type Listed } from "./query.js";
export type { Parameter, Row, When } from "./query.js";
export type { Options } from "./settings.js";
export type { Envelope, Fields, Person, Time } from "./types.js";
export { VERSION } from "./version.js";
export type { About } from "./wrap.js";
