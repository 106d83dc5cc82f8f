//! Texts that rows are found by and written with: hashed and compared in place (see
//! [`weir_model::bytes`]), and numbered once they are those of a subject.

use hashbrown::HashTable;
use std::hash::{BuildHasher, RandomState};
use weir_model::bytes::same;
use weir_model::prefetch::prefetch;

/// Texts with numbers, from 0.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: String,
    list: Vec<Name>,
    known: HashTable<u32>,
    seed: Seed,
}

/// One of them, and where it stands in the block being written.
#[derive(Debug, Clone, Copy)]
struct Name {
    start: u32,
    len: u32,
    block: u32,
    index: u32,
}

/// Not to be guessed from outside, so that nobody can choose texts that collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seed([u64; 2]);

impl Default for Seed {
    fn default() -> Seed {
        let random = RandomState::new();
        Seed([0u8, 1].map(|lane| random.hash_one(lane)))
    }
}

/// A hash of 128 bits, in two lanes that know nothing of each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Id(pub [u64; 2]);

/// By lane: what keeps the lanes, and the two factors of a product, apart.
const K: [[u64; 2]; 2] = [
    [0x9e37_79b9_7f4a_7c15, 0xd6e8_feb8_6659_fd93],
    [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db],
];

impl Id {
    /// Of the same thing in another place.
    #[inline(always)]
    pub fn salted(self, place: usize) -> Id {
        let salt = (place as u64 + 1).wrapping_mul(K[0][0]);
        Id(self.0.map(|lane| lane ^ salt))
    }

    /// Of this, followed by something else.
    #[inline(always)]
    pub fn with(self, next: Id) -> Id {
        let lane = |l: usize| mix(self.0[l].rotate_left(23) ^ K[l][1], next.0[l]);
        Id([lane(0), lane(1)])
    }
}

impl Names {
    /// The number of a text.
    pub fn number(&mut self, text: &str) -> u32 {
        let (all, list, seed) = (&mut self.all, &mut self.list, self.seed);
        let hash = seed.of(text).0[0];
        let is = |n: &u32| same(list[*n as usize].of(all).as_bytes(), text.as_bytes());
        if let Some(n) = self.known.find(hash, is) {
            return *n;
        }
        let number = list.len() as u32;
        list.push(Name {
            start: all.len() as u32,
            len: text.len() as u32,
            block: 0,
            index: 0,
        });
        all.push_str(text);
        self.known
            .insert_unique(hash, number, |n| seed.of(list[*n as usize].of(all)).0[0]);
        number
    }

    /// The text of a number.
    pub fn text(&self, number: u32) -> &str {
        self.list[number as usize].of(&self.all)
    }

    /// Where the text of a number stands in a block; it is put there with `put` if it is the first
    /// time.
    #[inline]
    pub fn place(&mut self, number: u32, block: u32, put: impl FnOnce(&str) -> u32) -> u32 {
        let name = &mut self.list[number as usize];
        if name.block != block {
            name.index = put(name.of(&self.all));
            name.block = block;
        }
        name.index
    }

    /// Fetches the entry of a number.
    #[inline]
    pub fn prefetch(&self, number: u32) {
        prefetch(self.list.as_ptr().wrapping_add(number as usize));
    }

    /// Fetches the text of a number.
    #[inline]
    pub fn prefetch_text(&self, number: u32) {
        if let Some(name) = self.list.get(number as usize) {
            prefetch(self.all.as_ptr().wrapping_add(name.start as usize));
        }
    }

    /// Bytes of all texts.
    pub fn bytes(&self) -> usize {
        self.all.len()
    }

    /// Forgets all numbers.
    pub fn clear(&mut self) {
        self.all.clear();
        self.list.clear();
        self.known.clear();
    }
}

impl Name {
    #[inline]
    fn of<'a>(&self, all: &'a str) -> &'a str {
        &all[self.start as usize..][..self.len as usize]
    }
}

impl Seed {
    /// The hash of a text, in this process.
    #[inline(always)]
    pub fn of(self, text: &str) -> Id {
        let mut rest = text.as_bytes();
        // A product and no exclusive or: that would be undone by a byte ("t1" was "t10").
        let length = 2 * rest.len() as u64 + 1;
        let mut lanes = self.0.map(|seed| seed.wrapping_mul(length));
        while let Some((head, tail)) = rest.split_first_chunk::<16>()
            && !tail.is_empty()
        {
            let v = u128::from_le_bytes(*head);
            for (h, k) in lanes.iter_mut().zip(K) {
                *h = mix(*h ^ v as u64, k[1] ^ (v >> 64) as u64);
            }
            rest = tail;
        }
        let (a, b) = if let (Some(a), Some(b)) = (rest.first_chunk(), rest.last_chunk()) {
            (u64::from_le_bytes(*a), u64::from_le_bytes(*b))
        } else if let (Some(a), Some(b)) = (rest.first_chunk(), rest.last_chunk()) {
            let (a, b) = (u32::from_le_bytes(*a), u32::from_le_bytes(*b));
            (u64::from(a), u64::from(b))
        } else if let [a, .., b] | [a @ b] = rest {
            let middle = rest[rest.len() / 2];
            (u64::from(*a) << 8 | u64::from(*b), u64::from(middle))
        } else {
            (0, 0)
        };
        let lane = |l: usize| mix(a ^ lanes[l] ^ K[l][0], b ^ K[l][1]);
        Id([lane(0), lane(1)])
    }
}

/// Multiplies and folds: every bit of both decides about every bit.
#[inline(always)]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    #[test]
    fn all_short_texts_are_told_apart_and_all_numbers() {
        let seed = Seed::default();
        let letters: Vec<String> = (' '..='~').map(String::from).collect();
        let mut texts = vec![String::new()];
        for _ in 0..3 {
            let longer = texts
                .iter()
                .flat_map(|t| letters.iter().map(move |l| format!("{t}{l}")));
            texts = std::iter::once(String::new()).chain(longer).collect();
        }
        texts.extend((1..=6).flat_map(|digits| {
            (0..10u32.pow(digits)).map(move |n| format!("{n:0width$}", width = digits as usize))
        }));
        texts.extend(letters.iter().flat_map(|l| (4..70).map(|n| l.repeat(n))));
        let mut known = HashMap::new();
        for text in &texts {
            let before = known.insert(seed.of(text).0, text);
            assert!(before.is_none_or(|b| b == text), "{text:?} is {before:?}");
        }
    }

    proptest! {
        #[test]
        fn texts_are_told_apart(a in "[ab]{0,40}", b in "[ab]{0,40}", at in any::<prop::sample::Index>()) {
            let mut names = Names::default();
            let mut c = a.clone().into_bytes();
            if !c.is_empty() {
                let i = at.index(c.len());
                c[i] ^= 1;
            }
            let c = String::from_utf8(c).unwrap_or_default();
            for (x, y) in [(&a, &b), (&a, &c), (&a, &a.clone())] {
                prop_assert_eq!(names.number(x) == names.number(y), x == y);
                prop_assert_eq!(names.seed.of(x) == names.seed.of(y), x == y);
            }
            let number = names.number(&a);
            let mut put = Vec::new();
            for block in [1, 1, 2] {
                let got = names.place(number, block, |text| {
                    put.push(text.to_owned());
                    7 + block
                });
                prop_assert_eq!(got, 7 + block);
            }
            prop_assert_eq!(put, [a.clone(), a]);
        }
    }
}
