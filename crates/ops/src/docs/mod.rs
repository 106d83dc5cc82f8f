//! Pages that are written from the declarations: what there is to measure (`docs/metrics.md`), and
//! what of the product's catalogue is answered by which declaration and which test
//! (`docs/coverage.md`, by the mapping in `docs/coverage.yaml`), and what stands in each topic
//! (`docs/topics.md`, by `weir topics --describe`, which knows what each service is allowed).

mod coverage;
mod metrics;
mod page;
mod tested;
mod topics;
mod words;

pub use coverage::coverage;
pub use metrics::metrics;
pub use tested::Tests;
pub use topics::{Access, Described, described, topics};
pub use words::looks_at;

use std::path::Path;
use weir_catalog::{Catalog, Problem};
use weir_model::codes;

/// Where the mapping stands, below the root of the repository.
pub const MAPPING: &str = "docs/coverage.yaml";

/// The pages, as (name of the file, text): that of coverage only where `root` has a mapping. Tests
/// are looked up only where `root` holds the sources.
///
/// # Errors
/// Everything that is wrong with the mapping, with file (below `root`) and line.
pub fn pages(catalog: &Catalog, root: &Path) -> Result<Vec<(&'static str, String)>, Vec<Problem>> {
    let mut out = vec![("metrics.md", metrics(catalog))];
    let unreadable = |file: String, e: std::io::Error| {
        vec![Problem {
            file,
            line: 0,
            column: 0,
            code: codes::CATALOG_SYNTAX,
            message: format!("cannot be read: {e}"),
            remedy: format!("check the directory {}", root.display()),
        }]
    };
    match std::fs::read_to_string(root.join(MAPPING)) {
        Ok(mapping) => {
            let tests = Tests::below(root).map_err(|(file, e)| unreadable(file, e))?;
            out.push(("coverage.md", coverage(catalog, &mapping, tests.as_ref())?));
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
        Err(e) => return Err(unreadable(MAPPING.to_owned(), e)),
    }
    Ok(out)
}

/// The first line, from 1, in which two texts are not the same.
pub fn first_difference(a: &str, b: &str) -> Option<usize> {
    if a == b {
        return None;
    }
    let same = a.lines().zip(b.lines()).take_while(|(a, b)| a == b);
    Some(same.count() + 1)
}
