//! Partitions, by which all parts name what they read and write.

use crate::error::Error;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

/// A topic's partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tp {
    /// Topic.
    pub topic: String,
    /// Partition.
    pub partition: i32,
}

impl Tp {
    /// From its parts.
    pub fn new(topic: impl Into<String>, partition: i32) -> Tp {
        Tp {
            topic: topic.into(),
            partition,
        }
    }
}

impl std::fmt::Display for Tp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// What a group committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Which.
    pub tp: Tp,
    /// Offset to go on from; `None` where nothing was committed.
    pub offset: Option<i64>,
    /// What was committed with it.
    pub metadata: String,
}

/// With their offsets, as the library takes them.
///
/// # Errors
/// An offset that is none.
pub(crate) fn list(from: &[(Tp, i64)]) -> Result<TopicPartitionList, Error> {
    let mut list = TopicPartitionList::with_capacity(from.len());
    for (tp, offset) in from {
        list.add_partition_offset(&tp.topic, tp.partition, Offset::Offset(*offset))
            .map_err(|e| Error::kafka(format!("offset of {tp}"), e))?;
    }
    Ok(list)
}

/// As the library takes them.
pub(crate) fn names(parts: &[Tp]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(parts.len());
    for tp in parts {
        list.add_partition(&tp.topic, tp.partition);
    }
    list
}
