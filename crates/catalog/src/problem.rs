//! What is wrong with the declarations, told so that it can be put right.

use std::fmt;
use weir_model::Code;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Path relative to `schemas/`.
    pub file: String,
    /// Line, from 1 (0 where the whole file is meant).
    pub line: u64,
    /// Column, from 1 (0 where the whole file is meant).
    pub column: u64,
    /// Kind of problem.
    pub code: Code,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {} {}",
            self.file, self.line, self.column, self.code, self.message
        )?;
        if self.remedy.is_empty() {
            Ok(())
        } else {
            write!(f, "; {}", self.remedy)
        }
    }
}

/// A change of meaning that was refused; the same shape as any other problem, code `WEIR-0108`.
pub type Refusal = Problem;

/// Everything that is wrong, sorted by file and line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogErrors(pub Vec<Problem>);

impl fmt::Display for CatalogErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, p) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{p}")?;
        }
        Ok(())
    }
}
impl std::error::Error for CatalogErrors {}

/// `did you mean "x"?` for the nearest known name, else the list of what there is.
pub fn suggest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let near = known.iter().map(|k| (distance(wrong, k), *k)).min();
    match near {
        Some((d, k)) if d <= 1 + wrong.len().max(k.len()) / 4 => format!("did you mean \"{k}\"?"),
        Some(_) if known.len() <= 12 => format!("there is {}", known.join(", ")),
        Some(_) => format!("there is {}, ...", known[..12].join(", ")),
        None => "there is none".to_string(),
    }
}

/// Levenshtein distance, in characters.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
