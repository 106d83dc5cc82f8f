//! Buckets of subjects: what does not fit into memory at once is put on disk by bucket, and counted
//! some buckets after the others.

use std::ops::Range;
use weir_model::records::Subject;
use xxhash_rust::xxh3::xxh3_64;

/// Buckets that there are. One is the least that is counted at once.
pub const BUCKETS: usize = 1024;

/// The buckets from one up to another, which is not of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share(pub Range<usize>);

impl Share {
    /// All of them.
    pub const WHOLE: Share = Share(0..BUCKETS);

    /// The text whose hash (xxh3, 64 bits) modulo [`BUCKETS`] is a subject's bucket: the tenant,
    /// then for each dimension that is not empty a zero, its name, `=` and its value, these pieces
    /// in order. SQL can make it too.
    pub fn text<'a>(tenant: &str, dimensions: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let mut pieces: Vec<String> = dimensions
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("\0{name}={value}"))
            .collect();
        pieces.sort_unstable();
        tenant.to_owned() + &pieces.concat()
    }

    /// The bucket of a subject.
    pub fn bucket<'a>(tenant: &str, dimensions: impl Iterator<Item = (&'a str, &'a str)>) -> usize {
        let hash = xxh3_64(Share::text(tenant, dimensions).as_bytes());
        (hash % BUCKETS as u64) as usize
    }

    /// Whether a subject belongs to it.
    pub fn holds<'a>(
        &self,
        tenant: &str,
        dimensions: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        *self == Share::WHOLE || self.0.contains(&Share::bucket(tenant, dimensions))
    }

    pub(crate) fn has(&self, subject: &Subject) -> bool {
        let dimensions = subject.dimensions.iter();
        self.holds(
            &subject.tenant,
            dimensions.map(|(n, v)| (n.as_str(), v.as_str())),
        )
    }
}
