//! Where the fold puts what memory does not hold. Who runs it says what the shelves are: files, or
//! in tests a map.

use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::io;

/// Numbered shelves of rows.
pub trait Shelves {
    /// Adds a row to a shelf.
    ///
    /// # Errors
    /// There is no room for it.
    fn put(&mut self, shelf: usize, row: &[u8]) -> io::Result<()>;

    /// Gives all rows of a shelf, in the order in which they were put there.
    ///
    /// # Errors
    /// They cannot be read, or the receiver's.
    fn each(
        &mut self,
        shelf: usize,
        row: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()>;
}

/// In memory, by shelf.
impl Shelves for BTreeMap<usize, Vec<Vec<u8>>> {
    fn put(&mut self, shelf: usize, row: &[u8]) -> io::Result<()> {
        self.entry(shelf).or_default().push(row.to_vec());
        Ok(())
    }

    fn each(
        &mut self,
        shelf: usize,
        row: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let rows = self.get(&shelf).into_iter().flatten();
        rows.map(Vec::as_slice).try_for_each(row)
    }
}

/// A row's bytes.
pub(crate) fn row(value: &impl Serialize) -> io::Result<Vec<u8>> {
    postcard::to_allocvec(value).map_err(io::Error::other)
}

/// The row that bytes are.
pub(crate) fn taken<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<T> {
    postcard::from_bytes(bytes).map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
}
