//! Pseudonyms in place of what tells who somebody is: the same as on every other way into weir.
//!
//! A pseudonym is HMAC-SHA-256 of a text, 128 bits of it, under a key that is made of the secret
//! key and the tenant; `crates/privacy` has the definition, `sdks/privacy-vectors.json` what both
//! have to make.

use crate::personal::{EVENTS, MAPS};
use ring::{hkdf, hmac};
use serde_json::{Map, Value};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use unicode_normalization::UnicodeNormalization;

const PURPOSE: &[u8] = b"weir pseudonyms 1";
const PERSON: &str = "p-";
const TEXT: &str = "x-";
/// Bytes of a hash that are shown, as twice as many digits.
const SHOWN: usize = 16;
/// Bytes of the secret key.
const KEY: usize = 32;

/// Makes pseudonyms for one tenant.
pub(crate) struct Privacy {
    key: hmac::Key,
    tenant: String,
}

impl Privacy {
    /// With the secret key of a folder. What is wrong is told in words.
    pub fn open(folder: &Path, tenant: &str) -> Result<Privacy, String> {
        if tenant.is_empty() {
            return Err("privacy needs a tenant: WEIR_TENANT".to_owned());
        }
        Privacy::new(&read(&folder.join("key"))?, tenant)
    }

    fn new(secret: &[u8; KEY], tenant: &str) -> Result<Privacy, String> {
        let made = hkdf::Salt::new(hkdf::HKDF_SHA256, PURPOSE).extract(secret);
        let info = [tenant.as_bytes()];
        let key = made.expand(&info, hmac::HMAC_SHA256);
        Ok(Privacy {
            key: key.map_err(|_| "no key can be made".to_owned())?.into(),
            tenant: tenant.to_owned(),
        })
    }

    /// An event without names. It names its tenant: pseudonyms are good for no other, and another
    /// one's token is refused. `None` for an event type that is not known here: which of its fields
    /// hold names cannot be told.
    pub fn hidden(
        &self,
        event_type: &str,
        mut event: Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let at = EVENTS
            .binary_search_by_key(&event_type, |(name, ..)| *name)
            .ok()?;
        let (_, people, texts, maps) = EVENTS[at];
        for path in people {
            replace(&mut event, path, &|text| self.person(text));
        }
        for path in texts {
            replace(&mut event, path, &|text| self.text(text));
        }
        for name in maps {
            self.map(&mut event, name);
        }
        event.insert("tenant".to_owned(), Value::String(self.tenant.clone()));
        Some(event)
    }

    /// The pseudonym of a person, by address. A pseudonym is its own.
    fn person(&self, text: &str) -> String {
        let address = canonical_email(text);
        match address.is_empty() || is_made(&address) {
            true => address,
            false => self.hash(PERSON, &address),
        }
    }

    /// The pseudonym of another text; of an address that of the person.
    fn text(&self, text: &str) -> String {
        match text {
            _ if text.is_empty() || is_made(text) => text.to_owned(),
            _ if text.contains('@') => self.person(text),
            _ => self.hash(TEXT, text),
        }
    }

    fn hash(&self, kind: &str, text: &str) -> String {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(kind.as_bytes());
        context.update(text.as_bytes());
        let mut made = kind.to_owned();
        for byte in &context.sign().as_ref()[..SHOWN] {
            // Writing to a text cannot fail.
            let _ = write!(made, "{byte:02x}");
        }
        made
    }

    fn map(&self, event: &mut Map<String, Value>, name: &str) {
        let Some((_, kept, keys)) = MAPS.iter().find(|(map, ..)| *map == name) else {
            return;
        };
        match event.get_mut(name) {
            Some(Value::Object(entries)) => {
                let replaced = entries
                    .iter_mut()
                    .filter(|(key, _)| named(keys, key) != *kept);
                replaced.for_each(|(_, value)| put(value, &|text| self.text(text)));
            }
            Some(other) => put(other, &|text| self.text(text)),
            None => {}
        }
    }
}

/// Replaces what is at a path. What is not of its type there is replaced too: it may be a name all
/// the same.
fn replace(inside: &mut Map<String, Value>, path: &str, how: &dyn Fn(&str) -> String) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    match inside.get_mut(first) {
        Some(Value::Object(inner)) if !rest.is_empty() => replace(inner, rest, how),
        Some(value) => put(value, how),
        None => {}
    }
}

fn put(value: &mut Value, how: &dyn Fn(&str) -> String) {
    *value = Value::String(match &*value {
        Value::Null => return,
        Value::String(text) => how(text),
        other => how(&other.to_string()),
    });
}

fn named(keys: &[&str], key: &str) -> bool {
    keys.iter().any(|k| match k.ends_with('.') {
        true => key.starts_with(k),
        false => key == *k,
    })
}

/// The one spelling of an address: no white space around it, normal form C, lower case.
fn canonical_email(text: &str) -> String {
    let lower = text.trim().nfc().flat_map(char::to_lowercase);
    lower.nfc().collect()
}

fn is_made(text: &str) -> bool {
    let digits = text
        .strip_prefix(PERSON)
        .or_else(|| text.strip_prefix(TEXT));
    let is_digit = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    digits.is_some_and(|d| d.len() == 2 * SHOWN && d.bytes().all(is_digit))
}

/// The key in a file that its owner alone may read.
fn read(file: &Path) -> Result<[u8; KEY], String> {
    let shown = file.display();
    let failed = |e: std::io::Error| format!("{shown} cannot be read: {e}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if fs::metadata(file).map_err(failed)?.mode() & 0o077 != 0 {
            return Err(format!("others may read {shown}: give it the rights 600"));
        }
    }
    let text = fs::read_to_string(file).map_err(failed)?;
    let key = unhex(text.trim_end());
    key.ok_or_else(|| format!("{shown} is damaged: bring the key back from a copy"))
}

fn unhex(text: &str) -> Option<[u8; KEY]> {
    let mut key = [0; KEY];
    if text.len() != 2 * KEY || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    (key != [0; KEY]).then_some(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn vectors() -> Value {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../privacy-vectors.json");
        serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
    }

    #[test]
    fn pseudonyms_are_those_of_the_vectors() {
        let vectors = vectors();
        let secret = unhex(vectors["key"].as_str().unwrap()).unwrap();
        let text = |v: &Value, name: &str| v[name].as_str().unwrap().to_owned();
        let of = |v: &Value| Privacy::new(&secret, &text(v, "tenant")).unwrap();
        for v in vectors["people"].as_array().unwrap() {
            assert_eq!(of(v).person(&text(v, "text")), text(v, "pseudonym"), "{v}");
        }
        for v in vectors["texts"].as_array().unwrap() {
            assert_eq!(of(v).text(&text(v, "text")), text(v, "pseudonym"), "{v}");
        }
        for v in vectors["events"].as_array().unwrap() {
            let item = v["item"].as_object().unwrap().clone();
            let mut hidden = of(v).hidden(&text(v, "type"), item).unwrap();
            assert_eq!(hidden.remove("tenant").unwrap(), v["tenant"]);
            assert_eq!(Value::Object(hidden), v["hidden"], "{}", v["type"]);
        }
    }

    #[test]
    fn types_that_are_not_known_and_forms_that_do_not_fit_hide_nothing_by_chance() {
        let privacy = Privacy::new(&[7; KEY], "acme").unwrap();
        assert!(privacy.hidden("review.finished", Map::new()).is_none());
        let wrong = serde_json::json!({
            "engineer": "ada@example.com", "source": ["ada"], "resource": "ada",
        });
        let hidden = privacy.hidden("llm.call", wrong.as_object().unwrap().clone());
        assert!(!Value::Object(hidden.unwrap()).to_string().contains("ada"));
    }

    #[test]
    fn a_key_is_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("key");
        let open = || Privacy::open(dir.path(), "acme").err();
        assert!(open().unwrap().contains("cannot be read"));
        fs::write(&file, vectors()["key"].as_str().unwrap()).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(open().unwrap().contains("600"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(open(), None);
        assert!(
            Privacy::open(dir.path(), "")
                .err()
                .unwrap()
                .contains("tenant")
        );
        fs::write(&file, "0".repeat(64)).unwrap();
        assert!(open().unwrap().contains("damaged"));
    }
}
