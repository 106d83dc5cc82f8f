//! Retry loops say the same again and again: a warning is logged once, and every 30 s a line tells
//! how many more came.

use std::collections::HashMap;
use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Time between two lines about repetitions; what came no more for so long is news again.
const EVERY: Duration = Duration::from_secs(30);
/// Most kinds of warnings that are remembered; where there are more, the oldest are logged anew.
const KINDS: usize = 256;

/// The layer; clones share what they remember.
#[derive(Clone, Default)]
pub(crate) struct Repeats(Arc<Mutex<HashMap<String, Repeated>>>);

/// Warnings that differ in numbers only.
struct Repeated {
    /// When it was news, or part of a line about repetitions, last.
    told: Instant,
    /// How many were left out since.
    left_out: u64,
    /// The last of these.
    last: String,
}

impl Repeats {
    /// Writes every 30 s one line about the warnings that were left out, as long as the process
    /// runs.
    pub fn summarise(self) {
        let started = std::thread::Builder::new()
            .name("log-repeats".into())
            .spawn(move || {
                loop {
                    std::thread::sleep(EVERY);
                    if let Some(again) = self.again(Instant::now()) {
                        let Again { times, kinds, most } = again;
                        tracing::warn!(target: SUMMARY, times, kinds, "again, most often: {most}");
                    }
                }
            });
        if let Err(e) = started {
            tracing::debug!("repeated warnings are not summed up: {e}");
        }
    }

    fn kinds(&self) -> MutexGuard<'_, HashMap<String, Repeated>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the first of its kind for a while; else it is counted.
    fn is_news(&self, text: String, now: Instant) -> bool {
        let mut kinds = self.kinds();
        let key = kind_of(&text);
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
        let kind = Repeated {
            told: now,
            left_out: 0,
            last: String::new(),
        };
        kinds.insert(key, kind);
        true
    }

    /// What was left out since the last call, if anything was. Forgets what came no more.
    fn again(&self, now: Instant) -> Option<Again> {
        let mut kinds = self.kinds();
        kinds.retain(|_, kind| kind.left_out > 0 || now.duration_since(kind.told) < EVERY);
        let (mut times, mut of, mut most) = (0, 0, (0, String::new()));
        for kind in kinds.values_mut().filter(|kind| kind.left_out > 0) {
            let (left_out, last) = (kind.left_out, std::mem::take(&mut kind.last));
            (kind.told, kind.left_out) = (now, 0);
            (times, of) = (times + left_out, of + 1);
            if left_out > most.0 {
                most = (left_out, last);
            }
        }
        (of > 0).then_some(Again {
            times,
            kinds: of,
            most: most.1,
        })
    }
}

/// Warnings that were left out.
#[derive(Debug, PartialEq, Eq)]
struct Again {
    times: u64,
    /// How many different ones.
    kinds: usize,
    /// The last of the most frequent ones.
    most: String,
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

/// Offsets, times and counts do not make it another warning, nor do threads and states, which
/// Kafka's library writes in brackets.
fn kind_of(text: &str) -> String {
    let mut depth = 0u32;
    let mut kept = |c: &char| match c {
        '(' | '[' => {
            depth += 1;
            false
        }
        ')' | ']' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0 && !c.is_ascii_digit(),
    };
    text.chars().filter(|c| kept(c)).collect()
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
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io;
    use tracing_subscriber::layer::SubscriberExt;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
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
        let again = Again {
            times: 1299,
            kinds: 1,
            most: "cannot write offset=1299".to_owned(),
        };
        assert_eq!(repeats.again(later), Some(again));
        assert_eq!(repeats.again(later + EVERY), None);
        // Forgotten by then: it is news again.
        assert!(repeats.is_news("cannot write offset=1".into(), later + EVERY));
    }

    #[test]
    fn what_stands_in_brackets_makes_no_other_warning() {
        let repeats = Repeats::default();
        let said = |text: &str| repeats.is_news(text.into(), Instant::now());
        assert!(said(
            "[thrd:main]: b:9092/1: refused (after 0ms in state CONNECT)"
        ));
        assert!(!said(
            "[thrd:b:9092/1]: b:9092/1: refused (after 3ms, 1 identical (so far))"
        ));
        assert!(said("[thrd:main]: b:9092/1: timed out (after 3ms)"));
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
