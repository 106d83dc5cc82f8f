//! What the oracle says share by share, with shelves in memory.

use std::collections::BTreeMap;
use std::io;
use weir_catalog::Catalog;
use weir_oracle::{Divided, Fold, Shelves, Truth};

/// Judges as many subjects at once as take up to `limit` bytes.
pub fn shares(catalog: &Catalog, fold: Fold, limit: usize) -> Vec<Truth> {
    let mut shelves = Shelf::default();
    let mut divided = Divided::new(catalog, fold, &mut shelves).unwrap();
    let mut all = Vec::new();
    while let Some((_, truth)) = divided.next(catalog, limit, &mut shelves).unwrap() {
        all.push(truth);
    }
    all
}

#[derive(Default)]
struct Shelf(BTreeMap<usize, Vec<Vec<u8>>>);

impl Shelves for Shelf {
    fn put(&mut self, shelf: usize, row: &[u8]) -> io::Result<()> {
        self.0.entry(shelf).or_default().push(row.to_vec());
        Ok(())
    }

    fn each(
        &mut self,
        shelf: usize,
        row: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let rows = self.0.get(&shelf).into_iter().flatten();
        rows.map(Vec::as_slice).try_for_each(row)
    }
}
