//! The folder with the key of pseudonyms, and the keys of people in the directory.
//!
//! Each person's address is encrypted under a key of its own, a file. Whoever destroys the file has
//! destroyed every copy of the address, also those in old segments and backups of Kafka.

use crate::{Error, hex, is_pseudonym};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The key of pseudonyms.
const SECRET: &str = "key";
/// Keys of people, by pseudonym; and who was erased.
const PEOPLE: &str = "people";
const ERASED: &str = "erased";
/// Bytes of a key.
pub(crate) const BYTES: usize = 32;
/// Rights of group and others.
const OTHERS: u32 = 0o077;

/// A key.
pub(crate) type Key = [u8; BYTES];

/// The folder.
pub(crate) struct Folder {
    path: PathBuf,
    secret: Key,
}

impl Folder {
    /// Opens a folder, which gets a key where it has none.
    pub fn open_or_create(path: &Path) -> Result<Folder, Error> {
        let making = |e| failed("make", path, &e);
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(path).map_err(making)?;
        create_once(path, SECRET).map_err(making)?;
        Folder::open(path)
    }

    /// Opens a folder that has a key.
    pub fn open(path: &Path) -> Result<Folder, Error> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        let file = path.join(SECRET);
        let secret = read(&file).map_err(|e| failed("read", &file, &e))?;
        let secret = secret.ok_or_else(|| {
            let file = file.display();
            Error::Key(format!(
                "there is no {file}: name the folder that has the key"
            ))
        })?;
        for inner in [PEOPLE, ERASED] {
            let inner = path.join(inner);
            builder
                .create(&inner)
                .map_err(|e| failed("make", &inner, &e))?;
        }
        Ok(Folder {
            path: path.to_owned(),
            secret,
        })
    }

    /// The key of pseudonyms.
    pub fn secret(&self) -> &Key {
        &self.secret
    }

    /// The key of a person, made where there is none; `None` for who was erased.
    pub fn person_or_new(&self, pseudonym: &str) -> std::io::Result<Option<Key>> {
        if let Some(key) = self.person(pseudonym)? {
            return Ok(Some(key));
        }
        if self.erased(pseudonym).exists() || !is_pseudonym(pseudonym) {
            return Ok(None);
        }
        create_once(&self.path.join(PEOPLE), pseudonym)?;
        // Erased meanwhile: what was made after the mark is ours to remove.
        if self.erased(pseudonym).exists() {
            self.destroy(pseudonym)?;
        }
        self.person(pseudonym)
    }

    /// The key of a person, where there is one.
    pub fn person(&self, pseudonym: &str) -> std::io::Result<Option<Key>> {
        match is_pseudonym(pseudonym) {
            true => read(&self.path.join(PEOPLE).join(pseudonym)),
            false => Ok(None),
        }
    }

    /// Destroys the key of a person for good: no other is made. Whether there was one.
    ///
    /// The mark comes first: who dies between the two is asked again, and goes on.
    pub fn erase(&self, pseudonym: &str) -> std::io::Result<bool> {
        let mark = self.erased(pseudonym);
        let mut file = OpenOptions::new();
        file.write(true).create(true).truncate(false).mode(0o600);
        file.open(&mark)?.sync_all()?;
        sync(&self.path.join(ERASED))?;
        self.destroy(pseudonym)
    }

    fn destroy(&self, pseudonym: &str) -> std::io::Result<bool> {
        let file = self.path.join(PEOPLE).join(pseudonym);
        match OpenOptions::new().write(true).open(&file) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(false),
            Err(e) => return Err(e),
            Ok(mut out) => {
                // Where the file system writes in place, nothing of it is left on the disk.
                out.write_all("0".repeat(2 * BYTES).as_bytes())?;
                out.sync_all()?;
            }
        }
        match fs::remove_file(&file) {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        sync(&self.path.join(PEOPLE))?;
        Ok(true)
    }

    fn erased(&self, pseudonym: &str) -> PathBuf {
        self.path.join(ERASED).join(pseudonym)
    }
}

fn failed(what: &str, path: &Path, e: &std::io::Error) -> Error {
    Error::Key(format!("cannot {what} {}: {e}", path.display()))
}

/// A key in a file that its owner alone may read; `None` where there is no file.
fn read(file: &Path) -> std::io::Result<Option<Key>> {
    let status = match fs::symlink_metadata(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        status => status?,
    };
    let refused = |why| Err(std::io::Error::new(ErrorKind::InvalidData, why));
    if !status.is_file() || status.mode() & OTHERS != 0 {
        return refused("others may read it: give it the rights 600");
    }
    let text = match fs::read_to_string(file) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    match unhex(text.trim_end()) {
        Some(key) => Ok(Some(key)),
        None => refused("it is damaged: bring the key back from a copy"),
    }
}

fn unhex(text: &str) -> Option<Key> {
    let mut key = [0; BYTES];
    if text.len() != 2 * BYTES || !text.is_ascii() {
        return None;
    }
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
    }
    // What is left of one that was destroyed.
    (key != [0; BYTES]).then_some(key)
}

/// Makes a key, unless there is one: the file is there as a whole or not at all, and of two who
/// make it at a time one wins.
fn create_once(folder: &Path, name: &str) -> std::io::Result<()> {
    let file = folder.join(name);
    if file.exists() {
        return Ok(());
    }
    let mut bytes = [0u8; BYTES + 8];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system gives no random numbers"))?;
    let part = folder.join(format!(".{name}.{}", hex(&bytes[BYTES..])));
    let written =
        write(&part, &hex(&bytes[..BYTES])).and_then(|()| match fs::hard_link(&part, &file) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
            _ => Ok(()),
        });
    let removed = fs::remove_file(&part);
    written?;
    removed?;
    sync(folder)
}

fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let mut out = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    out.write_all(text.as_bytes())?;
    out.sync_all()
}

fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
