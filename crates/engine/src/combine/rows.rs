//! The rows of one event type since the last drain: by subject, then by pane.
//!
//! A rollup whose dimensions another one has too is derived: its rows are merged from the other's
//! when they are drained, which gives the same bytes (merging is exact) and spares each event an
//! addition.

use super::names::{Id, Names};
use super::subjects::{NONE, Subjects};
use crate::measure::event::ROW_HEAD;
use crate::measure::{Delta, Spill, Words, add, prefetch_spilled};
use crate::partial::{SHARDS, shard_of};
use hashbrown::HashTable;
use weir_catalog::types::EventDef;
use weir_model::Micros;
use weir_model::prefetch::{self, prefetch_lines};

/// Subjects with more rows than this find them by hash.
const SHORT_CHAIN: u32 = 4;
/// Words of a line of memory: rows start at one.
const LINE: usize = prefetch::LINE / size_of::<u64>();

#[derive(Debug)]
pub(super) struct Rows {
    pub subjects: Subjects,
    /// Rollups that events are added to.
    direct: Vec<usize>,
    /// The other ones, those with many dimensions first, each with those that it can be merged
    /// from.
    derived: Vec<(usize, Vec<usize>)>,
    /// Rows of each rollup.
    made: Vec<Vec<u32>>,
    /// Rows, each as wide as `template`: (pane minute << 1 | late), (next row of the subject,
    /// subject), measures.
    words: Vec<u64>,
    template: Vec<u64>,
    spill: Spill,
    /// Rows of subjects with many, by (subject, pane, late).
    index: HashTable<u32>,
    /// Subjects that have rows, by partition of the partials, then by shard: stage 2 has the memory
    /// of one at hand at a time.
    touched: Vec<[Vec<u32>; SHARDS]>,
    /// A row that is being merged into another one.
    merged: Vec<u64>,
    /// Number of the next drain.
    drain: u32,
}

/// Which of its subject's rows one is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key(i64);

impl Key {
    /// Of the late events of a minute, or of those on time.
    #[inline]
    pub fn new(t: Micros, late: bool) -> Key {
        Key(t.0.div_euclid(Micros::MINUTE.0) << 1 | i64::from(late))
    }

    /// Pane, late.
    fn parts(self) -> (Micros, bool) {
        let pane = Micros((self.0 >> 1).saturating_mul(Micros::MINUTE.0));
        (pane, self.0 & 1 == 1)
    }
}

impl Rows {
    pub fn new(event: &EventDef, words: &Words, partials: u32) -> Rows {
        let rollups = &event.rollups;
        let within = |a: usize, b: usize| {
            let (a, b) = (&rollups[a].dimensions, &rollups[b].dimensions);
            a.len() < b.len() && a.iter().all(|d| b.contains(d))
        };
        let finer =
            |a: usize| -> Vec<usize> { (0..rollups.len()).filter(|b| within(a, *b)).collect() };
        let all = (0..rollups.len()).map(|a| (a, finer(a)));
        let (direct, mut derived): (Vec<_>, Vec<_>) = all.partition(|(_, of)| of.is_empty());
        derived.sort_by_key(|(a, _)| std::cmp::Reverse(rollups[*a].dimensions.len()));
        let mut template = words.template.clone();
        template.resize(template.len().next_multiple_of(LINE), 0);
        Rows {
            subjects: Subjects::new(event),
            direct: direct.into_iter().map(|(a, _)| a).collect(),
            derived,
            made: vec![Vec::new(); rollups.len()],
            words: Vec::new(),
            template,
            spill: Spill::default(),
            index: HashTable::new(),
            touched: vec![Default::default(); partials as usize],
            merged: Vec::new(),
            drain: 1,
        }
    }

    /// Number of rollups.
    pub fn rollups(&self) -> usize {
        self.made.len()
    }

    /// Number of rows that an event is added to.
    pub fn direct(&self) -> usize {
        self.direct.len()
    }

    /// Appends the hash of the subject of each row that an event is added to. `texts`: tenant, then
    /// the values of all dimensions of the event.
    #[inline]
    pub fn ids(&self, texts: &[&str], scratch: &mut Vec<Id>, out: &mut Vec<Id>) {
        scratch.clear();
        scratch.extend(texts.iter().map(|t| self.subjects.id_of_text(t)));
        for rollup in &self.direct {
            let id = self.subjects.id(*rollup, scratch);
            if self.subjects.many(*rollup) {
                self.subjects.prefetch(id);
            }
            out.push(id);
        }
    }

    /// Makes room for the subjects of so many events.
    pub fn reserve(&mut self, events: usize) {
        self.subjects.reserve(events * self.direct.len());
    }

    /// Finds the subjects of an event, in memory that was fetched, and fetches the rows that they
    /// used last, or what it takes to make other ones.
    #[inline]
    pub fn find(
        &mut self,
        (ids, texts): (&[Id], &[&str]),
        key: Key,
        names: &mut Names,
        out: &mut Vec<usize>,
    ) {
        for (rollup, id) in self.direct.iter().zip(ids) {
            let at = self.subjects.find(*rollup, *id, texts, names);
            if self.subjects.many(*rollup) {
                let slot = *self.subjects.slot(at);
                if (slot.key, slot.drain) == (key.0 as u32, self.drain) {
                    self.prefetch_row(slot.last);
                } else {
                    self.subjects.prefetch_subject(slot.subject);
                }
            }
            out.push(at);
        }
    }

    /// Fetches a row, which need not exist.
    #[inline(always)]
    fn prefetch_row(&self, row: u32) {
        let width = self.template.len();
        let row = self.words.as_ptr().wrapping_add(row as usize * width);
        prefetch_lines(row, width / LINE);
    }

    /// Appends where the rows of an event start. `slots`: from [`Rows::find`].
    #[inline]
    pub fn at(&mut self, slots: &[usize], key: Key, out: &mut Vec<usize>) {
        for slot in slots {
            let row = self.row(*slot, key.0);
            out.push(row);
        }
    }

    /// Fetches what lies outside of rows and will be added to.
    #[inline]
    pub fn prefetch(&self, at: &[usize], deltas: &[(usize, Delta)]) {
        prefetch_spilled(&self.words, at, deltas, &self.spill);
    }

    /// Adds an event to rows.
    #[inline]
    pub fn add(&mut self, at: &[usize], deltas: &[(usize, Delta)]) {
        add(&mut self.words, at, deltas, &mut self.spill);
    }

    /// Where the row starts.
    #[inline]
    fn row(&mut self, at_slot: usize, key: i64) -> usize {
        let slot = *self.subjects.slot(at_slot);
        let at = slot.last as usize * self.template.len();
        if let Some([k, s]) = self.words.get(at..).and_then(<[u64]>::first_chunk)
            && (*k as i64, (*s >> 32) as u32) == (key, slot.subject)
        {
            return at;
        }
        let subject = slot.subject;
        let row = self.other_row(subject, key);
        let slot = self.subjects.slot(at_slot);
        (slot.last, slot.key, slot.drain) = (row, key as u32, self.drain);
        row as usize * self.template.len()
    }

    /// A row that is not the one used last.
    fn other_row(&mut self, subject: u32, key: i64) -> u32 {
        let (all, width) = (&self.words, self.template.len());
        let s = self.subjects.get(subject);
        let found = if s.rows <= SHORT_CHAIN {
            let mut row = s.head;
            while row != NONE && all[row as usize * width] as i64 != key {
                row = all[row as usize * width + 1] as u32;
            }
            Some(row).filter(|r| *r != NONE)
        } else {
            let is = |r: &u32| {
                all[*r as usize * width] as i64 == key
                    && (all[*r as usize * width + 1] >> 32) as u32 == subject
            };
            self.index.find(row_hash(subject, key), is).copied()
        };
        found.unwrap_or_else(|| self.new_row(subject, key))
    }

    fn new_row(&mut self, subject: u32, key: i64) -> u32 {
        let row = (self.words.len() / self.template.len()) as u32;
        let s = self.subjects.get(subject);
        if s.rows == 0 {
            let partition = (s.hash % self.touched.len() as u64) as usize;
            self.touched[partition][shard_of(s.hash, SHARDS)].push(subject);
        }
        self.made[s.rollup as usize].push(row);
        let start = self.words.len();
        self.words.extend_from_slice(&self.template);
        self.words[start] = key as u64;
        self.words[start + 1] = u64::from(s.head) | u64::from(subject) << 32;
        s.head = row;
        s.rows += 1;
        if s.rows == SHORT_CHAIN + 1 {
            let mut r = row;
            while r != NONE {
                self.index_row(r);
                r = self.words[r as usize * self.template.len() + 1] as u32;
            }
        } else if s.rows > SHORT_CHAIN {
            self.index_row(row);
        }
        row
    }

    fn index_row(&mut self, row: u32) {
        let (all, width) = (&self.words, self.template.len());
        let hash = |r: &u32| {
            let at = *r as usize * width;
            row_hash((all[at + 1] >> 32) as u32, all[at] as i64)
        };
        self.index.insert_unique(hash(&row), row, hash);
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.words.len() / self.template.len()
    }

    /// Bytes in use, about.
    pub fn bytes(&self) -> usize {
        self.words.len() * 8 + self.spill.bytes()
    }

    /// Makes the rows that no event was added to, before they are drained: each rollup from the one
    /// with the fewest rows.
    pub fn derive(&mut self, words: &Words, names: &mut Names) {
        for d in 0..self.derived.len() {
            let (rollup, from) = &self.derived[d];
            let from = from.iter().copied().min_by_key(|f| self.made[*f].len());
            let (rollup, from) = (*rollup, from.unwrap_or_default());
            for i in 0..self.made[from].len() {
                self.merge_up(self.made[from][i], rollup, words, names);
            }
        }
    }

    /// Merges a row into that of a rollup with some of its dimensions.
    fn merge_up(&mut self, row: u32, rollup: usize, words: &Words, names: &mut Names) {
        let width = self.template.len();
        let start = row as usize * width;
        self.merged.clear();
        self.merged.extend_from_slice(&self.words[start..][..width]);
        let (key, subject) = (self.merged[0] as i64, (self.merged[1] >> 32) as u32);
        let slot = self.subjects.find_above(subject, rollup, names);
        let at = self.row(slot, key);
        words.merge(&self.merged, &mut self.words[at..], &mut self.spill);
    }

    /// Gives out the rows of a partition, subject by subject.
    pub fn each(&mut self, partition: usize, names: &mut Names, on: &mut OnGroup<'_>) {
        for shard in 0..SHARDS {
            self.each_of((partition, shard), names, on);
        }
    }

    fn each_of(
        &mut self,
        (partition, shard): (usize, usize),
        names: &mut Names,
        on: &mut OnGroup<'_>,
    ) {
        let width = self.template.len();
        let touched = &self.touched[partition][shard];
        for (i, &subject) in touched.iter().enumerate() {
            self.prefetch_group(&touched[i..], names);
            let (rollup, hash, mut next) = {
                let s = self.subjects.get(subject);
                (s.rollup as usize, s.hash, s.head)
            };
            let head = GroupHead {
                rollup,
                hash,
                numbers: self.subjects.numbers(subject),
            };
            let all = &self.words;
            let mut rows = std::iter::from_fn(|| {
                let row = all
                    .get(next as usize * width..)?
                    .get(..width)
                    .filter(|_| next != NONE)?;
                next = row[1] as u32;
                let (pane, late) = Key(row[0] as i64).parts();
                Some((pane, late, row))
            });
            on(&head, &mut rows, &mut self.spill, names);
        }
    }

    /// Fetches the memory of subjects that come soon: nearer ones have more of it known.
    #[inline]
    fn prefetch_group(&self, touched: &[u32], names: &Names) {
        let ahead = |n: usize| touched.get(n).copied();
        if let Some(s) = ahead(16) {
            self.subjects.prefetch_subject(s);
        }
        if let Some(s) = ahead(12) {
            self.prefetch_row(self.subjects.prefetch_numbers(s));
        }
        // The first value: it is the one with many.
        let value = |s: u32| self.subjects.numbers(s).get(1).copied();
        if let Some(n) = ahead(8).and_then(value) {
            names.prefetch(n);
        }
        if let Some(n) = ahead(4).and_then(value) {
            names.prefetch_text(n);
        }
    }

    /// Forgets the rows.
    pub fn clear(&mut self) {
        for touched in self.touched.iter_mut().flatten() {
            for subject in touched.drain(..) {
                let s = self.subjects.get(subject);
                s.head = NONE;
                s.rows = 0;
            }
        }
        self.made.iter_mut().for_each(Vec::clear);
        if self.words.capacity() > 4 * self.words.len().max(1 << 20) {
            self.words.shrink_to(2 * self.words.len());
        }
        self.drain = self.drain.wrapping_add(1);
        self.words.clear();
        self.index.clear();
        self.spill.clear();
    }
}

/// Is given the rows of a subject, and what is needed to encode them.
pub(super) type OnGroup<'f> =
    dyn FnMut(&GroupHead<'_>, &mut dyn Iterator<Item = RowWords<'_>>, &mut Spill, &mut Names) + 'f;

/// Pane, late, the words.
type RowWords<'a> = (Micros, bool, &'a [u64]);

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
