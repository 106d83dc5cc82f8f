//! AI systems: queries, the predictions under them and what became of these, feedback, training,
//! and what components use.

use super::hour::{Hour, minutes};
use super::relations::{
    CPU_IDLE, CPU_PER_LOAD, QUERY_USD_PER_1000_TOKENS, SATISFACTION_AT_ONCE,
    SATISFACTION_PER_SECOND,
};
use rand::Rng;
use weir_events::{
    AiFeedback, AiInference, AiOutcome, AiQuery, AlertAcknowledged, AlertSilenced,
    BaselineCaptured, ModelTrained, ResourceSampled,
};
use weir_model::Micros;

/// A part of the system.
pub struct Component {
    pub name: &'static str,
    /// Memory that it usually uses, and that it may use, in MB.
    memory: (f64, f64),
}

/// The components, the most used first.
pub const COMPONENTS: [Component; 3] = [
    Component {
        name: "cognitive_core",
        memory: (2600.0, 4096.0),
    },
    Component {
        name: "data_intelligence",
        memory: (5200.0, 8192.0),
    },
    Component {
        name: "user_interface",
        memory: (540.0, 1024.0),
    },
];
/// Of ten queries, which component each goes to.
const ROUTED: [usize; 10] = [0, 0, 0, 0, 0, 0, 1, 1, 1, 2];

/// A model: its median prediction and time of inference in ms.
pub struct Model {
    pub name: &'static str,
    predicts: f64,
    ms: f64,
}

/// The models, the most used first.
pub const MODELS: [Model; 4] = [
    Model {
        name: "epic_trajectory",
        predicts: 30.0,
        ms: 180.0,
    },
    Model {
        name: "story_complexity",
        predicts: 8.0,
        ms: 90.0,
    },
    Model {
        name: "rework_risk",
        predicts: 0.3,
        ms: 130.0,
    },
    Model {
        name: "query_complexity",
        predicts: 3.0,
        ms: 40.0,
    },
];
/// Of ten predictions, which model each is of.
const PREDICTED: [usize; 10] = [0, 0, 0, 0, 0, 1, 1, 2, 2, 3];

/// Classes of queries: of ten, how many; median response in ms; median tokens.
const CLASSES: [(&str, u32, f64, f64); 3] = [
    ("simple", 6, 1200.0, 900.0),
    ("moderate", 3, 4200.0, 3000.0),
    ("complex", 1, 8500.0, 9000.0),
];
/// Spread of response times.
const RESPONSE_SIGMA: f64 = 0.3;
/// Queries in an hour per active person.
const QUERIES: f64 = 1.0;
/// Share of queries that fail.
const FAILURES: f64 = 0.003;

/// The events of an hour.
pub fn hour(h: &mut Hour<'_>) {
    if h.first {
        baselines(h);
    }
    let mut load = [0u64; COMPONENTS.len()];
    for _ in 0..h.times(QUERIES * h.activity) {
        let i = h.pick(&ROUTED);
        load[i] += 1;
        query(h, COMPONENTS[i].name);
    }
    for (component, load) in COMPONENTS.iter().zip(load) {
        resources(h, component, load);
    }
    let day_hour = h.start.0.div_euclid(Micros::HOUR.0);
    for (i, model) in MODELS.iter().enumerate() {
        // Every third night, one after the other.
        if day_hour.rem_euclid(72) == 2 + i as i64 {
            training(h, model);
        }
    }
    if h.chance(0.03) {
        seen(h);
    }
}

fn query(h: &mut Hour<'_>, component: &'static str) {
    let n = h.rng.random_range(0..10);
    let class = match n {
        0..6 => &CLASSES[0],
        6..9 => &CLASSES[1],
        _ => &CLASSES[2],
    };
    let (complexity, _, median, tokens) = *class;
    let response_ms = h.log_normal(median, RESPONSE_SIGMA) * h.labels.slowness(component, h.start);
    let failed = h.chance(FAILURES * h.labels.failures(component, h.start));
    let (tokens, written) = (h.log_normal(tokens, 0.5), h.log_normal(tokens / 8.0, 0.5));
    let (tokens, written) = (tokens as i64, written as i64);
    let usd = (tokens + written) as f64 / 1000.0 * QUERY_USD_PER_1000_TOKENS;
    let cost = usd * h.normal(0.0, 0.1).exp();
    let liked = SATISFACTION_AT_ONCE - SATISFACTION_PER_SECOND * response_ms / 1000.0;
    let satisfaction = h.normal(liked, 0.1).clamp(1.0, 5.0);
    let rated = !failed && h.chance(0.4);
    let (who, time, id) = (h.anybody(), h.moment(), h.identity("query"));
    let client = h.pick(&["northwind", "contoso", "fabrikam"]);
    let mut models = Vec::new();
    if h.chance(0.8) {
        let model = &MODELS[h.pick(&PREDICTED)];
        models.push(model.name.into());
        prediction(h, model, component, time);
    }
    let event = AiQuery {
        query_id: Some(id.clone().into()),
        component: component.into(),
        service_name: "assistant-api".into(),
        endpoint: "/api/ai/query".into(),
        complexity: complexity.into(),
        response_ms,
        success: !failed,
        error_type: failed.then(|| "unavailable".into()),
        models_used: models,
        confidence: Some(h.rng.random_range(0.6..0.98)),
        client: client.into(),
        user_id: who.email.clone().into(),
        session_id: Some(format!("{}-ai", who.host).into()),
        satisfaction: rated.then_some(satisfaction),
        tokens_input: Some(tokens),
        tokens_output: Some(if failed { 0 } else { written }),
        cost_usd: Some(if failed { 0.0 } else { cost }),
        ..AiQuery::default()
    };
    h.emit(time, "gateway-1", event);
    if h.chance(0.15) {
        feedback(h, component, id, time.plus(minutes(1.0)));
    }
}

fn feedback(h: &mut Hour<'_>, component: &'static str, query: String, time: Micros) {
    let rating = h.normal(4.3, 0.5).clamp(1.0, 5.0);
    let corrected = rating < 3.8;
    // It is told once it has been learned from.
    let learned = time.plus(minutes(h.log_normal(12.0, 0.5)));
    let event = AiFeedback {
        feedback_id: Some(h.identity("feedback").into()),
        query_id: Some(query.into()),
        component: component.into(),
        service_name: "feedback".into(),
        processing_ms: Some(h.log_normal(180.0, 0.3)),
        success: Some(true),
        rating: Some(rating),
        helpful: Some(rating >= 3.5),
        corrected,
        triggers_retraining: corrected && h.chance(0.1),
        received_at: Some(time),
        integrated_at: Some(learned),
        ..AiFeedback::default()
    };
    h.emit(learned, "feedback-1", event);
}

fn prediction(h: &mut Hour<'_>, model: &Model, component: &'static str, time: Micros) {
    let drift = h.labels.drift(model.name, h.start);
    let id = h.identity("prediction");
    let actual = h.log_normal(model.predicts, 0.5);
    let predicted = actual * drift * h.normal(0.0, 0.12).exp();
    let event = AiInference {
        prediction_id: Some(id.clone().into()),
        model: model.name.into(),
        model_version: "7".into(),
        component: component.into(),
        service_name: "predictor".into(),
        inference_ms: h.log_normal(model.ms, 0.25),
        features: Some(12),
        predicted: Some(predicted),
        confidence: Some(h.rng.random_range(0.6..0.98)),
        ..AiInference::default()
    };
    h.emit(time, "predictor-1", event);
    if h.chance(0.4) {
        let known = time.plus(minutes(h.log_normal(180.0, 0.6)));
        // Good enough is what is off by less than a quarter.
        let near = (predicted / actual - 1.0).abs() < 0.25;
        let event = AiOutcome {
            prediction_id: Some(id.into()),
            model: model.name.into(),
            model_version: "7".into(),
            component: component.into(),
            predicted: Some(predicted),
            actual: Some(actual),
            business_correct: Some(near),
            predicted_at: Some(time),
            ..AiOutcome::default()
        };
        h.emit(known, "outcomes-1", event);
    }
}

/// Twice an hour, close together; every minute while a component is over its limit.
fn resources(h: &mut Hour<'_>, component: &Component, load: u64) {
    let over = h.labels.over_limit(component.name, h.start);
    let (samples, apart) = if over.is_some() { (60, 1.0) } else { (2, 0.5) };
    let cpu = CPU_IDLE + CPU_PER_LOAD * load as f64 / h.people.len().max(1) as f64;
    let (usual, limit) = component.memory;
    let memory = over.map_or(usual, |factor| limit * factor);
    for n in 0..samples {
        let event = ResourceSampled {
            component: component.name.into(),
            service_name: "assistant-api".into(),
            host_name: "gateway-1".into(),
            cpu_percent: Some(h.normal(cpu, 2.0).max(0.0)),
            memory_mb: Some(h.log_normal(memory, 0.02)),
            memory_percent: Some(h.normal(60.0, 2.0)),
            disk_percent: Some(h.normal(48.0, 0.2)),
            queue_size: Some(h.times(1.0) as i64),
            connections: Some(20 + load as i64),
            concurrency: Some((1 + h.times(2.0) as i64).min(12)),
            overhead_percent: Some(h.log_normal(0.6, 0.2)),
            ..ResourceSampled::default()
        };
        let time = h.start.plus(minutes(n as f64 * apart + 0.2));
        h.emit(time, &format!("{}-1", component.name), event);
    }
}

fn training(h: &mut Hour<'_>, model: &Model) {
    let fit = h.rng.random_range(0.78..0.9);
    let event = ModelTrained {
        model: model.name.into(),
        model_version: "7".into(),
        component: COMPONENTS[1].name.into(),
        trigger: "schedule".into(),
        training_seconds: h.log_normal(600.0, 0.2),
        model_size_mb: Some(h.log_normal(20.0, 0.02)),
        memory_mb: Some(h.log_normal(1800.0, 0.1)),
        samples: Some(20_000),
        r2: Some(fit),
        cost_usd: Some(h.log_normal(1.2, 0.1)),
        ..ModelTrained::default()
    };
    let time = h.moment();
    h.emit(time, "trainer-ml-1", event);
}

/// What is usual, in force from the first minute.
fn baselines(h: &mut Hour<'_>) {
    let time = h.start.plus(Micros(2_000_000));
    let many: u32 = CLASSES.iter().map(|c| c.1).sum();
    let response: f64 = CLASSES.iter().map(|c| f64::from(c.1) * c.2).sum::<f64>() / f64::from(many)
        * (RESPONSE_SIGMA * RESPONSE_SIGMA / 2.0).exp();
    let inference: f64 = PREDICTED.iter().map(|m| MODELS[*m].ms).sum::<f64>()
        / PREDICTED.len() as f64
        * (0.25f64 * 0.25 / 2.0).exp();
    let metrics = [
        ("conversational_query_response_time", "ai_query", response),
        ("ml_prediction_inference_time", "ml_inference", inference),
        ("user_feedback_processing_time", "user_feedback", 190.0),
    ];
    for component in &COMPONENTS {
        for (metric, category, value) in metrics {
            let event = BaselineCaptured {
                metric: metric.into(),
                category: category.into(),
                component: component.name.into(),
                value,
                unit: "ms".into(),
                samples: Some(1000),
                ..BaselineCaptured::default()
            };
            h.emit(time, "weir-cli", event);
        }
    }
}

/// Somebody has seen an alert; now and then wants no more word of it for an hour.
fn seen(h: &mut Hour<'_>) {
    let (who, time) = (h.anybody(), h.moment());
    let rule = h.pick(&["model_retrain", "component_over_limit", "latency_jumped"]);
    let event = AlertAcknowledged {
        alert_id: h.identity("alert").into(),
        rule: rule.into(),
        engineer: who.named(),
        note: Some("looking at it".into()),
        ..AlertAcknowledged::default()
    };
    h.emit(time, &who.host, event);
    if h.chance(0.4) {
        let event = AlertSilenced {
            rule: rule.into(),
            engineer: who.named(),
            silenced_until: time.plus(Micros::HOUR),
            reason: Some("known".into()),
            ..AlertSilenced::default()
        };
        h.emit(time.plus(minutes(1.0)), &who.host, event);
    }
}
