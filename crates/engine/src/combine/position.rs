//! What of a raw partition travels with its committed offset.

use crate::EngineError;
use weir_model::Micros;

/// The functions of a partition's log that later records depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Clock {
    /// Minus infinity until the log has told one.
    pub log_time: Micros,
    /// Between the marks of a player.
    pub in_replay: bool,
}

impl Clock {
    pub const START: Clock = Clock {
        log_time: Micros::MIN,
        in_replay: false,
    };
}

/// Where de-duplication has to be rebuilt from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// First offset whose identity still matters.
    pub offset: i64,
    /// The clock before it.
    pub clock: Clock,
}

/// State of a raw partition after a record: committed as the metadata of the offset that follows
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub(crate) watermark: Micros,
    pub(crate) clock: Clock,
    pub(crate) horizon: Option<Horizon>,
    /// When the last event was appended, by the broker's clock, also under replay; minus infinity:
    /// there was none.
    pub(crate) event: Micros,
}

impl Default for Position {
    fn default() -> Self {
        Position {
            watermark: Micros::MIN,
            clock: Clock::START,
            horizon: None,
            event: Micros::MIN,
        }
    }
}

const VERSION: &str = "1";

/// Stands before the watermark that was last told, at the end of an offset's metadata.
const TOLD: &str = " told ";
/// Stands before the time at which the last event was appended, after that.
const EVENT: &str = " event ";

impl Position {
    /// As text for an offset's metadata: at most 200 bytes.
    pub fn to_metadata(&self) -> String {
        let mut out = String::from(VERSION);
        put(&mut out, self.watermark.0);
        put_clock(&mut out, &self.clock);
        if let Some(h) = &self.horizon {
            put(&mut out, h.offset);
            put_clock(&mut out, &h.clock);
        }
        out
    }

    /// From an offset's metadata; an empty text is a partition never read.
    pub fn parse(text: &str) -> Result<Position, EngineError> {
        if text.is_empty() {
            return Ok(Position::default());
        }
        let bad = || EngineError::corrupt("an offset's metadata", "it is not a position of weir");
        let position = text.split_once(TOLD).map_or(text, |(position, _)| position);
        let mut parts = position.split(' ');
        if parts.next() != Some(VERSION) {
            return Err(bad());
        }
        let mut numbers = Vec::with_capacity(8);
        for part in parts {
            numbers.push(if part == "-" {
                i64::MIN
            } else {
                part.parse().map_err(|_| bad())?
            });
        }
        let clock = |n: &[i64]| Clock {
            log_time: Micros(n[0]),
            in_replay: n[1] != 0,
        };
        let horizon = match numbers.len() {
            3 => None,
            6 => Some(Horizon {
                offset: numbers[3],
                clock: clock(&numbers[4..]),
            }),
            _ => return Err(bad()),
        };
        Ok(Position {
            watermark: Micros(numbers[0]),
            clock: clock(&numbers[1..]),
            horizon,
            event: Position::last_event(text),
        })
    }

    /// As [`Position::to_metadata`], with the watermark that the partials up to this commit tell:
    /// what of the partition they make final.
    pub(crate) fn to_metadata_with(self, told: Micros) -> String {
        let mut out = self.to_metadata();
        out.push_str(TOLD.trim_end());
        put(&mut out, told.0);
        out.push_str(EVENT.trim_end());
        put(&mut out, self.event.0);
        out
    }

    /// The watermark that partials have told, from an offset's metadata; minus infinity where it
    /// does not say.
    pub fn told(metadata: &str) -> Micros {
        said(metadata, TOLD)
    }

    /// When the last event was appended, from an offset's metadata; minus infinity where it does
    /// not say.
    pub fn last_event(metadata: &str) -> Micros {
        said(metadata, EVENT)
    }

    /// First offset to give to `warm`, up to the committed one; `None`: nothing has to be read
    /// again.
    pub fn horizon_start(&self) -> Option<i64> {
        self.horizon.map(|h| h.offset)
    }
    /// Watermark.
    pub fn watermark(&self) -> Micros {
        self.watermark
    }
    /// Log time.
    pub fn log_time(&self) -> Micros {
        self.clock.log_time
    }
    /// When the last event was appended; minus infinity where there was none.
    pub fn event(&self) -> Micros {
        self.event
    }
    /// Whether the partition is under replay.
    pub fn in_replay(&self) -> bool {
        self.clock.in_replay
    }
}

/// The time behind a word of a metadata; minus infinity where there is none.
fn said(metadata: &str, word: &str) -> Micros {
    let behind = metadata.split_once(word).map(|(_, behind)| behind);
    let number = behind.and_then(|b| b.split(' ').next()?.parse().ok());
    number.map_or(Micros::MIN, Micros)
}

fn put(out: &mut String, n: i64) {
    out.push(' ');
    if n == i64::MIN {
        out.push('-');
    } else {
        out.push_str(&n.to_string());
    }
}

fn put_clock(out: &mut String, clock: &Clock) {
    put(out, clock.log_time.0);
    put(out, i64::from(clock.in_replay));
}
