//! Which test functions the sources have.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// Folders of the repository that hold tests.
const FOLDERS: [&str; 3] = ["crates", "services", "tests"];

/// Test functions, with the files that they stand in (relative to the root of the repository).
#[derive(Debug, Default)]
pub struct Tests(BTreeMap<String, Vec<String>>);

impl Tests {
    /// Those of the sources below a repository's root; `None` where there are no sources.
    ///
    /// # Errors
    /// The file or folder that cannot be read.
    pub fn below(root: &Path) -> Result<Option<Tests>, (String, io::Error)> {
        let mut tests = Tests::default();
        let mut found = false;
        for folder in FOLDERS.iter().filter(|f| root.join(f).is_dir()) {
            found = true;
            tests.collect(root, folder)?;
        }
        for files in tests.0.values_mut() {
            files.sort();
            files.dedup();
        }
        Ok(found.then_some(tests))
    }

    /// The files that a test function stands in: none where there is no such function.
    pub fn files(&self, name: &str) -> &[String] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    fn collect(&mut self, root: &Path, folder: &str) -> Result<(), (String, io::Error)> {
        let fail = |e| (folder.to_owned(), e);
        for entry in std::fs::read_dir(root.join(folder)).map_err(fail)? {
            let entry = entry.map_err(fail)?;
            let name = entry.file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            if entry.file_type().map_err(fail)?.is_dir() {
                if name != "target" {
                    self.collect(root, &path)?;
                }
            } else if path.ends_with(".rs") {
                let text = std::fs::read_to_string(entry.path());
                self.read(&path, &text.map_err(|e| (path.clone(), e))?);
            }
        }
        Ok(())
    }

    /// Functions below an attribute that makes them tests.
    pub(super) fn read(&mut self, file: &str, text: &str) {
        let mut is_test = false;
        for line in text.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let rest = line.strip_prefix("async ").unwrap_or(line);
            let Some(rest) = rest.strip_prefix("fn ") else {
                continue;
            };
            if std::mem::take(&mut is_test) {
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let name = &rest[..end.unwrap_or(rest.len())];
                self.0
                    .entry(name.to_owned())
                    .or_default()
                    .push(file.to_owned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_a_test_where_it_is_marked_as_one() {
        let mut tests = Tests::default();
        let text = "#[test]\n#[ignore]\nfn one() {}\nfn helper() {}\n    #[tokio::test(x)]\n    \
                    async fn two() {}\n";
        tests.read("a.rs", text);
        assert_eq!(tests.files("one"), ["a.rs"]);
        assert_eq!(tests.files("two"), ["a.rs"]);
        assert!(tests.files("helper").is_empty());
    }
}
