//! The state of a shard as a stream of bytes.

use crate::score::deferred::Deferred;
use crate::score::machine::Look;
use crate::score::shard::{Round, Shard, TermRows};
use crate::terms::Route;
use crate::varint;
use weir_model::Micros;

pub(super) fn put_through(out: &mut Vec<u8>, through: &[Vec<Micros>]) {
    for times in through {
        varint::put_u64(out, times.len() as u64);
        times.iter().for_each(|t| varint::put_i64(out, t.0));
    }
}

fn put_optional(out: &mut Vec<u8>, v: Option<f64>) {
    out.push(u8::from(v.is_some()));
    v.into_iter().for_each(|v| varint::put_f64(out, v));
}

fn put_key(out: &mut Vec<u8>, (index, subject): &(usize, Box<str>)) {
    varint::put_u64(out, *index as u64);
    varint::put_str(out, subject);
}

pub(super) fn encode(shard: &Shard, out: &mut Vec<u8>) {
    put_through(out, &shard.through);
    varint::put_u64(out, shard.pending.len() as u64);
    for ((end, route), round) in &shard.pending {
        varint::put_i64(out, end.0);
        let (kind, index) = match route {
            Route::Kpi(i) => (0, *i),
            Route::Detector(i) => (1, *i),
            Route::Rule(i) => (2, *i),
        };
        out.push(kind);
        varint::put_u64(out, index as u64);
        encode_round(round, out);
    }
    varint::put_u64(out, shard.memory.len() as u64);
    for (k, (last, memory)) in &shard.memory {
        put_key(out, k);
        varint::put_i64(out, last.0);
        memory.encode(out);
    }
    varint::put_u64(out, shard.machines.len() as u64);
    for (k, machine) in &shard.machines {
        put_key(out, k);
        machine.encode(out);
    }
    varint::put_u64(out, shard.silence.len() as u64);
    for (k, silence) in &shard.silence {
        put_key(out, k);
        silence.encode(out);
    }
    // What nothing asks for leaves no bytes: such a part is as it was before there was any.
    if shard.deferred.is_empty() && shard.settings.is_empty() && shard.known.is_empty() {
        return;
    }
    encode_deferred(&shard.deferred, out);
    shard.settings.encode(out);
    varint::put_u64(out, shard.known.len() as u64);
    for (k, rows) in &shard.known {
        put_key(out, k);
        put_rows(out, rows);
    }
}

fn encode_deferred(deferred: &Deferred, out: &mut Vec<u8>) {
    varint::put_u64(out, deferred.waiting.len() as u64);
    for ((rule, end), subjects) in &deferred.waiting {
        varint::put_u64(out, *rule as u64);
        varint::put_i64(out, end.0);
        varint::put_u64(out, subjects.len() as u64);
        for (subject, outcomes) in subjects {
            varint::put_str(out, subject);
            varint::put_u64(out, outcomes.len() as u64);
            for (condition, look) in outcomes {
                varint::put_u64(out, *condition as u64);
                encode_look(look, out);
            }
        }
    }
    varint::put_u64(out, deferred.held.len() as u64);
    for (k, outcomes) in &deferred.held {
        put_key(out, k);
        varint::put_u64(out, outcomes.len() as u64);
        for held in outcomes {
            varint::put_u64(out, held.condition as u64);
            varint::put_i64(out, held.end.0);
            encode_look(&held.look, out);
        }
    }
    varint::put_u64(out, deferred.open.len() as u64);
    for (k, spans) in &deferred.open {
        put_key(out, k);
        varint::put_u64(out, spans.len() as u64);
        for (from, to) in spans {
            varint::put_i64(out, from.0);
            out.push(u8::from(to.is_some()));
            to.iter().for_each(|to| varint::put_i64(out, to.0));
        }
    }
}

fn encode_look(look: &Look, out: &mut Vec<u8>) {
    match look {
        Look::Good { value } => {
            out.push(0);
            put_optional(out, *value);
        }
        Look::Bad {
            value,
            threshold,
            up,
        } => {
            out.push(1 | u8::from(*up) << 1);
            put_optional(out, *value);
            put_optional(out, *threshold);
        }
    }
}

fn put_rows(out: &mut Vec<u8>, rows: &TermRows) {
    varint::put_i64(out, rows.start.0);
    varint::put_u64(out, rows.values.len() as u64);
    for (term, value) in &rows.values {
        varint::put_u64(out, *term as u64);
        put_optional(out, *value);
    }
}

fn encode_round(round: &Round, out: &mut Vec<u8>) {
    varint::put_u64(out, round.terms.len() as u64);
    for (subject, rows) in &round.terms {
        varint::put_str(out, subject);
        put_rows(out, rows);
    }
    varint::put_u64(out, round.values.len() as u64);
    for (subject, (value, found)) in &round.values {
        varint::put_str(out, subject);
        varint::put_f64(out, *value);
        put_optional(out, found.map(|f| f.expected));
        found.iter().for_each(|f| varint::put_f64(out, f.score));
    }
}
