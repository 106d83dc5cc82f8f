//! Shares of the subjects: what does not fit into memory at once is counted one share after the
//! other.

use weir_model::records::Subject;
use xxhash_rust::xxh3::xxh3_64;

/// Share number `number` of `of`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// From 0.
    pub number: u64,
    /// How many there are.
    pub of: u64,
}

impl Share {
    /// All of them.
    pub const WHOLE: Share = Share { number: 0, of: 1 };

    /// The text whose hash (xxh3, 64 bits) modulo the number of shares chooses a subject's share:
    /// the tenant, then for each dimension that is not empty a zero, its name, `=` and its value,
    /// these pieces in order. SQL can make it too.
    pub fn text<'a>(tenant: &str, dimensions: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let mut pieces: Vec<String> = dimensions
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("\0{name}={value}"))
            .collect();
        pieces.sort_unstable();
        tenant.to_owned() + &pieces.concat()
    }

    /// Whether a subject belongs to it.
    pub fn holds<'a>(
        &self,
        tenant: &str,
        dimensions: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> bool {
        self.of == 1 || xxh3_64(Share::text(tenant, dimensions).as_bytes()) % self.of == self.number
    }

    pub(crate) fn has(&self, subject: &Subject) -> bool {
        let dimensions = subject.dimensions.iter();
        self.holds(
            &subject.tenant,
            dimensions.map(|(n, v)| (n.as_str(), v.as_str())),
        )
    }

    /// Whether an identity's hash belongs to it.
    pub(crate) fn has_identity(&self, hash: u128) -> bool {
        hash % u128::from(self.of) == u128::from(self.number)
    }
}
