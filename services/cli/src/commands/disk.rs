//! What `weir up` says while the disk of its data directory is full. The services wait by
//! themselves, as for any Kafka or ClickHouse that does not answer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use weir_embedded::disk;
use weir_runtime::host::{Running, Service};

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(2);
/// Between two lines about it.
const TELL: Duration = Duration::from_secs(30);

/// The disk of a data directory; clones share what they have seen.
#[derive(Clone)]
pub struct Disk {
    dir: PathBuf,
    /// Whether the system was ready.
    ready: Arc<AtomicBool>,
}

impl Disk {
    pub fn of(dir: &Path) -> Disk {
        Disk {
            dir: dir.to_owned(),
            ready: Arc::default(),
        }
    }

    /// Why nothing can be written soon, if so. A system that does not tell is no reason to stand
    /// still.
    pub fn trouble(&self) -> Option<String> {
        let full = disk::full(&self.dir).ok().flatten();
        full.map(|full| full.to_string())
    }

    /// The system was ready once: from now on it is not while the disk is full. What starts with
    /// little room starts all the same.
    pub fn ready(&self) {
        self.ready.store(true, Ordering::Relaxed);
    }

    /// A service that says when it is full, and when it has room again.
    pub fn watched(&self) -> Service {
        let (disk, checked) = (self.clone(), self.clone());
        let check = move || match checked.ready.load(Ordering::Relaxed) {
            true => checked.trouble().map_or(Ok(()), Err),
            false => Ok(()),
        };
        Service::new(move |running| {
            disk.tell(running);
            Ok(())
        })
        .ready_while("disk", check)
    }

    fn tell(&self, running: &Running) {
        let mut told: Option<Instant> = None;
        while !running.shutdown.is_requested() {
            match (self.trouble(), told) {
                (Some(_), Some(at)) if at.elapsed() < TELL => {}
                (Some(full), _) => {
                    eprintln!("weir: {full}");
                    told = Some(Instant::now());
                }
                (None, Some(_)) => {
                    eprintln!("weir: the disk of {} has room again", self.dir.display());
                    told = None;
                }
                (None, None) => {}
            }
            rest(running);
        }
    }
}

/// Until it is time to look again, or for shutdown.
fn rest(running: &Running) {
    let asked = running.shutdown.requested();
    let _ = running.block_on(async { tokio::time::timeout(LOOK, asked).await });
}
