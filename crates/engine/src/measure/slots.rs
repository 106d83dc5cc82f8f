//! The values that are taken out of an event: each path once, numbered.

use weir_model::Fixed;
use weir_model::avro::Value;

/// The slots of a decoded row, by path.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    pub paths: Vec<String>,
    /// Slots whose numbers are checked.
    pub numbers: Vec<usize>,
}

impl Slots {
    /// The slot of a path.
    pub fn of(&mut self, path: &str) -> usize {
        if let Some(i) = self.paths.iter().position(|p| p == path) {
            return i;
        }
        self.paths.push(path.to_owned());
        self.paths.len() - 1
    }
    /// The slot of a path whose value is checked if it is a number.
    pub fn number(&mut self, path: &str) -> usize {
        let slot = self.of(path);
        if !self.numbers.contains(&slot) {
            self.numbers.push(slot);
        }
        slot
    }
}

/// The number in a value, as a float.
#[inline]
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(n) => Some(*n as f64),
        Value::Float(x) => Some(*x),
        _ => None,
    }
}

/// The number in a value, in billionths.
#[inline]
pub(super) fn exact(value: &Value) -> Option<i128> {
    match value {
        Value::Int(n) => Some(Fixed::from_int(*n).0),
        Value::Float(x) => Fixed::from_f64(*x).map(|f| f.0),
        _ => None,
    }
}
