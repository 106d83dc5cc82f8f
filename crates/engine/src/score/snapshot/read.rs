//! The way back: a shard out of its bytes.

use super::corrupt;
use crate::detect::Finding;
use crate::kpi::KpiMemory;
use crate::score::deferred::{Deferred, Held};
use crate::score::machine::{Look, Machine};
use crate::score::setting::Settings;
use crate::score::shard::{Round, Shard, TermRows};
use crate::score::silence::Silence;
use crate::terms::Route;
use crate::{EngineError, varint};
use weir_model::Micros;

pub(super) fn through(partials: u32, input: &mut &[u8]) -> Result<Vec<Vec<Micros>>, EngineError> {
    list(partials as usize, |_| {
        let events = varint::usize(input)?;
        list(events, |_| varint::i64(input).map(Micros))
    })
}

/// `n` things, without trusting `n` for the allocation.
fn list<T>(
    n: usize,
    mut read: impl FnMut(usize) -> Result<T, EngineError>,
) -> Result<Vec<T>, EngineError> {
    let mut out = Vec::new();
    for i in 0..n {
        out.push(read(i)?);
    }
    Ok(out)
}

fn optional(input: &mut &[u8]) -> Result<Option<f64>, EngineError> {
    Ok(if varint::byte(input)? == 1 {
        Some(varint::f64(input)?)
    } else {
        None
    })
}

fn key(input: &mut &[u8]) -> Result<(usize, Box<str>), EngineError> {
    Ok((varint::usize(input)?, varint::str(input)?.into()))
}

fn rows(input: &mut &[u8]) -> Result<TermRows, EngineError> {
    let start = Micros(varint::i64(input)?);
    let n = varint::usize(input)?;
    let values = list(n, |_| Ok((varint::usize(input)?, optional(input)?)))?;
    Ok(TermRows { start, values })
}

pub(super) fn decode(shard: &mut Shard, input: &mut &[u8]) -> Result<(), EngineError> {
    shard.through = through(shard.through.len() as u32, input)?;
    for _ in 0..varint::usize(input)? {
        let end = Micros(varint::i64(input)?);
        let (kind, index) = (varint::byte(input)?, varint::usize(input)?);
        let route = match kind {
            0 => Route::Kpi(index),
            1 => Route::Detector(index),
            2 => Route::Rule(index),
            _ => return Err(corrupt("it holds an unknown kind of round")),
        };
        shard.pending.insert((end, route), decode_round(input)?);
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let last = Micros(varint::i64(input)?);
        shard.memory.insert(k, (last, KpiMemory::decode(input)?));
    }
    for _ in 0..varint::usize(input)? {
        shard.machines.insert(key(input)?, Machine::decode(input)?);
    }
    for _ in 0..varint::usize(input)? {
        shard.silence.insert(key(input)?, Silence::decode(input)?);
    }
    if !input.is_empty() {
        shard.deferred = decode_deferred(input)?;
        shard.settings = Settings::decode(input)?;
        for _ in 0..varint::usize(input)? {
            shard.known.insert(key(input)?, rows(input)?);
        }
    }
    if input.is_empty() {
        Ok(())
    } else {
        Err(corrupt("bytes are left over"))
    }
}

fn decode_deferred(input: &mut &[u8]) -> Result<Deferred, EngineError> {
    let mut deferred = Deferred::default();
    for _ in 0..varint::usize(input)? {
        let at = (varint::usize(input)?, Micros(varint::i64(input)?));
        let subjects = deferred.waiting.entry(at).or_default();
        for _ in 0..varint::usize(input)? {
            let subject = varint::str(input)?.into();
            let n = varint::usize(input)?;
            let outcomes = list(n, |_| Ok((varint::usize(input)?, decode_look(input)?)))?;
            subjects.insert(subject, outcomes);
        }
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let n = varint::usize(input)?;
        let outcomes = list(n, |_| {
            Ok(Held {
                condition: varint::usize(input)?,
                end: Micros(varint::i64(input)?),
                look: decode_look(input)?,
            })
        })?;
        deferred.held.insert(k, outcomes);
    }
    for _ in 0..varint::usize(input)? {
        let k = key(input)?;
        let n = varint::usize(input)?;
        let spans = list(n, |_| {
            let from = Micros(varint::i64(input)?);
            let closed = varint::byte(input)? == 1;
            let to = closed.then(|| varint::i64(input).map(Micros)).transpose()?;
            Ok((from, to))
        })?;
        deferred.open.insert(k, spans);
    }
    Ok(deferred)
}

fn decode_look(input: &mut &[u8]) -> Result<Look, EngineError> {
    let bits = varint::byte(input)?;
    let value = optional(input)?;
    Ok(if bits & 1 == 0 {
        Look::Good { value }
    } else {
        Look::Bad {
            value,
            threshold: optional(input)?,
            up: bits & 2 != 0,
        }
    })
}

fn decode_round(input: &mut &[u8]) -> Result<Round, EngineError> {
    let mut round = Round::default();
    for _ in 0..varint::usize(input)? {
        let subject = varint::str(input)?.into();
        round.terms.insert(subject, rows(input)?);
    }
    for _ in 0..varint::usize(input)? {
        let subject = varint::str(input)?.into();
        let value = varint::f64(input)?;
        let expected = optional(input)?;
        let found = match expected {
            Some(expected) => Some(Finding {
                expected,
                score: varint::f64(input)?,
                crosses: None,
            }),
            None => None,
        };
        round.values.insert(subject, (value, found));
    }
    Ok(round)
}
