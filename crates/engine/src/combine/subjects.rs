//! Of whom the rows are. A subject is found by a hash of 128 bits, as an event's identity is: its
//! texts are neither kept nor compared (they are what a busy stage would wait for). The hash is of
//! this process only, so that nobody can choose texts that collide.

use super::names::{Id, Names, Seed};
use weir_catalog::types::EventDef;
use weir_model::hash;
use weir_model::prefetch::prefetch;

/// No row, no subject.
pub(super) const NONE: u32 = u32::MAX;
/// A rollup with so many subjects has many: the others' memory is near anyway.
const MANY: u32 = 512;
/// Subjects remembered across drains.
const KEPT: usize = 400_000;

/// The subjects of one event type. They outlive a drain: the same ones come again.
#[derive(Debug)]
pub(super) struct Subjects {
    /// Dimensions of each rollup: (name, index among the event's dimensions).
    rollups: Vec<Vec<(String, usize)>>,
    /// Open addressing; never more than half full.
    table: Vec<Slot>,
    list: Vec<Subject>,
    /// Numbers of the texts of each subject.
    numbers: Vec<u32>,
    /// By rollup.
    counts: Vec<u32>,
    seed: Seed,
    key: Vec<u8>,
}

/// Half a line of memory: all that adding to a row that is there needs to know of its subject.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Slot {
    id: Id,
    pub subject: u32,
    /// The row used last, its key, and the drain that gives it out. Only hints: the row itself says
    /// what it is.
    pub last: u32,
    pub key: u32,
    pub drain: u32,
}

const EMPTY: Slot = Slot {
    id: Id([0; 2]),
    subject: NONE,
    last: NONE,
    key: 0,
    drain: 0,
};

#[derive(Debug)]
pub(super) struct Subject {
    /// Of the contract.
    pub hash: u64,
    pub rollup: u32,
    /// Where its numbers start: of the tenant, then of the values.
    numbers: u32,
    /// Newest row, and how many there are.
    pub head: u32,
    pub rows: u32,
}

impl Subjects {
    pub fn new(event: &EventDef) -> Subjects {
        let name = |d: &usize| (event.dimensions[*d].name.clone(), *d);
        Subjects {
            rollups: event
                .rollups
                .iter()
                .map(|r| r.dimensions.iter().map(name).collect())
                .collect(),
            table: vec![EMPTY; 1 << 10],
            list: Vec::new(),
            numbers: Vec::new(),
            counts: vec![0; event.rollups.len()],
            seed: Seed::default(),
            key: Vec::new(),
        }
    }

    /// The hash of a text.
    #[inline]
    pub fn id_of_text(&self, text: &str) -> Id {
        self.seed.of(text)
    }

    /// The hash of the subject of a rollup. `texts`: of the tenant, then of the values of all
    /// dimensions of the event.
    #[inline]
    pub fn id(&self, rollup: usize, texts: &[Id]) -> Id {
        let dimensions = self.rollups[rollup].iter();
        dimensions.fold(texts[0].salted(rollup), |id, (_, d)| id.with(texts[1 + *d]))
    }

    /// Whether the memory of a rollup's subjects should be fetched before it is used.
    #[inline]
    pub fn many(&self, rollup: usize) -> bool {
        self.counts[rollup] >= MANY
    }

    /// Fetches the memory where a subject is looked up.
    #[inline]
    pub fn prefetch(&self, id: Id) {
        prefetch(self.table.as_ptr().wrapping_add(self.home(id)));
    }

    #[inline]
    fn home(&self, id: Id) -> usize {
        id.0[0] as usize & (self.table.len() - 1)
    }

    /// Makes room for so many new ones: until they have come, slots stay where they are.
    #[inline]
    pub fn reserve(&mut self, more: usize) {
        if (self.list.len() + more) * 2 > self.table.len() {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        let room = ((self.list.len() + more) * 4).next_power_of_two();
        let old = std::mem::replace(&mut self.table, vec![EMPTY; room]);
        for slot in old.into_iter().filter(|s| s.subject != NONE) {
            let mut i = self.home(slot.id);
            while self.table[i].subject != NONE {
                i = (i + 1) & (room - 1);
            }
            self.table[i] = slot;
        }
    }

    /// The slot of a subject. `texts`: as hashed for [`Subjects::id`]; room was made with
    /// [`Subjects::reserve`].
    #[inline]
    pub fn find(&mut self, rollup: usize, id: Id, texts: &[&str], names: &mut Names) -> usize {
        self.look_up(id).unwrap_or_else(|free| {
            let dimensions = self.rollups[rollup].iter();
            let values = dimensions.map(|(_, d)| texts[1 + *d]);
            let texts: Vec<&str> = std::iter::once(texts[0]).chain(values).collect();
            self.add(free, (rollup, id), &texts, names)
        })
    }

    /// The slot of the subject that says some of what another one says: that of a rollup with some
    /// of its dimensions.
    pub fn find_above(&mut self, subject: u32, rollup: usize, names: &mut Names) -> usize {
        self.reserve(1);
        let below = self.list[subject as usize].rollup as usize;
        let numbers = self.numbers(subject);
        let number = |dimension: usize| {
            let at = self.rollups[below]
                .iter()
                .position(|(_, d)| *d == dimension);
            at.map_or(numbers[0], |at| numbers[1 + at])
        };
        let of = |number: u32| self.seed.of(names.text(number));
        let dimensions = self.rollups[rollup].iter();
        let id = dimensions.fold(of(numbers[0]).salted(rollup), |id, (_, d)| {
            id.with(of(number(*d)))
        });
        let free = match self.look_up(id) {
            Ok(slot) => return slot,
            Err(free) => free,
        };
        let values = self.rollups[rollup].iter().map(|(_, d)| number(*d));
        let texts = std::iter::once(numbers[0]).chain(values);
        let texts: Vec<String> = texts.map(|n| names.text(n).to_owned()).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        self.add(free, (rollup, id), &texts, names)
    }

    /// The slot of a subject, or where it has to be put.
    #[inline]
    fn look_up(&self, id: Id) -> Result<usize, usize> {
        let mask = self.table.len() - 1;
        let mut i = self.home(id);
        loop {
            let slot = &self.table[i];
            if slot.subject == NONE {
                return Err(i);
            }
            if slot.id == id {
                return Ok(i);
            }
            i = (i + 1) & mask;
        }
    }

    /// `texts`: tenant, then the values of the rollup's dimensions.
    #[cold]
    fn add(
        &mut self,
        free: usize,
        (rollup, id): (usize, Id),
        texts: &[&str],
        names: &mut Names,
    ) -> usize {
        let subject = self.list.len() as u32;
        self.counts[rollup] += 1;
        let numbers = self.numbers.len() as u32;
        self.numbers.extend(texts.iter().map(|t| names.number(t)));
        self.key.clear();
        let dimensions = self.rollups[rollup].iter().zip(&texts[1..]);
        let named = dimensions.map(|((name, _), value)| (name.as_str(), *value));
        hash::subject_key(&mut self.key, texts[0], named);
        self.list.push(Subject {
            hash: hash::subject(&self.key),
            rollup: rollup as u32,
            numbers,
            head: NONE,
            rows: 0,
        });
        self.table[free] = Slot {
            id,
            subject,
            ..EMPTY
        };
        free
    }

    /// Numbers of the texts of a subject: tenant, then values.
    #[inline]
    pub fn numbers(&self, subject: u32) -> &[u32] {
        let s = &self.list[subject as usize];
        let count = 1 + self.rollups[s.rollup as usize].len();
        &self.numbers[s.numbers as usize..][..count]
    }

    #[inline]
    pub fn slot(&mut self, at: usize) -> &mut Slot {
        &mut self.table[at]
    }

    #[inline]
    pub fn get(&mut self, subject: u32) -> &mut Subject {
        &mut self.list[subject as usize]
    }

    /// Fetches a subject, which is read where it gets another row, and to be drained.
    #[inline]
    pub fn prefetch_subject(&self, subject: u32) {
        prefetch(self.list.as_ptr().wrapping_add(subject as usize));
    }

    /// Fetches its numbers, once it is there itself; returns its newest row.
    #[inline]
    pub fn prefetch_numbers(&self, subject: u32) -> u32 {
        let s = &self.list[subject as usize];
        prefetch(self.numbers.as_ptr().wrapping_add(s.numbers as usize));
        s.head
    }

    /// Whether they have become so many that they should be forgotten.
    pub fn is_large(&self) -> bool {
        self.list.len() > KEPT
    }

    /// Forgets all. None has rows.
    pub fn clear(&mut self) {
        self.list.clear();
        self.numbers.clear();
        self.counts.fill(0);
        self.table.fill(EMPTY);
    }
}
