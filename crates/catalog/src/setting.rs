//! Event types that are settings, and what of them is refused. Their meaning: `docs/semantics.md`,
//! Settings.

use crate::reader::{Fields, File};
use crate::terms::Scope;
use crate::types::*;
use crate::yaml::At;
use weir_model::codes;

impl Catalog {
    /// Whether a term reads a setting: the value in force at the end of a window, not a row of it.
    pub fn is_setting(&self, term: &Term) -> bool {
        self.events.get(term.event).is_some_and(|e| e.setting)
    }
}

/// What is in force is the last that was said: nothing of it adds up over a window.
pub(crate) fn check_measures(f: &Fields<'_>, measures: &[MeasureDef]) {
    let Some(node) = f.get("measures") else {
        return;
    };
    for (key, _) in f.file.entries(node, "measures") {
        let kind = measures
            .iter()
            .find(|m| m.name == key.name)
            .map(|m| &m.kind);
        if let Some(kind) = kind
            && !matches!(kind, MeasureKind::Last(_) | MeasureKind::Count)
        {
            f.file.say(
                key.at,
                codes::CATALOG_IMPOSSIBLE,
                format!(
                    "measure \"{}\" of a setting is a {}, but of a setting one value is in force",
                    key.name,
                    kind.kind().name
                ),
                "write `last: field`, or take `setting: true` away",
            );
        }
    }
}

/// A setting is read as of the end of another window: it has none that could be judged.
pub(crate) fn check_detector(f: &Fields<'_>, event: &EventDef) {
    if event.setting {
        f.file.say(
            f.get("event").map_or(f.at, |n| n.at),
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "{} is a setting: it has no window of its own that could be judged",
                event.name
            ),
            "name the event that is judged; a KPI can read the setting beside it",
        );
    }
}

/// What a detector is told that names the measure of a setting: it judges one event type.
pub(crate) fn named_by_detector(path: &str, events: &[EventDef]) -> Option<(String, String)> {
    let mut settings = events.iter().filter(|e| e.setting);
    let named = settings.find(|e| {
        let rest = path.strip_prefix(e.name.as_str());
        rest.is_some_and(|r| r.starts_with('.'))
    })?;
    Some((
        format!("a detector cannot read {}, which is a setting", named.name),
        "let a KPI read it, and an alert rule look at the KPI".to_owned(),
    ))
}

/// Somebody has to do something before a KPI is published.
pub(crate) fn check_kpi(scope: &Scope<'_>, file: File<'_>, at: At, named: &str) -> bool {
    let settings = scope.terms.iter().filter(|t| scope.events[t.event].setting);
    let count = settings.count();
    if count == 0 || count < scope.terms.len() {
        return true;
    }
    file.say(
        at,
        codes::CATALOG_IMPOSSIBLE,
        format!("{named} reads settings alone, and a setting in force publishes nothing"),
        "add a term on a measure of what happens, e.g. a count of an event that is no setting",
    );
    false
}

/// A sample is counted in the window, a setting is not.
pub(crate) fn check_sample(scope: &Scope<'_>, term: usize, file: File<'_>, at: At) {
    let event = &scope.events[scope.terms[term].event];
    if event.setting {
        file.say(
            at,
            codes::CATALOG_EXPRESSION,
            format!("{} is a setting: it is no sample of a window", event.name),
            "name a count, a sum or a distinct count of what happens",
        );
    }
}
