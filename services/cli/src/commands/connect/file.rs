//! A client's settings file: read, compared, replaced as a whole.

use anyhow::{Result, anyhow, bail};
use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use weir_model::codes::CLIENT_SETTINGS;

/// Rights of the owner: a token is in it.
const OWNER: u32 = 0o700;
/// Rights of a file that is made.
const NEW: u32 = 0o600;

/// A settings file as it was found.
pub struct SettingsFile {
    /// As the client names it.
    pub path: PathBuf,
    /// Where it really is: a link to it stays a link.
    target: PathBuf,
    /// What is in it; `None` where there is none yet.
    found: Option<String>,
}

impl SettingsFile {
    /// Looks at a file.
    pub fn find(path: PathBuf) -> Result<SettingsFile> {
        let cannot =
            |e: std::io::Error| anyhow!("{CLIENT_SETTINGS}: cannot read {}: {e}", path.display());
        let target = match fs::symlink_metadata(&path) {
            Ok(_) => fs::canonicalize(&path).map_err(cannot)?,
            Err(e) if e.kind() == ErrorKind::NotFound => path.clone(),
            Err(e) => return Err(cannot(e)),
        };
        let found = match fs::read_to_string(&target) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == ErrorKind::NotFound => None,
            Err(e) => return Err(cannot(e)),
        };
        Ok(SettingsFile {
            path,
            target,
            found,
        })
    }

    /// Its text; empty where there is none.
    pub fn text(&self) -> &str {
        self.found.as_deref().unwrap_or_default()
    }

    pub fn exists(&self) -> bool {
        self.found.is_some()
    }

    /// Puts another text in its place, for the owner's eyes. Dies between any two lines: the file
    /// is as it was or as a whole new; what may be left beside it is a file `.weir-…`.
    pub fn replace(&self, text: &str) -> Result<()> {
        let cannot = |e: std::io::Error| {
            anyhow!(
                "{CLIENT_SETTINGS}: cannot write {}: {e}",
                self.path.display()
            )
        };
        let folder = self.target.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(cannot)?;
        let mut part = tempfile::Builder::new()
            .prefix(".weir-")
            .tempfile_in(folder)
            .map_err(cannot)?;
        part.write_all(text.as_bytes()).map_err(cannot)?;
        let mode = match fs::metadata(&self.target) {
            Ok(now) => {
                self.must_be_owned(&now, &part.as_file().metadata().map_err(cannot)?)?;
                now.mode() & OWNER
            }
            Err(_) => {
                let folder = fs::metadata(folder).map_err(cannot)?;
                self.must_be_owned(&folder, &part.as_file().metadata().map_err(cannot)?)?;
                NEW
            }
        };
        part.as_file()
            .set_permissions(Permissions::from_mode(mode))
            .map_err(cannot)?;
        part.as_file().sync_all().map_err(cannot)?;
        // Clients write their settings too.
        if SettingsFile::find(self.path.clone())?.found != self.found {
            bail!(
                "{CLIENT_SETTINGS}: {} was changed meanwhile; run this again",
                self.path.display()
            );
        }
        part.persist(&self.target).map_err(|e| cannot(e.error))?;
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(cannot)
    }

    /// Its owner could not read what another user, like root, put in its place.
    fn must_be_owned(&self, it: &fs::Metadata, by: &fs::Metadata) -> Result<()> {
        if it.uid() == by.uid() {
            return Ok(());
        }
        bail!(
            "{CLIENT_SETTINGS}: {} is another user's; run this as its owner",
            self.path.display()
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("inner/settings.json");
        let file = SettingsFile::find(path.clone()).unwrap();
        assert!(!file.exists());
        file.replace("new").unwrap();
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("new", 0o600)
        );
        fs::set_permissions(&path, Permissions::from_mode(0o754)).unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        SettingsFile::find(link.clone())
            .unwrap()
            .replace("newer")
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(
            (fs::read_to_string(&path).unwrap().as_str(), mode(&path)),
            ("newer", 0o700)
        );
        // Nothing else is left there.
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_changed_meanwhile_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        let file = SettingsFile::find(path.clone()).unwrap();
        fs::write(&path, "theirs").unwrap();
        let why = file.replace("ours").unwrap_err().to_string();
        assert!(
            why.starts_with("WEIR-0309") && why.contains("meanwhile"),
            "{why}"
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("settings.json");
        fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(SettingsFile::find(path).is_err());
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("none"), &link).unwrap();
        assert!(SettingsFile::find(link).is_err());
    }
}
