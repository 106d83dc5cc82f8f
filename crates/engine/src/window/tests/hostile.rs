//! Blocks and snapshots that weir did not write, or that were damaged since.

use super::*;
use crate::sealed;
use weir_fuzz::rand::Rng as _;
use weir_fuzz::rand::seq::IndexedRandom as _;
use weir_fuzz::{damage, rounds};

const SHARDS: u32 = 3;

/// Some blocks, and the snapshots and marker behind the first half of them.
struct World {
    catalog: Arc<Catalog>,
    blocks: Vec<Vec<u8>>,
    half: usize,
    parts: Vec<(String, Vec<u8>)>,
}

impl World {
    fn new(seed: u64) -> World {
        let catalog = catalog();
        let rng = &mut ChaCha8Rng::seed_from_u64(seed);
        let log = Log::random(&catalog, rng);
        let blocks = blocks(&catalog, &log, rng);
        let half = blocks.len() / 2;
        let mut window = Window::new(catalog.clone(), options(SHARDS)).unwrap();
        let mut out = WindowOut::default();
        for (i, block) in blocks[..half].iter().enumerate() {
            window.fold(i as i64, block, true, &mut out).unwrap();
        }
        let snapshots = (0..SHARDS).flat_map(|s| window.snapshot(s));
        let mut parts: Vec<_> = snapshots.map(|(k, v)| (k, v.unwrap())).collect();
        parts.push(("marker".into(), window.marker()));
        World {
            catalog,
            blocks,
            half,
            parts,
        }
    }

    fn window(&self) -> Window {
        Window::new(self.catalog.clone(), options(SHARDS)).unwrap()
    }

    fn restore(&self, parts: &[(String, Vec<u8>)]) -> Result<Window, EngineError> {
        let mut window = self.window();
        window.restore(&mut parts.iter().cloned())?;
        Ok(window)
    }

    /// The state through `half`, however it was come by, as far as others can see it.
    fn rest(&self, window: &mut Window) -> Lines {
        let mut out = WindowOut::default();
        for i in window.resume_from()..self.half as i64 {
            window
                .fold(i, &self.blocks[i as usize], false, &mut out)
                .unwrap();
        }
        for (i, block) in self.blocks.iter().enumerate().skip(self.half) {
            window.fold(i as i64, block, true, &mut out).unwrap();
        }
        lines(&self.catalog, out, true)
    }
}

#[test]
fn a_snapshot_with_any_byte_damaged_is_refused() {
    let world = World::new(7);
    let whole = world.rest(&mut world.restore(&world.parts).unwrap());
    let mut refused = 0;
    for (part, (_, value)) in world.parts.iter().enumerate() {
        // All of the small ones; of a large one its ends and some between.
        let step = (value.len() / 100).max(1);
        let ends = |i: usize| i < 40 || value.len() - i <= 16;
        for at in (0..value.len()).filter(|i| i % step == 0 || ends(*i)) {
            for bits in [1, 0xff] {
                let mut parts = world.parts.clone();
                parts[part].1[at] ^= bits;
                let result = world.restore(&parts);
                assert!(
                    matches!(result, Err(EngineError::Corrupt { .. })),
                    "byte {at} of part {part}: {:?}",
                    result.err()
                );
                refused += 1;
            }
        }
        let mut parts = world.parts.clone();
        parts[part].1.pop();
        assert!(world.restore(&parts).is_err());
    }
    assert!(refused > 500);
    // What is done then: the log is folded from its beginning, and comes to the same.
    assert_eq!(world.rest(&mut world.window()), whole);
}

#[test]
fn snapshots_of_the_version_before_are_read() {
    let world = World::new(7);
    let whole = world.rest(&mut world.restore(&world.parts).unwrap());
    let parts: Vec<_> = world
        .parts
        .iter()
        .map(|(key, value)| {
            let bytes = sealed::open("a test", value).unwrap();
            let mut input = &bytes[9..];
            for _ in 0..4 {
                crate::varint::u64(&mut input).unwrap();
            }
            let mut old = vec![2];
            if input[0] == 2 {
                old.extend_from_slice(&bytes[1..]);
                return (key.clone(), old);
            }
            let mut piece = &input[1..];
            for _ in 0..4 {
                crate::varint::u64(&mut piece).unwrap();
            }
            old.extend_from_slice(&bytes[1..bytes.len() - piece.len()]);
            old.extend_from_slice(&xxhash_rust::xxh3::xxh3_64(piece).to_le_bytes());
            old.extend_from_slice(piece);
            (key.clone(), old)
        })
        .collect();
    let mut window = world.restore(&parts).unwrap();
    assert!(window.resume_from() > 0);
    assert_eq!(world.rest(&mut window), whole);
    let mut damaged = parts;
    *damaged[0].1.last_mut().unwrap() ^= 1;
    assert!(world.restore(&damaged).is_err());
}

#[test]
fn a_watermark_of_partitions_that_cannot_be_is_an_error() {
    let world = World::new(7);
    for text in [
        "0113efb1ac262b04f70100000000010000ffffffff0f80a0f7a8f880a206",
        "0113efb1ac262b04f701000000000100ffffffff0f0180a0f7a8f880a206",
    ] {
        let mut block: Vec<u8> = (0..text.len() / 2)
            .map(|i| u8::from_str_radix(&text[2 * i..2 * i + 2], 16).unwrap())
            .collect();
        block[1..9].copy_from_slice(&world.catalog.hash.to_le_bytes());
        let result = world
            .window()
            .fold(0, &block, true, &mut WindowOut::default());
        assert!(
            matches!(result, Err(EngineError::Corrupt { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn fuzz_partials_damaged_blocks_are_errors() {
    let world = World::new(11);
    let mut window = world.restore(&world.parts).unwrap();
    let (mut offset, mut refused) = (world.half as i64, 0u64);
    rounds(2000, |chance| {
        let mut block = world.blocks.choose(chance).unwrap().clone();
        damage(chance, &mut block);
        if window
            .fold(offset, &block, true, &mut WindowOut::default())
            .is_ok()
        {
            offset += 1;
            return;
        }
        // After an error the state is of no use.
        refused += 1;
        window = world.restore(&world.parts).unwrap();
        offset = world.half as i64;
    });
    assert!(refused > 100);
}

#[test]
fn fuzz_snapshots_of_windows_that_are_sealed_and_wrong() {
    let world = World::new(13);
    let (mut taken, mut refused) = (0u64, 0u64);
    rounds(500, |chance| {
        let mut parts = world.parts.clone();
        let part = chance.random_range(0..parts.len());
        let value = &mut parts[part].1;
        value.truncate(value.len() - 8);
        damage(chance, value);
        sealed::seal(value);
        let Ok(mut window) = world.restore(&parts) else {
            refused += 1;
            return;
        };
        taken += 1;
        for (i, block) in world.blocks.iter().enumerate().skip(world.half).take(20) {
            if window
                .fold(i as i64, block, true, &mut WindowOut::default())
                .is_err()
            {
                break;
            }
        }
    });
    assert!(taken > 5 && refused > 5, "{taken} taken, {refused} refused");
}
