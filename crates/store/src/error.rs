//! What can go wrong with the store.

use weir_model::{Code, WindowSize, codes};

/// An error of the store; [`StoreError::code`] is what operators look up.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nobody answers, or the connection broke: worth trying again.
    #[error(
        "{}: ClickHouse at {url} cannot be reached ({reason}); check that it runs and that the URL is right",
        codes::STORE
    )]
    Unreachable {
        /// Where.
        url: String,
        /// Why.
        reason: String,
    },
    /// It answered with an error.
    #[error(
        "{}: ClickHouse refused a statement: {reason}; the statement begins: {statement}",
        codes::STORE
    )]
    Refused {
        /// ClickHouse's number of the error, 0 where it gave none.
        number: i32,
        /// ClickHouse's words.
        reason: String,
        /// Its first characters.
        statement: String,
    },
    /// The user or the password is not known there.
    #[error(
        "{code}: ClickHouse at {url} does not know the user or the password; name a data directory of yours, or give \
         both with WEIR_CLICKHOUSE_USER and WEIR_CLICKHOUSE_PASSWORD", code = codes::STORE_PASSWORD
    )]
    Password {
        /// Where.
        url: String,
    },
    /// A question that would have done more than read.
    #[error("{code}: a question reads what the store holds and does nothing else: {reason}", code = codes::QUERY)]
    OnlyReads {
        /// ClickHouse's words.
        reason: String,
    },
    /// A migration that was applied before has another text now.
    #[error(
        "{}: migration {name} was applied with another text; restore the file and write the change as a new migration",
        codes::STORE
    )]
    MigrationChanged {
        /// File name.
        name: String,
    },
    /// A statement of a migration that weir cannot write for a cluster.
    #[error(
        "{code}: this statement has no form for a cluster: {statement}; a migration makes, changes \
         and drops tables (MergeTree with ORDER BY), views and functions by names without a \
         database, nothing else", code = codes::STORE_CLUSTER
    )]
    NoClusterForm {
        /// Its first characters.
        statement: String,
    },
    /// The tables that are there are of the other form.
    #[error(
        "{code}: the tables in database {database} were made {made}; {remedy}",
        code = codes::STORE_CLUSTER
    )]
    OtherForm {
        /// The database.
        database: String,
        /// For what.
        made: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// SQL files that cannot be read.
    #[error("{}: cannot read {path}: {reason}", codes::STORE)]
    Unreadable {
        /// File or folder.
        path: String,
        /// Why.
        reason: String,
    },
    /// A catalog that has no table.
    #[error("{}: event type {event}: {reason}", codes::CATALOG_REFERENCE)]
    Catalog {
        /// Event type.
        event: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A question or its parameters.
    #[error("{code}: {0}", code = codes::QUERY)]
    Question(String),
    /// Bytes that ClickHouse sent and that do not read as the asked format.
    #[error("{code}: the answer of ClickHouse cannot be read: {0}", code = codes::STORE)]
    Answer(String),
}

impl StoreError {
    /// The code in `docs/errors.md`.
    pub fn code(&self) -> Code {
        match self {
            StoreError::Question(_) | StoreError::OnlyReads { .. } => codes::QUERY,
            StoreError::Password { .. } => codes::STORE_PASSWORD,
            StoreError::Catalog { .. } => codes::CATALOG_REFERENCE,
            StoreError::NoClusterForm { .. } | StoreError::OtherForm { .. } => codes::STORE_CLUSTER,
            _ => codes::STORE,
        }
    }

    /// Whether the same statement may succeed later without anyone changing it.
    pub fn is_transient(&self) -> bool {
        match self {
            StoreError::Unreachable { .. } => true,
            // Timeouts, memory, too many parts or queries, read-only, shutting down, aborted.
            StoreError::Refused { number, .. } => {
                matches!(
                    number,
                    0 | 159
                        | 160
                        | 164
                        | 201
                        | 202
                        | 209
                        | 210
                        | 236
                        | 241
                        | 242
                        | 243
                        | 252
                        | 279
                        | 319
                        | 425
                        | 745
                )
            }
            _ => false,
        }
    }

    /// What a reader is refused, in the words of a reader.
    pub(crate) fn of_a_question(self) -> StoreError {
        if let StoreError::Refused {
            number: 60, reason, ..
        } = &self
            && let Some(told) = not_stored(reason)
        {
            return StoreError::Question(told);
        }
        match self {
            StoreError::Refused {
                number: 164 | 497,
                reason,
                ..
            } => {
                let reason = reason.rsplit("DB::Exception: ").next().unwrap_or_default();
                let reason = reason.split(" (version").next().unwrap_or_default();
                StoreError::OnlyReads {
                    reason: reason
                        .rsplit_once(". (")
                        .map_or(reason, |(words, _)| words)
                        .to_owned(),
                }
            }
            other => other,
        }
    }

    pub(crate) fn from_client(
        error: clickhouse::error::Error,
        url: &str,
        statement: &str,
    ) -> StoreError {
        use clickhouse::error::Error;
        match error {
            Error::BadResponse(reason) if matches!(number(&reason), 192..=194 | 516) => {
                StoreError::Password {
                    url: url.to_string(),
                }
            }
            Error::BadResponse(reason) => StoreError::Refused {
                number: number(&reason),
                reason: reason.trim().chars().take(2000).collect(),
                statement: statement.chars().take(200).collect(),
            },
            other => {
                let mut reason = other.to_string();
                let mut source = std::error::Error::source(&other);
                while let Some(inner) = source {
                    let text = inner.to_string();
                    if !reason.contains(&text) {
                        reason = format!("{reason}: {text}");
                    }
                    source = inner.source();
                }
                StoreError::Unreachable {
                    url: url.to_string(),
                    reason,
                }
            }
        }
    }
}

/// What to do where a view of windows is asked for that no rollup of the event type stores.
fn not_stored(reason: &str) -> Option<String> {
    let view = reason.split('\'').nth(1)?;
    let view = view.rsplit('.').next()?.trim_matches('`');
    let (event, label) = view.rsplit_once('_')?;
    let mut sizes = WindowSize::ALL.into_iter();
    sizes.find(|s| s.label() == label)?;
    Some(format!(
        "there is no view {view}: no rollup of such an event type stores windows of {label}; ask \
         {event}_1h, or {event}_events for single events, or write `windows: [{label}, 1h, 1d]` at \
         the rollup in schemas/catalog, which counts the log again"
    ))
}

/// The number in `Code: 60. DB::Exception: ...`.
fn number(reason: &str) -> i32 {
    let digits = reason.split("Code: ").nth(1).unwrap_or_default();
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()
        .and_then(|d| d.parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_view_of_windows_that_are_not_stored_is_told_with_what_would_keep_them() {
        let refused = |reason: &str| StoreError::Refused {
            number: 60,
            reason: reason.into(),
            statement: String::new(),
        };
        let told = |reason: &str| refused(reason).of_a_question().to_string();
        let said = told("Unknown table expression identifier 'weir.llm_call_5m' in scope SELECT 1");
        assert!(said.contains("no view llm_call_5m"), "{said}");
        assert!(said.contains("windows: [5m, 1h, 1d]"), "{said}");
        let said = told("Unknown table expression identifier 'nonsense' in scope SELECT 1");
        assert!(
            said.contains("nonsense") && !said.contains("windows:"),
            "{said}"
        );
    }
}
