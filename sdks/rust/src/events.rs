//! One type per event type. Made by sdks/generate.py of schemas/events: not edited by hand.

use crate::event::{Event, Person, Text, Time};
use crate::Client;
use serde::Serialize;
use std::collections::BTreeMap;

/// What a user said of an answer, and what the system made of it. Sent when the feedback has
/// been processed; a sender that learns only later when it was learned from sends a second
/// event, with integrated_at and without processing_ms.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AiFeedback {
    /// part of the system, e.g. cognitive_core
    pub component: Text,
    /// identity of the feedback
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feedback_id: Option<Text>,
    /// query that it is about
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<Text>,
    /// service (service.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text>,
    /// how long processing took, in ms; null: told by another event
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processing_ms: Option<f64>,
    /// whether it was processed; null: told by another event
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// class of the error, if any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// rating, 1 to 5; null: not rated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<f64>,
    /// thumbs up or down; null: neither
    #[serde(skip_serializing_if = "Option::is_none")]
    pub helpful: Option<bool>,
    /// whether the user said what would have been right
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrected: Option<bool>,
    /// what would have been right, where it may be kept
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correction: Option<Text>,
    /// whether it is reason to train a model again
    #[serde(skip_serializing_if = "Option::is_none")]
    pub triggers_retraining: Option<bool>,
    /// when it came in; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_at: Option<Time>,
    /// when the system had learned from it; null: not yet, or never
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrated_at: Option<Time>,
    /// customer whose request it was; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// person who asked (user.id); may be a pseudonym; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text>,
}

impl Event for AiFeedback {
    const TYPE: &'static str = "ai.feedback";
}

/// One prediction of a trained model.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AiInference {
    /// name of the model, e.g. epic_trajectory_prediction
    pub model: Text,
    /// part of the system, e.g. cognitive_core
    pub component: Text,
    /// from the features to the prediction, in ms
    pub inference_ms: f64,
    /// identity of the prediction, which its outcome repeats; identifies the event where
    /// present
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_id: Option<Text>,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<Text>,
    /// service (service.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text>,
    /// number of features that went in; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features: Option<i64>,
    /// the prediction, where it is a number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<f64>,
    /// the prediction, where it is a class
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_label: Option<Text>,
    /// how sure the model is, 0 to 1; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// whether a prediction came
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// class of the error, if any; timeout where it took too long
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// customer whose request it was; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
}

impl Event for AiInference {
    const TYPE: &'static str = "ai.inference";
}

/// What became of a prediction: the true value, beside the predicted one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AiOutcome {
    /// name of the model, e.g. epic_trajectory_prediction
    pub model: Text,
    /// identity of the prediction; identifies the event where present
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prediction_id: Option<Text>,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<Text>,
    /// part of the system, e.g. cognitive_core; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Text>,
    /// the prediction, where it is a number and the sender has it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted: Option<f64>,
    /// the true value, where it is a number
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual: Option<f64>,
    /// the prediction, where it is a class and the sender has it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_label: Option<Text>,
    /// the true class
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_label: Option<Text>,
    /// of two classes: whether it was predicted to be the one looked for; null: not such a
    /// model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_positive: Option<bool>,
    /// of two classes: whether it was the one looked for; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actual_positive: Option<bool>,
    /// whether the prediction was good enough for its use; null: not judged
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business_correct: Option<bool>,
    /// when the prediction was made; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicted_at: Option<Time>,
    /// customer whose prediction it was; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
}

impl Event for AiOutcome {
    const TYPE: &'static str = "ai.outcome";
}

/// One query to an AI system, from its arrival to its answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AiQuery {
    /// part of the system, e.g. cognitive_core
    pub component: Text,
    /// simple, moderate or complex
    pub complexity: Text,
    /// from the query to the whole answer, in ms
    pub response_ms: f64,
    /// identity of the query; identifies the event where present
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_id: Option<Text>,
    /// service (service.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text>,
    /// route or operation, without ids in it (http.route); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Text>,
    /// whether an answer came
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// class of the error, if any; timeout where it took too long
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// models that worked on it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models_used: Option<Vec<Text>>,
    /// how sure the system is, 0 to 1; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// customer whose request it was; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// person who asked (user.id); may be a pseudonym; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Text>,
    /// session or conversation (session.id)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// rating by the user, 1 to 5; null: not rated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<f64>,
    /// tokens read, whatever of them came from a cache; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_input: Option<i64>,
    /// tokens written, reasoning among them; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_output: Option<i64>,
    /// cost as reported by the source, in USD; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Event for AiQuery {
    const TYPE: &'static str = "ai.query";
}

/// Somebody has seen an alert and takes care of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlertAcknowledged {
    /// id of the alert
    pub alert_id: Text,
    /// rule that it came of; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<Text>,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// what was said about it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Text>,
}

impl Event for AlertAcknowledged {
    const TYPE: &'static str = "alert.acknowledged";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// Somebody wants no word of a rule's alerts for a while.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AlertSilenced {
    /// rule that is silenced
    pub rule: Text,
    /// when it may be told again
    pub silenced_until: Time,
    /// the one alert that is silenced; null: all of the rule and subject
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<Text>,
    /// dimensions that the alert must have, e.g. team; empty: any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<BTreeMap<Text, Text>>,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// why
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
}

impl Event for AlertSilenced {
    const TYPE: &'static str = "alert.silenced";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// How an assistant used its memory and how its suggestions fared: a day's totals, or one
/// occasion. Counts add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AssistantRecorded {
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// name of the assistant, e.g. claude-code; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Text>,
    /// look-ups in its memory that found something
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_hits: Option<i64>,
    /// look-ups in its memory that found nothing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_misses: Option<i64>,
    /// times that context was put into a prompt
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_injections: Option<i64>,
    /// mean size of the context put in, in tokens; weighs context_injections; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub avg_context_tokens: Option<f64>,
    /// suggestions that were taken
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions_accepted: Option<i64>,
    /// suggestions that were turned down
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestions_rejected: Option<i64>,
}

impl Event for AssistantRecorded {
    const TYPE: &'static str = "assistant.recorded";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// Somebody changed something by the api or a command, or tried to: who, what, and what came
/// of it.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AuditRecorded {
    /// what was done, e.g. alert.acknowledge, token.create, process.kill
    pub action: Text,
    /// kind of what it was done to, e.g. alert, rule, token, person, process
    pub target_kind: Text,
    /// done, refused, declined or failed
    pub outcome: Text,
    /// who did it; may be a pseudonym; empty: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Text>,
    /// its id; never the name of a person; empty: all of the kind
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Text>,
    /// why, as the actor says
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// what else belongs to it, e.g. until when; never the name of a person
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<Text>,
}

impl Event for AuditRecorded {
    const TYPE: &'static str = "audit.recorded";
}

/// What is usual for a metric, captured from a period or a run: it holds until the next one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BaselineCaptured {
    /// what it is about, e.g. conversational_query_response_time or the name of a KPI
    pub metric: Text,
    /// what is usual, in the unit
    pub value: f64,
    /// unit of the value, e.g. ms
    pub unit: Text,
    /// ai_query, ml_inference, user_feedback, user_interface or system_health; empty: none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Text>,
    /// component that it holds for; empty: all
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Text>,
    /// customer that it holds for; empty: all
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client: Option<Text>,
    /// model that it holds for; empty: all
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// observations that it rests on; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<i64>,
    /// begin of the period that it was captured from; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_from: Option<Time>,
    /// end of that period; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period_to: Option<Time>,
    /// what it was measured under, e.g. query_complexity
    #[serde(skip_serializing_if = "Option::is_none")]
    pub conditions: Option<BTreeMap<Text, Text>>,
    /// who captured it; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured_by: Option<Text>,
}

impl Event for BaselineCaptured {
    const TYPE: &'static str = "baseline.captured";
}

/// A budget was set, or changed: it holds until the next one of its scope.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct BudgetSet {
    /// name of the budget
    pub budget: Text,
    /// what it limits: tenant, team, engineer, model, category or system
    pub scope: Text,
    /// most that may be spent in a period, in USD
    pub limit_usd: f64,
    /// day or month
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// person whose spend it limits, where the scope is engineer; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Text>,
    /// model whose cost it limits, where the scope is model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    /// category of calls that it limits, where the scope is category
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Text>,
    /// optimising system that it limits, where the scope is system
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<Text>,
    /// who set it; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Text>,
}

impl Event for BudgetSet {
    const TYPE: &'static str = "budget.set";
}

/// One execution of an assistant's capability.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CapabilityExecuted {
    /// e.g. sc:implement
    pub capability: Text,
    /// how long it took, in ms
    pub duration_ms: f64,
    /// whether it worked
    pub success: bool,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// class of the error, if any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// tokens that need not be sent thanks to it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_saved: Option<i64>,
    /// calls that were not needed thanks to it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_calls_avoided: Option<i64>,
    /// working time saved as reported by the source, in minutes
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_saved_minutes: Option<f64>,
    /// size of the context it worked on, in tokens
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context_size_tokens: Option<i64>,
}

impl Event for CapabilityExecuted {
    const TYPE: &'static str = "capability.executed";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// An operator was certified.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct CertificationGranted {
    /// who is trained
    pub operator: Person,
    /// name of the certification
    pub certification: Text,
    /// who certifies; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<Text>,
    /// score in the exam, 0 to 1; null: there was none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f64>,
    /// when it ends; null: never
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// fee of the exam, in USD
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Event for CertificationGranted {
    const TYPE: &'static str = "certification.granted";
}

/// A deployment, sent once when its outcome is known.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct DeploymentRecorded {
    /// identity of the deployment (deployment.id)
    pub deployment_id: Text,
    /// what was deployed (service.name)
    pub service_name: Text,
    /// when the deployment ended
    pub finished_at: Time,
    /// from its start to its end, in ms
    pub duration_ms: f64,
    /// whether it reached its end (cicd.pipeline.result)
    pub success: bool,
    /// where to, e.g. production (deployment.environment.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// repository of the code (vcs.repository.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Text>,
    /// revision that was deployed (vcs.ref.head.revision)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<Text>,
    /// commits that it brought; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<i64>,
    /// when the first of its changes was committed; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_at: Option<Time>,
    /// whether it harmed users and had to be repaired or taken back; null: not known yet
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<bool>,
    /// whether it was not planned and made to repair what users suffered from; null: not
    /// known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rework: Option<bool>,
    /// whether an assistant wrote any of it; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ai_assisted: Option<bool>,
    /// class of the error, if any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
}

impl Event for DeploymentRecorded {
    const TYPE: &'static str = "deployment.recorded";
}

/// A point of a counter of tokens that an emitter sends beside its calls: the two are
/// compared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EmitterMetered {
    /// who sent it: the name of its declaration in schemas/otlp
    pub emitter: Text,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// tokens since the point before; null: the counter tells its total
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_added: Option<f64>,
    /// tokens since the series began; null: the counter tells what was added
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_total: Option<f64>,
    /// series of a total: another beginning, or another process, is another one; empty: none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub series: Option<Text>,
}

impl Event for EmitterMetered {
    const TYPE: &'static str = "emitter.metered";
}

/// What one request of OpenTelemetry told of one emitter and version: how many events, and
/// which of their fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EmitterObserved {
    /// who sent it: the name of its declaration in schemas/otlp
    pub emitter: Text,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// events that its records became, doubles among them
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<i64>,
    /// of those: calls of models that succeeded
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<i64>,
    /// fields of these calls that are looked for: the same number for each call
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields_asked: Option<i64>,
    /// of those: told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields_told: Option<i64>,
    /// by field: how many of these calls do not tell it, as text
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<BTreeMap<Text, Text>>,
    /// tokens of all calls, all classes together
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens: Option<i64>,
}

impl Event for EmitterObserved {
    const TYPE: &'static str = "emitter.observed";
}

/// An engineer's machine was set up, or set up anew: who works on what. The newest one holds.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct EngineerRegistered {
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// full name, as reports show it; personal, may be empty or a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// name of the machine (host.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Text>,
    /// operating system: Windows, Darwin or Linux (os.type)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Text>,
    /// model of the processor (host.cpu.model.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Text>,
    /// memory of the machine, in GB
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ram_gb: Option<f64>,
    /// language runtime and its version, e.g. Python 3.11.5
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<Text>,
    /// version of the assistant (service.version)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product_version: Option<Text>,
    /// when the assistant was installed; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub installed_at: Option<Time>,
}

impl Event for EngineerRegistered {
    const TYPE: &'static str = "engineer.registered";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// One observation of an experiment: a metric under one variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ExperimentObserved {
    /// name of the experiment (feature_flag.key)
    pub experiment: Text,
    /// baseline, canary, or another of its variants (feature_flag.result.variant)
    pub variant: Text,
    /// what was observed, its unit in its name, e.g. latency_ms
    pub metric: Text,
    /// observed value, in the metric's unit
    pub value: f64,
    /// who or what was assigned to the variant, e.g. a user or session; null: each
    /// observation for itself
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unit_id: Option<Text>,
    /// share of units that the variant is meant to get, 0 to 1; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_share: Option<f64>,
    /// whether the metric must only not get worse
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardrail: Option<bool>,
}

impl Event for ExperimentObserved {
    const TYPE: &'static str = "experiment.observed";
}

/// A goal was set, or changed: it holds until the next one of its name.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct GoalSet {
    /// name of the goal, unique within its operator or team
    pub goal: Text,
    /// what is counted: a measure or KPI, e.g. training.session.sessions
    pub metric: Text,
    /// value to be reached, in the unit
    pub target: f64,
    /// unit of the target, e.g. sessions
    pub unit: Text,
    /// whose goal: operator, team or tenant
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Text>,
    /// operator whose goal it is; may be a pseudonym; empty: none alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// the goal in words
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// when it is to be reached; null: at any time
    #[serde(skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Time>,
    /// whether it is given up
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<bool>,
    /// who set it; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_by: Option<Text>,
}

impl Event for GoalSet {
    const TYPE: &'static str = "goal.set";
}

/// An incident, sent once when it is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct IncidentRecorded {
    /// identity of the incident
    pub incident_id: Text,
    /// what suffered (service.name)
    pub service_name: Text,
    /// when users began to suffer
    pub opened_at: Time,
    /// where, e.g. production (deployment.environment.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// low, medium, high or critical
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Text>,
    /// when somebody was told; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detected_at: Option<Time>,
    /// when it was over; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_at: Option<Time>,
    /// deployment that caused it; null: none did
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<Text>,
}

impl Event for IncidentRecorded {
    const TYPE: &'static str = "incident.recorded";
}

/// One call of a language model. Token classes are disjoint: they add up to everything that
/// was processed. What a source does not tell is null, not 0.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct LlmCall {
    /// e.g. anthropic, openai, azure
    pub provider: Text,
    /// model as the provider names it
    pub model: Text,
    /// the provider's request or message id; identifies the call across copied and resumed
    /// logs
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Text>,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// session or conversation
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// what it was for, e.g. coding, review, chat
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<Text>,
    /// input tokens read at full price (neither read from nor written to a cache); null: not
    /// told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_input: Option<i64>,
    /// input tokens read from a cache; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_cache_read: Option<i64>,
    /// input tokens written to a cache, whatever their lifetime there; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_cache_write: Option<i64>,
    /// those of tokens_cache_write that live for five minutes; null: the source does not tell
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_cache_write_5m: Option<i64>,
    /// those of tokens_cache_write that live for an hour; null: the source does not tell
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_cache_write_1h: Option<i64>,
    /// output tokens without reasoning, unless the source does not tell them apart; null: not
    /// told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_output: Option<i64>,
    /// reasoning tokens; null: not told, they may be among the output
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_reasoning: Option<i64>,
    /// cost as reported by the source; else the price book is used
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// request to last token
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: Option<f64>,
    /// request to first token
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<f64>,
    /// whether an answer came
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// class of the error, if any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// why the output ended
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_reason: Option<Text>,
    /// tier that the provider served it in, as it names it, e.g. batch, priority; empty: the
    /// source does not tell
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Text>,
    /// whether the token counts are those of the whole call; false: e.g. a stream that broke
    /// off; null: the source does not tell
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_complete: Option<bool>,
}

impl Event for LlmCall {
    const TYPE: &'static str = "llm.call";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// A model was trained.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ModelTrained {
    /// name of the model, e.g. epic_trajectory_prediction
    pub model: Text,
    /// how long it took, in s
    pub training_seconds: f64,
    /// version that came of it; empty: none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_version: Option<Text>,
    /// part of the system that trained it, e.g. data_intelligence; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub component: Option<Text>,
    /// why: schedule, drift, feedback or manual; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Text>,
    /// whether a model came of it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// class of the error, if any; timeout where it took too long
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// size of the model, in MB; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_size_mb: Option<f64>,
    /// most memory that training used, in MB; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<f64>,
    /// mean processor use of training, in percent of the machine; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// samples that it was trained on; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samples: Option<i64>,
    /// coefficient of determination on data held back; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r2: Option<f64>,
    /// F1 on data held back, 0 to 1; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// precision on data held back, 0 to 1; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<f64>,
    /// recall on data held back, 0 to 1; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recall: Option<f64>,
    /// share of classes that were right on data held back, 0 to 1; null: not such a model
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// cost of training, in USD; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
}

impl Event for ModelTrained {
    const TYPE: &'static str = "model.trained";
}

/// What an optimising system (content loader, cache, token monitor ...) did since its last
/// sample.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OptimizationSampled {
    /// name of the system, e.g. smart-cache
    pub system: Text,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// tokens that there were to send
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_before: Option<i64>,
    /// tokens that were sent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_after: Option<i64>,
    /// look-ups that the cache answered
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_hits: Option<i64>,
    /// look-ups that it did not answer
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cache_misses: Option<i64>,
    /// response time without the system, in ms; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms_before: Option<f64>,
    /// response time with it, in ms; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_ms_after: Option<f64>,
    /// quality of compressed content, 0 to 100; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compression_quality: Option<f64>,
    /// whether content came through unharmed; null: not checked
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integrity_ok: Option<bool>,
    /// tasks that were finished
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_completed: Option<i64>,
    /// tasks that were given up
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tasks_failed: Option<i64>,
    /// requests that ended with an error
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errors: Option<i64>,
    /// requests in all
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<i64>,
    /// time in which the system could be used, in s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_seconds: Option<f64>,
    /// time in which it could not, in s
    #[serde(skip_serializing_if = "Option::is_none")]
    pub down_seconds: Option<f64>,
    /// money planned for the time of the sample, in USD; null: no budget
    #[serde(skip_serializing_if = "Option::is_none")]
    pub budget_usd: Option<f64>,
    /// money spent in it, in USD
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spent_usd: Option<f64>,
    /// money saved in it, in USD
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_saved_usd: Option<f64>,
    /// satisfaction of users, 1 to 5; null: nobody was asked
    #[serde(skip_serializing_if = "Option::is_none")]
    pub satisfaction: Option<f64>,
    /// share of answers that were right, 0 to 1; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f64>,
    /// share of its resources in use, 0 to 100; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub utilization_percent: Option<f64>,
}

impl Event for OptimizationSampled {
    const TYPE: &'static str = "optimization.sampled";
}

/// A call that came over OpenTelemetry after an import of logs had published it: it counts
/// once, by the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OtelDoubled {
    /// who sent it: the name of its declaration in schemas/otlp
    pub emitter: Text,
    /// event type that it would have been: llm.call or tool.called
    pub event: Text,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// session or conversation
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
}

impl Event for OtelDoubled {
    const TYPE: &'static str = "otel.doubled";
}

/// Records of OpenTelemetry that no declaration understands.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct OtelUnmapped {
    /// who made the records: a declared emitter, else the service's or scope's name
    pub emitter: Text,
    /// logs, metrics or traces
    pub signal: Text,
    /// how many of them one request held
    pub records: i64,
    /// its version; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<Text>,
    /// name of the record's event, span or metric
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text>,
    /// one of them as JSON; of texts the length alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub example: Option<Text>,
}

impl Event for OtelUnmapped {
    const TYPE: &'static str = "otel.unmapped";
}

/// What an agent or a person thinks of a procedure.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcedureFeedback {
    /// id of the procedure, e.g. github/PROC-1
    pub procedure: Text,
    /// how clear it is, 1 to 5; null: not rated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clarity: Option<f64>,
    /// how useful it is, 1 to 5; null: not rated
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usefulness: Option<f64>,
    /// what was said about it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<Text>,
    /// agent that says so (gen_ai.agent.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
}

impl Event for ProcedureFeedback {
    const TYPE: &'static str = "procedure.feedback";
}

/// An agent followed a procedure.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcedureInvoked {
    /// id of the procedure, e.g. github/PROC-1
    pub procedure: Text,
    /// success, failure or aborted
    pub status: Text,
    /// how long it took, in ms
    pub duration_ms: f64,
    /// kind of task that it was for; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<Text>,
    /// agent that followed it (gen_ai.agent.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Text>,
    /// team that it belongs to; empty: none is told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub team: Option<Text>,
    /// class of the error, if any
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
}

impl Event for ProcedureInvoked {
    const TYPE: &'static str = "procedure.invoked";
}

/// A command about processes was given: the audit of what was looked at and what was ended.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessActed {
    /// detail, kill, anomalies, tree, watch, snapshot or system
    pub command: Text,
    /// machine (host.name)
    pub host_name: Text,
    /// done, refused, declined, not_found or failed
    pub outcome: Text,
    /// who gave it; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Text>,
    /// process that it was about (process.pid); null: none alone
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_pid: Option<i64>,
    /// name of its program (process.executable.name)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_executable_name: Option<Text>,
    /// whether the process was to be ended without a chance to clean up
    #[serde(skip_serializing_if = "Option::is_none")]
    pub force: Option<bool>,
    /// whether a person said yes; null: nobody was asked
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<bool>,
    /// why, as the actor says
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// processes that it showed; null: not a listing
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<i64>,
    /// how long it took, in ms
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// what it was called with, e.g. cpu_threshold
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<BTreeMap<Text, Text>>,
}

impl Event for ProcessActed {
    const TYPE: &'static str = "process.acted";
}

/// What one process used at a moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProcessSampled {
    /// machine (host.name)
    pub host_name: Text,
    /// id of the process (process.pid)
    pub process_pid: i64,
    /// name of its program (process.executable.name)
    pub process_executable_name: Text,
    /// processor time used, in percent of one core
    pub cpu_percent: f64,
    /// resident memory, in MB
    pub memory_mb: f64,
    /// time since it began, in s
    pub runtime_seconds: f64,
    /// id of its parent (process.parent_pid)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_parent_pid: Option<i64>,
    /// user that it runs as (process.owner); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_owner: Option<Text>,
    /// its command line (process.command_line); null: not sent
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process_command_line: Option<Text>,
    /// share of the machine's memory, 0 to 100
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<f64>,
    /// its threads (process.thread.count)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<i64>,
    /// read from disks since it began, in bytes
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_read_bytes: Option<i64>,
    /// written to disks since it began, in bytes
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_write_bytes: Option<i64>,
}

impl Event for ProcessSampled {
    const TYPE: &'static str = "process.sampled";
}

/// What one engineer produced: a day's totals, or one commit. Counts add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ProductivityRecorded {
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// repository it belongs to
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository: Option<Text>,
    /// commit, merge or test for a single commit; empty for totals
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_kind: Option<Text>,
    /// assistant named as author or co-author
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant: Option<Text>,
    /// identity of the change, e.g. commit hash; identifies the event where present
    #[serde(skip_serializing_if = "Option::is_none")]
    pub change_id: Option<Text>,
    /// commits made
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits: Option<i64>,
    /// pull requests opened
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prs_created: Option<i64>,
    /// pull requests merged
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prs_merged: Option<i64>,
    /// lines added
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_added: Option<i64>,
    /// lines deleted
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines_deleted: Option<i64>,
    /// files changed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files_changed: Option<i64>,
    /// share of code that tests cover, 0 to 100; replaces the earlier value of the day
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_coverage_percent: Option<f64>,
    /// bugs fixed
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bugs_fixed: Option<i64>,
    /// code reviews finished
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code_reviews_completed: Option<i64>,
    /// of the commits, those that change a test (tests alone or among others); null where it
    /// is not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commits_with_tests: Option<i64>,
}

impl Event for ProductivityRecorded {
    const TYPE: &'static str = "productivity.recorded";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// What a component used at a moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ResourceSampled {
    /// part of the system, e.g. cognitive_core
    pub component: Text,
    /// service (service.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_name: Option<Text>,
    /// machine (host.name); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_name: Option<Text>,
    /// processor use, in percent of what it may use; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<f64>,
    /// memory in use, in MB; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mb: Option<f64>,
    /// share of its memory in use, 0 to 100; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_percent: Option<f64>,
    /// share of its disk in use, 0 to 100; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_percent: Option<f64>,
    /// received since the last sample, in bytes; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_receive_bytes: Option<i64>,
    /// sent since the last sample, in bytes; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_transmit_bytes: Option<i64>,
    /// requests that wait; null: it has no queue
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_size: Option<i64>,
    /// open connections; null: it has none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connections: Option<i64>,
    /// requests under way; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<i64>,
    /// share of the host that measuring itself costs, 0 to 100; null: not measured
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overhead_percent: Option<f64>,
}

impl Event for ResourceSampled {
    const TYPE: &'static str = "resource.sampled";
}

/// What an assistant saved one engineer: a day's totals, or one occasion. Counts add up.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SavingsRecorded {
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// capability that saved it; empty: all together
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capability: Option<Text>,
    /// provider of the model whose calls were avoided; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Text>,
    /// model whose calls were avoided, which decides their price; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    /// tokens that need not be sent thanks to it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_saved: Option<i64>,
    /// calls that were not needed thanks to it
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_calls_avoided: Option<i64>,
    /// working time saved as reported by the source, in minutes
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_saved_minutes: Option<f64>,
}

impl Event for SavingsRecorded {
    const TYPE: &'static str = "savings.recorded";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// A paid seat of a tool was given to an engineer, or taken back: it holds until the next
/// one.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SeatGranted {
    /// product that the seat is for, e.g. claude-code
    pub tool: Text,
    /// price of the seat for 30 days, in USD
    pub cost_usd_per_30_days: f64,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// plan as its vendor names it; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Text>,
    /// seats that the engineer has from now on: 1, or 0 where it is taken back
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seats: Option<i64>,
    /// who gave it; may be a pseudonym
    #[serde(skip_serializing_if = "Option::is_none")]
    pub granted_by: Option<Text>,
}

impl Event for SeatGranted {
    const TYPE: &'static str = "seat.granted";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// How well an operator masters a skill, as measured now.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct SkillScored {
    /// who is trained
    pub operator: Person,
    /// name of the skill, e.g. reconnaissance
    pub skill: Text,
    /// mastery, 0 to 1
    pub score: f64,
    /// how it was measured, e.g. session, exam, peer; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<Text>,
    /// scenario that it was measured in; empty: none
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Text>,
    /// training session that it was measured in
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
}

impl Event for SkillScored {
    const TYPE: &'static str = "skill.scored";
}

/// An assistant called a tool, or wanted to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct ToolCalled {
    /// name of the tool (gen_ai.tool.name), e.g. Bash
    pub tool: Text,
    /// identity of the call (gen_ai.tool.call.id); identifies the event where present
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call_id: Option<Text>,
    /// who; left out, the client's
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engineer: Option<Person>,
    /// session or conversation (session.id, gen_ai.conversation.id)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_id: Option<Text>,
    /// assistant that called (gen_ai.agent.name), e.g. claude-code; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<Text>,
    /// model that asked for it (gen_ai.request.model); empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<Text>,
    /// whether the tool ran; what it ran may have failed; null: it was not let, or not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success: Option<bool>,
    /// exit code of the command that it ran; null: it ran none, or not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// class of the error, if any (error.type)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<Text>,
    /// accepted, rejected or blocked; empty: nobody was asked
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<Text>,
    /// who decided: user, config, hook or policy; empty: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<Text>,
    /// how long the decision was waited for, in ms; null: not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<f64>,
    /// how long the tool ran, in ms; null: it did not, or not told
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// size of what it gave back, in tokens; null: not known
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_tokens: Option<i64>,
}

impl Event for ToolCalled {
    const TYPE: &'static str = "tool.called";
    fn whose(&mut self) -> Option<&mut Option<Person>> {
        Some(&mut self.engineer)
    }
}

/// A training session of an operator, sent once when it is over.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct TrainingSession {
    /// identity of the session (session.id)
    pub session_id: Text,
    /// who is trained
    pub operator: Person,
    /// what was trained, e.g. pentest_001
    pub scenario: Text,
    /// when it began
    pub started_at: Time,
    /// when it ended
    pub ended_at: Time,
    /// time spent in it, in s
    pub duration_seconds: f64,
    /// whether the goal of the scenario was reached
    pub success: bool,
    /// score, 0 to 1
    pub score: f64,
    /// what the session cost, in USD
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// skills that were practised
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skills: Option<Vec<Text>>,
    /// objectives that were reached
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objectives_completed: Option<i64>,
    /// objectives that there were
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objectives_total: Option<i64>,
}

impl Event for TrainingSession {
    const TYPE: &'static str = "training.session";
}

impl Client {
    /// What a user said of an answer, and what the system made of it. Sent when the feedback
    /// has been processed; a sender that learns only later when it was learned from sends a
    /// second event, with integrated_at and without processing_ms.
    pub fn ai_feedback(&self, event: AiFeedback) {
        self.emit(event);
    }

    /// One prediction of a trained model.
    pub fn ai_inference(&self, event: AiInference) {
        self.emit(event);
    }

    /// What became of a prediction: the true value, beside the predicted one.
    pub fn ai_outcome(&self, event: AiOutcome) {
        self.emit(event);
    }

    /// One query to an AI system, from its arrival to its answer.
    pub fn ai_query(&self, event: AiQuery) {
        self.emit(event);
    }

    /// Somebody has seen an alert and takes care of it.
    pub fn alert_acknowledged(&self, event: AlertAcknowledged) {
        self.emit(event);
    }

    /// Somebody wants no word of a rule's alerts for a while.
    pub fn alert_silenced(&self, event: AlertSilenced) {
        self.emit(event);
    }

    /// How an assistant used its memory and how its suggestions fared: a day's totals, or one
    /// occasion. Counts add up.
    pub fn assistant_recorded(&self, event: AssistantRecorded) {
        self.emit(event);
    }

    /// Somebody changed something by the api or a command, or tried to: who, what, and what
    /// came of it.
    pub fn audit_recorded(&self, event: AuditRecorded) {
        self.emit(event);
    }

    /// What is usual for a metric, captured from a period or a run: it holds until the next
    /// one.
    pub fn baseline_captured(&self, event: BaselineCaptured) {
        self.emit(event);
    }

    /// A budget was set, or changed: it holds until the next one of its scope.
    pub fn budget_set(&self, event: BudgetSet) {
        self.emit(event);
    }

    /// One execution of an assistant's capability.
    pub fn capability_executed(&self, event: CapabilityExecuted) {
        self.emit(event);
    }

    /// An operator was certified.
    pub fn certification_granted(&self, event: CertificationGranted) {
        self.emit(event);
    }

    /// A deployment, sent once when its outcome is known.
    pub fn deployment_recorded(&self, event: DeploymentRecorded) {
        self.emit(event);
    }

    /// A point of a counter of tokens that an emitter sends beside its calls: the two are
    /// compared.
    pub fn emitter_metered(&self, event: EmitterMetered) {
        self.emit(event);
    }

    /// What one request of OpenTelemetry told of one emitter and version: how many events,
    /// and which of their fields.
    pub fn emitter_observed(&self, event: EmitterObserved) {
        self.emit(event);
    }

    /// An engineer's machine was set up, or set up anew: who works on what. The newest one
    /// holds.
    pub fn engineer_registered(&self, event: EngineerRegistered) {
        self.emit(event);
    }

    /// One observation of an experiment: a metric under one variant.
    pub fn experiment_observed(&self, event: ExperimentObserved) {
        self.emit(event);
    }

    /// A goal was set, or changed: it holds until the next one of its name.
    pub fn goal_set(&self, event: GoalSet) {
        self.emit(event);
    }

    /// An incident, sent once when it is over.
    pub fn incident_recorded(&self, event: IncidentRecorded) {
        self.emit(event);
    }

    /// One call of a language model. Token classes are disjoint: they add up to everything
    /// that was processed. What a source does not tell is null, not 0.
    pub fn llm_call(&self, event: LlmCall) {
        self.emit(event);
    }

    /// A model was trained.
    pub fn model_trained(&self, event: ModelTrained) {
        self.emit(event);
    }

    /// What an optimising system (content loader, cache, token monitor ...) did since its
    /// last sample.
    pub fn optimization_sampled(&self, event: OptimizationSampled) {
        self.emit(event);
    }

    /// A call that came over OpenTelemetry after an import of logs had published it: it
    /// counts once, by the log.
    pub fn otel_doubled(&self, event: OtelDoubled) {
        self.emit(event);
    }

    /// Records of OpenTelemetry that no declaration understands.
    pub fn otel_unmapped(&self, event: OtelUnmapped) {
        self.emit(event);
    }

    /// What an agent or a person thinks of a procedure.
    pub fn procedure_feedback(&self, event: ProcedureFeedback) {
        self.emit(event);
    }

    /// An agent followed a procedure.
    pub fn procedure_invoked(&self, event: ProcedureInvoked) {
        self.emit(event);
    }

    /// A command about processes was given: the audit of what was looked at and what was
    /// ended.
    pub fn process_acted(&self, event: ProcessActed) {
        self.emit(event);
    }

    /// What one process used at a moment.
    pub fn process_sampled(&self, event: ProcessSampled) {
        self.emit(event);
    }

    /// What one engineer produced: a day's totals, or one commit. Counts add up.
    pub fn productivity_recorded(&self, event: ProductivityRecorded) {
        self.emit(event);
    }

    /// What a component used at a moment.
    pub fn resource_sampled(&self, event: ResourceSampled) {
        self.emit(event);
    }

    /// What an assistant saved one engineer: a day's totals, or one occasion. Counts add up.
    pub fn savings_recorded(&self, event: SavingsRecorded) {
        self.emit(event);
    }

    /// A paid seat of a tool was given to an engineer, or taken back: it holds until the next
    /// one.
    pub fn seat_granted(&self, event: SeatGranted) {
        self.emit(event);
    }

    /// How well an operator masters a skill, as measured now.
    pub fn skill_scored(&self, event: SkillScored) {
        self.emit(event);
    }

    /// An assistant called a tool, or wanted to.
    pub fn tool_called(&self, event: ToolCalled) {
        self.emit(event);
    }

    /// A training session of an operator, sent once when it is over.
    pub fn training_session(&self, event: TrainingSession) {
        self.emit(event);
    }
}
