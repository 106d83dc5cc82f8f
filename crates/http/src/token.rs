//! Tokens: 256 random bits that open gateway and api for a tenant. What is kept is their hash, in a
//! compacted topic; the token itself is shown once, to whoever makes it.

use crate::now;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::time::Duration;
use weir_kafka::Brokers;
use weir_kafka::admin::Admin;
use weir_kafka::compacted::{Table, read_all};
use weir_model::codes::{CONFIG, NOT_RUNNING};
use weir_model::{Micros, topics};
use weir_runtime::config::Secret;

/// What every token begins with: programs that look for secrets in texts know it by that.
const PREFIX: &str = "weir_";
/// Bytes of a token: 256 bits.
const BYTES: usize = 32;
/// Id of the token of the owner of a data directory: a new one takes the place of the last.
pub const OWNER: &str = "owner";
/// Longest wait for an answer of Kafka.
const DEADLINE: Duration = Duration::from_secs(30);

/// What a token is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// To send events, and to register schemas.
    Write,
    /// To read: what the api answers, and schemas at the gateway.
    Read,
    /// To read what is about single persons, or about few, too.
    Persons,
}

impl Scope {
    /// All.
    pub const ALL: [Scope; 3] = [Scope::Write, Scope::Read, Scope::Persons];

    /// As it is typed.
    pub fn label(self) -> &'static str {
        match self {
            Scope::Write => "write",
            Scope::Read => "read",
            Scope::Persons => "persons",
        }
    }
}

/// What is kept of a token: a record of [`topics::TOKENS`], under its id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// SHA-256 of the token, in hexadecimal digits.
    pub hash: String,
    /// Whose events it sends.
    pub tenant: String,
    /// What it is good for.
    pub scopes: Vec<Scope>,
    /// Name, also the source of events that name none.
    pub name: String,
    /// When it was made, microseconds since 1970.
    pub created: Micros,
}

/// The hash of a token.
pub(crate) fn hash(token: &str) -> [u8; BYTES] {
    Sha256::digest(token.as_bytes()).into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes of hexadecimal digits.
pub(crate) fn unhex(text: &str) -> Option<[u8; BYTES]> {
    let mut out = [0; BYTES];
    if text.len() != 2 * BYTES || !text.is_ascii() {
        return None;
    }
    for (i, byte) in out.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(out)
}

/// The token that a secret of a data directory is.
pub fn of_secret(secret: &Secret) -> Secret {
    Secret::new(format!("{PREFIX}{}", secret.expose()))
}

/// Makes a token and returns its id and itself. Without a name it is named by its id. It
/// opens running services within a second.
///
/// # Errors
/// Where Kafka does not answer, or the system was never started.
pub fn create(
    brokers: &Brokers,
    tenant: &str,
    scopes: Vec<Scope>,
    name: Option<&str>,
) -> anyhow::Result<(String, Secret)> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("{CONFIG}: no random bits: {e}"))?;
    let token = Secret::new(format!("{PREFIX}{}", hex(&bytes)));
    let hash = hex(&hash(token.expose()));
    let id = hash[..16].to_owned();
    let entry = Entry {
        hash,
        tenant: tenant.to_owned(),
        scopes,
        name: name.unwrap_or(&id).to_owned(),
        created: now(),
    };
    put(brokers, &id, Some(&entry))?;
    Ok((id, token))
}

/// Lets the owner's token be known; it is the same at each start.
///
/// # Errors
/// As [`create`].
pub fn own(brokers: &Brokers, token: &Secret, tenant: &str) -> anyhow::Result<()> {
    let entry = Entry {
        hash: hex(&hash(token.expose())),
        tenant: tenant.to_owned(),
        scopes: Scope::ALL.to_vec(),
        name: OWNER.to_owned(),
        created: now(),
    };
    let same =
        |e: &Entry| (&e.hash, &e.tenant, &e.scopes) == (&entry.hash, &entry.tenant, &entry.scopes);
    let known = list(brokers)?;
    if known.iter().any(|(id, e)| id == OWNER && same(e)) {
        return Ok(());
    }
    put(brokers, OWNER, Some(&entry))
}

/// All tokens with their ids, in the order in which they were made.
///
/// # Errors
/// As [`create`].
pub fn list(brokers: &Brokers) -> anyhow::Result<Vec<(String, Entry)>> {
    let mut all: Vec<(String, Entry)> = read_all(brokers, topics::TOKENS, DEADLINE)?
        .iter()
        .filter_map(|(key, value)| read(key, value))
        .collect();
    all.sort_by(|a, b| (a.1.created, &a.0).cmp(&(b.1.created, &b.0)));
    Ok(all)
}

/// Ends a token, by its id; false where there is none. Gateways refuse it within a second.
///
/// # Errors
/// As [`create`].
pub fn revoke(brokers: &Brokers, id: &str) -> anyhow::Result<bool> {
    if !list(brokers)?.iter().any(|(known, _)| known == id) {
        return Ok(false);
    }
    put(brokers, id, None).map(|()| true)
}

/// An entry of the topic; one that cannot be read opens nothing.
pub(crate) fn read(key: &[u8], value: &[u8]) -> Option<(String, Entry)> {
    let id = String::from_utf8(key.to_vec()).ok()?;
    let entry: Entry = serde_json::from_slice(value).ok()?;
    unhex(&entry.hash).map(|_| (id, entry))
}

fn put(brokers: &Brokers, id: &str, entry: Option<&Entry>) -> anyhow::Result<()> {
    let names = Admin::new(brokers, DEADLINE)?.names()?;
    if !names.iter().any(|(name, _)| name == topics::TOKENS) {
        let topic = topics::TOKENS;
        anyhow::bail!(
            "{NOT_RUNNING}: there is no topic {topic}: start the processor once, so that it is made"
        );
    }
    let value = entry.map(serde_json::to_vec).transpose()?;
    let table = Table::new(brokers, topics::TOKENS)?;
    table.put(id.as_bytes(), value.as_deref())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_kept_is_a_hash() {
        let token = of_secret(&Secret::new("0".repeat(64)));
        let bytes = hash(token.expose());
        assert_eq!(unhex(&hex(&bytes)), Some(bytes));
        assert!(!hex(&bytes).contains("0000000000"));
        for bad in ["", "00", &"0".repeat(63), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(unhex(bad), None, "{bad}");
        }
    }
}
