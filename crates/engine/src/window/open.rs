//! The open windows of a series, in order: larger windows first, so that those which change most,
//! minutes, stand at the end; each size by start.
//!
//! Nearly all series have few windows open. Those stand in one [`Page`], and a series costs what
//! they need and nothing beyond. A log with long pauses can open a week of minutes in one commit;
//! to move all of them for each that opens or closes would take the square of their number. So
//! where there are many, each size has a [`Run`] of pages: a window is found by its page's first
//! key, only its page is moved, and the oldest go from the front.

mod page;
mod run;

use super::ids::WindowKind;
use page::{Entries, Page, Spot};
use run::Run;
use std::collections::vec_deque;
use std::slice;
use weir_model::Micros;
use weir_model::prefetch::prefetch;

/// Bits of the start in a key, in seconds.
const START: u32 = 45;
/// Moves starts (whole seconds, a day's may lie before 1970) into the positive.
const BIAS: i64 = 1 << 44;
/// Kinds that a key can tell apart.
const KINDS: usize = 8;
/// Bytes beyond which they are many, and those below which they are few again.
const MOST_OF_FEW: usize = 8 << 10;
const LEAST_OF_MANY: usize = MOST_OF_FEW / 4;

pub(crate) struct OpenWindows(Held);

enum Held {
    Few(Page),
    Many(Box<Many>),
}

// It is part of every series.
const _: () = assert!(size_of::<OpenWindows>() == size_of::<Vec<u8>>());

#[derive(Default)]
struct Many {
    /// In the order of keys.
    runs: [Run; KINDS],
    /// Bytes of all pages.
    bytes: usize,
}

/// One of them.
#[derive(Clone, Copy)]
pub(crate) struct OpenWindow<'a> {
    key: u64,
    pub row: &'a [u8],
}

/// Where a window stands, until something changes.
pub(crate) struct Place {
    run: usize,
    page: usize,
    spot: Spot,
}

/// Where a window would stand.
pub(crate) struct Gap {
    run: usize,
    page: usize,
    at: usize,
}

fn key(kind: WindowKind, start: Micros) -> u64 {
    let start = start.0.div_euclid(1_000_000).saturating_add(BIAS) as u64;
    u64::from(7 - kind.0.min(7)) << START | start & ((1 << START) - 1)
}

fn run_of(key: u64) -> usize {
    (key >> START) as usize % KINDS
}

impl OpenWindow<'_> {
    pub fn kind(&self) -> WindowKind {
        WindowKind(7 - (self.key >> START) as u8)
    }
    pub fn start(&self) -> Micros {
        Micros(((self.key & ((1 << START) - 1)) as i64 - BIAS) * 1_000_000)
    }
}

/// See [`OpenWindows::iter`].
#[derive(Clone, Default)]
pub(crate) struct Iter<'a> {
    page: Entries<'a>,
    pages: vec_deque::Iter<'a, Page>,
    runs: slice::Iter<'a, Run>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = OpenWindow<'a>;

    #[inline]
    fn next(&mut self) -> Option<OpenWindow<'a>> {
        loop {
            if let Some((key, row)) = self.page.next() {
                return Some(OpenWindow { key, row });
            }
            match self.pages.next() {
                Some(page) => self.page = page.entries(),
                None => self.pages = self.runs.next()?.pages(),
            }
        }
    }
}

impl Default for OpenWindows {
    fn default() -> OpenWindows {
        OpenWindows(Held::Few(Page::default()))
    }
}

impl OpenWindows {
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Held::Few(page) => page.is_empty(),
            Held::Many(many) => many.bytes == 0,
        }
    }

    /// Fetches the first of the bytes: what follows comes by itself.
    #[inline]
    pub fn prefetch(&self) {
        match &self.0 {
            Held::Few(page) => page.prefetch(),
            Held::Many(many) => prefetch(&raw const **many),
        }
    }

    /// Bytes held.
    pub fn capacity(&self) -> usize {
        match &self.0 {
            Held::Few(page) => page.capacity(),
            Held::Many(many) => {
                size_of::<Many>() + many.runs.iter().map(Run::capacity).sum::<usize>()
            }
        }
    }

    /// All of them: larger windows first, each size by start.
    pub fn iter(&self) -> Iter<'_> {
        match &self.0 {
            Held::Few(page) => Iter {
                page: page.entries(),
                ..Iter::default()
            },
            Held::Many(many) => Iter {
                runs: many.runs.iter(),
                ..Iter::default()
            },
        }
    }

    /// Where a window stands, or would.
    #[inline]
    pub fn find(&self, kind: WindowKind, start: Micros) -> Result<Place, Gap> {
        let wanted = key(kind, start);
        let (run, page, found) = match &self.0 {
            Held::Few(page) => (0, 0, page.find(wanted)),
            Held::Many(many) => {
                let run = run_of(wanted);
                let (page, found) = many.runs[run].find(wanted);
                (run, page, found)
            }
        };
        match found {
            Ok(spot) => Ok(Place { run, page, spot }),
            Err(at) => Err(Gap { run, page, at }),
        }
    }

    /// The row of a window.
    #[inline]
    pub fn row(&self, at: &Place) -> &[u8] {
        match &self.0 {
            Held::Few(page) => page.row(&at.spot),
            Held::Many(many) => many.runs[at.run].page(at.page).row(&at.spot),
        }
    }

    /// Gives a window another row.
    #[inline]
    pub fn replace(&mut self, at: &Place, row: &[u8]) {
        match &mut self.0 {
            Held::Few(page) => {
                page.replace(&at.spot, row);
                if page.len() > MOST_OF_FEW {
                    self.spread();
                }
            }
            Held::Many(many) => {
                many.bytes -= many.runs[at.run].page(at.page).len();
                many.bytes += many.runs[at.run].replace(at.page, &at.spot, row);
            }
        }
    }

    /// Opens a window.
    #[inline]
    pub fn insert(&mut self, at: Gap, kind: WindowKind, start: Micros, row: &[u8]) {
        let key = key(kind, start);
        match &mut self.0 {
            Held::Few(page) => {
                page.insert(at.at, key, row);
                if page.len() > MOST_OF_FEW {
                    self.spread();
                }
            }
            Held::Many(many) => {
                many.bytes += Page::size_of(row);
                many.runs[at.run].insert((at.page, at.at), key, row);
            }
        }
    }

    /// Closes a window, its row goes into `row` (emptied before). False where it is not open.
    pub fn remove(&mut self, kind: WindowKind, start: Micros, row: &mut Vec<u8>) -> bool {
        row.clear();
        let Ok(at) = self.find(kind, start) else {
            return false;
        };
        row.extend_from_slice(self.row(&at));
        match &mut self.0 {
            Held::Few(page) => page.remove(&at.spot),
            Held::Many(many) => {
                many.bytes -= Page::size_of(row);
                many.runs[at.run].remove(at.page, &at.spot);
                if many.bytes < LEAST_OF_MANY {
                    self.gather();
                }
            }
        }
        true
    }

    /// Open windows of a kind with `from <= start < until`.
    pub fn between(
        &self,
        kind: WindowKind,
        from: Micros,
        until: Micros,
    ) -> impl Iterator<Item = OpenWindow<'_>> + Clone {
        let (a, b) = (key(kind, from), key(kind, until));
        let some = match &self.0 {
            Held::Few(_) => self.iter(),
            Held::Many(many) => Iter {
                pages: many.runs[run_of(a)].pages_from(a),
                ..Iter::default()
            },
        };
        some.skip_while(move |o| o.key < a)
            .take_while(move |o| o.key < b)
    }

    /// Start of the newest open window of a kind.
    pub fn newest(&self, kind: WindowKind) -> Option<Micros> {
        let some = match &self.0 {
            Held::Few(_) => self.iter(),
            Held::Many(many) => Iter {
                page: many.runs[run_of(key(kind, Micros(0)))].last()?.entries(),
                ..Iter::default()
            },
        };
        let last = some.filter(|o| o.kind() == kind).last();
        last.map(|o| o.start())
    }

    /// Few become many.
    #[cold]
    fn spread(&mut self) {
        let mut many = Box::<Many>::default();
        for open in self.iter() {
            many.runs[run_of(open.key)].push(open.key, open.row);
            many.bytes += Page::size_of(open.row);
        }
        self.0 = Held::Many(many);
    }

    /// Many have become few.
    #[cold]
    fn gather(&mut self) {
        let mut page = Page::default();
        for open in self.iter() {
            page.insert(page.len(), open.key, open.row);
        }
        self.0 = Held::Few(page);
    }
}

#[cfg(test)]
mod tests;
