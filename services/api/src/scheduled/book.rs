//! What was sent of scheduled reports: pure. It is written to `weir.reports`, and read from there.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use weir_model::Micros;

/// A key with its value; `None`: there is no such thing any more.
pub(crate) type Entry = (String, Option<Vec<u8>>);

const SCHEDULE: &str = "schedule/";
const SENT: &str = "sent/";

/// What is known of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// All that was due through then is dealt with: sent, or given up.
    pub done: Micros,
    /// What was due last and is dealt with; none where nothing was yet.
    pub due: Option<Micros>,
    /// When the last mail was taken.
    pub sent: Option<Micros>,
    /// Why what is due is not sent yet.
    pub trouble: Option<String>,
}

/// A mail that the server took, or will never take.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Mailed {
    pub schedule: String,
    pub due: Micros,
    /// Whom the report is about, or empty; and the recipient.
    pub subject: String,
    pub to: String,
}

impl Mailed {
    fn key(&self) -> String {
        let parts = [
            &self.schedule,
            &self.due.0.to_string(),
            &self.subject,
            &self.to,
        ];
        let parts: Vec<String> = parts
            .map(|p| p.replace('%', "%25").replace('/', "%2F"))
            .into();
        format!("{SENT}{}", parts.join("/"))
    }

    fn of(key: &str) -> Option<Mailed> {
        let parts = key.strip_prefix(SENT)?.split('/');
        let parts: Vec<String> = parts
            .map(|p| p.replace("%2F", "/").replace("%25", "%"))
            .collect();
        let [schedule, due, subject, to] = <[String; 4]>::try_from(parts).ok()?;
        Some(Mailed {
            due: Micros(due.parse().ok()?),
            schedule,
            subject,
            to,
        })
    }
}

/// All of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Book {
    kept: BTreeMap<String, Kept>,
    mailed: BTreeSet<Mailed>,
    changed: BTreeSet<String>,
}

impl Book {
    /// From what was written; what cannot be read is left out and told to `odd`.
    pub fn load<'a>(
        entries: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
        mut odd: impl FnMut(&str),
    ) -> Book {
        let mut book = Book::default();
        for (key, value) in entries {
            let key = String::from_utf8_lossy(key);
            let kept = |name: &str| Some((name.to_owned(), serde_json::from_slice(value).ok()?));
            match (key.strip_prefix(SCHEDULE).map(kept), Mailed::of(&key)) {
                (Some(Some((name, kept))), _) => drop(book.kept.insert(name, kept)),
                (None, Some(mailed)) => drop(book.mailed.insert(mailed)),
                _ => odd(&key),
            }
        }
        book
    }

    /// Nothing has changed since [`Book::changes`] was last taken.
    pub fn is_clean(&self) -> bool {
        self.changed.is_empty()
    }

    /// What has changed since the last call, to be written in one transaction.
    pub fn changes(&mut self) -> Vec<Entry> {
        let changed = std::mem::take(&mut self.changed);
        let value = |key: &str| match key.strip_prefix(SCHEDULE) {
            // Numbers and texts: that cannot fail.
            Some(name) => self.kept.get(name).and_then(|k| serde_json::to_vec(k).ok()),
            None => {
                let there = Mailed::of(key).is_some_and(|m| self.mailed.contains(&m));
                there.then(|| b"{}".to_vec())
            }
        };
        changed.iter().map(|k| (k.clone(), value(k))).collect()
    }

    /// What is known of schedules.
    pub fn kept(&self) -> &BTreeMap<String, Kept> {
        &self.kept
    }

    /// Takes a schedule in that is not known yet: what was due before is nobody's.
    pub fn meet(&mut self, schedule: &str, now: Micros) {
        if !self.kept.contains_key(schedule) {
            let kept = Kept {
                done: now,
                due: None,
                sent: None,
                trouble: None,
            };
            self.keep(schedule, |_| {}, kept);
        }
    }

    /// Of the last time that it was due: whether it still is.
    pub fn is_due(&self, schedule: &str, last: Micros) -> bool {
        self.kept.get(schedule).is_some_and(|k| k.done < last)
    }

    /// What was mailed of a time that it was due.
    pub fn mailed(&self, schedule: &str, due: Micros) -> BTreeSet<Mailed> {
        let of = |m: &&Mailed| m.schedule == schedule && m.due == due;
        self.mailed.iter().filter(of).cloned().collect()
    }

    /// A mail was taken.
    pub fn sent(&mut self, mail: Mailed, now: Micros) {
        if let Some(kept) = self.kept.get(&mail.schedule).cloned() {
            self.keep(&mail.schedule.clone(), |k| k.sent = Some(now), kept);
        }
        self.refused(mail);
    }

    /// A mail will never be taken.
    pub fn refused(&mut self, mail: Mailed) {
        self.changed.insert(mail.key());
        self.mailed.insert(mail);
    }

    /// All that was due then is dealt with. What was mailed need not be known any more.
    pub fn done(&mut self, schedule: &str, due: Micros, trouble: Option<String>) {
        let Some(kept) = self.kept.get(schedule).cloned() else {
            return;
        };
        let change = |k: &mut Kept| {
            (k.done, k.due) = (k.done.max(due), Some(due));
            k.trouble = trouble;
        };
        self.keep(schedule, change, kept);
        let is_over = |m: &&Mailed| m.schedule == schedule && m.due <= due;
        let over: Vec<Mailed> = self.mailed.iter().filter(is_over).cloned().collect();
        for mail in over {
            self.changed.insert(mail.key());
            self.mailed.remove(&mail);
        }
    }

    /// It is tried again later.
    pub fn failed(&mut self, schedule: &str, why: &str) {
        if let Some(kept) = self.kept.get(schedule).cloned() {
            self.keep(schedule, |k| k.trouble = Some(why.to_owned()), kept);
        }
    }

    fn keep(&mut self, schedule: &str, change: impl FnOnce(&mut Kept), mut kept: Kept) {
        change(&mut kept);
        if self.kept.get(schedule) != Some(&kept) {
            self.kept.insert(schedule.to_owned(), kept);
            self.changed.insert(format!("{SCHEDULE}{schedule}"));
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mail(due: i64, to: &str) -> Mailed {
        Mailed {
            schedule: "weekly/50%".into(),
            due: Micros(due),
            subject: "a/b".into(),
            to: to.into(),
        }
    }

    /// The book as it is read after what it changed was written to a log that is compacted.
    fn again(book: &mut Book, log: &mut BTreeMap<String, Vec<u8>>) -> Book {
        for (key, value) in book.changes() {
            match value {
                Some(value) => drop(log.insert(key, value)),
                None => drop(log.remove(&key)),
            }
        }
        let entries = log.iter().map(|(k, v)| (k.as_bytes(), &v[..]));
        Book::load(entries, |key| panic!("{key} cannot be read"))
    }

    #[test]
    fn what_was_due_before_it_was_known_is_not_sent() {
        let mut book = Book::default();
        assert!(!book.is_due("weekly/50%", Micros(5)));
        book.meet("weekly/50%", Micros(10));
        assert!(!book.is_due("weekly/50%", Micros(10)));
        assert!(book.is_due("weekly/50%", Micros(11)));
    }

    #[test]
    fn a_restart_at_any_moment_knows_what_was_sent() {
        let (mut book, mut log) = (Book::default(), BTreeMap::new());
        book.meet("weekly/50%", Micros(10));
        let mut book = again(&mut book, &mut log);
        book.sent(mail(20, "ada@example.org"), Micros(21));
        let mut book = again(&mut book, &mut log);
        assert!(book.is_due("weekly/50%", Micros(20)));
        assert_eq!(
            book.mailed("weekly/50%", Micros(20)),
            [mail(20, "ada@example.org")].into()
        );
        // Of another time it is another mail.
        assert!(book.mailed("weekly/50%", Micros(30)).is_empty());
        book.failed("weekly/50%", "no answer");
        let mut book = again(&mut book, &mut log);
        assert_eq!(
            book.kept()["weekly/50%"].trouble.as_deref(),
            Some("no answer")
        );
        book.done("weekly/50%", Micros(20), None);
        let book = again(&mut book, &mut log);
        assert!(!book.is_due("weekly/50%", Micros(20)));
        assert!(book.is_due("weekly/50%", Micros(21)));
        assert_eq!(book.kept()["weekly/50%"].sent, Some(Micros(21)));
        assert_eq!(log.len(), 1, "what was mailed need not be known any more");
        assert!(book.is_clean());
    }
}
