//! A whole map of strings, kept as encoded.

use super::Cursor;

/// The entries of [`super::Value::Map`], in the order written. A key that was written twice comes
/// twice; the last one holds.
pub fn map_entries(raw: &[u8]) -> MapEntries<'_> {
    MapEntries {
        cursor: Cursor::new(raw),
        left: 0,
    }
}

/// See [`map_entries`].
#[derive(Clone, Debug)]
pub struct MapEntries<'a> {
    cursor: Cursor<'a>,
    left: u64,
}

impl<'a> Iterator for MapEntries<'a> {
    type Item = (&'a str, &'a str);

    // Decoding has checked these bytes: an error is the same as the end.
    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            self.left = self.cursor.block().ok()?.items;
            if self.left == 0 {
                self.cursor = Cursor::new(&[]);
                return None;
            }
        }
        self.left -= 1;
        Some((self.cursor.text().ok()?, self.cursor.text().ok()?))
    }
}
