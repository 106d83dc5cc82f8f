//! The memory of a shard: subjects, their series, and each series' open windows as encoded rows.

pub(crate) use super::ids::{Id, NONE, WindowKind};
use super::index::Index;
use super::open::OpenWindows;
use super::plan::RollupId;
use super::setting::Setting;
use super::time::{Size, ZoneId};
use super::to_date::{Known, ToDate};
use crate::detect::DetectorState;
use crate::kpi::KpiMemory;
use crate::{EngineError, varint};
use std::collections::VecDeque;
use weir_model::Micros;
use weir_model::prefetch::prefetch;

/// A subject. `name` is tenant and values, each with its length.
pub(crate) struct Subject {
    pub hash: u64,
    pub name: Box<[u8]>,
    /// First of its series.
    pub series: Id,
    pub zone: ZoneId,
    pub shape: u16,
    pub memory: Option<Box<SubjectMemory>>,
}

/// What KPIs remember of a subject.
#[derive(Default)]
pub(crate) struct SubjectMemory {
    pub kpis: Vec<KpiSlot>,
    /// Ascending ends within a KPI: the newest are looked for from the back, the oldest leave at the
    /// front.
    pub pending: VecDeque<Pending>,
    pub known: Vec<Known>,
}

impl SubjectMemory {
    /// Where a KPI waits for a window that ends then, or where it belongs: behind those of the KPI
    /// that end earlier.
    pub fn waits_at(&self, kpi: u16, end: Micros) -> Result<usize, usize> {
        let of = |p: &Pending| p.kpi == kpi;
        match self.pending.iter().rposition(|p| of(p) && p.end <= end) {
            Some(i) if self.pending[i].end == end => Ok(i),
            Some(i) => Err(i + 1),
            None => Err(self
                .pending
                .iter()
                .position(of)
                .unwrap_or(self.pending.len())),
        }
    }
}

/// Momentum memory of one KPI.
pub(crate) struct KpiSlot {
    pub kpi: u16,
    /// End of its last final window.
    pub last: Micros,
    pub memory: KpiMemory,
}

/// A window of a KPI of which some event types are not final yet.
pub(crate) struct Pending {
    pub kpi: u16,
    pub start: Micros,
    pub end: Micros,
    /// `None` where no row has come for the term.
    pub terms: Box<[Option<Option<f64>>]>,
}

/// A subject in one rollup.
pub(crate) struct Series {
    pub subject: Id,
    /// Next series of the subject.
    pub next: Id,
    pub rollup: RollupId,
    /// Stands in the list of changed series.
    pub changed: bool,
    pub open: OpenWindows,
    pub memory: Option<Box<SeriesMemory>>,
}

/// What a series remembers beyond its open windows.
#[derive(Default)]
pub(crate) struct SeriesMemory {
    pub detectors: Vec<DetectorSlot>,
    pub rings: Vec<Ring>,
    pub to_date: Vec<ToDate>,
    /// Early limits told, by (detector, window end).
    pub told: Vec<(u16, Micros)>,
    /// What is in force, where the series is one of a setting that somebody reads.
    pub setting: Option<Box<Setting>>,
}

/// State of one detector.
pub(crate) struct DetectorSlot {
    pub detector: u16,
    /// End of the last final window.
    pub last: Micros,
    pub state: DetectorState,
}

/// The final windows of one size that rolling windows still need, oldest first. One that holds
/// anything waits in the queue of its next slide.
pub(crate) struct Ring {
    pub of: Size,
    /// End of the next slide.
    pub slide: Micros,
    pub rows: VecDeque<Past>,
}

/// A final window.
pub(crate) struct Past {
    pub start: Micros,
    pub end: Micros,
    pub row: Box<[u8]>,
}

impl SeriesMemory {
    pub fn is_empty(&self) -> bool {
        self.detectors.is_empty()
            && self.told.is_empty()
            && self.setting.is_none()
            && self.to_date.is_empty()
            && self.rings.iter().all(|r| r.rows.is_empty())
    }
}

impl Series {
    pub fn memory(&mut self) -> &mut SeriesMemory {
        self.memory.get_or_insert_default()
    }
}

/// Writes the name of a subject: tenant and values, each with its length.
pub(crate) fn put_name<'v>(
    out: &mut Vec<u8>,
    tenant: &str,
    values: impl IntoIterator<Item = &'v str>,
) {
    varint::put_str(out, tenant);
    for v in values {
        varint::put_str(out, v);
    }
}

/// The texts of a name: the tenant first.
pub(crate) fn texts(name: &[u8]) -> impl Iterator<Item = &str> + Clone {
    let mut rest = name;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            None
        } else {
            varint::str(&mut rest).ok()
        }
    })
}

/// The tenant of a name.
pub(crate) fn tenant(name: &[u8]) -> &str {
    texts(name).next().unwrap_or_default()
}

/// Subjects and series of a shard, found by hash and name.
#[derive(Default)]
pub(crate) struct Store {
    index: Index,
    subjects: Vec<Subject>,
    free_subjects: Vec<Id>,
    series: Vec<Series>,
    free_series: Vec<Id>,
}

impl Store {
    /// The subject of that name, made if it is new.
    pub fn subject(
        &mut self,
        hash: u64,
        shape: u16,
        name: &[u8],
        zone: impl FnOnce() -> ZoneId,
    ) -> Id {
        let subjects = &self.subjects;
        let same = |i: &Id| {
            let s = &subjects[*i as usize];
            s.hash == hash && s.shape == shape && *s.name == *name
        };
        if let Some(i) = self.index.find(hash).find(same) {
            return i;
        }
        let subject = Subject {
            hash,
            name: name.into(),
            series: NONE,
            zone: zone(),
            shape,
            memory: None,
        };
        let id = place(&mut self.subjects, &mut self.free_subjects, subject);
        self.index.insert(hash, id);
        id
    }

    /// The subject's series in a rollup, made if it is new.
    pub fn series_of(&mut self, subject: Id, rollup: RollupId) -> Id {
        let first = self.subjects[subject as usize].series;
        let mut at = first;
        while at != NONE {
            let s = &self.series[at as usize];
            if s.rollup == rollup {
                return at;
            }
            at = s.next;
        }
        let series = Series {
            subject,
            next: first,
            rollup,
            changed: false,
            open: OpenWindows::default(),
            memory: None,
        };
        let id = place(&mut self.series, &mut self.free_series, series);
        self.subjects[subject as usize].series = id;
        id
    }

    /// Fetches the memory where a subject is looked up.
    #[inline]
    pub fn prefetch_index(&self, hash: u64) {
        self.index.prefetch(hash);
    }

    /// Then the subject that is probably meant.
    #[inline]
    pub fn prefetch_subject(&self, hash: u64) -> Id {
        let id = self.index.find(hash).next().unwrap_or(NONE);
        prefetch(self.subjects.as_ptr().wrapping_add(id as usize));
        id
    }

    /// Then its name and its first series.
    #[inline]
    pub fn prefetch_series(&self, subject: Id) -> Id {
        let Some(s) = self.subjects.get(subject as usize) else {
            return NONE;
        };
        prefetch(s.name.as_ptr());
        prefetch(self.series.as_ptr().wrapping_add(s.series as usize));
        s.series
    }

    /// Then the open windows of a series; its subject too where `owner` is asked for.
    #[inline]
    pub fn prefetch_open(&self, series: Id, owner: bool) {
        if let Some(s) = self.series.get(series as usize) {
            s.open.prefetch();
            if owner {
                prefetch(self.subjects.as_ptr().wrapping_add(s.subject as usize));
            }
        }
    }

    /// Fetches a series.
    #[inline]
    pub fn prefetch(&self, series: Id) {
        prefetch(self.series.as_ptr().wrapping_add(series as usize));
    }

    pub fn get(&self, id: Id) -> &Series {
        &self.series[id as usize]
    }
    pub fn get_mut(&mut self, id: Id) -> &mut Series {
        &mut self.series[id as usize]
    }
    pub fn subject_at(&self, id: Id) -> &Subject {
        &self.subjects[id as usize]
    }
    pub fn subject_mut(&mut self, id: Id) -> &mut Subject {
        &mut self.subjects[id as usize]
    }
    /// Whose series it is.
    pub fn owner(&self, series: Id) -> &Subject {
        self.subject_at(self.get(series).subject)
    }

    /// Forgets a series that holds nothing, and its subject with the last of them.
    pub fn tidy(&mut self, id: Id) {
        let series = &mut self.series[id as usize];
        if !series.open.is_empty() || series.memory.as_ref().is_some_and(|m| !m.is_empty()) {
            return;
        }
        let (subject, next) = (series.subject, series.next);
        if subject == NONE {
            return;
        }
        *series = Series {
            subject: NONE,
            next: NONE,
            rollup: 0,
            changed: false,
            open: OpenWindows::default(),
            memory: None,
        };
        self.free_series.push(id);
        let mut at = self.subjects[subject as usize].series;
        if at == id {
            self.subjects[subject as usize].series = next;
        } else {
            while at != NONE {
                let s = &mut self.series[at as usize];
                if s.next == id {
                    s.next = next;
                    break;
                }
                at = s.next;
            }
        }
        self.tidy_subject(subject);
    }

    /// Forgets a subject without series and memory.
    pub fn tidy_subject(&mut self, id: Id) {
        let s = &mut self.subjects[id as usize];
        if s.memory
            .as_ref()
            .is_some_and(|m| m.kpis.is_empty() && m.pending.is_empty() && m.known.is_empty())
        {
            s.memory = None;
        }
        if s.series != NONE || s.memory.is_some() || s.name.is_empty() {
            return;
        }
        self.index.remove(s.hash, id);
        s.name = Box::default();
        self.free_subjects.push(id);
    }

    /// Live subjects.
    pub fn subjects(&self) -> impl Iterator<Item = (Id, &Subject)> {
        self.subjects
            .iter()
            .enumerate()
            .filter(|(_, s)| !s.name.is_empty())
            .map(|(i, s)| (i as Id, s))
    }

    /// The series of a subject.
    pub fn series_ids(&self, subject: Id) -> impl Iterator<Item = Id> {
        let mut at = self.subjects[subject as usize].series;
        std::iter::from_fn(move || {
            let id = at;
            (id != NONE).then(|| {
                at = self.series[id as usize].next;
                id
            })
        })
    }

    /// (subjects, series) alive.
    pub fn len(&self) -> (usize, usize) {
        (
            self.subjects.len() - self.free_subjects.len(),
            self.series.len() - self.free_series.len(),
        )
    }

    /// (open windows, bytes held, about).
    pub fn weigh(&self) -> (usize, usize) {
        let mut open = 0;
        let mut bytes = self.index.bytes()
            + self.subjects.capacity() * size_of::<Subject>()
            + self.series.capacity() * size_of::<Series>();
        for s in &self.subjects {
            bytes += s.name.len();
            if let Some(m) = &s.memory {
                bytes += size_of::<SubjectMemory>() + m.kpis.capacity() * size_of::<KpiSlot>();
                bytes += m.pending.capacity() * size_of::<Pending>();
                bytes += m.pending.iter().map(|p| p.terms.len() * 24).sum::<usize>();
                bytes += m.known.iter().map(Known::bytes).sum::<usize>();
            }
        }
        for s in &self.series {
            open += s.open.iter().count();
            bytes += s.open.capacity();
            if let Some(m) = &s.memory {
                bytes +=
                    size_of::<SeriesMemory>() + m.detectors.capacity() * size_of::<DetectorSlot>();
                bytes += m
                    .detectors
                    .iter()
                    .map(|d| d.state.heap_bytes())
                    .sum::<usize>();
                bytes += m.setting.as_ref().map_or(0, |s| s.bytes());
                let past = m.rings.iter().flat_map(|r| &r.rows);
                bytes += past.map(|p| size_of::<Past>() + p.row.len()).sum::<usize>();
                bytes += m.to_date.iter().map(ToDate::bytes).sum::<usize>();
            }
        }
        (open, bytes)
    }
}

fn place<T>(all: &mut Vec<T>, free: &mut Vec<Id>, value: T) -> Id {
    match free.pop() {
        Some(id) => {
            all[id as usize] = value;
            id
        }
        None => {
            all.push(value);
            (all.len() - 1) as Id
        }
    }
}

/// Reads a name's length back out of its bytes: how many texts it holds.
pub(crate) fn check_name(name: &[u8], texts_expected: usize) -> Result<(), EngineError> {
    let mut rest = name;
    for _ in 0..texts_expected {
        varint::str(&mut rest)?;
    }
    if rest.is_empty() {
        Ok(())
    } else {
        Err(EngineError::corrupt(
            "a snapshot",
            "a subject has another number of values",
        ))
    }
}
