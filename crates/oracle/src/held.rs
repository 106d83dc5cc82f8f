//! The cells that are in memory, and how they are put on shelves and taken from them again.

use crate::cells::{Cell, CellKey, HEAP};
use crate::needs::Needs;
use crate::share::{BUCKETS, Share};
use crate::shelves::{Shelves, row, taken};
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use weir_catalog::Catalog;
use weir_model::{Micros, WindowSize};

/// (event, rollup, tenant, values)
pub(crate) type SubjectKey = (usize, usize, String, Vec<String>);

/// Cells by the time of their events, and the minutes that rules on silence ask for.
#[derive(Default, Clone)]
pub(crate) struct Held {
    pub on_time: BTreeMap<CellKey, Cell>,
    pub late: BTreeMap<CellKey, Cell>,
    /// Ends of the minutes with an on-time event.
    pub minutes: BTreeMap<SubjectKey, BTreeSet<Micros>>,
    /// Bytes that all this takes, about.
    pub bytes: usize,
}

/// A row on a shelf. What belongs together may stand in several.
#[derive(Serialize, Deserialize)]
enum Row {
    OnTime(CellKey, Cell),
    Late(CellKey, Cell),
    Minutes(SubjectKey, BTreeSet<Micros>),
}

/// The shelf of what is looked at for subjects of every bucket. Those of the buckets come first.
const COMMON: usize = BUCKETS;
/// Bytes of one minute of a set.
const MINUTE: usize = 2 * size_of::<Micros>();

impl Held {
    pub fn add(&mut self, key: CellKey, cell: &Cell, late: bool) {
        let cells = if late {
            &mut self.late
        } else {
            &mut self.on_time
        };
        match cells.entry(key) {
            Entry::Vacant(e) => {
                self.bytes += e.key().bytes() + cell.bytes();
                e.insert(cell.clone());
            }
            Entry::Occupied(mut e) => {
                let before = e.get().bytes();
                e.get_mut().merge(cell);
                self.bytes += e.get().bytes().saturating_sub(before);
            }
        }
    }

    pub fn minute(&mut self, subject: SubjectKey, end: Micros) {
        let texts = subject.2.len() + subject.3.iter().map(String::len).sum::<usize>();
        let of_subject = match self.minutes.entry(subject) {
            Entry::Vacant(e) => {
                self.bytes += size_of::<SubjectKey>() * 2 + texts + 4 * HEAP;
                e.insert(BTreeSet::new())
            }
            Entry::Occupied(e) => e.into_mut(),
        };
        if of_subject.insert(end) {
            self.bytes += MINUTE;
        }
    }

    /// Puts all on the shelves of the subjects' buckets, or on that of all buckets. `loaded` grows
    /// by the bytes that each bucket takes up here.
    pub fn shelve(
        &mut self,
        catalog: &Catalog,
        needs: &[Vec<Needs>],
        loaded: &mut [usize],
        out: &mut dyn Shelves,
    ) -> io::Result<()> {
        let all = std::mem::take(self);
        for (late, cells) in [(false, all.on_time), (true, all.late)] {
            for (key, cell) in cells {
                let size = WindowSize::ALL.iter().position(|s| *s == key.window);
                let joined = needs[key.event][key.rollup].joined;
                let shelf = if !late && size.is_some_and(|i| joined[i]) {
                    COMMON
                } else {
                    let bucket = bucket(catalog, key.event, key.rollup, &key.tenant, &key.values);
                    loaded[bucket] += key.bytes() + cell.bytes();
                    bucket
                };
                let kept = if late { Row::Late } else { Row::OnTime };
                out.put(shelf, &row(&kept(key, cell))?)?;
            }
        }
        for (subject, ends) in all.minutes {
            let (event, rollup, tenant, values) = &subject;
            let shelf = if needs[*event][*rollup].watched_by_others {
                COMMON
            } else {
                let bucket = bucket(catalog, *event, *rollup, tenant, values);
                loaded[bucket] += ends.len() * MINUTE;
                bucket
            };
            out.put(shelf, &row(&Row::Minutes(subject, ends))?)?;
        }
        Ok(())
    }

    /// Takes in what is on the shelf of a bucket.
    pub fn take(&mut self, bucket: usize, from: &mut dyn Shelves) -> io::Result<()> {
        from.each(bucket, &mut |bytes| {
            match taken(bytes)? {
                Row::OnTime(key, cell) => self.add(key, &cell, false),
                Row::Late(key, cell) => self.add(key, &cell, true),
                Row::Minutes(subject, ends) => {
                    for end in ends {
                        self.minute(subject.clone(), end);
                    }
                }
            }
            Ok(())
        })
    }

    /// What every share needs.
    pub fn common(from: &mut dyn Shelves) -> io::Result<Held> {
        let mut held = Held::default();
        held.take(COMMON, from)?;
        Ok(held)
    }
}

fn bucket(
    catalog: &Catalog,
    event: usize,
    rollup: usize,
    tenant: &str,
    values: &[String],
) -> usize {
    let def = &catalog.events[event];
    let names = def.rollups[rollup].dimensions.iter();
    let names = names.map(|d| def.dimensions[*d].name.as_str());
    Share::bucket(tenant, names.zip(values.iter().map(String::as_str)))
}
