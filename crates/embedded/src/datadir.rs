//! One process at a time owns a data directory; the others find it.

use crate::Error;
use crate::secrets::private_dir;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

const LOCK: &str = "weir.lock";
const READY: &str = "weir.json";

/// Who holds a data directory and where its parts listen.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Running {
    /// The process that holds it.
    pub pid: u32,
    /// Its command line.
    pub command: String,
    /// When it took the directory, in seconds since 1970.
    pub started: u64,
    /// Kafka, as `host:port`.
    #[serde(default)]
    pub brokers: String,
    /// Kafka for those who have its secret, as `host:port`; empty where there is none.
    #[serde(default)]
    pub own_brokers: String,
    /// ClickHouse, as a URL.
    #[serde(default)]
    pub clickhouse: String,
    /// weir's own HTTP, as a URL.
    #[serde(default)]
    pub http: String,
    /// The gateway, as a URL; empty where there is none.
    #[serde(default)]
    pub gateway: String,
    /// Where OTLP over gRPC is taken, as a URL; empty where it is not.
    #[serde(default)]
    pub otlp_grpc: String,
    /// The api, as a URL; empty where there is none.
    #[serde(default)]
    pub api: String,
}

/// A held data directory, given up when dropped and in any case when the process ends.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    holder: Running,
    lock: File,
}

impl DataDir {
    /// Takes the directory, which is created where it is missing.
    ///
    /// # Errors
    /// [`Error::DataDirHeld`] names the process that holds it.
    pub fn lock(path: impl AsRef<Path>) -> Result<DataDir, Error> {
        let path = path.as_ref();
        private_dir(path)?;
        let file = path.join(LOCK);
        let failed = || format!("locking {}", file.display());
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&file)
            .map_err(Error::io(failed()))?;
        if !flock(&lock).map_err(Error::io(failed()))? {
            return Err(Error::DataDirHeld {
                path: path.to_path_buf(),
                holder: describe(&mut lock),
            });
        }
        // What the last holder said of its parts holds no longer.
        let _ = fs::remove_file(path.join(READY));
        let holder = Running {
            pid: std::process::id(),
            command: std::env::args().collect::<Vec<_>>().join(" "),
            started: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |t| t.as_secs()),
            ..Running::default()
        };
        write_holder(&mut lock, &holder).map_err(Error::io(failed()))?;
        Ok(DataDir {
            path: path.to_path_buf(),
            holder,
            lock,
        })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says where the gateway takes events, and OTLP over gRPC, with the next announcement.
    pub fn takes_events_at(&mut self, gateway: &str, otlp_grpc: &str) {
        self.holder.gateway = gateway.to_owned();
        self.holder.otlp_grpc = otlp_grpc.to_owned();
    }

    /// Says where the api answers, with the next announcement.
    pub fn answers_at(&mut self, api: &str) {
        self.holder.api = api.to_owned();
    }

    /// Says where the parts listen, for [`DataDir::running`]; call it when they are ready.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub fn announce(
        &mut self,
        (brokers, own_brokers): (&str, &str),
        clickhouse: &str,
        http: &str,
    ) -> Result<(), Error> {
        self.holder.brokers = brokers.to_owned();
        self.holder.own_brokers = own_brokers.to_owned();
        self.holder.clickhouse = clickhouse.to_owned();
        self.holder.http = http.to_owned();
        let ready = self.path.join(READY);
        let part = self.path.join("weir.json.part");
        write_holder(&mut self.lock, &self.holder)
            .and_then(|()| fs::write(&part, serde_json::to_vec_pretty(&self.holder)?))
            .and_then(|()| fs::rename(&part, &ready))
            .map_err(Error::io(format!("writing {}", ready.display())))
    }

    /// The system that runs on this directory and has announced itself.
    ///
    /// # Errors
    /// [`Error::NotRunning`] where nobody holds the directory or its holder is not ready yet.
    pub fn running(path: impl AsRef<Path>) -> Result<Running, Error> {
        let path = path.as_ref();
        let none = || Error::NotRunning {
            path: path.to_path_buf(),
        };
        let lock = File::open(path.join(LOCK)).map_err(|_| none())?;
        // Whoever can take the lock finds nobody at home, whatever the file says.
        if flock_shared(&lock).unwrap_or(true) {
            return Err(none());
        }
        let ready = fs::read(path.join(READY)).map_err(|_| none())?;
        serde_json::from_slice(&ready).map_err(|_| none())
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.path.join(READY));
        // Closing the file gives the lock up: children do not inherit it.
    }
}

fn write_holder(lock: &mut File, holder: &Running) -> io::Result<()> {
    let text = serde_json::to_vec(holder)?;
    lock.set_len(0)?;
    lock.rewind()?;
    lock.write_all(&text)
}

fn describe(lock: &mut File) -> String {
    let mut text = String::new();
    let holder: Option<Running> = lock
        .read_to_string(&mut text)
        .ok()
        .and_then(|_| serde_json::from_str(&text).ok());
    match holder {
        Some(holder) => {
            let now = SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |t| t.as_secs());
            let since = now.saturating_sub(holder.started);
            format!(
                "process {} ({}), started {} ago",
                holder.pid,
                holder.command,
                duration(since)
            )
        }
        None => "another process".to_owned(),
    }
}

fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// Takes the lock for writing; false where somebody else holds it.
fn flock(file: &File) -> io::Result<bool> {
    try_flock(file, libc::LOCK_EX)
}

/// Takes it for reading: two that look at the same time do not take each other for a holder.
fn flock_shared(file: &File) -> io::Result<bool> {
    try_flock(file, libc::LOCK_SH)
}

fn try_flock(file: &File, kind: libc::c_int) -> io::Result<bool> {
    // SAFETY: the descriptor is open for the length of the call.
    if unsafe { libc::flock(file.as_raw_fd(), kind | libc::LOCK_NB) } == 0 {
        return Ok(true);
    }
    match io::Error::last_os_error() {
        e if e.kind() == io::ErrorKind::WouldBlock => Ok(false),
        e => Err(e),
    }
}
