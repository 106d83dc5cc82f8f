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

/// Values as they are read, one after the other, from the bytes that have come so far. `None`: they
/// end within the value; more may come.
pub(crate) struct Input<'a>(pub &'a [u8]);

impl<'a> Input<'a> {
    fn take(&mut self, n: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(n)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[b]| b)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn float(&mut self) -> Option<f64> {
        self.array().map(f64::from_le_bytes)
    }

    pub fn time(&mut self) -> Option<Micros> {
        self.array().map(|b| Micros(i64::from_le_bytes(b)))
    }

    pub fn fixed(&mut self) -> Option<Fixed> {
        self.array().map(|b| Fixed(i128::from_le_bytes(b)))
    }

    /// A `Nullable(Float64)`.
    pub fn maybe(&mut self) -> Option<Option<f64>> {
        match self.byte()? {
            0 => self.float().map(Some),
            _ => Some(None),
        }
    }

    pub fn length(&mut self) -> Option<usize> {
        let (mut n, mut shift) = (0, 0);
        loop {
            let byte = self.byte()?;
            n |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(n);
            }
            shift += 7;
        }
    }

    /// A text; what is no UTF-8 in it is replaced.
    pub fn string(&mut self) -> Option<String> {
        let n = self.length()?;
        self.take(n)
            .map(|b| String::from_utf8_lossy(b).into_owned())
    }
}
