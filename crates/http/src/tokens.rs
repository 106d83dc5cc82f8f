//! The tokens that are known, followed in their topic while a service runs.

use crate::follow::{Followed, Table};
use crate::token::{self, Entry, Scope};
use std::collections::HashMap;
use subtle::ConstantTimeEq;
use weir_kafka::Brokers;
use weir_model::topics;
use weir_runtime::Shutdown;

/// Who asks or sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// Id of the token.
    pub id: String,
    /// Whose events.
    pub tenant: String,
    /// Source of events that name none.
    pub name: String,
    /// What may be done.
    pub scopes: Vec<Scope>,
}

impl Bearer {
    fn of(id: &str, entry: &Entry) -> Bearer {
        Bearer {
            id: id.to_owned(),
            tenant: entry.tenant.clone(),
            name: entry.name.clone(),
            scopes: entry.scopes.clone(),
        }
    }
}

/// What is known of tokens; cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    known: Followed<Known>,
    /// Name of the gauge of how many there are.
    gauge: &'static str,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<String, ([u8; 32], Entry)>,
    /// Ids by the first bytes of the hash.
    by_head: HashMap<[u8; 8], Vec<String>>,
}

impl Table for Known {
    fn take(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Ok(id) = std::str::from_utf8(key)
            && let Some((hash, _)) = self.by_id.remove(id)
            && let Some(ids) = self.by_head.get_mut(&head(&hash))
        {
            ids.retain(|known| known != id);
            if ids.is_empty() {
                self.by_head.remove(&head(&hash));
            }
        }
        let Some((id, entry)) = value.and_then(|value| token::read(key, value)) else {
            return;
        };
        if let Some(hash) = token::unhex(&entry.hash) {
            self.by_head
                .entry(head(&hash))
                .or_default()
                .push(id.clone());
            self.by_id.insert(id, (hash, entry));
        }
    }
}

fn head(hash: &[u8; 32]) -> [u8; 8] {
    let mut head = [0; 8];
    head.copy_from_slice(&hash[..8]);
    head
}

impl Tokens {
    /// None yet. They are followed by a part of this name, and counted in this gauge.
    pub fn new(part: &'static str, gauge: &'static str) -> Tokens {
        Tokens {
            known: Followed::new(topics::TOKENS, part),
            gauge,
        }
    }

    /// Whether they have been read.
    pub fn are_known(&self) -> bool {
        self.known.is_complete()
    }

    /// Who bears a token. The hash is looked up by its beginning and compared in constant time: how
    /// long that takes tells nothing about a token, which nobody has the hash of in his hand.
    pub fn bearer(&self, token: &str) -> Option<Bearer> {
        let hash = token::hash(token);
        self.known.look(|known| {
            let ids = known.by_head.get(&head(&hash))?;
            ids.iter().find_map(|id| {
                let (expected, entry) = known.by_id.get(id)?;
                bool::from(expected.ct_eq(&hash)).then(|| Bearer::of(id, entry))
            })
        })
    }

    /// The bearer of the token with this id, for who showed it before.
    pub fn by_id(&self, id: &str) -> Option<Bearer> {
        let of = |known: &Known| Some(Bearer::of(id, &known.by_id.get(id)?.1));
        self.known.look(of)
    }

    /// Follows the topic until shutdown. Where Kafka does not answer, what is known stays.
    pub fn follow(&self, brokers: &Brokers, shutdown: &Shutdown) {
        let count = |known: &Known| metrics::gauge!(self.gauge).set(known.by_id.len() as f64);
        self.known.follow(brokers, shutdown, &count);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_model::Micros;

    fn entry(token: &str, tenant: &str) -> Vec<u8> {
        let hash: String = token::hash(token)
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        serde_json::to_vec(&Entry {
            hash,
            tenant: tenant.into(),
            scopes: vec![Scope::Write],
            name: "ci".into(),
            created: Micros(1),
        })
        .unwrap()
    }

    #[test]
    fn a_token_opens_until_it_is_revoked_or_replaced() {
        let tokens = Tokens::new("tokens", "tokens");
        assert!(!tokens.are_known());
        let take = |key: &[u8], value: Option<&[u8]>| tokens.known.change(|k| k.take(key, value));
        take(b"one", Some(&entry("weir_a", "acme")));
        take(b"owner", Some(&entry("weir_b", "default")));
        take(b"bad", Some(b"{}"));
        let tenant = |t: &str| tokens.bearer(t).map(|b| b.tenant);
        assert_eq!(tokens.by_id("one"), tokens.bearer("weir_a"));
        assert_eq!(tokens.by_id("two"), None);
        assert_eq!(tenant("weir_a").as_deref(), Some("acme"));
        assert_eq!(tenant("weir_b").as_deref(), Some("default"));
        for none in ["", "weir_", "weir_c", "weir_aa"] {
            assert_eq!(tenant(none), None, "{none}");
        }
        take(b"one", None);
        take(b"owner", Some(&entry("weir_c", "default")));
        assert_eq!((tenant("weir_a"), tenant("weir_b")), (None, None));
        assert!(tenant("weir_c").is_some());
        assert_eq!(tokens.by_id("one"), None);
        assert_eq!(tokens.known.look(|k| k.by_head.len()), 1);
    }
}
