//! Codes that open once, and sessions: random texts that stand for a token, which itself never goes
//! to the browser. They are in memory alone, by their hashes, and end with the process.

use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a code can be used.
pub(super) const CODE_LIFE: Duration = Duration::from_secs(10 * 60);
/// How long a session lasts.
pub(super) const SESSION_LIFE: Duration = Duration::from_secs(12 * 60 * 60);
/// Most codes and most sessions at a time: another one takes the place of the one that ends first.
const MOST: usize = 256;
/// 256 random bits.
const BYTES: usize = 32;

/// Whose rights a code or session has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whose {
    /// Id of the token.
    pub token: String,
    /// Its tenant, when the code was made.
    pub tenant: String,
}

/// Random texts that are known for a while.
#[derive(Default)]
struct Known(HashMap<[u8; BYTES], (Whose, Instant)>);

impl Known {
    /// A new one, that lasts so long.
    fn make(&mut self, whose: Whose, life: Duration, now: Instant) -> Option<String> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).ok()?;
        let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        self.0.retain(|_, (_, until)| *until > now);
        if self.0.len() >= MOST
            && let Some(first) = self.0.iter().min_by_key(|(_, (_, until))| *until)
        {
            let first = *first.0;
            self.0.remove(&first);
        }
        self.0.insert(hash(&text), (whose, now + life));
        Some(text)
    }

    fn of(&self, text: &str, now: Instant) -> Option<Whose> {
        let (whose, until) = self.0.get(&hash(text))?;
        (*until > now).then(|| whose.clone())
    }
}

/// What is looked up is a hash: how long that takes tells nothing about a text that is known.
fn hash(text: &str) -> [u8; BYTES] {
    Sha256::digest(text.as_bytes()).into()
}

/// Codes and sessions.
#[derive(Default)]
pub(crate) struct Sessions {
    codes: Mutex<Known>,
    sessions: Mutex<Known>,
}

impl Sessions {
    /// A code for somebody. None: there are no random bits.
    pub fn code(&self, whose: Whose, now: Instant) -> Option<String> {
        lock(&self.codes).make(whose, CODE_LIFE, now)
    }

    /// The session that a code opens, and whose it is. The code is used up. None: it was before, is
    /// too old, or was never made.
    pub fn enter(&self, code: &str, now: Instant) -> Option<String> {
        let (whose, until) = lock(&self.codes).0.remove(&hash(code))?;
        if until <= now {
            return None;
        }
        lock(&self.sessions).make(whose, SESSION_LIFE, now)
    }

    /// Whose session it is.
    pub fn of(&self, session: &str, now: Instant) -> Option<Whose> {
        lock(&self.sessions).of(session, now)
    }
}

fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn whose(token: &str) -> Whose {
        Whose {
            token: token.into(),
            tenant: "acme".into(),
        }
    }

    #[test]
    fn a_code_opens_once() {
        let (all, now) = (Sessions::default(), Instant::now());
        let code = all.code(whose("a"), now).unwrap();
        assert_eq!(code.len(), 2 * BYTES);
        let session = all.enter(&code, now).unwrap();
        assert_ne!(session, code);
        assert_eq!(all.of(&session, now), Some(whose("a")));
        assert_eq!(all.enter(&code, now), None);
        // Neither is the other.
        assert_eq!(all.of(&code, now), None);
        assert_eq!(all.enter(&session, now), None);
    }

    #[test]
    fn what_is_too_old_opens_nothing() {
        let (all, now) = (Sessions::default(), Instant::now());
        let code = all.code(whose("a"), now).unwrap();
        assert_eq!(all.enter(&code, now + CODE_LIFE), None);
        // It is used up all the same.
        assert_eq!(all.enter(&code, now), None);
        let code = all.code(whose("a"), now).unwrap();
        let session = all.enter(&code, now).unwrap();
        let last = now + SESSION_LIFE - Duration::from_secs(1);
        assert!(all.of(&session, last).is_some());
        assert_eq!(all.of(&session, now + SESSION_LIFE), None);
    }

    #[test]
    fn there_are_never_more_than_some() {
        let (all, now) = (Sessions::default(), Instant::now());
        let codes: Vec<String> = (0..MOST + 10)
            .map(|i| {
                let at = now + Duration::from_millis(i as u64);
                all.code(whose(&i.to_string()), at).unwrap()
            })
            .collect();
        assert_eq!(lock(&all.codes).0.len(), MOST);
        assert_eq!(all.enter(&codes[9], now), None);
        assert!(all.enter(&codes[10], now).is_some());
        assert!(all.enter(&codes[MOST + 9], now).is_some());
    }
}
