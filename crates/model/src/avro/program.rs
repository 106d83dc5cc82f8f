//! A compiled decoder: flat steps over the writer's bytes. `compile` makes them, `decode` and
//! `fast` run them.

use super::Value;
use super::resolve::Scale;
use super::texts::Texts;
use crate::bytes::is_plain;

/// One step of a program. Slots are indices into the row, targets are indices of steps.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Op {
    /// Pass over bytes.
    Skip(u32),
    /// Pass over booleans.
    SkipBools(u32),
    /// Pass over varints of 32 bits.
    SkipInts(u32),
    /// Pass over varints of 64 bits.
    SkipVarints(u32),
    /// Pass over a time in milliseconds, of which there must be microseconds.
    SkipMillis,
    /// Pass over bytes that have a length.
    SkipBytes,
    /// Pass over texts.
    SkipTexts(u32),
    /// Pass over a map of texts.
    SkipTextMap,
    /// What follows, a varint, has 32 bits.
    PeekInt,
    Bool(u32),
    Int(u32),
    Long(u32),
    Scaled(u32, Scale),
    LongAsDouble(u32),
    LongAsFloat(u32),
    Float(u32),
    Double(u32),
    Text(u32),
    FixedText(u32, u32),
    /// Slot, index into `symbols`.
    Symbol(u32, u32),
    Null(u32),
    /// Slot, index into `constants`.
    Const(u32, u32),
    /// A union of null (at the given index) and one type.
    MaybeLong(u32, u8),
    MaybeDouble(u32, u8),
    MaybeText(u32, u8),
    /// Jumps where the union's index is the one given.
    Maybe(u8, u32),
    /// Jumps by index: `unions`.
    Union(u32),
    Jump(u32),
    /// The branch taken cannot be read as the reader's type.
    Fail,
    /// On to the target and back. The number is that of the records around it that can contain
    /// themselves.
    Call(u32, u32),
    Return,
    /// A sequence of blocks, each item read by the steps that follow; then on to the target. The
    /// number as with a call.
    Items(u32, u32),
    /// Index into `maps`.
    TextMap(u32),
    /// Index into `lookups`; then on to the target.
    Lookup(u32, u32),
}

/// A map of texts of which the whole or some keys are wanted.
#[derive(Debug, Clone)]
pub(super) struct TextMap {
    pub whole: Option<u32>,
    pub keys: Vec<Key>,
}

/// A wanted key of a map of texts.
#[derive(Debug, Clone)]
pub(super) struct Key {
    /// Its first eight bytes, and ones where there is a byte.
    pub head: u64,
    pub mask: u64,
    pub text: Box<[u8]>,
    pub slot: u32,
}

impl Key {
    pub fn new(text: &str, slot: u32) -> Key {
        let word = |byte: fn(u8) -> u8| {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(text.bytes()) {
                *to = byte(from);
            }
            u64::from_le_bytes(word)
        };
        Key {
            head: word(|b| b),
            mask: word(|_| 0xff),
            text: text.as_bytes().into(),
            slot,
        }
    }
}

/// A map of other values of which some keys are wanted, each with the steps that read it.
#[derive(Debug, Clone)]
pub(super) struct Lookup {
    pub keys: Vec<(Box<[u8]>, u32)>,
    pub other: u32,
    /// As with a call.
    pub levels: u32,
}

/// A compiled decoder: see the module.
#[derive(Debug, Clone)]
pub struct Projection {
    pub(super) ops: Vec<Op>,
    /// What a row holds before anything is read: null, or the default of a field that was not
    /// written.
    pub(super) template: Vec<Value<'static>>,
    /// What of the template must be there: the slots that not every event sets.
    pub(super) before: Vec<(u32, Value<'static>)>,
    /// What the texts of the schemas themselves are like.
    pub(super) texts: Texts,
    pub(super) symbols: Vec<Vec<Option<&'static str>>>,
    pub(super) constants: Vec<Value<'static>>,
    pub(super) unions: Vec<Vec<u32>>,
    pub(super) maps: Vec<TextMap>,
    pub(super) lookups: Vec<Lookup>,
    /// (from, to) for paths that were asked for twice.
    pub(super) copies: Vec<(u32, u32)>,
    /// Without the short way, which must come to the same.
    #[cfg(test)]
    pub(super) slow: bool,
}

impl Projection {
    /// Number of values in a row.
    pub fn width(&self) -> usize {
        self.template.len()
    }

    /// The slots, with what they hold before, that some path through the steps does not set. Only
    /// the steps up to the first jump are looked at: that is all of them in most schemas.
    pub(super) fn not_always_set(&self) -> Vec<(u32, Value<'static>)> {
        let mut set = vec![false; self.template.len()];
        let mut pc = 0;
        while let Some(op) = self.ops.get(pc) {
            pc += 1;
            match *op {
                Op::Bool(s)
                | Op::Int(s)
                | Op::Long(s)
                | Op::Scaled(s, _)
                | Op::LongAsDouble(s)
                | Op::LongAsFloat(s)
                | Op::Float(s)
                | Op::Double(s)
                | Op::Text(s)
                | Op::FixedText(s, _)
                | Op::Symbol(s, _)
                | Op::Null(s)
                | Op::Const(s, _)
                | Op::MaybeLong(s, _)
                | Op::MaybeDouble(s, _)
                | Op::MaybeText(s, _) => set[s as usize] = true,
                Op::Skip(_)
                | Op::PeekInt
                | Op::SkipBools(_)
                | Op::SkipInts(_)
                | Op::SkipVarints(_)
                | Op::SkipMillis
                | Op::SkipBytes
                | Op::SkipTexts(_)
                | Op::SkipTextMap
                | Op::Call(..) => {}
                Op::TextMap(table) => {
                    if let Some(s) = self.maps[table as usize].whole {
                        set[s as usize] = true;
                    }
                }
                // What stands in between may be done any number of times.
                Op::Maybe(_, end) | Op::Items(end, _) | Op::Lookup(_, end) => pc = end as usize,
                Op::Union(_) | Op::Jump(_) | Op::Fail | Op::Return => break,
            }
        }
        let slots = (0..).zip(&self.template).zip(set);
        slots
            .filter_map(|((slot, value), set)| (!set).then_some((slot, *value)))
            .collect()
    }

    /// What the texts are like that come from the schemas: symbols and defaults.
    pub(super) fn own_texts(&self) -> Texts {
        let mut texts = Texts::NONE;
        let values = self.template.iter().chain(&self.constants);
        let values = values.filter_map(|v| {
            if let Value::Str(s) = v {
                Some(*s)
            } else {
                None
            }
        });
        for text in self
            .symbols
            .iter()
            .flatten()
            .flatten()
            .copied()
            .chain(values)
        {
            texts.note((text, is_plain(text.as_bytes())));
        }
        texts
    }
}
