//! What goes in, record by record, and what becomes of it.

use weir_catalog::types::EventId;
use weir_model::headers::{Meta, SchemaRef};
use weir_model::{Code, Micros};

/// A raw partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Input {
    /// Event type of the topic.
    pub event: EventId,
    /// Partition of it.
    pub partition: u32,
}

/// A record of a raw partition.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Offset.
    pub offset: i64,
    /// When the broker appended it.
    pub append_time: Micros,
    /// Value.
    pub value: Option<&'a [u8]>,
    /// What its headers said.
    pub meta: Meta,
}

/// Why a record is a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// Code.
    pub code: Code,
    /// In words.
    pub message: String,
    /// Whose record it is; empty where its bytes do not tell.
    pub tenant: String,
}

impl Dead {
    pub(super) fn new(code: Code, message: String) -> Dead {
        Dead {
            code,
            message,
            tenant: String::new(),
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fold {
    /// An event that counts.
    Counted {
        /// Too late to be judged.
        late: bool,
        /// From a future that was cut.
        clamped: bool,
    },
    /// An event read before.
    Duplicate,
    /// A tick that counts.
    Tick,
    /// A mark of a player.
    Mark,
    /// A tick that does not count.
    Skipped,
    /// A record that cannot be read: to be written as a dead letter.
    Dead(Dead),
    /// The record was **not** folded: make its schema known ([`super::Combine::add_schema`]) and fold it
    /// again, or give it to [`super::Combine::fold_dead`].
    UnknownSchema(SchemaRef),
}
