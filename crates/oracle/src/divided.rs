//! A fold whose cells are on shelves: as many buckets at once as memory holds.

use crate::fold::{Fold, Judged, Totals};
use crate::held::Held;
use crate::settings::Settings;
use crate::share::{BUCKETS, Share};
use crate::shelves::Shelves;
use crate::twice::Identities;
use crate::{Truth, concluded};
use std::io;
use weir_catalog::Catalog;
use weir_model::Micros;

/// What is left to be judged of a log that was read.
pub struct Divided {
    /// Up to where windows are final, by event type (order of the catalog).
    pub final_through: Vec<Micros>,
    /// What was counted.
    pub totals: Totals,
    common: Held,
    settings: Settings,
    /// Bytes that a bucket takes at most, by bucket.
    loaded: Vec<usize>,
    next: usize,
}

impl Divided {
    /// After the last record: puts the rest of a fold onto the shelves where its other cells are.
    ///
    /// # Errors
    /// Those of the shelves.
    pub fn new(
        catalog: &Catalog,
        mut fold: Fold,
        shelves: &mut dyn Shelves,
    ) -> io::Result<Divided> {
        fold.shelve(catalog, shelves)?;
        let final_through = fold.final_through(catalog);
        let settings = fold.settings();
        let mut totals = fold.totals;
        for bucket in 0..BUCKETS {
            Identities::take(bucket, shelves)?.tell(catalog, &mut totals);
        }
        Ok(Divided {
            final_through,
            totals,
            common: Held::common(shelves)?,
            settings,
            loaded: fold.loaded,
            next: 0,
        })
    }

    /// What the log says of the next buckets, as many as take up to `limit` bytes but one at least;
    /// nothing where all were given.
    ///
    /// # Errors
    /// Those of the shelves.
    pub fn next(
        &mut self,
        catalog: &Catalog,
        limit: usize,
        shelves: &mut dyn Shelves,
    ) -> io::Result<Option<(Share, Truth)>> {
        let first = self.next;
        if first == BUCKETS {
            return Ok(None);
        }
        let mut held = self.common.clone();
        while self.next < BUCKETS {
            let more = self.loaded[self.next];
            if self.next > first && held.bytes + more > limit {
                break;
            }
            held.take(self.next, shelves)?;
            self.next += 1;
        }
        let share = Share(first..self.next);
        let judged = Judged {
            on_time: held.on_time,
            late: held.late,
            minutes: held.minutes,
            settings: self.settings.clone(),
            final_through: self.final_through.clone(),
            totals: Totals::default(),
        };
        let truth = concluded(catalog, judged, &share);
        Ok(Some((share, truth)))
    }
}
