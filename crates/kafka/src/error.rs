//! What can go wrong with a broker.

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;
use weir_model::{Code, codes};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No broker answered.
    #[error(
        "no broker of {brokers} answered within {seconds} s: check the address and that Kafka runs"
    )]
    Unreachable {
        /// As configured.
        brokers: String,
        /// How long it was tried.
        seconds: u64,
    },
    /// The client library or the broker refused a call.
    #[error("kafka: {what}: {source}")]
    Kafka {
        /// What was being done.
        what: String,
        /// Why not.
        source: KafkaError,
    },
    /// The brokers do not let this client in, or it does not trust them. Waiting does not help.
    #[error("{brokers} and this client do not trust each other: {reason}")]
    Refused {
        /// As configured.
        brokers: String,
        /// In the words of the client library.
        reason: String,
    },
    /// There is no token for SASL OAUTHBEARER.
    #[error("no token for SASL OAUTHBEARER: {reason}")]
    Token {
        /// Why not.
        reason: String,
        /// Whether it may be there later.
        passes: bool,
    },
    /// A property that the client library does not take. Its value may be a secret, and is not here.
    #[error("kafka: {what}: property {name}: {reason}")]
    Property {
        /// What was being done.
        what: String,
        /// Name of the property, with dots.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A call took longer than it may.
    #[error(
        "{what} did not finish within {seconds} s: the process must start again; check the broker"
    )]
    Deadline {
        /// What was being done.
        what: String,
        /// Its limit.
        seconds: u64,
    },
    /// State was made with another number of partitions.
    #[error("{topic} has {found} partitions, state was made with {expected}: run `weir reprocess`")]
    PartitionsChanged {
        /// Topic.
        topic: String,
        /// Then.
        expected: u32,
        /// Now.
        found: u32,
    },
    /// The log begins after the offset to go on from.
    #[error(
        "{topic}/{partition} begins at offset {low}, but reading must go on from {wanted}: run `weir reprocess`, or \
         raise the topic's retention"
    )]
    Gap {
        /// Topic.
        topic: String,
        /// Partition.
        partition: i32,
        /// First offset there is.
        low: i64,
        /// Offset needed.
        wanted: i64,
    },
    /// The group is at rest, and nobody reads some of its partitions.
    #[error("nobody in group {group} reads {partitions}: joining it anew")]
    Orphaned {
        /// Group.
        group: String,
        /// Which, as text.
        partitions: String,
    },
    /// A change of assignment was dropped without an answer.
    #[error("a change of assignment was given up: the consumer must be built anew")]
    Unanswered,
    /// Something that cannot be happened.
    #[error("invariant broken: {0}")]
    Invariant(String),
    /// The stage itself failed.
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl Error {
    /// The operator's code.
    pub fn code(&self) -> Code {
        match self {
            Error::Token { passes: false, .. } => codes::CONFIG,
            Error::Refused { .. } | Error::Token { .. } => codes::BROKER_REFUSED,
            Error::Property { .. } => codes::CONFIG,
            Error::Kafka { source, .. }
                if source.rdkafka_error_code().is_some_and(is_forbidden) =>
            {
                codes::BROKER_FORBIDS
            }
            Error::Unreachable { .. }
            | Error::Kafka { .. }
            | Error::Orphaned { .. }
            | Error::Unanswered => codes::BROKER_UNREACHABLE,
            Error::Deadline { .. } => codes::DEADLINE,
            Error::PartitionsChanged { .. } => codes::PARTITIONS_CHANGED,
            Error::Gap { .. } => codes::LOG_GAP,
            Error::Invariant(_) => codes::INVARIANT,
            Error::Stage(e) => e.code,
        }
    }

    /// True where trying again later can help: no broker, no leader, a timeout.
    pub fn is_transient(&self) -> bool {
        match self {
            Error::Unreachable { .. } | Error::Deadline { .. } => true,
            Error::Token { passes, .. } => *passes,
            Error::Kafka { source, .. } => source.rdkafka_error_code().is_some_and(transient),
            Error::Stage(e) => matches!(e.code, codes::BROKER_UNREACHABLE | codes::DEADLINE),
            _ => false,
        }
    }

    /// True where the client itself is done for and must be built anew.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Error::Kafka { source, .. }
            if source.rdkafka_error_code() == Some(RDKafkaErrorCode::Fatal))
    }

    pub(crate) fn kafka(what: impl Into<String>, source: KafkaError) -> Error {
        let what = what.into();
        match source {
            // Its text has the value.
            KafkaError::ClientConfig(result, _, name, _) => Error::Property {
                what,
                name,
                reason: match result {
                    RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN => {
                        "there is none of this name; see the properties of librdkafka"
                    }
                    _ => "this value cannot be; see the properties of librdkafka",
                },
            },
            source => Error::Kafka { what, source },
        }
    }

    pub(crate) fn code_of(what: impl Into<String>, code: RDKafkaErrorCode) -> Error {
        Error::kafka(what, KafkaError::Global(code))
    }
}

/// Errors by which a broker says that its ACLs do not allow a call.
fn is_forbidden(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    matches!(
        code,
        C::TopicAuthorizationFailed
            | C::GroupAuthorizationFailed
            | C::ClusterAuthorizationFailed
            | C::TransactionalIdAuthorizationFailed
    )
}

/// Errors that pass by themselves: the client goes on trying.
pub(crate) fn transient(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as C;
    matches!(
        code,
        C::AllBrokersDown
            | C::BrokerTransportFailure
            | C::Resolve
            | C::OperationTimedOut
            | C::RequestTimedOut
            | C::TimedOutQueue
            | C::WaitingForCoordinator
            | C::CoordinatorLoadInProgress
            | C::CoordinatorNotAvailable
            | C::NotCoordinator
            | C::LeaderNotAvailable
            | C::NotLeaderForPartition
            // A broker that has just started knows less than its clients for a moment.
            | C::FencedLeaderEpoch
            | C::UnknownLeaderEpoch
            | C::OffsetNotAvailable
            | C::KafkaStorageError
            | C::UnknownTopicOrPartition
            | C::UnknownTopic
            | C::UnknownPartition
            | C::NetworkException
            | C::Retry
    )
}

/// An error that ends the stage; its process starts again from what was committed.
#[derive(Debug, thiserror::Error)]
#[error("{code} {message}")]
pub struct StageError {
    /// For the operator.
    pub code: Code,
    /// In words.
    pub message: String,
}

impl StageError {
    /// With its code.
    pub fn new(code: Code, message: impl Into<String>) -> StageError {
        StageError {
            code,
            message: message.into(),
        }
    }
}

impl From<Error> for StageError {
    fn from(e: Error) -> StageError {
        match e {
            Error::Stage(e) => e,
            e => StageError {
                code: e.code(),
                message: e.to_string(),
            },
        }
    }
}
