// One method per event type. Made by sdks/generate.py of schemas/events: not edited by hand.

import type { Envelope, Fields, Person, Time } from "./types.js";

/** What a user said of an answer, and what the system made of it. Sent when the feedback has been processed; a sender that learns only later when it was learned from sends a second event, with integrated_at and without processing_ms. */
export interface AiFeedback extends Envelope {
  /** part of the system, e.g. cognitive_core */
  component: string;
  /** identity of the feedback */
  feedbackId?: string | null;
  /** query that it is about */
  queryId?: string | null;
  /** service (service.name); empty: not told */
  serviceName?: string | null;
  /** how long processing took, in ms; null: told by another event */
  processingMs?: number | null;
  /** whether it was processed; null: told by another event */
  success?: boolean | null;
  /** class of the error, if any */
  errorType?: string | null;
  /** rating, 1 to 5; null: not rated */
  rating?: number | null;
  /** thumbs up or down; null: neither */
  helpful?: boolean | null;
  /** whether the user said what would have been right */
  corrected?: boolean | null;
  /** what would have been right, where it may be kept */
  correction?: string | null;
  /** whether it is reason to train a model again */
  triggersRetraining?: boolean | null;
  /** when it came in; null: not told */
  receivedAt?: Time | null;
  /** when the system had learned from it; null: not yet, or never */
  integratedAt?: Time | null;
  /** customer whose request it was; empty: not told */
  client?: string | null;
  /** person who asked (user.id); may be a pseudonym; empty: not told */
  userId?: string | null;
}

/** One prediction of a trained model. */
export interface AiInference extends Envelope {
  /** name of the model, e.g. epic_trajectory_prediction */
  model: string;
  /** part of the system, e.g. cognitive_core */
  component: string;
  /** from the features to the prediction, in ms */
  inferenceMs: number;
  /** identity of the prediction, which its outcome repeats; identifies the event where present */
  predictionId?: string | null;
  /** its version; empty: not told */
  modelVersion?: string | null;
  /** service (service.name); empty: not told */
  serviceName?: string | null;
  /** number of features that went in; null: not told */
  features?: number | null;
  /** the prediction, where it is a number */
  predicted?: number | null;
  /** the prediction, where it is a class */
  predictedLabel?: string | null;
  /** how sure the model is, 0 to 1; null: not told */
  confidence?: number | null;
  /** whether a prediction came */
  success?: boolean | null;
  /** class of the error, if any; timeout where it took too long */
  errorType?: string | null;
  /** customer whose request it was; empty: not told */
  client?: string | null;
}

/** What became of a prediction: the true value, beside the predicted one. */
export interface AiOutcome extends Envelope {
  /** name of the model, e.g. epic_trajectory_prediction */
  model: string;
  /** identity of the prediction; identifies the event where present */
  predictionId?: string | null;
  /** its version; empty: not told */
  modelVersion?: string | null;
  /** part of the system, e.g. cognitive_core; empty: not told */
  component?: string | null;
  /** the prediction, where it is a number and the sender has it */
  predicted?: number | null;
  /** the true value, where it is a number */
  actual?: number | null;
  /** the prediction, where it is a class and the sender has it */
  predictedLabel?: string | null;
  /** the true class */
  actualLabel?: string | null;
  /** of two classes: whether it was predicted to be the one looked for; null: not such a model */
  predictedPositive?: boolean | null;
  /** of two classes: whether it was the one looked for; null: not such a model */
  actualPositive?: boolean | null;
  /** whether the prediction was good enough for its use; null: not judged */
  businessCorrect?: boolean | null;
  /** when the prediction was made; null: not known */
  predictedAt?: Time | null;
  /** customer whose prediction it was; empty: not told */
  client?: string | null;
}

/** One query to an AI system, from its arrival to its answer. */
export interface AiQuery extends Envelope {
  /** part of the system, e.g. cognitive_core */
  component: string;
  /** simple, moderate or complex */
  complexity: string;
  /** from the query to the whole answer, in ms */
  responseMs: number;
  /** identity of the query; identifies the event where present */
  queryId?: string | null;
  /** service (service.name); empty: not told */
  serviceName?: string | null;
  /** route or operation, without ids in it (http.route); empty: not told */
  endpoint?: string | null;
  /** whether an answer came */
  success?: boolean | null;
  /** class of the error, if any; timeout where it took too long */
  errorType?: string | null;
  /** models that worked on it */
  modelsUsed?: readonly string[] | null;
  /** how sure the system is, 0 to 1; null: not told */
  confidence?: number | null;
  /** customer whose request it was; empty: not told */
  client?: string | null;
  /** person who asked (user.id); may be a pseudonym; empty: not told */
  userId?: string | null;
  /** session or conversation (session.id) */
  sessionId?: string | null;
  /** rating by the user, 1 to 5; null: not rated */
  satisfaction?: number | null;
  /** tokens read, whatever of them came from a cache; null: not known */
  tokensInput?: number | null;
  /** tokens written, reasoning among them; null: not known */
  tokensOutput?: number | null;
  /** cost as reported by the source, in USD; null: not known */
  costUsd?: number | null;
}

/** Somebody has seen an alert and takes care of it. */
export interface AlertAcknowledged extends Envelope {
  /** id of the alert */
  alertId: string;
  /** rule that it came of; empty: not told */
  rule?: string | null;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** what was said about it */
  note?: string | null;
}

/** Somebody wants no word of a rule's alerts for a while. */
export interface AlertSilenced extends Envelope {
  /** rule that is silenced */
  rule: string;
  /** when it may be told again */
  silencedUntil: Time;
  /** the one alert that is silenced; null: all of the rule and subject */
  alertId?: string | null;
  /** dimensions that the alert must have, e.g. team; empty: any */
  subject?: Readonly<Record<string, string>> | null;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** why */
  reason?: string | null;
}

/** How an assistant used its memory and how its suggestions fared: a day's totals, or one occasion. Counts add up. */
export interface AssistantRecorded extends Envelope {
  /** who; left out, the client's */
  engineer?: Person | null;
  /** name of the assistant, e.g. claude-code; empty: not told */
  assistant?: string | null;
  /** look-ups in its memory that found something */
  memoryHits?: number | null;
  /** look-ups in its memory that found nothing */
  memoryMisses?: number | null;
  /** times that context was put into a prompt */
  contextInjections?: number | null;
  /** mean size of the context put in, in tokens; weighs context_injections; null: not told */
  avgContextTokens?: number | null;
  /** suggestions that were taken */
  suggestionsAccepted?: number | null;
  /** suggestions that were turned down */
  suggestionsRejected?: number | null;
}

/** Somebody changed something by the api or a command, or tried to: who, what, and what came of it. */
export interface AuditRecorded extends Envelope {
  /** what was done, e.g. alert.acknowledge, token.create, process.kill */
  action: string;
  /** kind of what it was done to, e.g. alert, rule, token, person, process */
  targetKind: string;
  /** done, refused, declined or failed */
  outcome: string;
  /** who did it; may be a pseudonym; empty: not known */
  actor?: string | null;
  /** its id; never the name of a person; empty: all of the kind */
  target?: string | null;
  /** why, as the actor says */
  reason?: string | null;
  /** what else belongs to it, e.g. until when; never the name of a person */
  detail?: string | null;
}

/** What is usual for a metric, captured from a period or a run: it holds until the next one. */
export interface BaselineCaptured extends Envelope {
  /** what it is about, e.g. conversational_query_response_time or the name of a KPI */
  metric: string;
  /** what is usual, in the unit */
  value: number;
  /** unit of the value, e.g. ms */
  unit: string;
  /** ai_query, ml_inference, user_feedback, user_interface or system_health; empty: none */
  category?: string | null;
  /** component that it holds for; empty: all */
  component?: string | null;
  /** customer that it holds for; empty: all */
  client?: string | null;
  /** model that it holds for; empty: all */
  model?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** observations that it rests on; null: not told */
  samples?: number | null;
  /** begin of the period that it was captured from; null: not told */
  periodFrom?: Time | null;
  /** end of that period; null: not told */
  periodTo?: Time | null;
  /** what it was measured under, e.g. query_complexity */
  conditions?: Readonly<Record<string, string>> | null;
  /** who captured it; may be a pseudonym */
  capturedBy?: string | null;
}

/** A budget was set, or changed: it holds until the next one of its scope. */
export interface BudgetSet extends Envelope {
  /** name of the budget */
  budget: string;
  /** what it limits: tenant, team, engineer, model, category or system */
  scope: string;
  /** most that may be spent in a period, in USD */
  limitUsd: number;
  /** day or month */
  period?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** person whose spend it limits, where the scope is engineer; may be a pseudonym */
  engineer?: string | null;
  /** model whose cost it limits, where the scope is model */
  model?: string | null;
  /** category of calls that it limits, where the scope is category */
  category?: string | null;
  /** optimising system that it limits, where the scope is system */
  system?: string | null;
  /** who set it; may be a pseudonym */
  setBy?: string | null;
}

/** One execution of an assistant's capability. */
export interface CapabilityExecuted extends Envelope {
  /** e.g. sc:implement */
  capability: string;
  /** how long it took, in ms */
  durationMs: number;
  /** whether it worked */
  success: boolean;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** class of the error, if any */
  errorType?: string | null;
  /** tokens that need not be sent thanks to it */
  tokensSaved?: number | null;
  /** calls that were not needed thanks to it */
  apiCallsAvoided?: number | null;
  /** working time saved as reported by the source, in minutes */
  timeSavedMinutes?: number | null;
  /** size of the context it worked on, in tokens */
  contextSizeTokens?: number | null;
}

/** An operator was certified. */
export interface CertificationGranted extends Envelope {
  /** who is trained */
  operator: Person;
  /** name of the certification */
  certification: string;
  /** who certifies; empty: not told */
  issuer?: string | null;
  /** score in the exam, 0 to 1; null: there was none */
  score?: number | null;
  /** when it ends; null: never */
  expiresAt?: Time | null;
  /** fee of the exam, in USD */
  costUsd?: number | null;
}

/** A deployment, sent once when its outcome is known. */
export interface DeploymentRecorded extends Envelope {
  /** identity of the deployment (deployment.id) */
  deploymentId: string;
  /** what was deployed (service.name) */
  serviceName: string;
  /** when the deployment ended */
  finishedAt: Time;
  /** from its start to its end, in ms */
  durationMs: number;
  /** whether it reached its end (cicd.pipeline.result) */
  success: boolean;
  /** where to, e.g. production (deployment.environment.name) */
  environment?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** repository of the code (vcs.repository.name) */
  repository?: string | null;
  /** revision that was deployed (vcs.ref.head.revision) */
  revision?: string | null;
  /** commits that it brought; null: not known */
  commits?: number | null;
  /** when the first of its changes was committed; null: not known */
  commitAt?: Time | null;
  /** whether it harmed users and had to be repaired or taken back; null: not known yet */
  failed?: boolean | null;
  /** whether it was not planned and made to repair what users suffered from; null: not known */
  rework?: boolean | null;
  /** whether an assistant wrote any of it; null: not known */
  aiAssisted?: boolean | null;
  /** class of the error, if any */
  errorType?: string | null;
}

/** A point of a counter of tokens that an emitter sends beside its calls: the two are compared. */
export interface EmitterMetered extends Envelope {
  /** who sent it: the name of its declaration in schemas/otlp */
  emitter: string;
  /** its version; empty: not told */
  version?: string | null;
  /** tokens since the point before; null: the counter tells its total */
  tokensAdded?: number | null;
  /** tokens since the series began; null: the counter tells what was added */
  tokensTotal?: number | null;
  /** series of a total: another beginning, or another process, is another one; empty: none */
  series?: string | null;
}

/** What one request of OpenTelemetry told of one emitter and version: how many events, and which of their fields. */
export interface EmitterObserved extends Envelope {
  /** who sent it: the name of its declaration in schemas/otlp */
  emitter: string;
  /** its version; empty: not told */
  version?: string | null;
  /** events that its records became, doubles among them */
  events?: number | null;
  /** of those: calls of models that succeeded */
  calls?: number | null;
  /** fields of these calls that are looked for: the same number for each call */
  fieldsAsked?: number | null;
  /** of those: told */
  fieldsTold?: number | null;
  /** by field: how many of these calls do not tell it, as text */
  missing?: Readonly<Record<string, string>> | null;
  /** tokens of all calls, all classes together */
  tokens?: number | null;
}

/** An engineer's machine was set up, or set up anew: who works on what. The newest one holds. */
export interface EngineerRegistered extends Envelope {
  /** who; left out, the client's */
  engineer?: Person | null;
  /** full name, as reports show it; personal, may be empty or a pseudonym */
  name?: string | null;
  /** name of the machine (host.name) */
  hostName?: string | null;
  /** operating system: Windows, Darwin or Linux (os.type) */
  platform?: string | null;
  /** model of the processor (host.cpu.model.name) */
  cpu?: string | null;
  /** memory of the machine, in GB */
  ramGb?: number | null;
  /** language runtime and its version, e.g. Python 3.11.5 */
  runtimeVersion?: string | null;
  /** version of the assistant (service.version) */
  productVersion?: string | null;
  /** when the assistant was installed; null: not told */
  installedAt?: Time | null;
}

/** One observation of an experiment: a metric under one variant. */
export interface ExperimentObserved extends Envelope {
  /** name of the experiment (feature_flag.key) */
  experiment: string;
  /** baseline, canary, or another of its variants (feature_flag.result.variant) */
  variant: string;
  /** what was observed, its unit in its name, e.g. latency_ms */
  metric: string;
  /** observed value, in the metric's unit */
  value: number;
  /** who or what was assigned to the variant, e.g. a user or session; null: each observation for itself */
  unitId?: string | null;
  /** share of units that the variant is meant to get, 0 to 1; null: not told */
  plannedShare?: number | null;
  /** whether the metric must only not get worse */
  guardrail?: boolean | null;
}

/** A goal was set, or changed: it holds until the next one of its name. */
export interface GoalSet extends Envelope {
  /** name of the goal, unique within its operator or team */
  goal: string;
  /** what is counted: a measure or KPI, e.g. training.session.sessions */
  metric: string;
  /** value to be reached, in the unit */
  target: number;
  /** unit of the target, e.g. sessions */
  unit: string;
  /** whose goal: operator, team or tenant */
  scope?: string | null;
  /** operator whose goal it is; may be a pseudonym; empty: none alone */
  operator?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** the goal in words */
  description?: string | null;
  /** when it is to be reached; null: at any time */
  dueAt?: Time | null;
  /** whether it is given up */
  closed?: boolean | null;
  /** who set it; may be a pseudonym */
  setBy?: string | null;
}

/** An incident, sent once when it is over. */
export interface IncidentRecorded extends Envelope {
  /** identity of the incident */
  incidentId: string;
  /** what suffered (service.name) */
  serviceName: string;
  /** when users began to suffer */
  openedAt: Time;
  /** where, e.g. production (deployment.environment.name) */
  environment?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** low, medium, high or critical */
  severity?: string | null;
  /** when somebody was told; null: not known */
  detectedAt?: Time | null;
  /** when it was over; null: not known */
  resolvedAt?: Time | null;
  /** deployment that caused it; null: none did */
  deploymentId?: string | null;
}

/** One call of a language model. Token classes are disjoint: they add up to everything that was processed. What a source does not tell is null, not 0. */
export interface LlmCall extends Envelope {
  /** e.g. anthropic, openai, azure */
  provider: string;
  /** model as the provider names it */
  model: string;
  /** the provider's request or message id; identifies the call across copied and resumed logs */
  requestId?: string | null;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** session or conversation */
  sessionId?: string | null;
  /** what it was for, e.g. coding, review, chat */
  category?: string | null;
  /** input tokens read at full price (neither read from nor written to a cache); null: not told */
  tokensInput?: number | null;
  /** input tokens read from a cache; null: not told */
  tokensCacheRead?: number | null;
  /** input tokens written to a cache, whatever their lifetime there; null: not told */
  tokensCacheWrite?: number | null;
  /** those of tokens_cache_write that live for five minutes; null: the source does not tell */
  tokensCacheWrite5m?: number | null;
  /** those of tokens_cache_write that live for an hour; null: the source does not tell */
  tokensCacheWrite1h?: number | null;
  /** output tokens without reasoning, unless the source does not tell them apart; null: not told */
  tokensOutput?: number | null;
  /** reasoning tokens; null: not told, they may be among the output */
  tokensReasoning?: number | null;
  /** cost as reported by the source; else the price book is used */
  costUsd?: number | null;
  /** request to last token */
  latencyMs?: number | null;
  /** request to first token */
  firstTokenMs?: number | null;
  /** whether an answer came */
  success?: boolean | null;
  /** class of the error, if any */
  errorType?: string | null;
  /** why the output ended */
  stopReason?: string | null;
  /** tier that the provider served it in, as it names it, e.g. batch, priority; empty: the source does not tell */
  serviceTier?: string | null;
  /** whether the token counts are those of the whole call; false: e.g. a stream that broke off; null: the source does not tell */
  usageComplete?: boolean | null;
}

/** A model was trained. */
export interface ModelTrained extends Envelope {
  /** name of the model, e.g. epic_trajectory_prediction */
  model: string;
  /** how long it took, in s */
  trainingSeconds: number;
  /** version that came of it; empty: none */
  modelVersion?: string | null;
  /** part of the system that trained it, e.g. data_intelligence; empty: not told */
  component?: string | null;
  /** why: schedule, drift, feedback or manual; empty: not told */
  trigger?: string | null;
  /** whether a model came of it */
  success?: boolean | null;
  /** class of the error, if any; timeout where it took too long */
  errorType?: string | null;
  /** size of the model, in MB; null: not told */
  modelSizeMb?: number | null;
  /** most memory that training used, in MB; null: not measured */
  memoryMb?: number | null;
  /** mean processor use of training, in percent of the machine; null: not measured */
  cpuPercent?: number | null;
  /** samples that it was trained on; null: not told */
  samples?: number | null;
  /** coefficient of determination on data held back; null: not such a model */
  r2?: number | null;
  /** F1 on data held back, 0 to 1; null: not such a model */
  f1?: number | null;
  /** precision on data held back, 0 to 1; null: not such a model */
  precision?: number | null;
  /** recall on data held back, 0 to 1; null: not such a model */
  recall?: number | null;
  /** share of classes that were right on data held back, 0 to 1; null: not such a model */
  accuracy?: number | null;
  /** cost of training, in USD; null: not known */
  costUsd?: number | null;
}

/** What an optimising system (content loader, cache, token monitor ...) did since its last sample. */
export interface OptimizationSampled extends Envelope {
  /** name of the system, e.g. smart-cache */
  system: string;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** tokens that there were to send */
  tokensBefore?: number | null;
  /** tokens that were sent */
  tokensAfter?: number | null;
  /** look-ups that the cache answered */
  cacheHits?: number | null;
  /** look-ups that it did not answer */
  cacheMisses?: number | null;
  /** response time without the system, in ms; null: not measured */
  responseMsBefore?: number | null;
  /** response time with it, in ms; null: not measured */
  responseMsAfter?: number | null;
  /** quality of compressed content, 0 to 100; null: not measured */
  compressionQuality?: number | null;
  /** whether content came through unharmed; null: not checked */
  integrityOk?: boolean | null;
  /** tasks that were finished */
  tasksCompleted?: number | null;
  /** tasks that were given up */
  tasksFailed?: number | null;
  /** requests that ended with an error */
  errors?: number | null;
  /** requests in all */
  requests?: number | null;
  /** time in which the system could be used, in s */
  upSeconds?: number | null;
  /** time in which it could not, in s */
  downSeconds?: number | null;
  /** money planned for the time of the sample, in USD; null: no budget */
  budgetUsd?: number | null;
  /** money spent in it, in USD */
  spentUsd?: number | null;
  /** money saved in it, in USD */
  costSavedUsd?: number | null;
  /** satisfaction of users, 1 to 5; null: nobody was asked */
  satisfaction?: number | null;
  /** share of answers that were right, 0 to 1; null: not measured */
  accuracy?: number | null;
  /** share of its resources in use, 0 to 100; null: not measured */
  utilizationPercent?: number | null;
}

/** A call that came over OpenTelemetry after an import of logs had published it: it counts once, by the log. */
export interface OtelDoubled extends Envelope {
  /** who sent it: the name of its declaration in schemas/otlp */
  emitter: string;
  /** event type that it would have been: llm.call or tool.called */
  event: string;
  /** its version; empty: not told */
  version?: string | null;
  /** session or conversation */
  sessionId?: string | null;
}

/** Records of OpenTelemetry that no declaration understands. */
export interface OtelUnmapped extends Envelope {
  /** who made the records: a declared emitter, else the service's or scope's name */
  emitter: string;
  /** logs, metrics or traces */
  signal: string;
  /** how many of them one request held */
  records: number;
  /** its version; empty: not told */
  version?: string | null;
  /** name of the record's event, span or metric */
  name?: string | null;
  /** one of them as JSON; of texts the length alone */
  example?: string | null;
}

/** What an agent or a person thinks of a procedure. */
export interface ProcedureFeedback extends Envelope {
  /** id of the procedure, e.g. github/PROC-1 */
  procedure: string;
  /** how clear it is, 1 to 5; null: not rated */
  clarity?: number | null;
  /** how useful it is, 1 to 5; null: not rated */
  usefulness?: number | null;
  /** what was said about it */
  comment?: string | null;
  /** agent that says so (gen_ai.agent.name); empty: not told */
  agent?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
}

/** An agent followed a procedure. */
export interface ProcedureInvoked extends Envelope {
  /** id of the procedure, e.g. github/PROC-1 */
  procedure: string;
  /** success, failure or aborted */
  status: string;
  /** how long it took, in ms */
  durationMs: number;
  /** kind of task that it was for; empty: not told */
  task?: string | null;
  /** agent that followed it (gen_ai.agent.name); empty: not told */
  agent?: string | null;
  /** team that it belongs to; empty: none is told */
  team?: string | null;
  /** class of the error, if any */
  errorType?: string | null;
}

/** A command about processes was given: the audit of what was looked at and what was ended. */
export interface ProcessActed extends Envelope {
  /** detail, kill, anomalies, tree, watch, snapshot or system */
  command: string;
  /** machine (host.name) */
  hostName: string;
  /** done, refused, declined, not_found or failed */
  outcome: string;
  /** who gave it; may be a pseudonym */
  actor?: string | null;
  /** process that it was about (process.pid); null: none alone */
  processPid?: number | null;
  /** name of its program (process.executable.name) */
  processExecutableName?: string | null;
  /** whether the process was to be ended without a chance to clean up */
  force?: boolean | null;
  /** whether a person said yes; null: nobody was asked */
  confirmed?: boolean | null;
  /** why, as the actor says */
  reason?: string | null;
  /** processes that it showed; null: not a listing */
  found?: number | null;
  /** how long it took, in ms */
  durationMs?: number | null;
  /** what it was called with, e.g. cpu_threshold */
  parameters?: Readonly<Record<string, string>> | null;
}

/** What one process used at a moment. */
export interface ProcessSampled extends Envelope {
  /** machine (host.name) */
  hostName: string;
  /** id of the process (process.pid) */
  processPid: number;
  /** name of its program (process.executable.name) */
  processExecutableName: string;
  /** processor time used, in percent of one core */
  cpuPercent: number;
  /** resident memory, in MB */
  memoryMb: number;
  /** time since it began, in s */
  runtimeSeconds: number;
  /** id of its parent (process.parent_pid) */
  processParentPid?: number | null;
  /** user that it runs as (process.owner); empty: not told */
  processOwner?: string | null;
  /** its command line (process.command_line); null: not sent */
  processCommandLine?: string | null;
  /** share of the machine's memory, 0 to 100 */
  memoryPercent?: number | null;
  /** its threads (process.thread.count) */
  threads?: number | null;
  /** read from disks since it began, in bytes */
  diskReadBytes?: number | null;
  /** written to disks since it began, in bytes */
  diskWriteBytes?: number | null;
}

/** What one engineer produced: a day's totals, or one commit. Counts add up. */
export interface ProductivityRecorded extends Envelope {
  /** who; left out, the client's */
  engineer?: Person | null;
  /** repository it belongs to */
  repository?: string | null;
  /** commit, merge or test for a single commit; empty for totals */
  changeKind?: string | null;
  /** assistant named as author or co-author */
  assistant?: string | null;
  /** identity of the change, e.g. commit hash; identifies the event where present */
  changeId?: string | null;
  /** commits made */
  commits?: number | null;
  /** pull requests opened */
  prsCreated?: number | null;
  /** pull requests merged */
  prsMerged?: number | null;
  /** lines added */
  linesAdded?: number | null;
  /** lines deleted */
  linesDeleted?: number | null;
  /** files changed */
  filesChanged?: number | null;
  /** share of code that tests cover, 0 to 100; replaces the earlier value of the day */
  testCoveragePercent?: number | null;
  /** bugs fixed */
  bugsFixed?: number | null;
  /** code reviews finished */
  codeReviewsCompleted?: number | null;
  /** of the commits, those that change a test (tests alone or among others); null where it is not known */
  commitsWithTests?: number | null;
}

/** What a component used at a moment. */
export interface ResourceSampled extends Envelope {
  /** part of the system, e.g. cognitive_core */
  component: string;
  /** service (service.name); empty: not told */
  serviceName?: string | null;
  /** machine (host.name); empty: not told */
  hostName?: string | null;
  /** processor use, in percent of what it may use; null: not measured */
  cpuPercent?: number | null;
  /** memory in use, in MB; null: not measured */
  memoryMb?: number | null;
  /** share of its memory in use, 0 to 100; null: not measured */
  memoryPercent?: number | null;
  /** share of its disk in use, 0 to 100; null: not measured */
  diskPercent?: number | null;
  /** received since the last sample, in bytes; null: not measured */
  networkReceiveBytes?: number | null;
  /** sent since the last sample, in bytes; null: not measured */
  networkTransmitBytes?: number | null;
  /** requests that wait; null: it has no queue */
  queueSize?: number | null;
  /** open connections; null: it has none */
  connections?: number | null;
  /** requests under way; null: not measured */
  concurrency?: number | null;
  /** share of the host that measuring itself costs, 0 to 100; null: not measured */
  overheadPercent?: number | null;
}

/** What an assistant saved one engineer: a day's totals, or one occasion. Counts add up. */
export interface SavingsRecorded extends Envelope {
  /** who; left out, the client's */
  engineer?: Person | null;
  /** capability that saved it; empty: all together */
  capability?: string | null;
  /** provider of the model whose calls were avoided; empty: not told */
  provider?: string | null;
  /** model whose calls were avoided, which decides their price; empty: not told */
  model?: string | null;
  /** tokens that need not be sent thanks to it */
  tokensSaved?: number | null;
  /** calls that were not needed thanks to it */
  apiCallsAvoided?: number | null;
  /** working time saved as reported by the source, in minutes */
  timeSavedMinutes?: number | null;
}

/** A paid seat of a tool was given to an engineer, or taken back: it holds until the next one. */
export interface SeatGranted extends Envelope {
  /** product that the seat is for, e.g. claude-code */
  tool: string;
  /** price of the seat for 30 days, in USD */
  costUsdPer30Days: number;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** plan as its vendor names it; empty: not told */
  plan?: string | null;
  /** seats that the engineer has from now on: 1, or 0 where it is taken back */
  seats?: number | null;
  /** who gave it; may be a pseudonym */
  grantedBy?: string | null;
}

/** How well an operator masters a skill, as measured now. */
export interface SkillScored extends Envelope {
  /** who is trained */
  operator: Person;
  /** name of the skill, e.g. reconnaissance */
  skill: string;
  /** mastery, 0 to 1 */
  score: number;
  /** how it was measured, e.g. session, exam, peer; empty: not told */
  method?: string | null;
  /** scenario that it was measured in; empty: none */
  scenario?: string | null;
  /** training session that it was measured in */
  sessionId?: string | null;
}

/** An assistant called a tool, or wanted to. */
export interface ToolCalled extends Envelope {
  /** name of the tool (gen_ai.tool.name), e.g. Bash */
  tool: string;
  /** identity of the call (gen_ai.tool.call.id); identifies the event where present */
  callId?: string | null;
  /** who; left out, the client's */
  engineer?: Person | null;
  /** session or conversation (session.id, gen_ai.conversation.id) */
  sessionId?: string | null;
  /** assistant that called (gen_ai.agent.name), e.g. claude-code; empty: not told */
  agent?: string | null;
  /** model that asked for it (gen_ai.request.model); empty: not told */
  model?: string | null;
  /** whether the tool ran; what it ran may have failed; null: it was not let, or not told */
  success?: boolean | null;
  /** exit code of the command that it ran; null: it ran none, or not told */
  exitCode?: number | null;
  /** class of the error, if any (error.type) */
  errorType?: string | null;
  /** accepted, rejected or blocked; empty: nobody was asked */
  decision?: string | null;
  /** who decided: user, config, hook or policy; empty: not told */
  decidedBy?: string | null;
  /** how long the decision was waited for, in ms; null: not told */
  waitedMs?: number | null;
  /** how long the tool ran, in ms; null: it did not, or not told */
  durationMs?: number | null;
  /** size of what it gave back, in tokens; null: not known */
  resultTokens?: number | null;
}

/** A training session of an operator, sent once when it is over. */
export interface TrainingSession extends Envelope {
  /** identity of the session (session.id) */
  sessionId: string;
  /** who is trained */
  operator: Person;
  /** what was trained, e.g. pentest_001 */
  scenario: string;
  /** when it began */
  startedAt: Time;
  /** when it ended */
  endedAt: Time;
  /** time spent in it, in s */
  durationSeconds: number;
  /** whether the goal of the scenario was reached */
  success: boolean;
  /** score, 0 to 1 */
  score: number;
  /** what the session cost, in USD */
  costUsd?: number | null;
  /** skills that were practised */
  skills?: readonly string[] | null;
  /** objectives that were reached */
  objectivesCompleted?: number | null;
  /** objectives that there were */
  objectivesTotal?: number | null;
}

/** Typed events. Each method only queues; what is left out is not sent. */
export abstract class Events {
  protected abstract send(type: string, fields: Fields, envelope: Envelope, person?: string): void;

  /** What a user said of an answer, and what the system made of it. Sent when the feedback has been processed; a sender that learns only later when it was learned from sends a second event, with integrated_at and without processing_ms. */
  aiFeedback(event: AiFeedback): void {
    const e = (event ?? {}) as AiFeedback;
    this.send("ai.feedback", {
      component: e.component,
      feedback_id: e.feedbackId,
      query_id: e.queryId,
      service_name: e.serviceName,
      processing_ms: e.processingMs,
      success: e.success,
      error_type: e.errorType,
      rating: e.rating,
      helpful: e.helpful,
      corrected: e.corrected,
      correction: e.correction,
      triggers_retraining: e.triggersRetraining,
      received_at: e.receivedAt,
      integrated_at: e.integratedAt,
      client: e.client,
      user_id: e.userId,
    }, e);
  }

  /** One prediction of a trained model. */
  aiInference(event: AiInference): void {
    const e = (event ?? {}) as AiInference;
    this.send("ai.inference", {
      model: e.model,
      component: e.component,
      inference_ms: e.inferenceMs,
      prediction_id: e.predictionId,
      model_version: e.modelVersion,
      service_name: e.serviceName,
      features: e.features,
      predicted: e.predicted,
      predicted_label: e.predictedLabel,
      confidence: e.confidence,
      success: e.success,
      error_type: e.errorType,
      client: e.client,
    }, e);
  }

  /** What became of a prediction: the true value, beside the predicted one. */
  aiOutcome(event: AiOutcome): void {
    const e = (event ?? {}) as AiOutcome;
    this.send("ai.outcome", {
      model: e.model,
      prediction_id: e.predictionId,
      model_version: e.modelVersion,
      component: e.component,
      predicted: e.predicted,
      actual: e.actual,
      predicted_label: e.predictedLabel,
      actual_label: e.actualLabel,
      predicted_positive: e.predictedPositive,
      actual_positive: e.actualPositive,
      business_correct: e.businessCorrect,
      predicted_at: e.predictedAt,
      client: e.client,
    }, e);
  }

  /** One query to an AI system, from its arrival to its answer. */
  aiQuery(event: AiQuery): void {
    const e = (event ?? {}) as AiQuery;
    this.send("ai.query", {
      component: e.component,
      complexity: e.complexity,
      response_ms: e.responseMs,
      query_id: e.queryId,
      service_name: e.serviceName,
      endpoint: e.endpoint,
      success: e.success,
      error_type: e.errorType,
      models_used: e.modelsUsed,
      confidence: e.confidence,
      client: e.client,
      user_id: e.userId,
      session_id: e.sessionId,
      satisfaction: e.satisfaction,
      tokens_input: e.tokensInput,
      tokens_output: e.tokensOutput,
      cost_usd: e.costUsd,
    }, e);
  }

  /** Somebody has seen an alert and takes care of it. */
  alertAcknowledged(event: AlertAcknowledged): void {
    const e = (event ?? {}) as AlertAcknowledged;
    this.send("alert.acknowledged", {
      alert_id: e.alertId,
      rule: e.rule,
      engineer: e.engineer,
      note: e.note,
    }, e, "engineer");
  }

  /** Somebody wants no word of a rule's alerts for a while. */
  alertSilenced(event: AlertSilenced): void {
    const e = (event ?? {}) as AlertSilenced;
    this.send("alert.silenced", {
      rule: e.rule,
      silenced_until: e.silencedUntil,
      alert_id: e.alertId,
      subject: e.subject,
      engineer: e.engineer,
      reason: e.reason,
    }, e, "engineer");
  }

  /** How an assistant used its memory and how its suggestions fared: a day's totals, or one occasion. Counts add up. */
  assistantRecorded(event: AssistantRecorded): void {
    const e = (event ?? {}) as AssistantRecorded;
    this.send("assistant.recorded", {
      engineer: e.engineer,
      assistant: e.assistant,
      memory_hits: e.memoryHits,
      memory_misses: e.memoryMisses,
      context_injections: e.contextInjections,
      avg_context_tokens: e.avgContextTokens,
      suggestions_accepted: e.suggestionsAccepted,
      suggestions_rejected: e.suggestionsRejected,
    }, e, "engineer");
  }

  /** Somebody changed something by the api or a command, or tried to: who, what, and what came of it. */
  auditRecorded(event: AuditRecorded): void {
    const e = (event ?? {}) as AuditRecorded;
    this.send("audit.recorded", {
      action: e.action,
      target_kind: e.targetKind,
      outcome: e.outcome,
      actor: e.actor,
      target: e.target,
      reason: e.reason,
      detail: e.detail,
    }, e);
  }

  /** What is usual for a metric, captured from a period or a run: it holds until the next one. */
  baselineCaptured(event: BaselineCaptured): void {
    const e = (event ?? {}) as BaselineCaptured;
    this.send("baseline.captured", {
      metric: e.metric,
      value: e.value,
      unit: e.unit,
      category: e.category,
      component: e.component,
      client: e.client,
      model: e.model,
      team: e.team,
      samples: e.samples,
      period_from: e.periodFrom,
      period_to: e.periodTo,
      conditions: e.conditions,
      captured_by: e.capturedBy,
    }, e);
  }

  /** A budget was set, or changed: it holds until the next one of its scope. */
  budgetSet(event: BudgetSet): void {
    const e = (event ?? {}) as BudgetSet;
    this.send("budget.set", {
      budget: e.budget,
      scope: e.scope,
      limit_usd: e.limitUsd,
      period: e.period,
      team: e.team,
      engineer: e.engineer,
      model: e.model,
      category: e.category,
      system: e.system,
      set_by: e.setBy,
    }, e);
  }

  /** One execution of an assistant's capability. */
  capabilityExecuted(event: CapabilityExecuted): void {
    const e = (event ?? {}) as CapabilityExecuted;
    this.send("capability.executed", {
      capability: e.capability,
      duration_ms: e.durationMs,
      success: e.success,
      engineer: e.engineer,
      error_type: e.errorType,
      tokens_saved: e.tokensSaved,
      api_calls_avoided: e.apiCallsAvoided,
      time_saved_minutes: e.timeSavedMinutes,
      context_size_tokens: e.contextSizeTokens,
    }, e, "engineer");
  }

  /** An operator was certified. */
  certificationGranted(event: CertificationGranted): void {
    const e = (event ?? {}) as CertificationGranted;
    this.send("certification.granted", {
      operator: e.operator,
      certification: e.certification,
      issuer: e.issuer,
      score: e.score,
      expires_at: e.expiresAt,
      cost_usd: e.costUsd,
    }, e, "operator");
  }

  /** A deployment, sent once when its outcome is known. */
  deploymentRecorded(event: DeploymentRecorded): void {
    const e = (event ?? {}) as DeploymentRecorded;
    this.send("deployment.recorded", {
      deployment_id: e.deploymentId,
      service_name: e.serviceName,
      finished_at: e.finishedAt,
      duration_ms: e.durationMs,
      success: e.success,
      environment: e.environment,
      team: e.team,
      repository: e.repository,
      revision: e.revision,
      commits: e.commits,
      commit_at: e.commitAt,
      failed: e.failed,
      rework: e.rework,
      ai_assisted: e.aiAssisted,
      error_type: e.errorType,
    }, e);
  }

  /** A point of a counter of tokens that an emitter sends beside its calls: the two are compared. */
  emitterMetered(event: EmitterMetered): void {
    const e = (event ?? {}) as EmitterMetered;
    this.send("emitter.metered", {
      emitter: e.emitter,
      version: e.version,
      tokens_added: e.tokensAdded,
      tokens_total: e.tokensTotal,
      series: e.series,
    }, e);
  }

  /** What one request of OpenTelemetry told of one emitter and version: how many events, and which of their fields. */
  emitterObserved(event: EmitterObserved): void {
    const e = (event ?? {}) as EmitterObserved;
    this.send("emitter.observed", {
      emitter: e.emitter,
      version: e.version,
      events: e.events,
      calls: e.calls,
      fields_asked: e.fieldsAsked,
      fields_told: e.fieldsTold,
      missing: e.missing,
      tokens: e.tokens,
    }, e);
  }

  /** An engineer's machine was set up, or set up anew: who works on what. The newest one holds. */
  engineerRegistered(event: EngineerRegistered): void {
    const e = (event ?? {}) as EngineerRegistered;
    this.send("engineer.registered", {
      engineer: e.engineer,
      name: e.name,
      host_name: e.hostName,
      platform: e.platform,
      cpu: e.cpu,
      ram_gb: e.ramGb,
      runtime_version: e.runtimeVersion,
      product_version: e.productVersion,
      installed_at: e.installedAt,
    }, e, "engineer");
  }

  /** One observation of an experiment: a metric under one variant. */
  experimentObserved(event: ExperimentObserved): void {
    const e = (event ?? {}) as ExperimentObserved;
    this.send("experiment.observed", {
      experiment: e.experiment,
      variant: e.variant,
      metric: e.metric,
      value: e.value,
      unit_id: e.unitId,
      planned_share: e.plannedShare,
      guardrail: e.guardrail,
    }, e);
  }

  /** A goal was set, or changed: it holds until the next one of its name. */
  goalSet(event: GoalSet): void {
    const e = (event ?? {}) as GoalSet;
    this.send("goal.set", {
      goal: e.goal,
      metric: e.metric,
      target: e.target,
      unit: e.unit,
      scope: e.scope,
      operator: e.operator,
      team: e.team,
      description: e.description,
      due_at: e.dueAt,
      closed: e.closed,
      set_by: e.setBy,
    }, e);
  }

  /** An incident, sent once when it is over. */
  incidentRecorded(event: IncidentRecorded): void {
    const e = (event ?? {}) as IncidentRecorded;
    this.send("incident.recorded", {
      incident_id: e.incidentId,
      service_name: e.serviceName,
      opened_at: e.openedAt,
      environment: e.environment,
      team: e.team,
      severity: e.severity,
      detected_at: e.detectedAt,
      resolved_at: e.resolvedAt,
      deployment_id: e.deploymentId,
    }, e);
  }

  /** One call of a language model. Token classes are disjoint: they add up to everything that was processed. What a source does not tell is null, not 0. */
  llmCall(event: LlmCall): void {
    const e = (event ?? {}) as LlmCall;
    this.send("llm.call", {
      provider: e.provider,
      model: e.model,
      request_id: e.requestId,
      engineer: e.engineer,
      session_id: e.sessionId,
      category: e.category,
      tokens_input: e.tokensInput,
      tokens_cache_read: e.tokensCacheRead,
      tokens_cache_write: e.tokensCacheWrite,
      tokens_cache_write_5m: e.tokensCacheWrite5m,
      tokens_cache_write_1h: e.tokensCacheWrite1h,
      tokens_output: e.tokensOutput,
      tokens_reasoning: e.tokensReasoning,
      cost_usd: e.costUsd,
      latency_ms: e.latencyMs,
      first_token_ms: e.firstTokenMs,
      success: e.success,
      error_type: e.errorType,
      stop_reason: e.stopReason,
      service_tier: e.serviceTier,
      usage_complete: e.usageComplete,
    }, e, "engineer");
  }

  /** A model was trained. */
  modelTrained(event: ModelTrained): void {
    const e = (event ?? {}) as ModelTrained;
    this.send("model.trained", {
      model: e.model,
      training_seconds: e.trainingSeconds,
      model_version: e.modelVersion,
      component: e.component,
      trigger: e.trigger,
      success: e.success,
      error_type: e.errorType,
      model_size_mb: e.modelSizeMb,
      memory_mb: e.memoryMb,
      cpu_percent: e.cpuPercent,
      samples: e.samples,
      r2: e.r2,
      f1: e.f1,
      precision: e.precision,
      recall: e.recall,
      accuracy: e.accuracy,
      cost_usd: e.costUsd,
    }, e);
  }

  /** What an optimising system (content loader, cache, token monitor ...) did since its last sample. */
  optimizationSampled(event: OptimizationSampled): void {
    const e = (event ?? {}) as OptimizationSampled;
    this.send("optimization.sampled", {
      system: e.system,
      team: e.team,
      tokens_before: e.tokensBefore,
      tokens_after: e.tokensAfter,
      cache_hits: e.cacheHits,
      cache_misses: e.cacheMisses,
      response_ms_before: e.responseMsBefore,
      response_ms_after: e.responseMsAfter,
      compression_quality: e.compressionQuality,
      integrity_ok: e.integrityOk,
      tasks_completed: e.tasksCompleted,
      tasks_failed: e.tasksFailed,
      errors: e.errors,
      requests: e.requests,
      up_seconds: e.upSeconds,
      down_seconds: e.downSeconds,
      budget_usd: e.budgetUsd,
      spent_usd: e.spentUsd,
      cost_saved_usd: e.costSavedUsd,
      satisfaction: e.satisfaction,
      accuracy: e.accuracy,
      utilization_percent: e.utilizationPercent,
    }, e);
  }

  /** A call that came over OpenTelemetry after an import of logs had published it: it counts once, by the log. */
  otelDoubled(event: OtelDoubled): void {
    const e = (event ?? {}) as OtelDoubled;
    this.send("otel.doubled", {
      emitter: e.emitter,
      event: e.event,
      version: e.version,
      session_id: e.sessionId,
    }, e);
  }

  /** Records of OpenTelemetry that no declaration understands. */
  otelUnmapped(event: OtelUnmapped): void {
    const e = (event ?? {}) as OtelUnmapped;
    this.send("otel.unmapped", {
      emitter: e.emitter,
      signal: e.signal,
      records: e.records,
      version: e.version,
      name: e.name,
      example: e.example,
    }, e);
  }

  /** What an agent or a person thinks of a procedure. */
  procedureFeedback(event: ProcedureFeedback): void {
    const e = (event ?? {}) as ProcedureFeedback;
    this.send("procedure.feedback", {
      procedure: e.procedure,
      clarity: e.clarity,
      usefulness: e.usefulness,
      comment: e.comment,
      agent: e.agent,
      team: e.team,
    }, e);
  }

  /** An agent followed a procedure. */
  procedureInvoked(event: ProcedureInvoked): void {
    const e = (event ?? {}) as ProcedureInvoked;
    this.send("procedure.invoked", {
      procedure: e.procedure,
      status: e.status,
      duration_ms: e.durationMs,
      task: e.task,
      agent: e.agent,
      team: e.team,
      error_type: e.errorType,
    }, e);
  }

  /** A command about processes was given: the audit of what was looked at and what was ended. */
  processActed(event: ProcessActed): void {
    const e = (event ?? {}) as ProcessActed;
    this.send("process.acted", {
      command: e.command,
      host_name: e.hostName,
      outcome: e.outcome,
      actor: e.actor,
      process_pid: e.processPid,
      process_executable_name: e.processExecutableName,
      force: e.force,
      confirmed: e.confirmed,
      reason: e.reason,
      found: e.found,
      duration_ms: e.durationMs,
      parameters: e.parameters,
    }, e);
  }

  /** What one process used at a moment. */
  processSampled(event: ProcessSampled): void {
    const e = (event ?? {}) as ProcessSampled;
    this.send("process.sampled", {
      host_name: e.hostName,
      process_pid: e.processPid,
      process_executable_name: e.processExecutableName,
      cpu_percent: e.cpuPercent,
      memory_mb: e.memoryMb,
      runtime_seconds: e.runtimeSeconds,
      process_parent_pid: e.processParentPid,
      process_owner: e.processOwner,
      process_command_line: e.processCommandLine,
      memory_percent: e.memoryPercent,
      threads: e.threads,
      disk_read_bytes: e.diskReadBytes,
      disk_write_bytes: e.diskWriteBytes,
    }, e);
  }

  /** What one engineer produced: a day's totals, or one commit. Counts add up. */
  productivityRecorded(event: ProductivityRecorded): void {
    const e = (event ?? {}) as ProductivityRecorded;
    this.send("productivity.recorded", {
      engineer: e.engineer,
      repository: e.repository,
      change_kind: e.changeKind,
      assistant: e.assistant,
      change_id: e.changeId,
      commits: e.commits,
      prs_created: e.prsCreated,
      prs_merged: e.prsMerged,
      lines_added: e.linesAdded,
      lines_deleted: e.linesDeleted,
      files_changed: e.filesChanged,
      test_coverage_percent: e.testCoveragePercent,
      bugs_fixed: e.bugsFixed,
      code_reviews_completed: e.codeReviewsCompleted,
      commits_with_tests: e.commitsWithTests,
    }, e, "engineer");
  }

  /** What a component used at a moment. */
  resourceSampled(event: ResourceSampled): void {
    const e = (event ?? {}) as ResourceSampled;
    this.send("resource.sampled", {
      component: e.component,
      service_name: e.serviceName,
      host_name: e.hostName,
      cpu_percent: e.cpuPercent,
      memory_mb: e.memoryMb,
      memory_percent: e.memoryPercent,
      disk_percent: e.diskPercent,
      network_receive_bytes: e.networkReceiveBytes,
      network_transmit_bytes: e.networkTransmitBytes,
      queue_size: e.queueSize,
      connections: e.connections,
      concurrency: e.concurrency,
      overhead_percent: e.overheadPercent,
    }, e);
  }

  /** What an assistant saved one engineer: a day's totals, or one occasion. Counts add up. */
  savingsRecorded(event: SavingsRecorded): void {
    const e = (event ?? {}) as SavingsRecorded;
    this.send("savings.recorded", {
      engineer: e.engineer,
      capability: e.capability,
      provider: e.provider,
      model: e.model,
      tokens_saved: e.tokensSaved,
      api_calls_avoided: e.apiCallsAvoided,
      time_saved_minutes: e.timeSavedMinutes,
    }, e, "engineer");
  }

  /** A paid seat of a tool was given to an engineer, or taken back: it holds until the next one. */
  seatGranted(event: SeatGranted): void {
    const e = (event ?? {}) as SeatGranted;
    this.send("seat.granted", {
      tool: e.tool,
      cost_usd_per_30_days: e.costUsdPer30Days,
      engineer: e.engineer,
      plan: e.plan,
      seats: e.seats,
      granted_by: e.grantedBy,
    }, e, "engineer");
  }

  /** How well an operator masters a skill, as measured now. */
  skillScored(event: SkillScored): void {
    const e = (event ?? {}) as SkillScored;
    this.send("skill.scored", {
      operator: e.operator,
      skill: e.skill,
      score: e.score,
      method: e.method,
      scenario: e.scenario,
      session_id: e.sessionId,
    }, e, "operator");
  }

  /** An assistant called a tool, or wanted to. */
  toolCalled(event: ToolCalled): void {
    const e = (event ?? {}) as ToolCalled;
    this.send("tool.called", {
      tool: e.tool,
      call_id: e.callId,
      engineer: e.engineer,
      session_id: e.sessionId,
      agent: e.agent,
      model: e.model,
      success: e.success,
      exit_code: e.exitCode,
      error_type: e.errorType,
      decision: e.decision,
      decided_by: e.decidedBy,
      waited_ms: e.waitedMs,
      duration_ms: e.durationMs,
      result_tokens: e.resultTokens,
    }, e, "engineer");
  }

  /** A training session of an operator, sent once when it is over. */
  trainingSession(event: TrainingSession): void {
    const e = (event ?? {}) as TrainingSession;
    this.send("training.session", {
      session_id: e.sessionId,
      operator: e.operator,
      scenario: e.scenario,
      started_at: e.startedAt,
      ended_at: e.endedAt,
      duration_seconds: e.durationSeconds,
      success: e.success,
      score: e.score,
      cost_usd: e.costUsd,
      skills: e.skills,
      objectives_completed: e.objectivesCompleted,
      objectives_total: e.objectivesTotal,
    }, e, "operator");
  }
}
