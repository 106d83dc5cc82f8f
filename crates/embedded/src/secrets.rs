//! What opens the store and the broker of a data directory: secrets in a file that only its owner
//! reads.

use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use weir_runtime::config::Secret;

const FILE: &str = "secrets.json";
/// Bytes of a secret: 256 bits.
const BYTES: usize = 32;
/// Rights of group and others.
const OTHERS: u32 = 0o077;
const OTHERS_MAY_WRITE: u32 = 0o022;
/// In a directory with this bit nobody renames what is another user's, as in `/tmp`.
const STICKY: u32 = 0o1000;

/// The user that goes with all secrets; the secret says what its bearer may do.
pub const USER: &str = "weir";

/// The secrets of one data directory, in hexadecimal digits. They are never printed with it.
#[derive(Clone, Debug, Deserialize)]
pub struct Secrets {
    /// Opens the store for reading: for analysts and their tools.
    pub query: Secret,
    /// Opens it for writing too: for weir's own services.
    pub write: Secret,
    /// Opens Kafka's second port: for weir's own services and commands. Empty in the file of an
    /// earlier version, until [`Secrets::open_or_create`].
    #[serde(default)]
    pub kafka: Secret,
    /// The token of the owner at the gateway is made of it. Empty as the one before.
    #[serde(default)]
    pub gateway: Secret,
}

/// As they lie in the file.
#[derive(Serialize)]
struct Written<'a> {
    query: &'a str,
    write: &'a str,
    kafka: &'a str,
    gateway: &'a str,
}

impl Secrets {
    /// The file of a data directory.
    pub fn file(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// The secrets of a data directory, made where there are none yet.
    ///
    /// # Errors
    /// Where others may read or replace the file, or the operating system refuses it.
    pub fn open_or_create(data_dir: &Path) -> Result<Secrets, Error> {
        private_dir(data_dir)?;
        let mode = fs::metadata(data_dir)
            .map_err(Error::io(format!("looking at {}", data_dir.display())))?
            .mode();
        if mode & OTHERS_MAY_WRITE != 0 && mode & STICKY == 0 {
            return Err(Error::OpenToOthers {
                path: data_dir.to_path_buf(),
                right: "700",
            });
        }
        let file = Secrets::file(data_dir);
        let known = match fs::symlink_metadata(&file) {
            Ok(_) => Some(Secrets::read(&file)?),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(Error::io(format!("looking at {}", file.display()))(e)),
        };
        match known {
            Some(secrets) if secrets.are_complete() => Ok(secrets),
            known => {
                create(&file, known.as_ref())
                    .map_err(Error::io(format!("writing {}", file.display())))?;
                Secrets::read(&file)
            }
        }
    }

    /// The secrets of a data directory that has some.
    ///
    /// # Errors
    /// Without them, where others may read them, and where this user may not.
    pub fn open(data_dir: &Path) -> Result<Secrets, Error> {
        Secrets::read(&Secrets::file(data_dir))
    }

    /// The secrets in a file.
    ///
    /// # Errors
    /// As [`Secrets::open`].
    pub fn read(file: &Path) -> Result<Secrets, Error> {
        let reading = || format!("reading {}", file.display());
        let status = fs::symlink_metadata(file).map_err(Error::io(reading()))?;
        if !status.is_file() || status.mode() & OTHERS != 0 {
            return Err(Error::OpenToOthers {
                path: file.to_path_buf(),
                right: "600",
            });
        }
        let text = fs::read(file).map_err(Error::io(reading()))?;
        let secrets: Secrets = serde_json::from_slice(&text)
            .map_err(|e| Error::io(reading())(std::io::Error::from(e)))?;
        let is_whole = |secret: &Secret| secret.expose().len() == 2 * BYTES;
        let later = [&secrets.kafka, &secrets.gateway];
        let later = later
            .iter()
            .all(|secret| secret.expose().is_empty() || is_whole(secret));
        if !is_whole(&secrets.query) || !is_whole(&secrets.write) || !later {
            let damaged = std::io::Error::new(
                ErrorKind::InvalidData,
                "a secret is damaged: stop weir and remove the file, it is made again",
            );
            return Err(Error::io(reading())(damaged));
        }
        Ok(secrets)
    }

    fn are_complete(&self) -> bool {
        let later = [&self.kafka, &self.gateway];
        later.iter().all(|secret| !secret.expose().is_empty())
    }
}

/// A directory for its owner alone where it has to be made; one that exists stays as it is.
pub(crate) fn private_dir(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io(format!("creating {}", path.display())))
}

/// A directory that is weir's own: for its owner alone, whoever made it.
pub(crate) fn closed_dir(path: &Path) -> Result<(), Error> {
    private_dir(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(Error::io(format!("closing {}", path.display())))
}

/// Writes new secrets, but for those that are known. Dies between any two lines: the file is there
/// as a whole or not at all, or as it was.
fn create(file: &Path, known: Option<&Secrets>) -> std::io::Result<()> {
    let kept = |which: fn(&Secrets) -> &Secret| match known.map(|k| which(k).expose()) {
        Some(secret) if !secret.is_empty() => Ok(secret.to_owned()),
        _ => random(),
    };
    let (query, write) = (kept(|s| &s.query)?, kept(|s| &s.write)?);
    let text = serde_json::to_vec_pretty(&Written {
        query: &query,
        write: &write,
        kafka: &kept(|s| &s.kafka)?,
        gateway: &kept(|s| &s.gateway)?,
    })?;
    let part = file.with_extension("part");
    match fs::remove_file(&part) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&part)?;
    out.write_all(&text)?;
    out.sync_all()?;
    fs::rename(&part, file)
}

fn random() -> std::io::Result<String> {
    let mut bytes = [0u8; BYTES];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use weir_model::codes;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn are_made_once_and_for_their_owner_alone() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("a/b");
        let made = Secrets::open_or_create(&dir).unwrap();
        assert_eq!((mode(&dir), mode(&Secrets::file(&dir))), (0o700, 0o600));
        assert_ne!(made.query, made.write);
        assert_eq!(made.query.expose().len(), 64);
        let again = Secrets::open_or_create(&dir).unwrap();
        assert_eq!((&again.query, &again.write), (&made.query, &made.write));
        assert_eq!(again.kafka, made.kafka);
        assert!(made.kafka.expose().len() == 64 && made.kafka != made.write);
        let shown = format!("{made:?}");
        assert!(!shown.contains(made.query.expose()) && !shown.contains(made.write.expose()));
    }

    #[test]
    fn a_file_of_an_earlier_version_keeps_its_secrets_and_gets_one_more() {
        let dir = tempfile::tempdir().unwrap();
        let file = Secrets::file(dir.path());
        let (query, write) = ("1".repeat(64), "2".repeat(64));
        let text = format!("{{\"query\": \"{query}\", \"write\": \"{write}\"}}");
        fs::write(&file, text).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Secrets::open(dir.path()).unwrap().kafka.expose(), "");
        let now = Secrets::open_or_create(dir.path()).unwrap();
        assert_eq!((now.query.expose(), now.write.expose()), (&*query, &*write));
        assert_eq!((now.kafka.expose().len(), mode(&file)), (64, 0o600));
        assert_eq!(now.gateway.expose().len(), 64);
        assert_ne!(now.gateway, now.kafka);
    }

    #[test]
    fn are_refused_where_others_could_have_them() {
        let dir = tempfile::tempdir().unwrap();
        Secrets::open_or_create(dir.path()).unwrap();
        let file = Secrets::file(dir.path());
        let refused = |path: &Path, bad: u32, good: u32| {
            fs::set_permissions(path, Permissions::from_mode(bad)).unwrap();
            let error = Secrets::open_or_create(dir.path()).unwrap_err();
            assert_eq!(error.code(), codes::OPEN_TO_OTHERS, "{error}");
            fs::set_permissions(path, Permissions::from_mode(good)).unwrap();
            Secrets::open_or_create(dir.path()).unwrap();
        };
        refused(&file, 0o640, 0o600);
        refused(&file, 0o604, 0o600);
        refused(dir.path(), 0o770, 0o755);
        fs::write(&file, "{\"query\": \"\", \"write\": \"\"}").unwrap();
        assert!(
            Secrets::open(dir.path()).is_err(),
            "an empty secret opens nothing"
        );
    }
}
