//! The directory: from a pseudonym to an address, encrypted, in a compacted topic.

use crate::folder::{Folder, Key};
use crate::{Error, is_pseudonym};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// First byte of a value.
const VERSION: u8 = 1;
/// Between tenant and pseudonym in a key: no tenant has it in its name.
const BETWEEN: char = '\n';
/// Most people that are entered by one process: a token must not fill the disk with names.
const MOST: usize = 500_000;

/// A record of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Tenant and pseudonym, see [`read_key`].
    pub key: Vec<u8>,
    /// The address, encrypted.
    pub value: Vec<u8>,
}

/// Who was met and is to be entered, by key.
#[derive(Debug, Default)]
pub struct Met(BTreeMap<Vec<u8>, Vec<u8>>);

impl Met {
    /// The records to write.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.0.iter().map(|(k, v)| (k.as_slice(), v.as_slice()))
    }

    /// Nobody was met.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Somebody in the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Person {
    /// Whose events name them.
    pub tenant: String,
    /// As events have it.
    pub pseudonym: String,
    /// Address.
    pub engineer: String,
}

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Erased {
    /// The key of the record that is to be deleted.
    #[serde(skip)]
    pub key: Vec<u8>,
    /// Whose events name them.
    pub tenant: String,
    /// As events have it, still.
    pub pseudonym: String,
    /// Whether there was a key that opened the address; it is destroyed.
    pub key_destroyed: bool,
}

/// The directory, as one process sees it.
pub struct People {
    folder: Folder,
    /// Keys of those who were entered by this process, and of who is not to be.
    known: Mutex<BTreeSet<Vec<u8>>>,
}

impl People {
    pub(crate) fn new(folder: Folder) -> People {
        People {
            folder,
            known: Mutex::default(),
        }
    }

    /// Somebody was met: comes into `met` unless entered already.
    ///
    /// Where the folder cannot be written the event goes on all the same, without a name anywhere.
    pub(crate) fn meet(&self, tenant: &str, pseudonym: &str, address: &str, met: &mut Met) {
        let key = key(tenant, pseudonym);
        if met.0.contains_key(&key) {
            return;
        }
        {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.contains(&key) || known.len() >= MOST {
                return;
            }
        }
        match self.seal(pseudonym, &key, address) {
            Ok(Some(value)) => {
                met.0.insert(key, value);
            }
            Ok(None) => self.enter(std::iter::once(key)),
            Err(e) => tracing::warn!("{pseudonym} is not entered in the directory: {e}"),
        }
    }

    /// What was met is written: it need not be written again.
    pub fn entered(&self, met: &Met) {
        self.enter(met.0.keys().cloned());
    }

    fn enter(&self, keys: impl Iterator<Item = Vec<u8>>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.extend(keys);
    }

    /// `None` for who was erased.
    fn seal(&self, pseudonym: &str, key: &[u8], address: &str) -> std::io::Result<Option<Vec<u8>>> {
        let none = || std::io::Error::other("the address cannot be encrypted");
        let Some(own) = self.folder.person_or_new(pseudonym)? else {
            return Ok(None);
        };
        let mut nonce = [0; NONCE_LEN];
        SystemRandom::new().fill(&mut nonce).map_err(|_| none())?;
        let mut sealed = address.as_bytes().to_vec();
        cipher(&own)
            .and_then(|cipher| {
                let nonce = Nonce::assume_unique_for_key(nonce);
                let sealing = cipher.seal_in_place_append_tag(nonce, Aad::from(key), &mut sealed);
                sealing.ok()
            })
            .ok_or_else(none)?;
        let mut value = vec![VERSION];
        value.extend(nonce);
        value.extend(sealed);
        Ok(Some(value))
    }

    /// Who a record of the directory is about; `None` where the key is gone, or the record is none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn read(&self, entry: &Entry) -> Result<Option<Person>, Error> {
        let Some((tenant, pseudonym)) = read_key(&entry.key) else {
            return Ok(None);
        };
        let own = self.folder.person(pseudonym);
        let own = own.map_err(|e| Error::Key(format!("the key of {pseudonym}: {e}")))?;
        let engineer = own.and_then(|own| open(&own, &entry.key, &entry.value));
        Ok(engineer.map(|engineer| Person {
            tenant: tenant.to_owned(),
            pseudonym: pseudonym.to_owned(),
            engineer,
        }))
    }

    /// Destroys what leads from a pseudonym to a person, for good. The record is still to be
    /// deleted; nobody can read it any more.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn erase(&self, tenant: &str, pseudonym: &str) -> Result<Erased, Error> {
        if !is_pseudonym(pseudonym) {
            return Err(Error::Key(format!("{pseudonym} is no pseudonym")));
        }
        let destroyed = self.folder.erase(pseudonym);
        let destroyed = destroyed.map_err(|e| Error::Key(format!("erasing {pseudonym}: {e}")))?;
        Ok(Erased {
            key: key(tenant, pseudonym),
            tenant: tenant.to_owned(),
            pseudonym: pseudonym.to_owned(),
            key_destroyed: destroyed,
        })
    }
}

fn key(tenant: &str, pseudonym: &str) -> Vec<u8> {
    format!("{tenant}{BETWEEN}{pseudonym}").into_bytes()
}

/// Tenant and pseudonym of a key.
pub fn read_key(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.rsplit_once(BETWEEN)
}

fn cipher(key: &Key) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key)
        .ok()
        .map(LessSafeKey::new)
}

fn open(own: &Key, key: &[u8], value: &[u8]) -> Option<String> {
    let (version, rest) = value.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut sealed = sealed.to_vec();
    let opened = cipher(own)?.open_in_place(nonce, Aad::from(key), &mut sealed);
    String::from_utf8(opened.ok()?.to_vec()).ok()
}
