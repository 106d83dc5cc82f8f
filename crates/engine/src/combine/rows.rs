//! The rows of one event type since the last drain: by subject, then by pane.
//!
//! Subjects outlive a drain (the same ones come again), their rows do not.

use super::measure::ROW_HEAD;
use super::names::{Names, Seed, mix, same};
use crate::accumulate::live::{Delta, Spill, Words, add};
use hashbrown::HashTable;
use weir_catalog::types::EventDef;
use weir_model::{Micros, hash};

/// No row, no subject.
const NONE: u32 = u32::MAX;
/// Subjects with more rows than this find them by hash.
const SHORT_CHAIN: u32 = 4;
/// A rollup with so many subjects has many.
const MANY: u32 = 512;
/// Subjects remembered across drains, and bytes of their texts.
const SUBJECTS_KEPT: usize = 400_000;
pub(super) const TEXTS_KEPT: usize = 48 << 20;
/// Separates the texts of a subject: no text holds it.
const SEPARATOR: u8 = 0x1f;

#[derive(Debug)]
pub(super) struct Rows {
    /// Dimensions of each rollup: (name, index among the event's dimensions).
    rollups: Vec<Vec<(String, usize)>>,
    table: Vec<Slot>,
    subjects: Vec<Subject>,
    texts: Vec<u8>,
    /// Numbers of the texts of each subject.
    numbers: Vec<u32>,
    /// Subjects by rollup, and the rollups with many: the others' memory is near anyway.
    counts: Vec<u32>,
    many: Vec<usize>,
    seed: Seed,
    /// Rows, each `template.len()` words: (pane minute << 1 | late), (next row of the subject), measures.
    words: Vec<u64>,
    width: usize,
    spill: Spill,
    /// Rows of subjects with many, by (subject, pane, late).
    index: HashTable<u32>,
    /// Subjects that have rows, by partition of the partials.
    touched: Vec<Vec<u32>>,
    key: Vec<u8>,
    /// Where the rows of the event being added start.
    at: Vec<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    hash: u64,
    subject: u32,
}

const EMPTY: Slot = Slot {
    hash: 0,
    subject: NONE,
};

#[derive(Debug)]
struct Subject {
    /// Of the contract.
    hash: u64,
    rollup: u32,
    text: u32,
    text_len: u32,
    /// Where its numbers start: of the tenant, then of the values.
    numbers: u32,
    /// Newest row, and how many there are.
    head: u32,
    rows: u32,
    /// The row used last, and its key.
    last: u32,
    last_key: i64,
}

impl Rows {
    pub fn new(event: &EventDef, words: &Words, partials: u32) -> Rows {
        let name = |d: &usize| (event.dimensions[*d].name.clone(), *d);
        Rows {
            rollups: event
                .rollups
                .iter()
                .map(|r| r.dimensions.iter().map(name).collect())
                .collect(),
            table: vec![EMPTY; 1 << 10],
            subjects: Vec::new(),
            texts: Vec::new(),
            numbers: Vec::new(),
            counts: vec![0; event.rollups.len()],
            many: Vec::new(),
            seed: Seed::default(),
            words: Vec::new(),
            width: words.template.len(),
            spill: Spill::default(),
            index: HashTable::new(),
            touched: vec![Vec::new(); partials as usize],
            key: Vec::new(),
            at: Vec::new(),
        }
    }

    pub fn rollups(&self) -> usize {
        self.rollups.len()
    }

    /// Appends a hash of the subject of each rollup: of this process only, to find it by. `texts`: tenant, then the values of
    /// all dimensions of the event.
    #[inline]
    pub fn hashes(&self, texts: &[&str], scratch: &mut Vec<u64>, out: &mut Vec<u64>) {
        scratch.clear();
        scratch.extend(texts.iter().map(|v| self.seed.of(v)));
        for (i, dimensions) in self.rollups.iter().enumerate() {
            let mut h = scratch[0] ^ (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for (_, d) in dimensions {
                h = mix(h.rotate_left(23) ^ 0xd6e8_feb8_6659_fd93, scratch[1 + *d]);
            }
            out.push(h);
        }
    }

    /// Rollups whose subjects' memory should be fetched before it is used.
    pub fn many(&self) -> &[usize] {
        &self.many
    }

    /// Fetches the memory where a subject is looked up.
    #[inline]
    pub fn prefetch_slot(&self, hash: u64) {
        let slot = hash as usize & (self.table.len() - 1);
        super::prefetch(self.table.as_ptr().wrapping_add(slot));
    }

    /// Fetches the subject that stands first there.
    #[inline]
    pub fn prefetch_subject(&self, hash: u64) {
        if let Some(s) = self.subjects.get(self.first(hash)) {
            super::prefetch(s);
        }
    }

    /// Fetches its texts and the row that it used last.
    #[inline]
    pub fn prefetch_row(&self, hash: u64) {
        if let Some(s) = self.subjects.get(self.first(hash)) {
            super::prefetch(self.texts.as_ptr().wrapping_add(s.text as usize));
            let row = self
                .words
                .as_ptr()
                .wrapping_add(s.last as usize * self.width);
            super::prefetch(row);
            super::prefetch(row.wrapping_add(8));
            super::prefetch(row.wrapping_add(16));
        }
    }

    #[inline]
    fn first(&self, hash: u64) -> usize {
        self.table[hash as usize & (self.table.len() - 1)].subject as usize
    }

    /// Adds an event to the rows of its subjects, one per rollup; `hashes` are theirs.
    #[inline]
    pub fn add(
        &mut self,
        (hashes, texts): (&[u64], &[&str]),
        (pane, late): (Micros, bool),
        deltas: &[(usize, Delta)],
        words: &Words,
        names: &mut Names,
    ) {
        let key = pane.0.div_euclid(Micros::MINUTE.0) << 1 | i64::from(late);
        let mut at = std::mem::take(&mut self.at);
        at.clear();
        for (rollup, hash) in hashes.iter().enumerate() {
            let subject = self.subject(rollup, *hash, texts, names);
            at.push(self.row(subject, key, words) as usize * self.width);
        }
        add(&mut self.words, &at, deltas, &mut self.spill);
        self.at = at;
    }

    #[inline]
    fn subject(&mut self, rollup: usize, hash: u64, texts: &[&str], names: &mut Names) -> u32 {
        let mask = self.table.len() - 1;
        let mut i = hash as usize & mask;
        loop {
            let slot = self.table[i];
            if slot.subject == NONE {
                break;
            }
            if slot.hash == hash && self.is(slot.subject, rollup, texts) {
                return slot.subject;
            }
            i = (i + 1) & mask;
        }
        let subject = self.new_subject(rollup, texts, names);
        self.table[i] = Slot { hash, subject };
        if self.subjects.len() * 2 > self.table.len() {
            self.grow();
        }
        subject
    }

    #[inline]
    fn is(&self, subject: u32, rollup: usize, texts: &[&str]) -> bool {
        let s = &self.subjects[subject as usize];
        let mut rest = &self.texts[s.text as usize..(s.text + s.text_len) as usize];
        let mut same = s.rollup as usize == rollup && starts(&mut rest, texts[0]);
        for (_, d) in &self.rollups[rollup] {
            same = same && starts(&mut rest, texts[1 + *d]);
        }
        same && rest.is_empty()
    }

    #[cold]
    fn new_subject(&mut self, rollup: usize, texts: &[&str], names: &mut Names) -> u32 {
        let (tenant, values) = (texts[0], &texts[1..]);
        let dimensions = &self.rollups[rollup];
        self.counts[rollup] += 1;
        if self.counts[rollup] == MANY {
            self.many.push(rollup);
        }
        let numbers = self.numbers.len() as u32;
        self.numbers.push(names.number(tenant));
        let values_of = dimensions.iter().map(|(_, d)| names.number(values[*d]));
        self.numbers.extend(values_of);
        let start = self.texts.len();
        self.texts.extend_from_slice(tenant.as_bytes());
        self.texts.push(SEPARATOR);
        for (_, d) in dimensions {
            self.texts.extend_from_slice(values[*d].as_bytes());
            self.texts.push(SEPARATOR);
        }
        self.key.clear();
        let named = dimensions
            .iter()
            .map(|(name, d)| (name.as_str(), values[*d]));
        hash::subject_key(&mut self.key, tenant, named);
        self.subjects.push(Subject {
            hash: hash::subject(&self.key),
            rollup: rollup as u32,
            text: start as u32,
            text_len: (self.texts.len() - start) as u32,
            numbers,
            head: NONE,
            rows: 0,
            last: NONE,
            last_key: 0,
        });
        (self.subjects.len() - 1) as u32
    }

    fn grow(&mut self) {
        let room = self.table.len() * 2;
        let old = std::mem::replace(&mut self.table, vec![EMPTY; room]);
        for slot in old.into_iter().filter(|s| s.subject != NONE) {
            let mut i = slot.hash as usize & (room - 1);
            while self.table[i].subject != NONE {
                i = (i + 1) & (room - 1);
            }
            self.table[i] = slot;
        }
    }

    #[inline]
    fn row(&mut self, subject: u32, key: i64, words: &Words) -> u32 {
        let s = &self.subjects[subject as usize];
        if s.last_key == key && s.last != NONE {
            return s.last;
        }
        self.other_row(subject, key, words)
    }

    /// A row that is not the one used last.
    fn other_row(&mut self, subject: u32, key: i64, words: &Words) -> u32 {
        let s = &self.subjects[subject as usize];
        let found = if s.rows <= SHORT_CHAIN {
            let mut row = s.head;
            while row != NONE && self.words[row as usize * self.width] as i64 != key {
                row = self.words[row as usize * self.width + 1] as u32;
            }
            Some(row).filter(|r| *r != NONE)
        } else {
            let (all, width) = (&self.words, self.width);
            let is = |r: &u32| {
                all[*r as usize * width] as i64 == key
                    && (all[*r as usize * width + 1] >> 32) as u32 == subject
            };
            self.index.find(row_hash(subject, key), is).copied()
        };
        let row = found.unwrap_or_else(|| self.new_row(subject, key, words));
        let s = &mut self.subjects[subject as usize];
        s.last = row;
        s.last_key = key;
        row
    }

    fn new_row(&mut self, subject: u32, key: i64, words: &Words) -> u32 {
        let row = (self.words.len() / self.width) as u32;
        let s = &mut self.subjects[subject as usize];
        if s.rows == 0 {
            let partition = (s.hash % self.touched.len() as u64) as usize;
            self.touched[partition].push(subject);
        }
        let start = self.words.len();
        self.words.extend_from_slice(&words.template);
        self.words[start] = key as u64;
        self.words[start + 1] = u64::from(s.head) | u64::from(subject) << 32;
        s.head = row;
        s.rows += 1;
        let (rows, head) = (s.rows, s.head);
        if rows == SHORT_CHAIN + 1 {
            let mut r = head;
            while r != NONE {
                self.index_row(r);
                r = self.words[r as usize * self.width + 1] as u32;
            }
        } else if rows > SHORT_CHAIN {
            self.index_row(row);
        }
        row
    }

    fn index_row(&mut self, row: u32) {
        let (all, width) = (&self.words, self.width);
        let hash = |r: &u32| {
            let at = *r as usize * width;
            row_hash((all[at + 1] >> 32) as u32, all[at] as i64)
        };
        self.index.insert_unique(hash(&row), row, hash);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.words.len() / self.width
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        self.words.len() * 8 + self.spill.bytes()
    }

    /// Gives out the rows of a partition, subject by subject.
    pub fn each(&mut self, partition: usize, names: &mut Names, on: &mut OnGroup<'_>) {
        let width = self.width;
        for i in 0..self.touched[partition].len() {
            self.prefetch_group(partition, i, names);
            let s = &self.subjects[self.touched[partition][i] as usize];
            let numbers = 1 + self.rollups[s.rollup as usize].len();
            let head = GroupHead {
                rollup: s.rollup as usize,
                hash: s.hash,
                numbers: &self.numbers[s.numbers as usize..][..numbers],
            };
            let (mut next, all) = (s.head, &self.words);
            let mut rows = std::iter::from_fn(|| {
                let row = all
                    .get(next as usize * width..)?
                    .get(..width)
                    .filter(|_| next != NONE)?;
                next = row[1] as u32;
                let key = row[0] as i64;
                let pane = Micros((key >> 1).saturating_mul(Micros::MINUTE.0));
                Some((pane, key & 1 == 1, row))
            });
            on(&head, &mut rows, &mut self.spill, names);
        }
    }

    /// Fetches the memory of subjects that come soon: nearer ones have more of it known.
    #[inline]
    fn prefetch_group(&self, partition: usize, i: usize, names: &Names) {
        let ahead = |n: usize| self.touched[partition].get(i + n).map(|s| *s as usize);
        if let Some(s) = ahead(16) {
            super::prefetch(self.subjects.as_ptr().wrapping_add(s));
        }
        if let Some(s) = ahead(12).and_then(|s| self.subjects.get(s)) {
            let numbers = self.numbers.as_ptr().wrapping_add(s.numbers as usize);
            super::prefetch(numbers);
            let row = self
                .words
                .as_ptr()
                .wrapping_add(s.head as usize * self.width);
            super::prefetch(row);
            super::prefetch(row.wrapping_add(8));
            super::prefetch(row.wrapping_add(16));
        }
        let value = |s: usize| {
            let s = self.subjects.get(s)?;
            // The first value: it is the one with many.
            self.numbers.get(s.numbers as usize + 1).copied()
        };
        if let Some(n) = ahead(8).and_then(value) {
            names.prefetch(n);
        }
        if let Some(n) = ahead(4).and_then(value) {
            names.prefetch_text(n);
        }
    }

    /// Forgets the rows.
    pub fn clear(&mut self) {
        for touched in &mut self.touched {
            for subject in touched.drain(..) {
                let s = &mut self.subjects[subject as usize];
                s.head = NONE;
                s.last = NONE;
                s.rows = 0;
            }
        }
        if self.words.capacity() > 4 * self.words.len().max(1 << 20) {
            self.words.shrink_to(2 * self.words.len());
        }
        self.words.clear();
        self.index.clear();
        self.spill.clear();
    }

    /// Whether the subjects have become so many that they should be forgotten.
    pub fn is_large(&self) -> bool {
        self.subjects.len() > SUBJECTS_KEPT || self.texts.len() > TEXTS_KEPT
    }

    /// Forgets the subjects, after the rows.
    pub fn forget(&mut self) {
        self.subjects.clear();
        self.texts.clear();
        self.numbers.clear();
        self.counts.fill(0);
        self.many.clear();
        self.table.fill(EMPTY);
    }
}

/// Is given the rows of a subject, and what is needed to encode them.
pub(super) type OnGroup<'f> =
    dyn FnMut(&GroupHead<'_>, &mut dyn Iterator<Item = RowWords<'_>>, &mut Spill, &mut Names) + 'f;

/// Pane, late, the words.
type RowWords<'a> = (Micros, bool, &'a [u64]);

/// Takes a text and its separator off the front, if they are there.
#[inline(always)]
fn starts(rest: &mut &[u8], text: &str) -> bool {
    match rest.split_at_checked(text.len()) {
        Some((head, [SEPARATOR, after @ ..])) if same(head, text.as_bytes()) => {
            *rest = after;
            true
        }
        _ => false,
    }
}

/// Of whom the rows are.
pub(super) struct GroupHead<'a> {
    pub rollup: usize,
    pub hash: u64,
    /// Numbers of the tenant, then of the values of the dimensions.
    pub numbers: &'a [u32],
}

fn row_hash(subject: u32, key: i64) -> u64 {
    let h = (u64::from(subject) << 32 ^ key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    h ^ h >> 29
}

const _: () = assert!(ROW_HEAD == 2);
