//! Detectors: what they are, and how they are read and checked. Their meaning: `docs/semantics.md`,
//! Judging, Detectors.
//!
//! A way to judge is a file of this folder, named as the catalog names it: its declaration, how it
//! is read, and its words in the text of the catalog's meaning. The registry at the end of this
//! file lists them all.

mod drift;
mod forecast;
mod limit;
mod seasonal;
mod shift;
mod zscore;

pub use drift::Drift;
pub use forecast::{Forecast, Method};
pub use limit::Limit;
pub use seasonal::Seasonal;
pub use shift::{Reference, Shift};
pub use zscore::ZScore;

use super::{Checked, SEVERITIES, event_of, rollup_of};
use crate::expr::{Compiled, range};
use crate::meaning::text;
use crate::reader::{Fields, File};
use crate::setting;
use crate::terms::{Scope, read_by};
use crate::types::{Catalog, EventDef, EventId, Expr, JudgedWindow, Term};
use crate::windows::read_window;
use crate::yaml::{At, Key, Node, Value};
use std::cell::RefCell;
use weir_model::codes;

/// A detector: one value per (subject, final window) of one rollup.
#[derive(Debug, Clone)]
pub struct DetectorDef {
    /// Name.
    pub name: String,
    /// Version.
    pub version: u32,
    /// For people.
    pub title: String,
    /// Event type.
    pub event: EventId,
    /// Rollup.
    pub rollup: usize,
    /// When.
    pub window: JudgedWindow,
    /// Inputs, all of this event and rollup.
    pub terms: Vec<Term>,
    /// Value judged.
    pub expr: Expr,
    /// How.
    pub kind: DetectorKind,
    /// Which side is anomalous (of limits it says nothing).
    pub direction: Direction,
    /// Smallest scale: a part of the expected value, and absolute.
    pub floor_relative: f64,
    /// See above, in the value's unit.
    pub floor_absolute: f64,
    /// (index of the sample term, smallest size that is judged).
    pub minimum_sample: Option<(usize, f64)>,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
}

/// Side of a deviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Only above.
    Up,
    /// Only below.
    Down,
    /// Either.
    Both,
}

impl DetectorDef {
    /// What its value is when it is found, for people, e.g. `above 200`.
    pub fn words(&self) -> String {
        self.kind.words(match self.direction {
            Direction::Up => "above",
            Direction::Down => "below",
            Direction::Both => "above or below",
        })
    }

    /// What gives its findings their meaning.
    pub(crate) fn meaning(&self, c: &Catalog) -> String {
        format!(
            "{} {} {} {} {} {} {} {}",
            c.events[self.event].name,
            text::rollup_names(&c.events[self.event], self.rollup),
            self.window.label(),
            self.kind.meaning(),
            self.direction.meaning(),
            self.floor_relative,
            self.floor_absolute,
            text::inputs(c, &self.terms, &self.expr, &self.minimum_sample)
        )
    }
}

impl Direction {
    /// Its word in the text of a catalog's meaning.
    fn meaning(self) -> &'static str {
        match self {
            Direction::Up => "Up",
            Direction::Down => "Down",
            Direction::Both => "Both",
        }
    }
}

/// A way to judge, as its file declares it.
pub(crate) trait Judge: Sized {
    /// As the catalog and the records of findings name it.
    const NAME: &'static str;
    /// Where it looks at all of a distribution, and not at a value: the field that names it. The
    /// detector's value is then the distribution's count.
    const LOOKS_AT: Option<&'static str> = None;
    /// Reads and checks what a detector declares under that name.
    fn read(cx: &Context<'_>) -> Option<Self>;
    /// Which side is anomalous, where that is not for the detector to say.
    fn side(&self) -> Option<Direction> {
        None
    }
    /// Its words in the text of a catalog's meaning: they stay, whatever the type is called.
    fn meaning(&self) -> String;
    /// What the value is when it is found, for people; `side` is `above`, `below` or both.
    fn words(&self, side: &str) -> String;
}

/// What a kind is read from and checked against.
pub(crate) struct Context<'a> {
    file: File<'a>,
    /// Where the detector is named.
    at: At,
    /// The detector.
    detector: Fields<'a>,
    /// What stands under the name of the kind.
    node: &'a Node,
    /// What the value is made of; a bound may add to it.
    scope: RefCell<Scope<'a>>,
    value: &'a Compiled,
    /// Smallest and largest value.
    range: (f64, f64),
    window: Option<JudgedWindow>,
}

impl<'a> Context<'a> {
    fn fields(&self, kind: &str, allowed: &[&str]) -> Option<Fields<'a>> {
        self.file.fields(self.node, kind, allowed)
    }
}

/// A weight of the newest value.
fn part(k: &Fields<'_>, name: &str, default: f64) -> Option<f64> {
    k.get(name).map_or(Some(default), |n| {
        let ok = |v: f64| v > 0.0 && v <= 1.0;
        k.file.within(n, name, ok, "a part above 0, at most 1")
    })
}

fn threshold(k: &Fields<'_>, default: f64) -> Option<f64> {
    k.get("threshold").map_or(Some(default), |n| {
        k.file
            .within(n, "threshold", |v| v > 0.0, "a number above 0")
    })
}

/// Notes a direction or a floor beside a kind that measures no distance and so has no scale.
fn refuse_distance(cx: &Context<'_>, what: &str) {
    let floor = cx.detector.get("floor").map(|n| &n.value);
    if cx.detector.get("direction").is_some() || matches!(floor, Some(Value::Map(_))) {
        cx.file.say(
            cx.at,
            codes::CATALOG_SYNTAX,
            format!("{what} has no direction and no floor"),
            "remove them",
        );
    }
}

fn whole(k: &Fields<'_>, name: &str, default: u32, low: u32, high: u32) -> Option<u32> {
    k.get(name)
        .map_or(Some(default), |n| k.file.whole(n, name, low, high))
}

pub(crate) fn read(
    file: File<'_>,
    key: &Key,
    node: &Node,
    events: &[EventDef],
) -> Option<Checked<DetectorDef>> {
    const BEFORE: &[&str] = &[
        "version", "title", "event", "by", "window", "params", "terms", "value",
    ];
    const AFTER: &[&str] = &["direction", "floor", "minimum_sample", "severity"];
    file.check_name(key, "a detector");
    let allowed = [BEFORE, DetectorKind::NAMES, AFTER].concat();
    let f = file.fields(node, "a detector", &allowed)?;
    let event = event_of(&f, "the detector", events)?;
    setting::check_detector(&f, &events[event]);
    let dimensions = read_by(&f);
    let rollup = rollup_of(&f, event, &dimensions, events)?;
    let mut scope = Scope {
        events,
        event: Some(event),
        dimensions: &dimensions,
        params: Vec::new(),
        terms: Vec::new(),
        parts: Vec::new(),
    };
    scope.read(&f, false);
    let kind = one_kind(&f, key);
    let value = value(&f, kind, &mut scope);
    let minimum_sample = scope.minimum_sample(&f);
    let window = read_window(&f, "the detector");
    if let Some((w, at)) = window {
        scope.check_window(file, at, w);
    }
    let (name, node) = kind?;
    let (expr, compiled) = value?;
    let range = range(&compiled.tree, &|i| scope.bounds(i));
    let context = Context {
        file,
        at: key.at,
        detector: f,
        node,
        scope: RefCell::new(scope),
        value: &compiled,
        range,
        window: window.map(|(w, _)| w),
    };
    let kind = DetectorKind::read(name, &context)?;
    let scope = context.scope.into_inner();
    let unsampled = minimum_sample.is_none() && (compiled.divides() || scope.averages(&compiled));
    let (floor_relative, floor_absolute) = floor(&f);
    let def = DetectorDef {
        name: key.name.clone(),
        version: f.version(),
        title: f.text_or("title", ""),
        event,
        rollup,
        window: window?.0,
        terms: scope.terms,
        expr,
        direction: kind.side().unwrap_or_else(|| direction(&f)),
        kind,
        floor_relative,
        floor_absolute,
        minimum_sample,
        severity: f.word("severity", SEVERITIES, "medium"),
    };
    Some(Checked {
        def,
        unsampled,
        range,
    })
}

/// The value that is judged. A kind that looks at all of a distribution needs none: it is the
/// distribution's count.
fn value(
    f: &Fields<'_>,
    kind: Option<(&str, &Node)>,
    scope: &mut Scope<'_>,
) -> Option<(Expr, Compiled)> {
    let looks_at = kind.and_then(|(name, node)| Some((DetectorKind::looks_at(name)?, node)));
    let Some((field, node)) = looks_at else {
        let node = f.need("value", "the detector")?;
        return scope.compile(f.file, node);
    };
    if let Some(key) = f.key("value") {
        f.file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            "a detector that looks at all of a distribution has no value",
            format!("remove it; `{field}` names the distribution"),
        );
        return None;
    }
    let Value::Map(entries) = &node.value else {
        // Its kind says so.
        return None;
    };
    let named = entries.iter().find(|(k, _)| k.name == field);
    let Some((_, named)) = named else {
        f.file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            format!("the detector has no \"{field}\""),
            format!("add `{field}:` and the name of a distribution"),
        );
        return None;
    };
    let count = Node {
        value: Value::Text(format!("{}.count", f.file.text(named, field)?)),
        at: named.at,
    };
    scope.compile(f.file, &count)
}

/// The one kind that a detector declares: its name and what stands under it.
fn one_kind<'a>(f: &Fields<'a>, key: &Key) -> Option<(&'static str, &'a Node)> {
    let declared: Vec<_> = DetectorKind::NAMES
        .iter()
        .filter_map(|k| Some((*k, f.get(k)?)))
        .collect();
    if let [one] = declared[..] {
        return Some(one);
    }
    let ways = declared.len();
    f.file.say(
        key.at,
        codes::CATALOG_SYNTAX,
        format!("detector \"{}\" declares {ways} ways to judge", key.name),
        format!("declare one of {}", DetectorKind::NAMES.join(", ")),
    );
    None
}

fn direction(f: &Fields<'_>) -> Direction {
    match f
        .word("direction", &["up", "down", "both"], "both")
        .as_str()
    {
        "up" => Direction::Up,
        "down" => Direction::Down,
        _ => Direction::Both,
    }
}

/// (relative, absolute)
fn floor(f: &Fields<'_>) -> (f64, f64) {
    let floor = f
        .get("floor")
        .and_then(|n| f.file.fields(n, "floor", &["relative", "absolute"]));
    let of = |name: &str| {
        floor
            .and_then(|fl| fl.get(name))
            .and_then(|n| f.file.within(n, name, |v| v >= 0.0, "a number from 0"))
            .unwrap_or(0.0)
    };
    (of("relative"), of("absolute"))
}

/// Makes [`DetectorKind`] of the kinds that are listed.
macro_rules! registry {
    ($($kind:ident),+ $(,)?) => {
        /// What a detector does.
        #[derive(Debug, Clone, PartialEq)]
        pub enum DetectorKind {
            $(#[doc = concat!("See [`", stringify!($kind), "`].")] $kind($kind)),+
        }

        impl DetectorKind {
            /// The kinds as the catalog names them.
            pub const NAMES: &[&str] = &[$($kind::NAME),+];

            /// As the catalog and the records of findings name it.
            pub fn name(&self) -> &'static str {
                match self {
                    $(DetectorKind::$kind(_) => $kind::NAME),+
                }
            }

            fn meaning(&self) -> String {
                match self {
                    $(DetectorKind::$kind(kind) => kind.meaning()),+
                }
            }

            fn words(&self, side: &str) -> String {
                match self {
                    $(DetectorKind::$kind(kind) => kind.words(side)),+
                }
            }

            fn side(&self) -> Option<Direction> {
                match self {
                    $(DetectorKind::$kind(kind) => kind.side()),+
                }
            }

            fn looks_at(name: &str) -> Option<&'static str> {
                match name {
                    $($kind::NAME => $kind::LOOKS_AT,)+
                    _ => None,
                }
            }

            fn read(name: &str, cx: &Context<'_>) -> Option<DetectorKind> {
                match name {
                    $($kind::NAME => $kind::read(cx).map(DetectorKind::$kind),)+
                    _ => None,
                }
            }
        }
        $(
            impl From<$kind> for DetectorKind {
                fn from(kind: $kind) -> DetectorKind {
                    DetectorKind::$kind(kind)
                }
            }
        )+
    };
}

registry!(Limit, ZScore, Drift, Seasonal, Forecast, Shift);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::types::Catalog;

    /// The kind of a detector on the calls of a team that is declared with these lines, or what is
    /// said of them.
    pub fn declared(lines: &str) -> Result<DetectorKind, Vec<String>> {
        of_value("value: calls,", lines)
    }

    /// The same, of a detector with this value.
    pub fn of_value(value: &str, lines: &str) -> Result<DetectorKind, Vec<String>> {
        let window = if lines.contains("window:") {
            ""
        } else {
            "window: 1h,"
        };
        let text = format!(
            "detectors: {{probe: {{event: llm.call, by: [team], {value} {window} {lines}}}}}"
        );
        let mut sources = Catalog::embedded_sources();
        sources.push(("catalog/probe.yaml".into(), text));
        match crate::load_sources(sources) {
            Ok(catalog) => Ok(catalog.detector("probe").map(|d| d.kind.clone()).unwrap()),
            Err(e) => Err(e.0.into_iter().map(|p| p.message).collect()),
        }
    }

    #[test]
    fn a_detector_judges_in_one_way() {
        let told = |n| vec![format!("detector \"probe\" declares {n} ways to judge")];
        assert_eq!(declared("title: nothing"), Err(told(0)));
        assert_eq!(declared("zscore: {}, drift: {}"), Err(told(2)));
    }
}
