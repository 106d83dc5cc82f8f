//! What `weir up` does while the disk of its data directory is full.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use weir_embedded::disk;
use weir_runtime::Shutdown;
use weir_runtime::host::{Running, Service};

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// ... in the service that watches it, which must also end soon when it is asked to.
const SOON: Duration = Duration::from_millis(500);
/// Between two lines about it.
const TELL: Duration = Duration::from_secs(30);

/// A service may notice so long after the disk had room again that it had none: its calls to Kafka
/// have deadlines.
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

    /// Why nothing can be written soon, if so. A system that does not tell is no reason to stand
    /// still.
    pub fn trouble(&self) -> Option<String> {
        let full = disk::full(&self.dir).ok().flatten()?;
        *self.seen() = Some(Instant::now());
        Some(full.to_string())
    }

    fn seen(&self) -> MutexGuard<'_, Option<Instant>> {
        self.full.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A service that says when it is full and when it has room again. From the moment that all
    /// else is ready, the process is not ready while it is full: what starts with little room shall
    /// start all the same.
    pub fn watching(&self) -> Service {
        let disk = self.clone();
        Service::new(move |running| {
            let (mut told, mut watched): (Option<Instant>, bool) = (None, false);
            while !running.shutdown.is_requested() {
                if !watched && running.health.report().iter().all(|(_, why)| why.is_none()) {
                    watched = true;
                    let disk = disk.clone();
                    let check = move || disk.trouble().map_or(Ok(()), Err);
                    running.health.register("disk", check);
                }
                disk.tell(&mut told);
                std::thread::sleep(LOOK.min(SOON));
            }
            Ok(())
        })
    }

    fn tell(&self, told: &mut Option<Instant>) {
        match (self.trouble(), *told) {
            (Some(_), Some(at)) if at.elapsed() < TELL => {}
            (Some(full), _) => {
                eprintln!("weir: {full}");
                *told = Some(Instant::now());
            }
            (None, Some(_)) => {
                eprintln!("weir: the disk of {} has room again", self.dir.display());
                *told = None;
            }
            (None, None) => {}
        }
    }

    /// A service that runs until shutdown; one that ended because the disk is full runs again when
    /// there is room.
    pub fn outlived<E>(&self, run: impl Fn(&Running) -> Result<(), E> + Send + 'static) -> Service
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let disk = self.clone();
        Service::new(move |running| {
            loop {
                match run(running) {
                    Err(e) if disk.explains(&e, &running.shutdown) => {}
                    ended => return Ok(ended?),
                }
            }
        })
    }

    /// Whether what ended a service may be the disk: waits then until it has room, so that the
    /// service can run again.
    fn explains(&self, error: &impl Display, shutdown: &Shutdown) -> bool {
        if shutdown.is_requested() {
            return false;
        }
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
