//! What `weir up` does while the disk of its data directory is full.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weir_embedded::disk;
use weir_runtime::{Health, Shutdown};

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// Between two lines about it.
const TELL: Duration = Duration::from_secs(30);

/// A service may notice so long after the disk had room again that it had none: its calls to Kafka have deadlines.
const AFTERMATH: Duration = Duration::from_secs(300);

/// The disk of a data directory; clones share what they have seen.
#[derive(Clone)]
pub struct Disk {
    dir: PathBuf,
    /// When it was full last.
    full: Arc<Mutex<Option<Instant>>>,
}

impl Disk {
    pub fn of(dir: &Path) -> Disk {
        Disk {
            dir: dir.to_owned(),
            full: Arc::default(),
        }
    }

    /// Why nothing can be written soon, if so. A system that does not tell is no reason to stand still.
    pub fn trouble(&self) -> Option<String> {
        let full = disk::full(&self.dir).ok().flatten()?;
        *self.seen() = Some(Instant::now());
        Some(full.to_string())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Not ready while it is full.
    pub fn watched_by(&self, health: &Health) {
        let disk = self.clone();
        health.register("disk", move || disk.trouble().map_or(Ok(()), Err));
    }

    /// Says when it is full, and when it has room again, until shutdown.
    pub fn tell(&self, shutdown: &Shutdown) {
        let (disk, stop) = (self.clone(), shutdown.clone());
        tokio::spawn(async move {
            let mut told: Option<Instant> = None;
            while !stop.is_requested() {
                match (disk.trouble(), told) {
                    (Some(_), Some(at)) if at.elapsed() < TELL => {}
                    (Some(full), _) => {
                        eprintln!("weir: {full}");
                        told = Some(Instant::now());
                    }
                    (None, Some(_)) => {
                        eprintln!("weir: the disk of {} has room again", disk.dir.display());
                        told = None;
                    }
                    (None, None) => {}
                }
                tokio::time::sleep(LOOK).await;
            }
        });
    }

    /// Whether what ended a service may be the disk: waits then until it has room, so that the service can run again.
    pub fn explains(&self, error: &impl Display, shutdown: &Shutdown) -> bool {
        let _ = self.trouble();
        if self.seen().is_none_or(|at| at.elapsed() > AFTERMATH) {
            return false;
        }
        tracing::warn!("a full disk ended a service, it starts again when there is room: {error}");
        // Once in any case: what fails at once must not spin.
        std::thread::sleep(LOOK);
        while self.trouble().is_some() && !shutdown.is_requested() {
            std::thread::sleep(LOOK);
        }
        !shutdown.is_requested()
    }
}
