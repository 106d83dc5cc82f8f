//! How the memory of a shard speaks of what it holds.

use super::time::Size;

/// Index of a subject or series; [`NONE`] ends a list.
pub(crate) type Id = u32;
pub(crate) const NONE: Id = Id::MAX;

/// What an open window is of: a [`Size`], or the last active minute of an hour.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct WindowKind(pub u8);

impl WindowKind {
    /// The end of the last minute of an hour that had an on-time event; its "row" is eight bytes.
    pub const ACTIVITY: WindowKind = WindowKind(4);

    pub const fn of(size: Size) -> WindowKind {
        WindowKind(size.code())
    }
}
