//! Runs a compiled program over an event.

use super::cursor::utf8;
use super::program::{Key, Lookup, Op, Projection, TextMap};
use super::resolve::Scale;
use super::texts::Texts;
use super::{Cursor, DecodeError, Value};
use crate::bytes::same;

type Result<T> = std::result::Result<T, DecodeError>;

/// Most arrays, maps and records that can contain themselves around a value; maps of texts do not
/// count.
const MAX_DEPTH: u32 = 128;

/// An event that is being decoded. Passed by value, so that it stays in registers.
#[derive(Clone, Copy)]
pub(super) struct Reading<'a> {
    pub at: Cursor<'a>,
    pub texts: Texts,
}

impl Projection {
    /// Decodes an event's body into `row`, which must have room for [`Projection::width`] values,
    /// and says what its texts are like. After an error the row's content is of no meaning.
    ///
    /// # Panics
    /// Where `row` is shorter than the projection is wide.
    pub fn decode<'a>(&self, body: &'a [u8], row: &mut [Value<'a>]) -> Result<Texts> {
        let row = &mut row[..self.template.len()];
        for (slot, value) in &self.before {
            row[*slot as usize] = *value;
        }
        let mut reading = Reading {
            at: Cursor::new(body),
            texts: self.texts,
        };
        #[cfg(test)]
        if self.slow {
            reading = self.run(0, reading, row, 0)?;
            return self.end(reading, row);
        }
        let pc = self.run_short(0, &mut reading, row);
        if self.ops[pc] != Op::Return {
            reading = self.run(pc, reading, row, 0)?;
        }
        self.end(reading, row)
    }

    /// After the last step.
    #[inline(always)]
    fn end<'a>(&self, reading: Reading<'a>, row: &mut [Value<'a>]) -> Result<Texts> {
        let Reading { at, texts } = reading;
        if at.remaining() > 0 {
            return Err(DecodeError::Leftover(at.remaining()));
        }
        for (from, to) in &self.copies {
            row[*to as usize] = row[*from as usize];
        }
        Ok(texts)
    }

    pub(super) fn run<'a>(
        &self,
        start: usize,
        mut reading: Reading<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<Reading<'a>> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut pc = start;
        loop {
            let op = self.ops[pc];
            let c = &mut reading.at;
            pc += 1;
            match op {
                Op::Text(s) => row[s as usize] = Value::Str(reading.texts.note(c.text_and_kind()?)),
                Op::Long(s) => row[s as usize] = Value::Int(c.long()?),
                Op::MaybeText(s, null) => {
                    row[s as usize] = if is_null(c, null)? {
                        Value::Null
                    } else {
                        Value::Str(reading.texts.note(c.text_and_kind()?))
                    }
                }
                Op::MaybeDouble(s, null) => {
                    row[s as usize] = if is_null(c, null)? {
                        Value::Null
                    } else {
                        Value::Float(c.double()?)
                    }
                }
                Op::MaybeLong(s, null) => {
                    row[s as usize] = if is_null(c, null)? {
                        Value::Null
                    } else {
                        Value::Int(c.long()?)
                    }
                }
                Op::Double(s) => row[s as usize] = Value::Float(c.double()?),
                Op::Bool(s) => row[s as usize] = Value::Bool(c.boolean()?),
                Op::SkipTexts(n) => {
                    for _ in 0..n {
                        c.text()?;
                    }
                }
                Op::SkipVarints(n) => c.skip_varints(n)?,
                Op::SkipInts(n) => {
                    for _ in 0..n {
                        c.int()?;
                    }
                }
                Op::SkipBools(n) => {
                    for _ in 0..n {
                        c.boolean()?;
                    }
                }
                Op::PeekInt => {
                    Cursor::int(&mut { *c })?;
                }
                Op::SkipMillis => {
                    micros(c.long()?)?;
                }
                Op::SkipBytes => {
                    c.bytes()?;
                }
                Op::Skip(n) => {
                    c.take(n as usize)?;
                }
                Op::Maybe(null, end) => {
                    if is_null(c, null)? {
                        pc = end as usize;
                    }
                }
                Op::SkipTextMap => skip_text_map(c)?,
                Op::Int(s) => row[s as usize] = Value::Int(c.int()?),
                Op::Scaled(s, scale) => {
                    let v = c.long()?;
                    row[s as usize] = Value::Int(match scale {
                        Scale::None => v,
                        Scale::FromMillis => micros(v)?,
                        Scale::FromNanos => v.div_euclid(1000),
                    });
                }
                Op::LongAsDouble(s) => row[s as usize] = Value::Float(c.long()? as f64),
                Op::LongAsFloat(s) => row[s as usize] = Value::Float(f64::from(c.long()? as f32)),
                Op::Float(s) => row[s as usize] = Value::Float(c.float()?),
                Op::FixedText(s, n) => {
                    let bytes = c.take(n as usize)?;
                    row[s as usize] = Value::Str(reading.texts.note(utf8(bytes)?));
                }
                Op::Symbol(s, table) => {
                    let symbols = &self.symbols[table as usize];
                    let symbol = *pick(c.long()?, symbols)?;
                    row[s as usize] = Value::Str(symbol.ok_or(DecodeError::Unresolved)?);
                }
                Op::Null(s) => row[s as usize] = Value::Null,
                Op::Const(s, k) => row[s as usize] = self.constants[k as usize],
                Op::Union(table) => pc = *pick(c.long()?, &self.unions[table as usize])? as usize,
                Op::Jump(to) => pc = to as usize,
                Op::Call(to, levels) => {
                    reading = self.run(to as usize, reading, row, depth + levels + 1)?;
                }
                Op::Items(end, levels) => {
                    reading = self.items(pc, reading, row, depth + levels)?;
                    pc = end as usize;
                }
                Op::Lookup(table, end) => {
                    reading = self.lookup(&self.lookups[table as usize], reading, row, depth)?;
                    pc = end as usize;
                }
                Op::TextMap(table) => reading = text_map(reading, &self.maps[table as usize], row)?,
                Op::Return => return Ok(reading),
                Op::Fail => return Err(DecodeError::Unresolved),
            }
            #[cfg(test)]
            if self.slow {
                continue;
            }
            // Here are all steps; most are done there.
            pc = self.run_short(pc, &mut reading, row);
        }
    }

    fn items<'a>(
        &self,
        body: usize,
        mut reading: Reading<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<Reading<'a>> {
        // Items without bytes (nulls): nothing to walk over.
        let empty = matches!(self.ops[body], Op::Return);
        loop {
            let block = reading.at.block()?;
            if block.items == 0 {
                return Ok(reading);
            }
            if !empty {
                for _ in 0..block.items {
                    reading = self.run(body, reading, row, depth + 1)?;
                }
            }
            reading.at.end_of(block)?;
        }
    }

    fn lookup<'a>(
        &self,
        map: &Lookup,
        mut reading: Reading<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<Reading<'a>> {
        loop {
            let block = reading.at.block()?;
            if block.items == 0 {
                return Ok(reading);
            }
            for _ in 0..block.items {
                let key = reading.at.text()?.as_bytes();
                let found = map
                    .keys
                    .iter()
                    .find(|(k, _)| **k == *key)
                    .map_or(map.other, |(_, pc)| *pc);
                reading = self.run(found as usize, reading, row, depth + map.levels + 1)?;
            }
            reading.at.end_of(block)?;
        }
    }
}

#[inline(always)]
fn is_null(c: &mut Cursor, null: u8) -> Result<bool> {
    match c.long()? {
        i @ 0..=1 => Ok(i as u8 == null),
        _ => Err(DecodeError::BadIndex),
    }
}

#[inline(always)]
fn pick<T>(index: i64, list: &[T]) -> Result<&T> {
    usize::try_from(index)
        .ok()
        .and_then(|i| list.get(i))
        .ok_or(DecodeError::BadIndex)
}

/// A time in milliseconds as microseconds.
#[inline(always)]
fn micros(millis: i64) -> Result<i64> {
    millis.checked_mul(1000).ok_or(DecodeError::Overflow)
}

#[inline(always)]
fn skip_text_map(c: &mut Cursor) -> Result<()> {
    loop {
        let block = c.block()?;
        if block.items == 0 {
            return Ok(());
        }
        for _ in 0..block.items {
            c.text()?;
            c.text()?;
        }
        c.end_of(block)?;
    }
}

#[inline(never)]
fn text_map<'a>(reading: Reading<'a>, map: &TextMap, row: &mut [Value<'a>]) -> Result<Reading<'a>> {
    let Reading {
        at: mut c,
        mut texts,
    } = reading;
    loop {
        let block = c.block()?;
        if block.items == 0 {
            break;
        }
        for _ in 0..block.items {
            let key = c.text()?.as_bytes();
            let value = c.text_and_kind()?;
            if let Some(Key { slot, .. }) = map.keys.iter().find(|k| same(&k.text, key)) {
                row[*slot as usize] = Value::Str(texts.note(value));
            }
        }
        c.end_of(block)?;
    }
    if let Some(slot) = map.whole {
        row[slot as usize] = Value::Map(c.since(&reading.at));
    }
    Ok(Reading { at: c, texts })
}
