//! How much room there is for data.

use bytesize::ByteSize;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use weir_model::codes;

/// With less free than this Kafka and ClickHouse soon cannot write, in bytes: a segment of Kafka's
/// log and a merge of ClickHouse fit in it.
pub const LEAST_FREE: u64 = 256 << 20;

/// A disk that is nearly full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Full {
    /// Directory on it.
    pub dir: PathBuf,
    /// Bytes that are left to us.
    pub free: u64,
    /// Bytes that it has in all.
    pub size: u64,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: the disk of {} is full: {} of {} are free, {} are needed; make room, weir goes on by itself",
            codes::DISK_FULL,
            self.dir.display(),
            ByteSize(self.free),
            ByteSize(self.size),
            ByteSize(LEAST_FREE),
        )
    }
}

/// Whether less than [`LEAST_FREE`] is left on the disk of a directory.
///
/// # Errors
/// The system does not tell.
pub fn full(dir: &Path) -> io::Result<Option<Full>> {
    let disk = rustix::fs::statvfs(dir)?;
    // What is kept for the administrator is not ours.
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    Ok((free < LEAST_FREE).then(|| Full {
        dir: dir.to_owned(),
        free,
        size: disk.f_blocks.saturating_mul(disk.f_frsize),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_message_names_the_disk_and_what_is_left() {
        let full = Full {
            dir: "/data/weir".into(),
            free: 3 << 20,
            size: 600 << 20,
        };
        let text = full.to_string();
        for part in [
            "WEIR-0216",
            "/data/weir",
            "3.0 MiB of 600.0 MiB",
            "256.0 MiB",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_system_without_room_is_told_and_a_missing_directory_is_an_error() {
        // The file system of processes has no bytes at all.
        let proc = full(Path::new("/proc")).unwrap().unwrap();
        assert_eq!(proc.free, 0);
        assert!(full(Path::new("/nowhere/at/all")).is_err());
    }
}
