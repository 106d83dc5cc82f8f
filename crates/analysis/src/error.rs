//! Why a question about a series has no answer.

use weir_model::codes::{Code, SERIES_OPTIONS, SERIES_SHORT, SERIES_TIMES};

/// Why a question about a series has no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// There are too few points to say anything.
    #[error("{have} points are too few; give at least {need}")]
    TooShort {
        /// Points with a value.
        have: usize,
        /// Points that are needed.
        need: usize,
    },
    /// Times of points do not make a series.
    #[error("the points make no series: {0}")]
    Times(String),
    /// An option excludes every answer.
    #[error("{0}")]
    Options(String),
}

impl Error {
    /// The code under which `docs/errors.md` explains it.
    pub fn code(&self) -> Code {
        match self {
            Error::TooShort { .. } => SERIES_SHORT,
            Error::Times(_) => SERIES_TIMES,
            Error::Options(_) => SERIES_OPTIONS,
        }
    }
}
