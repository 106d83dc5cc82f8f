//! What a mapping file declares.

use super::time::Unit;
use anyhow::{Context as _, Result, anyhow};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use weir_model::codes::MAPPING;

/// A mapping file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    /// Name: key of the ledger.
    pub name: String,
    /// One line for people.
    #[serde(default)]
    pub title: String,
    /// Event type.
    pub event: String,
    /// Format of the data.
    pub format: Format,
    /// When the row happened.
    pub time: Time,
    /// Rows to take: a CEL condition.
    #[serde(default, rename = "where")]
    pub filter: Option<String>,
    /// Record key and `source`: a CEL expression giving text.
    pub source: String,
    /// What identifies the row; rows of equal identity are one event.
    pub identity: By,
    /// Event fields (dotted) to CEL expressions. A result of null leaves the field at its default.
    pub fields: BTreeMap<String, String>,
    /// Resource attributes to fixed texts.
    #[serde(default)]
    pub resource: BTreeMap<String, String>,
}

/// Format of the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Comma-separated with a header line.
    Csv,
    /// One JSON object per line.
    Jsonl,
}

/// When a row happened.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Time {
    /// CEL expression: a number in `unit`, or a text such as `2023-11-16 18:17:03.9799600` (UTC).
    pub at: String,
    /// Unit of a number.
    #[serde(default)]
    pub unit: Unit,
    /// Placement of times that are relative.
    #[serde(default)]
    pub place: Option<Place>,
}

/// What identifies a row, and which of several rows of one identity counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(
    untagged,
    expecting = "an expression, or {by: EXPRESSION, keep: first, last or max(EXPRESSION)} is expected"
)]
pub enum By {
    /// A CEL expression giving text; the last row counts.
    Last(String),
    /// The expression, and which row counts.
    Rule(Rule),
}

/// See [`By`].
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A CEL expression giving text.
    pub by: String,
    /// `last` (also without it), `first`, or `max(EXPRESSION)`: the row with the largest number, of
    /// equal ones the last.
    #[serde(default)]
    pub keep: String,
}

/// Placement of relative times: group i (in order of appearance) starts at `start + i * every`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Where time 0 of the first group is put.
    pub start: String,
    /// CEL expression of the group; without it all rows are one group.
    #[serde(default)]
    pub group: Option<String>,
    /// Distance between the starts of groups, e.g. `37m`.
    #[serde(default)]
    pub every: Option<String>,
}

impl Mapping {
    /// Reads a mapping file.
    pub fn load(path: &Path) -> Result<Mapping> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("{MAPPING}: cannot read the mapping {}", path.display()))?;
        Mapping::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of a mapping; `name` is for messages.
    pub fn parse(name: &str, text: &str) -> Result<Mapping> {
        serde_saphyr::from_str(text).map_err(|e| {
            // The first line says what and where; the others draw the file.
            let told = e.to_string();
            let told = told.lines().next().unwrap_or_default();
            anyhow!("{MAPPING}: {name}: {}", told.trim_start_matches("error: "))
        })
    }
}
