//! Runs a compiled program over an event.

use super::compile::{Lookup, Op, TextMap};
use super::cursor::utf8;
use super::resolve::Scale;
use super::{Cursor, DecodeError, Projection, Value};

type Result<T> = std::result::Result<T, DecodeError>;

const MAX_DEPTH: u32 = 128;

impl Projection {
    /// Decodes an event's body into `row`, which must have room for [`Projection::width`] values. After an error the row's content is
    /// of no meaning.
    ///
    /// # Panics
    /// Where `row` is shorter than the projection is wide.
    pub fn decode<'a>(&self, body: &'a [u8], row: &mut [Value<'a>]) -> Result<()> {
        let row = &mut row[..self.template.len()];
        row.copy_from_slice(&self.template);
        let mut cursor = Cursor::new(body);
        self.run(0, &mut cursor, row, 0)?;
        if cursor.remaining() > 0 {
            return Err(DecodeError::Leftover(cursor.remaining()));
        }
        for (from, to) in &self.copies {
            row[*to as usize] = row[*from as usize];
        }
        Ok(())
    }

    pub(super) fn run<'a>(
        &self,
        start: usize,
        c: &mut Cursor<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(DecodeError::TooDeep);
        }
        let mut pc = start;
        loop {
            let op = self.ops[pc];
            pc += 1;
            match op {
                Op::Text(s) => row[s as usize] = Value::Str(c.text()?),
                Op::Long(s) => row[s as usize] = Value::Int(c.long()?),
                Op::MaybeText(s, null) => {
                    row[s as usize] = if is_null(c, null)? {
                        Value::Null
                    } else {
                        Value::Str(c.text()?)
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
                        c.bytes()?;
                    }
                }
                Op::SkipVarints(n) => c.skip_varints(n)?,
                Op::Skip(n) => {
                    c.take(n as usize)?;
                }
                Op::Maybe(null, end) => {
                    if is_null(c, null)? {
                        pc = end as usize;
                    }
                }
                Op::SkipTextMap => skip_text_map(c)?,
                Op::TextMap(table) => text_map(c, &self.maps[table as usize], row)?,
                Op::Int(s) => row[s as usize] = Value::Int(c.int()?),
                Op::Scaled(s, scale) => {
                    let v = c.long()?;
                    row[s as usize] = Value::Int(match scale {
                        Scale::None => v,
                        Scale::FromMillis => v.checked_mul(1000).ok_or(DecodeError::Overflow)?,
                        Scale::FromNanos => v.div_euclid(1000),
                    });
                }
                Op::LongAsDouble(s) => row[s as usize] = Value::Float(c.long()? as f64),
                Op::LongAsFloat(s) => row[s as usize] = Value::Float(f64::from(c.long()? as f32)),
                Op::Float(s) => row[s as usize] = Value::Float(c.float()?),
                Op::FixedText(s, n) => {
                    row[s as usize] = Value::Str(utf8(c.take(n as usize)?)?);
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
                Op::Fail => return Err(DecodeError::Unresolved),
                Op::Call(to) => self.run(to as usize, c, row, depth + 1)?,
                Op::Return => return Ok(()),
                Op::Items(end) => {
                    self.items(pc, c, row, depth)?;
                    pc = end as usize;
                }
                Op::Lookup(table, end) => {
                    self.lookup(&self.lookups[table as usize], c, row, depth)?;
                    pc = end as usize;
                }
            }
        }
    }

    fn items<'a>(
        &self,
        body: usize,
        c: &mut Cursor<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<()> {
        // Items without bytes (nulls) are any number: nothing to walk over.
        let empty = matches!(self.ops[body], Op::Return);
        loop {
            match c.block()? {
                (0, _) => return Ok(()),
                (_, Some(size)) => {
                    c.take(size)?;
                }
                (_, None) if empty => {}
                (n, None) => {
                    for _ in 0..n {
                        self.run(body, c, row, depth + 1)?;
                    }
                }
            }
        }
    }

    fn lookup<'a>(
        &self,
        map: &Lookup,
        c: &mut Cursor<'a>,
        row: &mut [Value<'a>],
        depth: u32,
    ) -> Result<()> {
        loop {
            let (n, _) = c.block()?;
            if n == 0 {
                return Ok(());
            }
            for _ in 0..n {
                let key = c.bytes()?;
                let found = map
                    .keys
                    .iter()
                    .find(|(k, _)| **k == *key)
                    .map_or(map.other, |(_, pc)| *pc);
                self.run(found as usize, c, row, depth + 1)?;
            }
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

fn skip_text_map(c: &mut Cursor) -> Result<()> {
    loop {
        match c.block()? {
            (0, _) => return Ok(()),
            (_, Some(size)) => {
                c.take(size)?;
            }
            (n, None) => {
                for _ in 0..n {
                    c.bytes()?;
                    c.bytes()?;
                }
            }
        }
    }
}

fn text_map<'a>(c: &mut Cursor<'a>, map: &TextMap, row: &mut [Value<'a>]) -> Result<()> {
    let start = *c;
    loop {
        let (n, _) = c.block()?;
        if n == 0 {
            break;
        }
        for _ in 0..n {
            let key = c.bytes()?;
            let value = c.bytes()?;
            if map.whole.is_some() {
                utf8(key)?;
                utf8(value)?;
            }
            for (k, slot) in &map.keys {
                if **k == *key {
                    row[*slot as usize] = Value::Str(utf8(value)?);
                }
            }
        }
    }
    if let Some(slot) = map.whole {
        row[slot as usize] = Value::Map(c.since(&start));
    }
    Ok(())
}
