//! What the fuzz targets share: tests whose names begin with `fuzz_`, one for each reader of bytes
//! that somebody else wrote.
//!
//! All of them together take about as many seconds as `WEIR_FUZZ_SECONDS` says (60 where it says
//! nothing). `WEIR_FUZZ_SEED` repeats a run.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::time::{Duration, Instant};

pub use rand;

/// Where all of a run's chance comes from.
pub type Chance = ChaCha8Rng;

/// Number of targets: each takes its part of the time.
const TARGETS: f64 = 10.0;
const SECONDS: f64 = 60.0;

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Does at least `least` rounds, then more until the target's time is over. Says its seed, which a
/// failing test shows.
pub fn rounds(least: u64, mut round: impl FnMut(&mut Chance)) {
    let seed = number("WEIR_FUZZ_SEED").unwrap_or_else(|| rand::rng().random::<u64>());
    println!("WEIR_FUZZ_SEED={seed} repeats this");
    let mut chance = Chance::seed_from_u64(seed);
    let seconds = number("WEIR_FUZZ_SECONDS").unwrap_or(SECONDS);
    let budget = Duration::from_secs_f64((seconds / TARGETS).max(0.0));
    let begun = Instant::now();
    let mut done = 0u64;
    while done < least || begun.elapsed() < budget {
        round(&mut chance);
        done += 1;
    }
    println!("{done} rounds");
}

/// One to three changes: bytes that often mean something, flipped bits, cuts, repetitions, lengths
/// of no sense.
pub fn damage(chance: &mut Chance, bytes: &mut Vec<u8>) {
    const TELLING: [u8; 10] = [0, 1, 2, 3, 4, 0x7f, 0x80, 0x81, 0xfe, 0xff];
    const LONG: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2];
    for _ in 0..chance.random_range(1..=3) {
        let i = chance.random_range(0..=bytes.len());
        let telling = *TELLING.choose(chance).unwrap_or(&0);
        match chance.random_range(0..8) {
            0 => bytes.truncate(i),
            1 => bytes.insert(i, telling),
            2 => bytes.push(telling),
            3 if i < bytes.len() => drop(bytes.remove(i)),
            4 if i < bytes.len() => bytes[i] ^= 1 << chance.random_range(0..8),
            5 if i < bytes.len() => bytes[i] = telling,
            6 if i < bytes.len() => {
                let to = chance.random_range(i..bytes.len().min(i + 32));
                let again = bytes[i..to].to_vec();
                bytes.splice(i..i, again);
            }
            _ => {
                let n = chance.random_range(1..=LONG.len());
                bytes.splice(i..i, LONG[LONG.len() - n..].iter().copied());
            }
        }
    }
}
