//! Values of ClickHouse's types as RowBinary has them.

use weir_model::{Fixed, Micros};

/// An unsigned LEB128 number: lengths.
#[inline]
pub fn length(out: &mut Vec<u8>, mut n: usize) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// A text.
#[inline]
pub fn string(out: &mut Vec<u8>, s: &[u8]) {
    length(out, s.len());
    out.extend_from_slice(s);
}

/// A time as `DateTime64(6)`, cut to what the type can hold (1900 to 2262).
#[inline]
pub fn time(out: &mut Vec<u8>, t: Micros) {
    out.extend_from_slice(
        &t.0.clamp(-2_208_988_800_000_000, 9_214_646_400_000_000)
            .to_le_bytes(),
    );
}

/// A `Nullable(Float64)`.
#[inline]
pub fn maybe(out: &mut Vec<u8>, v: Option<f64>) {
    match v {
        Some(v) => {
            out.push(0);
            out.extend_from_slice(&v.to_le_bytes());
        }
        None => out.push(1),
    }
}

/// An exact number as `Decimal(38, ...)`.
#[inline]
pub fn fixed(out: &mut Vec<u8>, v: Fixed) {
    out.extend_from_slice(&v.0.to_le_bytes());
}
