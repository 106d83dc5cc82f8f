//! The definition of the two sketches, shared by the engine, the oracle and the store's SQL.
//!
//! **Distribution** (a DDSketch): a positive value `x` falls into bin `floor(log2(x) * 35) + 17500`, exactly; zero
//! into bin 0. The value of a bin is its middle, `2^((bin - 17500 + 0.5) / 35)`, which is within 1 % of
//! every value in it. A quantile `q` of `n` values is the value of the bin that holds the value of rank
//! `max(1, ceil(q * n))` in ascending order.
//!
//! **Distinct** (a theta sketch): the [`THETA`] smallest hashes ([`crate::hash::distinct`]) of the values. Below
//! [`THETA`] entries the count is exact; from there it is `(THETA - 1) / (largest / 2^64)`, rounded half to even.

/// Bins per octave.
pub const BINS_PER_OCTAVE: i32 = 35;
/// The bin of 1.0.
pub const BIN_OFFSET: i32 = 17_500;
/// Hashes kept by a distinct count: 2.2 % standard error beyond it, exact below.
pub const THETA: usize = 2048;

/// The 52 fraction bits of the smallest double that is at least `2^(k/35)`, for k = 0..35.
pub const THRESHOLDS: [u64; 35] = [
    0x0000000000000,
    0x051ed35254d7b,
    0x0a57de9c16bc8,
    0x0faba81d4e5e0,
    0x151ab8c56eea3,
    0x1aa59c4115e7e,
    0x204ce10811782,
    0x2611186bae675,
    0x2bf2d6a54f7db,
    0x31f2b2e54f85d,
    0x381147622f887,
    0x3e4f316812c30,
    0x44ad116889e7c,
    0x4b2b8b0aaf3c8,
    0x51cb453b9536d,
    0x588cea3f093be,
    0x5f7127c0ac32a,
    0x6678aee5629f8,
    0x6da4345d1e0ae,
    0x74f47075017a0,
    0x7c6a1f29e2ce7,
    0x8406003b2ae5d,
    0x8bc8d73e16610,
    0x93b36bb158fff,
    0x9bc68911258c0,
    0xa402feeb9c533,
    0xac69a0f5a241d,
    0xb4fb472022b1b,
    0xbdb8cdadbe121,
    0xc6a31548e794e,
    0xcfbb031a741a5,
    0xd90180e09c9e4,
    0xe2777d0676771,
    0xec1deabbe3c15,
    0xf5f5c20dfe5f3,
];

/// For each of 256 equal parts of an octave, the bin that its first value falls into.
const START: [u8; 256] = {
    let mut t = [0u8; 256];
    let mut i = 0;
    while i < 256 {
        let m = (i as u64) << 44;
        let mut k = 34;
        while THRESHOLDS[k] > m {
            k -= 1;
        }
        t[i] = k as u8;
        i += 1;
    }
    t
};

/// The bin of a value that is finite and not negative. Exact: no logarithm is taken. Values below
/// 2^-500 (subnormals among them) share bin 0 with zero.
pub fn bin(x: f64) -> u16 {
    let bits = x.to_bits();
    let octave = (bits >> 52) as i32 - 1023;
    if octave < -500 {
        return 0;
    }
    let fraction = bits & ((1 << 52) - 1);
    let mut k = START[(fraction >> 44) as usize] as usize;
    // A part of an octave holds at most one threshold: bins are wider than parts.
    if k + 1 < THRESHOLDS.len() && THRESHOLDS[k + 1] <= fraction {
        k += 1;
    }
    (octave.min(1000) * BINS_PER_OCTAVE + k as i32 + BIN_OFFSET) as u16
}

/// The value that stands for a bin.
pub fn bin_value(bin: u16) -> f64 {
    if bin == 0 {
        return 0.0;
    }
    ((f64::from(bin) - f64::from(BIN_OFFSET) + 0.5) / f64::from(BINS_PER_OCTAVE)).exp2()
}

/// The quantile of bins in ascending order; `None` where they are empty.
pub fn quantile(bins: impl IntoIterator<Item = (u16, u64)>, count: u64, q: f64) -> Option<f64> {
    let rank = ((q * count as f64).ceil() as u64).max(1);
    let mut seen = 0u64;
    for (b, n) in bins {
        seen += n;
        if seen >= rank {
            return Some(bin_value(b));
        }
    }
    None
}

/// The estimate of a distinct count from its number of kept hashes and the largest of them.
pub fn theta_estimate(kept: usize, largest: u64) -> u64 {
    if kept < THETA {
        return kept as u64;
    }
    let theta = largest as f64 / 18_446_744_073_709_551_616.0;
    ((THETA - 1) as f64 / theta).round_ties_even() as u64
}
