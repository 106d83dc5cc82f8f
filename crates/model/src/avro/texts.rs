//! What is known of the texts of an event without a second look at them.

/// What the decoded texts of an event are like: enough to know that most need not be looked at
/// again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Texts {
    /// The lengths of all, or-ed, and [`ODD`] where one is not of printable ASCII.
    all: usize,
}

/// No slice is that long.
const ODD: usize = 1 << (usize::BITS - 1);

impl Texts {
    pub(super) const NONE: Texts = Texts { all: 0 };

    /// True where all are of printable ASCII and shorter than `length`, a power of two. Where they
    /// are not, some may be.
    #[inline(always)]
    pub fn are_plain(self, length: usize) -> bool {
        self.all < length
    }

    /// Takes note of any number of texts of printable ASCII that are shorter than this power of
    /// two.
    #[inline(always)]
    pub(super) fn note_plain(&mut self, length: usize) {
        self.all |= length - 1;
    }

    /// Takes note of a text.
    #[inline(always)]
    pub(super) fn note<'a>(&mut self, (text, plain): (&'a str, bool)) -> &'a str {
        self.all |= text.len() | if plain { 0 } else { ODD };
        text
    }
}
