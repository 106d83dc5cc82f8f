//! Where a stream is: the offset that comes next, of each partition. It goes to the client as the
//! id of what it was told, and comes back as `Last-Event-ID`, to this process or another.

use std::collections::BTreeMap;
use std::fmt::Write;

/// Longest id that is read.
const LONGEST: usize = 8 << 10;

/// What is told for good: each record has a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Log {
    Alerts,
    Anomalies,
}

impl Log {
    pub const ALL: [Log; 2] = [Log::Alerts, Log::Anomalies];

    pub fn topic(self) -> &'static str {
        match self {
            Log::Alerts => weir_model::topics::ALERTS,
            Log::Anomalies => weir_model::topics::ANOMALIES,
        }
    }

    fn letter(self) -> char {
        match self {
            Log::Alerts => 'a',
            Log::Anomalies => 'n',
        }
    }
}

/// The next offset of each partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place(BTreeMap<(Log, i32), i64>);

impl Place {
    pub fn get(&self, log: Log, partition: i32) -> Option<i64> {
        self.0.get(&(log, partition)).copied()
    }

    pub fn set(&mut self, log: Log, partition: i32, next: i64) {
        self.0.insert((log, partition), next);
    }

    pub fn all(&self) -> impl Iterator<Item = ((Log, i32), i64)> {
        self.0.iter().map(|(of, next)| (*of, *next))
    }

    /// As an id.
    pub fn write(&self) -> String {
        let mut text = String::new();
        for ((log, partition), next) in &self.0 {
            let dot = if text.is_empty() { "" } else { "." };
            // Writing to a text cannot fail.
            let _ = write!(text, "{dot}{}{partition}-{next}", log.letter());
        }
        text
    }

    /// From an id; none where it is none.
    pub fn read(text: &str) -> Option<Place> {
        if text.len() > LONGEST {
            return None;
        }
        let one = |part: &str| {
            let log = Log::ALL
                .into_iter()
                .find(|l| part.starts_with(l.letter()))?;
            let (partition, next) = part[1..].split_once('-')?;
            Some(((log, partition.parse().ok()?), next.parse().ok()?))
        };
        let all: Option<BTreeMap<_, _>> = text.split('.').map(one).collect();
        all.map(Place)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_place_comes_back_from_its_id() {
        let mut place = Place::default();
        place.set(Log::Anomalies, 0, 7);
        place.set(Log::Alerts, 11, 1 << 40);
        place.set(Log::Alerts, 0, 0);
        assert_eq!(place.write(), "a0-0.a11-1099511627776.n0-7");
        assert_eq!(Place::read(&place.write()), Some(place));
        for bad in [
            "",
            "a",
            "a0",
            "a0-",
            "x0-1",
            "a0-1.",
            "é0-1",
            "a0-99999999999999999999",
        ] {
            assert_eq!(Place::read(bad), None, "{bad}");
        }
    }
}
