//! Messages of terms and snapshots that weir did not write, or that were damaged since.
#![allow(clippy::unwrap_used)]

use super::tests::{PARTIALS, TENANT, catalog, score};
use super::*;
use crate::detect::Finding;
use crate::sealed;
use crate::terms::TermsWriter;
use weir_fuzz::rand::Rng;
use weir_fuzz::rand::seq::IndexedRandom;
use weir_fuzz::{damage, rounds};
use weir_model::Micros;

const HOUR: i64 = Micros::HOUR.0;

/// Messages of some hours, of all kinds of facts.
fn messages() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for hour in 0..12 {
        for partition in 0..PARTIALS {
            let mut writer = TermsWriter::new(&catalog(), 9, partition, PARTIALS, 1);
            let span = (Micros(hour * HOUR), Micros((hour + 1) * HOUR));
            for engineer in ["ada", "ben", "cy"] {
                let values = [engineer, "t"];
                writer.term((0, 0), TENANT, values, span, Some(hour as f64));
                let found = Finding {
                    expected: 1.0,
                    score: 7.0,
                    crosses: None,
                };
                writer.verdict(0, TENANT, [engineer], span, 9.0, Some(found));
                writer.active(4, TENANT, [engineer], span.1);
            }
            writer.final_through(&[Micros(hour * HOUR), Micros(hour * HOUR)]);
            all.extend(writer.take().into_iter().map(|(_, m)| m));
        }
    }
    all
}

/// A score through the first half, and what was kept of it.
fn halfway(messages: &[Vec<u8>]) -> (usize, Vec<(String, Vec<u8>)>) {
    let half = messages.len() / 2;
    let mut score = score();
    for (i, message) in messages[..half].iter().enumerate() {
        score
            .fold(i as i64, message, true, &mut ScoreOut::default())
            .unwrap();
    }
    let snapshots = (0..SHARDS).flat_map(|s| score.snapshot(s));
    let mut parts: Vec<_> = snapshots.map(|(k, v)| (k, v.unwrap())).collect();
    parts.push(("marker".into(), score.marker()));
    (half, parts)
}

fn restored(parts: &[(String, Vec<u8>)]) -> Result<Score, EngineError> {
    let mut back = score();
    back.restore(&mut parts.iter().cloned())?;
    Ok(back)
}

#[test]
fn a_snapshot_with_any_byte_damaged_is_refused() {
    let (half, parts) = halfway(&messages());
    assert_eq!(restored(&parts).unwrap().resume_from(), half as i64);
    let mut refused = 0;
    for part in 0..parts.len() {
        for at in 0..parts[part].1.len() {
            for bits in [1, 0x80, 0xff] {
                let mut damaged = parts.clone();
                damaged[part].1[at] ^= bits;
                let result = restored(&damaged);
                assert!(
                    matches!(result, Err(EngineError::Corrupt { .. })),
                    "byte {at} of part {part}: {:?}",
                    result.err()
                );
                refused += 1;
            }
        }
        let mut cut = parts.clone();
        cut[part].1.pop();
        assert!(restored(&cut).is_err());
    }
    assert!(refused > 1000);
}

#[test]
fn snapshots_of_the_version_before_are_read() {
    let (half, parts) = halfway(&messages());
    let unsealed: Vec<_> = parts
        .iter()
        .map(|(key, value)| {
            let mut old = sealed::open("a test", value).unwrap().to_vec();
            old[0] = if old[0] == b'P' { 1 } else { 2 };
            (key.clone(), old)
        })
        .collect();
    let (old, new) = (restored(&unsealed).unwrap(), restored(&parts).unwrap());
    assert_eq!(old.resume_from(), half as i64);
    assert_eq!(old.shards, new.shards);
}

#[test]
fn fuzz_terms_damaged_messages_are_errors() {
    let messages = messages();
    let (half, parts) = halfway(&messages);
    let mut score = restored(&parts).unwrap();
    let (mut offset, mut refused) = (half as i64, 0u64);
    rounds(2000, |chance| {
        let mut message = messages.choose(chance).unwrap().clone();
        damage(chance, &mut message);
        if score
            .fold(offset, &message, true, &mut ScoreOut::default())
            .is_ok()
        {
            offset += 1;
            return;
        }
        refused += 1;
        score = restored(&parts).unwrap();
        offset = half as i64;
    });
    assert!(refused > 100);
}

#[test]
fn fuzz_snapshots_of_score_that_are_sealed_and_wrong() {
    let messages = messages();
    let (half, parts) = halfway(&messages);
    let (mut taken, mut refused) = (0u64, 0u64);
    rounds(500, |chance| {
        let mut parts = parts.clone();
        let part = chance.random_range(0..parts.len());
        let value = &mut parts[part].1;
        value.truncate(value.len() - 8);
        damage(chance, value);
        sealed::seal(value);
        let Ok(mut score) = restored(&parts) else {
            refused += 1;
            return;
        };
        taken += 1;
        for (i, message) in messages.iter().enumerate().skip(half) {
            if score
                .fold(i as i64, message, true, &mut ScoreOut::default())
                .is_err()
            {
                break;
            }
        }
    });
    assert!(taken > 5 && refused > 5, "{taken} taken, {refused} refused");
}
