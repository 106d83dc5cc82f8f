//! What can go wrong with a report.

use weir_model::codes;
use weir_store::StoreError;

/// Why a report was not made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A declaration of `schemas/reports` is not valid.
    #[error("{}: report {name}: {reason}", codes::REPORT_DECLARATION)]
    Declaration {
        /// Of the report.
        name: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A template cannot be read or filled.
    #[error("{}: template {name}: {reason}", codes::REPORT_TEMPLATE)]
    Template {
        /// Its file.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// What was asked for cannot be.
    #[error("{code}: {0}", code = codes::REPORT_ASKED)]
    Asked(String),
    /// Reports that cannot be merged.
    #[error("{code}: {0}", code = codes::REPORT_MERGE)]
    Merge(String),
    /// A format could not be written.
    #[error(
        "{}: the {format} could not be written: {reason}",
        codes::REPORT_WRITTEN
    )]
    Written {
        /// `xlsx`
        format: &'static str,
        /// Why.
        reason: String,
    },
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
}
