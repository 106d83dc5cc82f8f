//! Things that are used again instead of being freed.

/// A list of them, of which the first ones are in use.
#[derive(Debug, Default)]
pub(super) struct Pool<T> {
    pub items: Vec<T>,
    used: usize,
}

/// What a [`Pool`] holds.
pub(super) trait Reuse: Default {
    /// Forgets everything, keeps the room.
    fn reset(&mut self);
}

impl<T: Reuse> Pool<T> {
    /// One more that holds nothing, and its index.
    pub fn take(&mut self) -> (u64, &mut T) {
        if self.used == self.items.len() {
            self.items.push(T::default());
        }
        let index = self.used;
        self.used += 1;
        let item = &mut self.items[index];
        item.reset();
        (index as u64, item)
    }
    /// Those in use.
    pub fn live(&self) -> impl Iterator<Item = &T> {
        self.items[..self.used].iter()
    }
    /// Takes all of them out of use.
    pub fn clear(&mut self) {
        // Room for the next batches, not for the largest there ever was.
        self.items.truncate((2 * self.used).max(256));
        self.used = 0;
    }
}
