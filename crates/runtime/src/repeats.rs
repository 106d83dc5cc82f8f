//! Retry loops say the same again and again: a warning is logged once, and then every 30 s how often it came.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Time between a warning and the line about its repetitions.
const EVERY: Duration = Duration::from_secs(30);
/// Most kinds of warnings that are remembered; where there are more, the oldest are logged anew.
const KINDS: usize = 256;

/// The layer; clones share what they remember.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<HashMap<String, Kind>>>);

/// Warnings that differ in numbers only.
struct Kind {
    /// When a line about it was written last.
    told: Instant,
    /// How many were left out since.
    left_out: u64,
    /// The last of these.
    last: String,
}

impl Repeats {
    /// Writes every 30 s how often warnings came that were left out, as long as the process runs.
    pub fn summarise(self) {
        let started = std::thread::Builder::new()
            .name("log-repeats".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(EVERY / 10);
                    for (times, last) in self.due(Instant::now()) {
                        // `times` is no warning: it would be counted itself.
                        tracing::event!(target: SUMMARY, Level::WARN, times, "again: {last}");
                    }
                }
            });
        if let Err(e) = started {
            tracing::debug!("repeated warnings are not summed up: {e}");
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<String, Kind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first of its kind for a while; else it is counted.
    fn is_news(&self, text: String, now: Instant) -> bool {
        let mut kinds = self.kinds();
        let key = without_numbers(&text);
        if let Some(kind) = kinds.get_mut(&key) {
            kind.left_out += 1;
            kind.last = text;
            return false;
        }
        if kinds.len() >= KINDS {
            let oldest = kinds.iter().min_by_key(|(_, kind)| kind.told);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                kinds.remove(&oldest);
            }
        }
        let kind = Kind {
            told: now,
            left_out: 0,
            last: String::new(),
        };
        kinds.insert(key, kind);
        true
    }

    /// What is to be told: how many were left out, and the last of them. Forgets what came no more.
    fn due(&self, now: Instant) -> Vec<(u64, String)> {
        let mut out = Vec::new();
        self.kinds().retain(|_, kind| {
            if now.duration_since(kind.told) < EVERY {
                return true;
            }
            if kind.left_out == 0 {
                return false;
            }
            out.push((kind.left_out, std::mem::take(&mut kind.last)));
            (kind.told, kind.left_out) = (now, 0);
            true
        });
        out
    }
}

/// Where the lines about repetitions come from.
const SUMMARY: &str = "weir_runtime::repeats";

impl<S: Subscriber> Layer<S> for Repeats {
    fn event_enabled(&self, event: &Event<'_>, _: Context<'_, S>) -> bool {
        let of = event.metadata();
        // In order of severity the worst is the least.
        if *of.level() > Level::WARN || of.target() == SUMMARY {
            return true;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.is_news(text.0, Instant::now())
    }
}

/// Offsets, times and counts do not make it another warning.
fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// An event's fields as one line, the message first.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{rest}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write as _};
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_retry_loop_is_one_line_and_then_a_count() {
        let (written, repeats) = (Written::default(), Repeats::default());
        let to = written.clone();
        let lines = tracing_subscriber::fmt::layer().with_writer(move || to.clone());
        let all = tracing_subscriber::registry()
            .with(repeats.clone())
            .with(lines);
        tracing::subscriber::with_default(all, || {
            for offset in 0..1300 {
                tracing::warn!(offset, "cannot write");
            }
            tracing::warn!("something else");
            tracing::info!("goes on");
            tracing::info!("goes on");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("cannot write").count(), 1, "{text}");
        assert_eq!(text.matches("something else").count(), 1, "{text}");
        assert_eq!(text.matches("goes on").count(), 2, "{text}");
        let later = Instant::now() + EVERY;
        let due = repeats.due(later);
        assert_eq!(due, [(1299, "cannot write offset=1299".to_owned())]);
        assert!(repeats.due(later + EVERY).is_empty());
        // Forgotten by then: it is news again.
        assert!(repeats.is_news("cannot write offset=1".into(), later + EVERY));
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let repeats = Repeats::default();
        for i in 0..KINDS * 3 {
            let name: String = format!("{i:b}").replace('0', "a").replace('1', "b");
            assert!(repeats.is_news(name, Instant::now()));
        }
        assert_eq!(repeats.kinds().len(), KINDS);
    }
}
