//! A subject as one text: the tenant, then each dimension value, in the order of the dimensions'
//! names.

use weir_model::records::Subject;

/// Neither tenants nor dimension values hold control characters.
const SEPARATOR: char = '\u{1f}';

/// A subject whose dimension names are known from what it is a subject of. Its order is that of
/// [`Subject`]s of the same dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey<'a>(pub(crate) &'a str);

impl<'a> SubjectKey<'a> {
    /// Appends the text of a subject.
    pub fn write<'v>(out: &mut String, tenant: &str, values: impl IntoIterator<Item = &'v str>) {
        out.push_str(tenant);
        for v in values {
            out.push(SEPARATOR);
            out.push_str(v);
        }
    }

    /// The text.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// The tenant.
    pub fn tenant(self) -> &'a str {
        self.0.split(SEPARATOR).next().unwrap_or_default()
    }

    /// The values of the dimensions.
    pub fn values(self) -> impl Iterator<Item = &'a str> {
        self.0.split(SEPARATOR).skip(1)
    }

    /// With its dimension names.
    pub fn subject<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Subject {
        Subject {
            tenant: self.tenant().to_owned(),
            dimensions: names
                .into_iter()
                .zip(self.values())
                .map(|(n, v)| (n.to_owned(), v.to_owned()))
                .collect(),
        }
    }
}
