//! What can go wrong in the engine.

use weir_model::Code;
use weir_model::codes;

/// An error of the engine. None of them is about an event: those that cannot be read are dead
/// letters, not errors.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Bytes that the engine itself once wrote do not read back.
    #[error("{what} does not decode: {why}; restore from an older snapshot or reprocess")]
    Corrupt {
        /// What was read.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A block, snapshot or position of another catalog or run.
    #[error(
        "{what} was written under another catalog or run; start a new run with `weir reprocess`"
    )]
    OtherRun {
        /// What was read.
        what: &'static str,
    },
    /// The catalog cannot be run as it is.
    #[error("{0}")]
    Catalog(String),
    /// An invariant of the processing was broken.
    #[error("{0}; this is a defect: keep the log and report it")]
    Invariant(String),
}

impl EngineError {
    /// Bytes that do not decode.
    pub const fn corrupt(what: &'static str, why: &'static str) -> EngineError {
        EngineError::Corrupt { what, why }
    }

    /// The code an operator looks up.
    pub const fn code(&self) -> Code {
        match self {
            EngineError::Corrupt { .. } | EngineError::Invariant(_) => codes::INVARIANT,
            EngineError::OtherRun { .. } => codes::CATALOG_MEANING,
            EngineError::Catalog(_) => codes::CATALOG_REFERENCE,
        }
    }
}
