//! A list of a few things that needs no memory of its own.

use std::ops::Deref;

/// A short list that does not allocate up to [`SmallList::INLINE`] items.
#[derive(Debug, Clone)]
pub struct SmallList<T> {
    inline: [T; 6],
    len: usize,
    /// All items, where they are more.
    more: Vec<T>,
}

impl<T: Copy + Default> SmallList<T> {
    /// Items kept in place.
    pub const INLINE: usize = 6;

    /// An empty list.
    pub fn new() -> SmallList<T> {
        SmallList {
            inline: [T::default(); 6],
            len: 0,
            more: Vec::new(),
        }
    }
    /// Appends.
    pub fn push(&mut self, item: T) {
        if let Some(slot) = self.inline.get_mut(self.len)
            && self.more.is_empty()
        {
            *slot = item;
        } else {
            if self.more.is_empty() {
                self.more.extend_from_slice(&self.inline);
            }
            self.more.push(item);
        }
        self.len += 1;
    }
}

impl<T: Copy + Default> FromIterator<T> for SmallList<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut list = SmallList::new();
        for item in items {
            list.push(item);
        }
        list
    }
}

impl<T: Copy + Default> Default for SmallList<T> {
    fn default() -> Self {
        SmallList::new()
    }
}

impl<T> Deref for SmallList<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        if self.more.is_empty() {
            &self.inline[..self.len]
        } else {
            &self.more
        }
    }
}
