//! Finding things in a compiled catalog by name.

use crate::problem::CatalogErrors;
use crate::types::*;
use weir_model::topics;

mod sources {
    include!(concat!(env!("OUT_DIR"), "/sources.rs"));
}

impl Catalog {
    /// The declarations compiled into the binary.
    pub fn embedded() -> Result<Catalog, CatalogErrors> {
        crate::load_sources(Catalog::embedded_sources())
    }
    /// Their files: (path relative to `schemas/`, text).
    pub fn embedded_sources() -> Vec<(String, String)> {
        sources::SOURCES
            .iter()
            .map(|(f, t)| (f.to_string(), t.to_string()))
            .collect()
    }
    /// The schemas of the event types, as producers register them: (subject, JSON text).
    pub fn writer_schemas(&self) -> Vec<(String, String)> {
        let of = |e: &crate::EventDef| (topics::subject(&e.name), e.schema_json.clone());
        self.events.iter().map(of).collect()
    }
    /// The assistants compiled into the binary: what holds where no file declares any.
    pub(crate) fn embedded_assistants() -> crate::Assistants {
        let mut files = sources::SOURCES.iter();
        let text = files.find(|(f, _)| *f == "catalog/assistants.yaml");
        let root = text.and_then(|(_, t)| crate::yaml::parse(t).ok());
        let problems = std::cell::RefCell::new(Vec::new());
        let file = text.map(|(name, text)| crate::reader::File {
            name,
            text,
            problems: &problems,
        });
        let entries = match root.as_ref().map(|r| &r.value) {
            Some(crate::yaml::Value::Map(entries)) => &entries[..],
            _ => &[],
        };
        let section = entries.iter().find(|(k, _)| k.name == "assistants");
        crate::assistants::read(file.zip(section.map(|(_, n)| n)).into_iter())
    }
    /// Index of an event type.
    pub fn event_id(&self, name: &str) -> Option<EventId> {
        self.events.iter().position(|e| e.name == name)
    }
    /// An event type.
    pub fn event(&self, name: &str) -> Option<&EventDef> {
        self.events.iter().find(|e| e.name == name)
    }
    /// A KPI.
    pub fn kpi(&self, name: &str) -> Option<&KpiDef> {
        self.kpis.iter().find(|k| k.name == name)
    }
    /// A detector.
    pub fn detector(&self, name: &str) -> Option<&DetectorDef> {
        self.detectors.iter().find(|d| d.name == name)
    }
    /// An alert rule.
    pub fn rule(&self, name: &str) -> Option<&RuleDef> {
        self.rules.iter().find(|r| r.name == name)
    }
}

impl EventDef {
    /// Index of a measure.
    pub fn measure_id(&self, name: &str) -> Option<usize> {
        self.measures.iter().position(|m| m.name == name)
    }
    /// Index of the rollup with exactly these dimensions (any order).
    pub fn rollup_id(&self, names: &[&str]) -> Option<usize> {
        let mut names: Vec<String> = names.iter().map(|n| n.to_string()).collect();
        names.sort();
        crate::terms::find_rollup(self, &names)
    }
    /// Names of a rollup's dimensions, sorted.
    pub fn rollup_dimensions(&self, rollup: &RollupDef) -> Vec<&str> {
        rollup
            .dimensions
            .iter()
            .map(|d| self.dimensions[*d].name.as_str())
            .collect()
    }
}
