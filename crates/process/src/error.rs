//! What goes wrong with processes.

use crate::Refusal;
use weir_model::{Code, codes};

/// Why a process cannot be looked at or ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// It is not ended, whoever asks.
    #[error("{code}: {said}", code = code_of(.why), said = said(.pid, .why))]
    Refused {
        /// Its id.
        pid: i32,
        /// Why.
        why: Refusal,
    },
    /// The kernel does not let this user.
    #[error(
        "{code}: process {pid} belongs to another user; ask its owner, or run as that user",
        code = codes::PROCESS_FORBIDDEN
    )]
    Forbidden {
        /// Its id.
        pid: i32,
    },
    /// It did not end.
    #[error(
        "{code}: process {pid} still runs {seconds} s after it was asked to end; --force ends it \
         without a chance to clean up",
        code = codes::PROCESS_STAYS
    )]
    Stays {
        /// Its id.
        pid: i32,
        /// So long was waited.
        seconds: f64,
    },
    /// The kernel's tables.
    #[error("{code}: cannot read {what}: {why}", code = codes::PROCESS_TABLE)]
    Table {
        /// What was read.
        what: String,
        /// What it complains of.
        why: String,
    },
    /// `process.yaml`.
    #[error("{code}: process.yaml: {0}", code = codes::PROCESS_DECLARATION)]
    Declaration(String),
}

impl Error {
    /// Its code.
    pub fn code(&self) -> Code {
        match self {
            Error::Refused { why, .. } => code_of(why),
            Error::Forbidden { .. } => codes::PROCESS_FORBIDDEN,
            Error::Stays { .. } => codes::PROCESS_STAYS,
            Error::Table { .. } => codes::PROCESS_TABLE,
            Error::Declaration(_) => codes::PROCESS_DECLARATION,
        }
    }
}

fn code_of(why: &Refusal) -> Code {
    match why {
        Refusal::NotThere => codes::NO_PROCESS,
        Refusal::Reused => codes::PROCESS_REUSED,
        _ => codes::PROCESS_PROTECTED,
    }
}

fn said(pid: &i32, why: &Refusal) -> String {
    match why {
        Refusal::First => format!("process {pid} is never ended: everything else ends with it"),
        Refusal::Itself => format!("process {pid} is this command itself"),
        Refusal::Ancestor => {
            format!("process {pid} began this command, which would end with it; ask from elsewhere")
        }
        Refusal::Kernel => format!("process {pid} is a part of the kernel and cannot be ended"),
        Refusal::NotThere => format!("there is no process {pid}; weir process system lists some"),
        Refusal::Reused => format!(
            "process {pid} is another one than was looked at: that one is over, and its id was \
             given away; look again with weir process detail --pid {pid}"
        ),
    }
}
