//! Records of the log as what they say.

use crate::core::{Notice, Silence};
use std::collections::{BTreeMap, HashMap};
use weir_catalog::{Catalog, RuleDef, RuleOn};
use weir_kafka::{Message, SchemaRegistry, StageError};
use weir_model::avro::{Projection, Value, map_entries};
use weir_model::headers::SchemaRef;
use weir_model::records::{Alert, Anomaly};
use weir_model::{Micros, hash, topics, wire};

/// Event types that say what people do about alerts.
const ACKNOWLEDGED: &str = "alert.acknowledged";
const SILENCED: &str = "alert.silenced";

/// What a record says.
pub(crate) enum Said {
    /// Alerts; several where several rules look at an early limit.
    Alerts(Vec<Notice>),
    /// Somebody of a tenant takes care of an alert.
    Acknowledged { tenant: String, alert: String },
    /// Somebody wants no word.
    Silenced(Silence),
    /// Nothing that matters here.
    Nothing,
    /// It cannot be read.
    Unreadable,
}

/// The topics that are read.
pub(crate) fn all_topics() -> Vec<String> {
    vec![
        topics::ALERTS.to_owned(),
        topics::ANOMALIES.to_owned(),
        topics::events(ACKNOWLEDGED),
        topics::events(SILENCED),
    ]
}

/// Reads records.
pub(crate) struct Reader {
    registry: SchemaRegistry,
    /// Schemas of the event types, and the fields that are read.
    types: HashMap<String, (String, &'static [&'static str])>,
    projections: Vec<(String, SchemaRef, Option<Projection>)>,
    /// By detector: rules that an early limit opens.
    early: BTreeMap<String, Vec<RuleDef>>,
}

const OF_ACKNOWLEDGED: &[&str] = &["alert_id", "tenant"];
const OF_SILENCED: &[&str] = &[
    "event_id",
    "tenant",
    "rule",
    "alert_id",
    "subject",
    "silenced_until",
];

impl Reader {
    pub fn new(catalog: &Catalog, registry: SchemaRegistry) -> Reader {
        let mut types = HashMap::new();
        for (name, fields) in [(ACKNOWLEDGED, OF_ACKNOWLEDGED), (SILENCED, OF_SILENCED)] {
            if let Some(event) = catalog.events.iter().find(|e| e.name == name) {
                types.insert(topics::events(name), (event.schema_json.clone(), fields));
            }
        }
        Reader {
            registry,
            types,
            projections: Vec::new(),
            early: early(catalog),
        }
    }

    /// What a record says.
    ///
    /// # Errors
    /// Kafka, where a schema is looked up.
    pub fn read(&mut self, m: &Message<'_>) -> Result<Said, StageError> {
        let Some(value) = m.value() else {
            return Ok(Said::Nothing);
        };
        Ok(match m.topic() {
            topics::ALERTS => match Alert::decode(value) {
                Ok(alert) => Said::Alerts(vec![alert.into()]),
                Err(_) => Said::Unreadable,
            },
            topics::ANOMALIES => match Anomaly::decode(value) {
                Ok(found) if found.early => Said::Alerts(self.early_of(&found)),
                Ok(_) => Said::Nothing,
                Err(_) => Said::Unreadable,
            },
            _ => self.event(m, value)?,
        })
    }

    /// The alerts that will open when the window ends: their ids are those of the early ones.
    fn early_of(&self, found: &Anomaly) -> Vec<Notice> {
        let of = |name: &str| {
            let dimension = found.subject.dimensions.iter().find(|(n, _)| n == name);
            dimension.map(|(_, v)| v.clone())
        };
        let mut key = Vec::new();
        let dimensions = found.subject.dimensions.iter();
        hash::subject_key(
            &mut key,
            &found.subject.tenant,
            dimensions.map(|(n, v)| (n.as_str(), v.as_str())),
        );
        let rules = self.early.get(&found.detector).into_iter().flatten();
        let notice = |rule: &RuleDef| Notice {
            id: hash::alert_id(&rule.name, rule.version, &key, found.end),
            step: 0,
            firing: true,
            early: true,
            reopened: false,
            rule: rule.name.clone(),
            kind: rule.alert_type.clone(),
            severity: rule.severity.clone(),
            priority: rule.priority.clone(),
            tenant: found.subject.tenant.clone(),
            component: of("component")
                .or_else(|| of("service"))
                .unwrap_or_default(),
            dimensions: found.subject.dimensions.iter().cloned().collect(),
            metric: found.detector.clone(),
            unit: String::new(),
            value: Some(found.value),
            threshold: Some(found.expected),
            worst: Some(found.value),
            impact: rule.impact.clone(),
            action: rule.action.clone(),
            opened: found.end,
            at: found.end,
        };
        rules.map(notice).collect()
    }

    fn event(&mut self, m: &Message<'_>, value: &[u8]) -> Result<Said, StageError> {
        let Ok((schema, body)) = wire::split(value, &m.meta()) else {
            return Ok(Said::Unreadable);
        };
        let Some((_, fields)) = self.types.get(m.topic()) else {
            return Ok(Said::Nothing);
        };
        let fields = *fields;
        let Some(projection) = self.projection(m.topic(), schema)? else {
            return Ok(Said::Unreadable);
        };
        let mut row = vec![Value::Null; fields.len()];
        if projection.decode(body, &mut row).is_err() {
            return Ok(Said::Unreadable);
        }
        let text = |i: usize| match row.get(i) {
            Some(Value::Str(text)) => (*text).to_owned(),
            _ => String::new(),
        };
        if fields == OF_ACKNOWLEDGED {
            return Ok(Said::Acknowledged {
                alert: text(0),
                tenant: text(1),
            });
        }
        let subject = match row.get(4) {
            Some(Value::Map(bytes)) => map_entries(bytes)
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            _ => BTreeMap::new(),
        };
        let until = match row.get(5) {
            Some(Value::Int(at)) => Micros(*at),
            _ => return Ok(Said::Unreadable),
        };
        Ok(Said::Silenced(Silence {
            id: text(0),
            tenant: text(1),
            rule: text(2),
            alert: Some(text(3)).filter(|id| !id.is_empty()),
            subject,
            until,
        }))
    }

    /// How events of a writer's schema are read; none where they cannot be.
    fn projection(
        &mut self,
        topic: &str,
        schema: SchemaRef,
    ) -> Result<Option<&Projection>, StageError> {
        let known = |(t, s, _): &(String, SchemaRef, _)| t == topic && *s == schema;
        let at = match self.projections.iter().position(known) {
            Some(at) => at,
            None => {
                let writer = self.registry.lookup(schema)?;
                let (Some(writer), Some((reader, fields))) = (writer, self.types.get(topic)) else {
                    // It may be registered later.
                    return Ok(None);
                };
                let made = Projection::compile(&writer.schema, reader, fields);
                self.projections.push((topic.to_owned(), schema, made.ok()));
                self.projections.len() - 1
            }
        };
        Ok(self.projections[at].2.as_ref())
    }
}

/// By detector: the rules whose alerts its early limits tell before their windows end. One that
/// waits for more windows, or that another rule may keep from opening, cannot be told early.
fn early(catalog: &Catalog) -> BTreeMap<String, Vec<RuleDef>> {
    let mut all: BTreeMap<String, Vec<RuleDef>> = BTreeMap::new();
    for rule in &catalog.rules {
        let RuleOn::Detector(d) = rule.on else {
            continue;
        };
        if rule.open_after > 1 || rule.unless.is_some() {
            continue;
        }
        if let Some(detector) = catalog.detectors.get(d) {
            let rules = all.entry(detector.name.clone()).or_default();
            rules.push(rule.clone());
        }
    }
    all
}
