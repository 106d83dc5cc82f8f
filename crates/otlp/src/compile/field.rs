//! Fields: where the value comes from and what it becomes.

use super::{Wrong, source};
use crate::declare::{self, Scalar, Unit};
use crate::read::Source;
use crate::schema::{Kind, Slot};
use std::collections::BTreeMap;

/// Where a field stands in the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Field of the event.
    pub top: String,
    /// Field of its record, if it is one.
    pub inner: Option<String>,
    pub slot: Slot,
}

impl Target {
    pub fn new(path: &str, slot: Slot) -> Target {
        let (top, inner) = match path.split_once('.') {
            Some((top, inner)) => (top, Some(inner.to_owned())),
            None => (path, None),
        };
        Target {
            top: top.to_owned(),
            inner,
            slot,
        }
    }

    /// Dotted path.
    pub fn path(&self) -> String {
        match &self.inner {
            Some(inner) => format!("{}.{inner}", self.top),
            None => self.top.clone(),
        }
    }
}

/// What a value becomes on its way into a field.
#[derive(Debug, Clone)]
pub(crate) struct Convert {
    pub kind: Kind,
    /// A number times this is in the field's unit.
    pub factor: f64,
    /// What values are called in weir.
    pub names: BTreeMap<String, String>,
}

/// A compiled field.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    pub target: Target,
    pub from: Vec<Source>,
    pub value: Option<serde_json::Value>,
    pub convert: Convert,
    /// Time since the record `with`, plus the number.
    pub elapsed: bool,
}

/// Nanoseconds of a unit.
fn nanos(unit: Unit) -> f64 {
    match unit {
        Unit::Nanos => 1.0,
        Unit::Micros => 1e3,
        Unit::Millis => 1e6,
        Unit::Seconds => 1e9,
        Unit::Minutes => 60e9,
    }
}

/// The unit that a field's name says.
fn unit_of(path: &str) -> Option<Unit> {
    if path.ends_with("_ms") {
        Some(Unit::Millis)
    } else if path.ends_with("_seconds") {
        Some(Unit::Seconds)
    } else if path.ends_with("_minutes") {
        Some(Unit::Minutes)
    } else {
        None
    }
}

/// Compiles one field; `names` is what the values of this field are called by the file.
pub(crate) fn field(
    (file, line): (&str, u64),
    path: &str,
    declared: &declare::Field,
    slot: Slot,
    names: &BTreeMap<String, String>,
) -> Result<Field, Wrong> {
    let rule = match declared {
        declare::Field::From(from) => declare::Rule {
            from: from.clone(),
            ..Default::default()
        },
        declare::Field::Rule(rule) => rule.clone(),
    };
    let factor = match (rule.unit, unit_of(path)) {
        (None, _) => 1.0,
        (Some(from), Some(to)) => nanos(from) / nanos(to),
        (Some(_), None) => {
            let message = format!("{path:?} has no unit of time in its name");
            return Err(Wrong::new(file, line, message, "leave the unit out"));
        }
    };
    let from = rule.from.0.iter();
    let from: Vec<Source> = from
        .map(|name| source(file, line, name))
        .collect::<Result<_, _>>()?;
    if from.is_empty() && rule.value.is_none() {
        let message = format!("{path:?} has neither a name nor a value");
        return Err(Wrong::new(file, line, message, "add from: or value:"));
    }
    let mut all = names.clone();
    all.extend(rule.map);
    Ok(Field {
        target: Target::new(path, slot),
        from,
        value: rule
            .value
            .map(|v| constant((file, line), path, v, slot))
            .transpose()?,
        convert: Convert {
            kind: slot.kind,
            factor,
            names: all,
        },
        elapsed: rule.elapsed,
    })
}

fn constant(
    (file, line): (&str, u64),
    path: &str,
    value: Scalar,
    slot: Slot,
) -> Result<serde_json::Value, Wrong> {
    let fits = match (&value, slot.kind) {
        (Scalar::Text(t), Kind::Text) => Some(t.clone().into()),
        (Scalar::Bool(b), Kind::Bool) => Some((*b).into()),
        (Scalar::Int(i), Kind::Long | Kind::Time | Kind::Double) => Some((*i).into()),
        (Scalar::Float(f), Kind::Double) => Some((*f).into()),
        _ => None,
    };
    fits.ok_or_else(|| {
        let message = format!("{path:?} does not take {value:?}");
        Wrong::new(file, line, message, "write a value of the field's type")
    })
}
