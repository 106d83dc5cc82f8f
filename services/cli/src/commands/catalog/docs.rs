//! `weir catalog docs`

use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;
use weir_catalog::Catalog;
use weir_ops::docs::{self, MAPPING};

/// Writes the pages, or tells which of them are not what would be written. The mapping of coverage
/// and the sources are those below the current directory.
pub fn run(catalog: &Catalog, out: &Path, check: bool) -> Result<ExitCode> {
    let pages = match docs::pages(catalog, Path::new(".")) {
        Ok(pages) => pages,
        Err(problems) => {
            problems.iter().for_each(|p| eprintln!("{p}"));
            return Ok(ExitCode::from(1));
        }
    };
    let mut current = true;
    for (name, text) in &pages {
        let path = out.join(name);
        if check {
            let found = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(line) = docs::first_difference(&found, text) {
                current = false;
                let path = path.display();
                eprintln!("{path}:{line}: is not what is declared; run `weir catalog docs`");
            }
        } else {
            std::fs::create_dir_all(out)
                .and_then(|()| std::fs::write(&path, text))
                .with_context(|| format!("cannot write {}", path.display()))?;
            println!("{} written", path.display());
        }
    }
    if pages.len() == 1 {
        eprintln!("no page of coverage: there is no {MAPPING} below the current directory");
    }
    Ok(ExitCode::from(u8::from(!current)))
}
