//! Targets of KPIs and scores, and of some of their subjects.

use crate::meaning::text;
use crate::problem::suggest;
use crate::reader::Fields;
use crate::yaml::{At, Key, Node, Value};
use weir_model::codes;

/// Target of a KPI.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Target {
    /// The value aimed at.
    pub value: f64,
    /// True where more is better.
    pub higher_is_better: bool,
}

/// Targets of subjects, by the value of one dimension; the others have the KPI's.
#[derive(Debug, Clone, PartialEq)]
pub struct Targets {
    /// Index into the KPI's dimensions.
    pub dimension: usize,
    /// (value of the dimension, target), sorted.
    pub values: Vec<(String, f64)>,
}

impl Targets {
    /// What is aimed at where the dimension has this value, if that is not the KPI's target.
    pub fn of(&self, value: &str) -> Option<f64> {
        let found = self
            .values
            .binary_search_by(|(v, _)| v.as_str().cmp(value))
            .ok()?;
        self.values.get(found).map(|(_, target)| *target)
    }

    /// Its words in the text of a catalog's meaning, behind those of the target.
    pub(crate) fn meaning(&self, dimensions: &[String]) -> String {
        let name = dimensions.get(self.dimension).map_or("", String::as_str);
        let one = |(v, t): &(String, f64)| format!("({}, {})", text::quoted(v), text::float(*t));
        format!(
            " targets {} {}",
            text::quoted(name),
            text::list(&self.values, one)
        )
    }
}

impl Target {
    /// Its words in the text of a catalog's meaning.
    pub(crate) fn meaning(&self) -> String {
        format!(
            "Target {{ value: {}, higher_is_better: {} }}",
            text::float(self.value),
            self.higher_is_better
        )
    }
}

/// Reads `target` and `better`, for a value within a range.
pub(super) fn read_target(f: &Fields<'_>, range: (f64, f64)) -> Option<Target> {
    let better = f.word("better", &["higher", "lower"], "higher");
    let Some(node) = f.get("target") else {
        for given in ["better", "targets"] {
            if let Some(k) = f.key(given) {
                f.file.say(
                    k.at,
                    codes::CATALOG_SYNTAX,
                    format!("\"{given}\" is given without a target"),
                    "add `target:`",
                );
            }
        }
        return None;
    };
    let value = f.file.number(node, "target")?;
    let target = Target {
        value,
        higher_is_better: better == "higher",
    };
    if f.get("better").is_none() {
        f.file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            "a target needs to know which way is better",
            "add `better: higher` or `better: lower`",
        );
    }
    check(f, node.at, target, range);
    Some(target)
}

/// Reads `targets: {model: {large: 400, small: 200}}`.
pub(super) fn read_targets(
    f: &Fields<'_>,
    dimensions: &[String],
    target: Option<Target>,
    range: (f64, f64),
) -> Option<Targets> {
    let (node, target, file) = (f.get("targets")?, target?, f.file);
    let entries = file.entries(node, "targets");
    let [(key, of)] = entries[..] else {
        file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            "targets are by one dimension",
            "write `targets: {model: {large: 400, small: 200}}`",
        );
        return None;
    };
    let dimension = dimensions.iter().position(|d| *d == key.name);
    if dimension.is_none() {
        file.say(
            key.at,
            codes::CATALOG_REFERENCE,
            format!(
                "targets are by \"{}\", which is no dimension of the KPI",
                key.name
            ),
            match dimensions {
                [] => "give the KPI a dimension by `by:`, or remove the targets".into(),
                some => suggest(&key.name, some.iter().map(String::as_str)),
            },
        );
    }
    let mut values = Vec::new();
    for (key, node) in file.entries(of, "targets of a dimension") {
        check_value(f, key);
        let Some(value) = file.number(node, "target") else {
            continue;
        };
        check(f, node.at, Target { value, ..target }, range);
        check_own(f, (key, node), value, target, range);
        values.push((key.name.clone(), value));
    }
    if let Value::Map(none) = &of.value
        && none.is_empty()
    {
        file.say(
            of.at,
            codes::CATALOG_SYNTAX,
            format!("targets by \"{}\" name no value of it", key.name),
            "write `{value: target}`, or remove `targets:`",
        );
    }
    values.sort_by(|a: &(String, f64), b| a.0.cmp(&b.0));
    Some(Targets {
        dimension: dimension?,
        values,
    })
}

/// A dimension must be able to have the value.
fn check_value(f: &Fields<'_>, key: &Key) {
    if key.name.len() > 512 || key.name.chars().any(|c| c < ' ') {
        f.file.say(
            key.at,
            codes::CATALOG_IMPOSSIBLE,
            "no event has this value of a dimension",
            "write at most 512 bytes without control characters",
        );
    }
}

/// A target of its own must tell good from bad, and differ from that of the others.
fn check_own(
    f: &Fields<'_>,
    (key, node): (&Key, &Node),
    value: f64,
    target: Target,
    (lo, hi): (f64, f64),
) {
    let always = match target.higher_is_better {
        true => (value <= lo).then(|| format!("at least {lo}")),
        false => (value >= hi).then(|| format!("at most {hi}")),
    };
    if let Some(is) = always {
        f.file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!(
                "the target {value} of \"{}\" is always reached: the value is {is}",
                key.name
            ),
            "aim at what not every value reaches",
        );
    } else if value == target.value {
        f.file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            format!("the target of \"{}\" is that of all others", key.name),
            "remove it, or write another one",
        );
    }
}

/// A target must be reached by some value and be scored.
fn check(f: &Fields<'_>, at: At, target: Target, (lo, hi): (f64, f64)) {
    let Target {
        value,
        higher_is_better,
    } = target;
    let problem = if higher_is_better && value > hi {
        Some((
            format!("the target {value} is never reached: the value is at most {hi}"),
            format!("aim at {hi} or less"),
        ))
    } else if !higher_is_better && value < lo {
        Some((
            format!("the target {value} is never reached: the value is at least {lo}"),
            format!("aim at {lo} or more"),
        ))
    } else if higher_is_better && value <= 0.0 {
        Some((
            format!("a target of {value} cannot be scored where higher is better"),
            "aim above 0".to_string(),
        ))
    } else if !higher_is_better && value < 0.0 {
        Some((
            format!("a target of {value} cannot be scored where lower is better"),
            "aim at 0 or more".to_string(),
        ))
    } else {
        None
    };
    if let Some((message, remedy)) = problem {
        f.file.say(at, codes::CATALOG_IMPOSSIBLE, message, remedy);
    }
}
