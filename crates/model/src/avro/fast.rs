//! Runs the steps of a program that find what nearly all events hold: numbers and texts that are
//! short, and no mistake.
//!
//! Whatever else turns up is left to `decode`, which knows all steps and all errors. There are next
//! to no calls in here, so that all it works with stays in registers.

use super::Value;
use super::cursor::{Cursor, SHORT};
use super::decode::Reading;
use super::program::{Key, Op, Projection, TextMap};
use crate::bytes::same;

impl Projection {
    /// Goes on from step `pc` as far as it gets. Returns the step that is to be done next; nothing
    /// is read of it.
    #[inline(never)]
    pub(super) fn run_short<'a>(
        &self,
        pc: usize,
        reading: &mut Reading<'a>,
        row: &mut [Value<'a>],
    ) -> usize {
        let mut c = reading.at;
        let mut steps = self.ops[pc..].iter();
        let next = loop {
            let this = steps.clone();
            let Some(op) = steps.next() else {
                break this;
            };
            match *op {
                Op::Text(s) => {
                    let Some(text) = c.short_text() else {
                        break this;
                    };
                    row[s as usize] = Value::Str(text);
                }
                Op::Long(s) => {
                    let Some(n) = c.short_long() else {
                        break this;
                    };
                    row[s as usize] = Value::Int(n);
                }
                Op::Double(s) => {
                    let Ok(x) = c.double() else {
                        break this;
                    };
                    row[s as usize] = Value::Float(x);
                }
                Op::Bool(s) => {
                    let Some(b) = c.short_boolean() else {
                        break this;
                    };
                    row[s as usize] = Value::Bool(b);
                }
                Op::MaybeText(s, null) => {
                    let Some(value) = maybe(&mut c, null, |c| c.short_text().map(Value::Str))
                    else {
                        break this;
                    };
                    row[s as usize] = value;
                }
                Op::MaybeLong(s, null) => {
                    let Some(value) = maybe(&mut c, null, |c| c.short_long().map(Value::Int))
                    else {
                        break this;
                    };
                    row[s as usize] = value;
                }
                Op::MaybeDouble(s, null) => {
                    let Some(value) = maybe(&mut c, null, |c| c.double().ok().map(Value::Float))
                    else {
                        break this;
                    };
                    row[s as usize] = value;
                }
                Op::Maybe(null, end) => match c.short_index() {
                    Some(i) if i == null => steps = self.ops[end as usize..].iter(),
                    Some(_) => {}
                    None => break this,
                },
                Op::Skip(n) => {
                    if c.take(n as usize).is_err() {
                        break this;
                    }
                }
                Op::SkipTexts(n) => {
                    let mut ahead = c;
                    if (0..n).any(|_| ahead.short_text().is_none()) {
                        break this;
                    }
                    c = ahead;
                }
                Op::SkipBools(n) => {
                    let mut ahead = c;
                    if (0..n).any(|_| ahead.short_boolean().is_none()) {
                        break this;
                    }
                    c = ahead;
                }
                Op::SkipVarints(n) => {
                    let mut ahead = c;
                    if (0..n).any(|_| ahead.short_long().is_none()) {
                        break this;
                    }
                    c = ahead;
                }
                Op::TextMap(table) => {
                    let Some(done) = text_map(c, &self.maps[table as usize], row) else {
                        break this;
                    };
                    c = done;
                }
                _ => break this,
            }
        };
        reading.at = c;
        // Whether there was one, and how short, is of no interest.
        reading.texts.note_plain(SHORT);
        self.ops.len() - next.len()
    }
}

/// A union of null, at the given index, and what `read` reads.
#[inline(always)]
fn maybe<'a>(
    c: &mut Cursor<'a>,
    null: u8,
    read: impl FnOnce(&mut Cursor<'a>) -> Option<Value<'a>>,
) -> Option<Value<'a>> {
    let mut ahead = *c;
    let value = match ahead.short_index()? {
        index if index == null => Value::Null,
        _ => read(&mut ahead)?,
    };
    *c = ahead;
    Some(value)
}

/// A map in one block, of which some keys are wanted. Where it turns out to be something else it is
/// read again, so that it does no harm that values are in the row already.
#[inline(never)]
fn text_map<'a>(mut c: Cursor<'a>, map: &TextMap, row: &mut [Value<'a>]) -> Option<Cursor<'a>> {
    if map.whole.is_some() {
        return None;
    }
    let n = c.short_block()?;
    if n == 0 {
        return Some(c);
    }
    for _ in 0..n {
        let mut ahead = c;
        let key = ahead.short_text()?.as_bytes();
        c.take(1).ok()?;
        let head = c.peek()?;
        c = ahead;
        match map.keys.iter().find(|k| k.is(key, head)) {
            Some(Key { slot, .. }) => {
                let text = c.short_text()?;
                row[*slot as usize] = Value::Str(text);
            }
            None => {
                c.short_text()?;
            }
        }
    }
    (c.short_block()? == 0).then_some(c)
}

impl Key {
    /// Whether it is this text, which begins with `head` and whatever follows it.
    #[inline(always)]
    fn is(&self, text: &[u8], head: u64) -> bool {
        self.text.len() == text.len()
            && (self.head ^ head) & self.mask == 0
            && (text.len() <= 8 || same(&self.text, text))
    }
}
