//! What a principal may do at the brokers, as data: what a command prints and a broker is given.

use serde::{Deserialize, Serialize};

/// One ACL that allows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Acl {
    /// `User:...`.
    pub principal: String,
    /// Kind of what is opened.
    pub resource: Resource,
    /// Its name, or what names begin with.
    pub name: String,
    /// How the name is meant.
    pub pattern: Pattern,
    /// What is allowed. Who may read or write may describe too.
    pub operation: Operation,
}

/// What an ACL is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Records.
    Topic,
    /// Committed offsets.
    Group,
    /// Who may fence whom.
    TransactionalId,
}

impl Resource {
    /// As `kafka-acls.sh` calls it after two dashes.
    pub const fn label(self) -> &'static str {
        match self {
            Resource::Topic => "topic",
            Resource::Group => "group",
            Resource::TransactionalId => "transactional-id",
        }
    }
}

/// How a name is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pattern {
    /// This one.
    Literal,
    /// All that begin with it.
    Prefixed,
}

impl Pattern {
    /// As `kafka-acls.sh` calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Pattern::Literal => "literal",
            Pattern::Prefixed => "prefixed",
        }
    }
}

/// What an ACL allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// Fetch records; commit offsets for a group.
    Read,
    /// Append records; use a transactional id.
    Write,
    /// See that it is there, and its offsets.
    Describe,
    /// Make topics of this name.
    Create,
    /// Delete records from the beginning on.
    Delete,
}

impl Operation {
    /// As `kafka-acls.sh` calls it.
    pub const fn label(self) -> &'static str {
        match self {
            Operation::Read => "read",
            Operation::Write => "write",
            Operation::Describe => "describe",
            Operation::Create => "create",
            Operation::Delete => "delete",
        }
    }
}
