use std::{io, path::PathBuf};
use weir_model::{Code, codes};

/// What can go wrong with a data directory or a child process.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another process holds the data directory.
    #[error(
        "{}: the data directory {} is held by {holder}: stop that process, or choose another directory",
        codes::DATA_DIR_HELD, path.display()
    )]
    DataDirHeld {
        /// The directory.
        path: PathBuf,
        /// Process id, command and since when, as far as it is known.
        holder: String,
    },
    /// A child exited, or answered nothing in time.
    #[error("{}: {name} did not become ready: {detail} (its log: {})", codes::CHILD_NOT_READY, log.display())]
    NotReady {
        /// Which child.
        name: &'static str,
        /// What was seen, with the end of its log.
        detail: String,
        /// Where it writes.
        log: PathBuf,
    },
    /// Java, Kafka's jars or the engine's library cannot be found.
    #[error("{}: {what} is missing: {remedy}", codes::MISSING_PROGRAM)]
    Missing {
        /// What is missing.
        what: &'static str,
        /// What to do.
        remedy: String,
    },
    /// Nothing runs on this data directory.
    #[error("{}: no running system was found in {}: start one with `weir up`", codes::NOT_RUNNING, path.display())]
    NotRunning {
        /// The directory.
        path: PathBuf,
    },
    /// A port that was asked for is in use.
    #[error(
        "{}: port {port} on 127.0.0.1 is taken: stop what uses it, or choose another",
        codes::PORT_TAKEN
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// Others could read or replace what is for its owner alone.
    #[error(
        "{}: {} is open to other users of this machine: run `chmod {right} {}`",
        codes::OPEN_TO_OTHERS, path.display(), path.display()
    )]
    OpenToOthers {
        /// File or directory.
        path: PathBuf,
        /// The rights that it should have.
        right: &'static str,
    },
    /// The operating system refused something.
    #[error("{}: {doing}", codes::CHILD_NOT_READY)]
    Io {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl Error {
    /// The code under which `docs/errors.md` explains it.
    pub fn code(&self) -> Code {
        match self {
            Error::DataDirHeld { .. } => codes::DATA_DIR_HELD,
            Error::NotReady { .. } | Error::Io { .. } => codes::CHILD_NOT_READY,
            Error::Missing { .. } => codes::MISSING_PROGRAM,
            Error::NotRunning { .. } => codes::NOT_RUNNING,
            Error::PortTaken { .. } => codes::PORT_TAKEN,
            Error::OpenToOthers { .. } => codes::OPEN_TO_OTHERS,
        }
    }

    /// For `map_err`: an error of the operating system with what was being done.
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let doing = doing.into();
        move |source| Error::Io { doing, source }
    }
}
