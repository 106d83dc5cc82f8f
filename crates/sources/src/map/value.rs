//! Values of expressions as what is asked for: a text, a number, a truth. A column has no type of
//! its own.

use anyhow::{Result, anyhow, bail};
use cel::objects::{Key, Map};
use cel::{Context, ExecutionError, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// What a file says that none of CEL's types holds. It travels as bytes, which no file has.
#[derive(Debug, Clone, PartialEq)]
pub enum Odd {
    /// The text of a number.
    Number(String),
    /// A name that its object has twice.
    Twice(String),
    /// Something nested too deep.
    Deep,
}

impl Odd {
    /// As a value.
    pub fn value(&self) -> Value {
        let bytes = match self {
            Odd::Number(text) => format!("n{text}"),
            Odd::Twice(name) => format!("t{name}"),
            Odd::Deep => "d".to_owned(),
        };
        Value::Bytes(Arc::new(bytes.into_bytes()))
    }

    /// The text of the number, or what is wrong.
    fn text(bytes: &[u8]) -> Result<String> {
        let text = String::from_utf8_lossy(bytes);
        match text.split_at_checked(1) {
            Some(("n", number)) => Ok(number.to_owned()),
            Some(("t", name)) => bail!("the row has two values named {name}"),
            _ => bail!("the value is nested too deep"),
        }
    }
}

/// A text, as the file has it; null stays null.
pub fn text(v: &Value) -> Result<Value> {
    Ok(match v {
        Value::Null | Value::String(_) => v.clone(),
        other => Value::String(Arc::new(scalar(other)?)),
    })
}

/// A scalar in words.
pub fn scalar(v: &Value) -> Result<String> {
    match v {
        Value::String(s) => Ok(s.to_string()),
        Value::Int(n) => Ok(n.to_string()),
        Value::UInt(n) => Ok(n.to_string()),
        Value::Float(x) => Ok(x.to_string()),
        Value::Bool(b) => Ok(b.to_string()),
        Value::Bytes(b) => Odd::text(b),
        Value::Null => Ok(String::new()),
        Value::List(_) => bail!("a list is no text"),
        Value::Map(_) => bail!("an object is no text"),
        _ => bail!("this is no text"),
    }
}

/// A whole number where it is one, exactly, else the nearest of 64 bits with a fraction; null stays
/// null.
pub fn number(v: &Value) -> Result<Value> {
    match v {
        Value::Null | Value::Int(_) | Value::UInt(_) | Value::Float(_) => Ok(v.clone()),
        Value::String(_) | Value::Bytes(_) => {
            let text = scalar(v)?;
            let Some(decimal) = Decimal::parse(&text) else {
                bail!("`{text}` is no number");
            };
            if let Some(n) = decimal.whole() {
                return Ok(Value::Int(n));
            }
            decimal.real(&text).map(Value::Float)
        }
        _ => bail!("a number is expected"),
    }
}

/// A number of 64 bits with a fraction; null stays null.
pub fn real(v: &Value) -> Result<Value> {
    Ok(match number(v)? {
        Value::Int(n) => Value::Float(n as f64),
        Value::UInt(n) => Value::Float(n as f64),
        other => other,
    })
}

/// A number where it reads as one, else what it is: for comparisons.
pub fn either(v: &Value) -> Result<Value> {
    match v {
        Value::Bytes(_) => number(v),
        Value::String(_) => Ok(number(v).unwrap_or_else(|_| v.clone())),
        other => Ok(other.clone()),
    }
}

/// A truth where it reads as one, else what it is.
pub fn truth(v: &Value) -> Result<Value> {
    Ok(match v {
        Value::String(s) if s.eq_ignore_ascii_case("true") => Value::Bool(true),
        Value::String(s) if s.eq_ignore_ascii_case("false") => Value::Bool(false),
        other => plain(other)?,
    })
}

/// With its numbers as numbers, all the way down.
pub fn plain(v: &Value) -> Result<Value> {
    Ok(match v {
        Value::Bytes(_) => number(v)?,
        Value::List(items) => {
            let items: Result<Vec<Value>> = items.iter().map(plain).collect();
            Value::List(Arc::new(items?))
        }
        Value::Map(m) => {
            let entries: Result<HashMap<Key, Value>> = m
                .map
                .iter()
                .map(|(k, v)| Ok((k.clone(), plain(v)?)))
                .collect();
            Value::Map(Map {
                map: Arc::new(entries?),
            })
        }
        other => other.clone(),
    })
}

/// A function from value to value.
type Reading = fn(&Value) -> Result<Value>;

/// What a column is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// As it is: whoever takes the result knows.
    Raw,
    /// See [`text`].
    Text,
    /// See [`number`].
    Number,
    /// See [`real`].
    Real,
    /// See [`either`].
    Either,
    /// See [`truth`].
    Truth,
    /// See [`plain`].
    Plain,
}

impl Want {
    const READINGS: [(Want, &'static str, Reading); 6] = [
        (Want::Text, "as_text", text),
        (Want::Number, "as_number", number),
        (Want::Real, "as_real", real),
        (Want::Either, "as_either", either),
        (Want::Truth, "as_truth", truth),
        (Want::Plain, "as_plain", plain),
    ];

    /// Name of its function in expressions.
    pub fn function(self) -> Option<&'static str> {
        let mut readings = Want::READINGS.iter();
        readings
            .find(|(w, ..)| *w == self)
            .map(|(_, name, _)| *name)
    }

    /// A context in which expressions can call all of them.
    pub fn context() -> Result<Context<'static, 'static>> {
        let mut context = Context::default();
        for (_, name, read) in Want::READINGS {
            context
                .add_function(name, move |v: Value| -> Result<Value, ExecutionError> {
                    read(&v).map_err(|e| ExecutionError::function_error("", e))
                })
                .map_err(|e| anyhow!("{e}"))?;
        }
        Ok(context)
    }
}

/// A decimal number as it is written: `digits * 10^exponent`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Decimal {
    digits: i128,
    exponent: i64,
    /// More digits than are held: good for nothing but its nearest number.
    cut: bool,
}

impl Decimal {
    /// Reads `-12`, `1.50`, `2e3`; no blanks, no separators of thousands.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((m, e)) => (m, e.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let unsigned = mantissa.strip_prefix(['-', '+']).unwrap_or(mantissa);
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut out = Decimal {
            digits: 0,
            exponent: exponent.checked_sub(i64::try_from(fraction.len()).ok()?)?,
            cut: false,
        };
        for digit in digits() {
            let next = out.digits.checked_mul(10);
            match next.and_then(|n| n.checked_add(i128::from(digit - b'0'))) {
                Some(n) if !out.cut => out.digits = n,
                _ => out.cut = true,
            }
        }
        if mantissa.starts_with('-') {
            out.digits = -out.digits;
        }
        Some(out)
    }

    /// The number times `10^shift`, if it is whole and 64 bits hold it.
    fn scaled(self, shift: i64) -> Option<i64> {
        if self.cut {
            return None;
        }
        let (mut digits, mut exponent) = (self.digits, self.exponent.checked_add(shift)?);
        while exponent < 0 && digits != 0 && digits % 10 == 0 {
            (digits, exponent) = (digits / 10, exponent + 1);
        }
        if digits == 0 {
            return Some(0);
        }
        let power = 10i128.checked_pow(u32::try_from(exponent).ok()?)?;
        i64::try_from(digits.checked_mul(power)?).ok()
    }

    /// The number, if it is whole and 64 bits hold it.
    pub fn whole(self) -> Option<i64> {
        self.scaled(0)
    }

    /// The number times `10^shift`, cut to a whole one towards minus infinity; `None` where 64 bits
    /// do not hold it.
    pub fn floor(self, shift: i64) -> Option<i64> {
        let exponent = self.exponent.checked_add(shift)?;
        if self.cut || exponent >= 0 {
            return self.scaled(shift);
        }
        let power = u32::try_from(-exponent)
            .ok()
            .and_then(|e| 10i128.checked_pow(e));
        let whole = power.map_or(if self.digits < 0 { -1 } else { 0 }, |p| {
            self.digits.div_euclid(p)
        });
        i64::try_from(whole).ok()
    }

    /// The nearest number of 64 bits with a fraction, for its text.
    fn real(self, text: &str) -> Result<f64> {
        match text.parse::<f64>() {
            Ok(x) if x.is_finite() => Ok(x),
            _ => bail!("`{text}` is too large for a number"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(s: &str) -> Result<Value> {
        number(&Value::String(Arc::new(s.into())))
    }

    #[test]
    fn numbers_are_exact_or_refused() {
        assert_eq!(
            of("9007199254740993").unwrap(),
            Value::Int(9_007_199_254_740_993)
        );
        assert_eq!(of("1e3").unwrap(), Value::Int(1000));
        assert_eq!(of("007").unwrap(), Value::Int(7));
        assert_eq!(of("1.50").unwrap(), Value::Float(1.5));
        assert_eq!(of("-2.0").unwrap(), Value::Int(-2));
        assert_eq!(of("1e20").unwrap(), Value::Float(1e20));
        for bad in [
            "", "abc", "12e9999", "1,000", "0x10", "1_0", "-", ".", "1e", "nan",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn decimals_shift_exactly() {
        let floor = |s: &str, shift| Decimal::parse(s).unwrap().floor(shift);
        assert_eq!(floor("1763000000.1234567", 6), Some(1_763_000_000_123_456));
        assert_eq!(
            floor("1763000000123456789", -3),
            Some(1_763_000_000_123_456)
        );
        assert_eq!(floor("-0.0000001", 6), Some(-1));
        assert_eq!(floor("1e400", 6), None);
        assert_eq!(floor("1e-400", 6), Some(0));
        assert_eq!(floor("99999999999999999999", 6), None);
    }
}
