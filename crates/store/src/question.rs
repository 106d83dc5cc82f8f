//! Named questions: SQL files with a header that names their parameters.
//!
//! ```sql
//! -- title: Models by spend
//! -- param days UInt32 = 30: how far back
//! SELECT ...
//! ```

use crate::StoreError;
use crate::client::Param;
use crate::migrate::sql_files;
use std::path::Path;

/// A parameter of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// `--days`
    pub name: String,
    /// ClickHouse type.
    pub kind: String,
    /// Value where it is not given.
    pub default: String,
    /// For people.
    pub help: String,
}

/// A question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// `top-models`
    pub name: String,
    /// One line for people.
    pub title: String,
    /// Parameters with defaults.
    pub parameters: Vec<Parameter>,
    /// ClickHouse SQL with `{name:Type}`.
    pub text: String,
}

impl Question {
    /// Those compiled into this program, by name.
    pub fn built_in() -> Vec<Question> {
        crate::QUESTIONS
            .iter()
            .filter_map(|(name, text)| Question::parse(name, text))
            .collect()
    }

    /// Those of a directory, instead.
    ///
    /// # Errors
    /// It cannot be read; a file has no readable header.
    pub fn from_dir(dir: &Path) -> Result<Vec<Question>, StoreError> {
        let read = |(name, text): (String, String)| {
            Question::parse(&name, &text).ok_or_else(|| {
                let path = dir.join(format!("{name}.sql"));
                StoreError::Question(format!(
                    "{} needs a header: `-- title: …`, then `-- param name Type = default: help` for each parameter",
                    path.display()
                ))
            })
        };
        sql_files(dir)?.into_iter().map(read).collect()
    }

    /// One of them.
    ///
    /// # Errors
    /// There is none of that name: the error lists those that are.
    pub fn find(all: Vec<Question>, name: &str) -> Result<Question, StoreError> {
        let names: Vec<String> = all.iter().map(|q| q.name.clone()).collect();
        all.into_iter().find(|q| q.name == name).ok_or_else(|| {
            StoreError::Question(format!(
                "there is no question named {name}; there are {}",
                names.join(", ")
            ))
        })
    }

    /// From the text of a file; `None` where its header has no title or a line of it cannot be read.
    pub fn parse(name: &str, text: &str) -> Option<Question> {
        let mut title = None;
        let mut parameters = Vec::new();
        for line in text.lines().map_while(|l| l.strip_prefix("-- ")) {
            if let Some(t) = line.strip_prefix("title: ") {
                title = Some(t.to_string());
            } else if let Some(p) = line.strip_prefix("param ") {
                let (head, help) = p.split_once(": ")?;
                let (declared, default) = head.split_once(" =")?;
                let (name, kind) = declared.split_once(' ')?;
                parameters.push(Parameter {
                    name: name.into(),
                    kind: kind.into(),
                    default: default.trim().into(),
                    help: help.into(),
                });
            }
        }
        let body: Vec<&str> = text.lines().skip_while(|l| l.starts_with("--")).collect();
        Some(Question {
            name: name.into(),
            title: title?,
            parameters,
            text: body.join("\n").trim().to_string(),
        })
    }

    /// The SQL and its bound parameters; `given` holds what the asker said, by name.
    ///
    /// # Errors
    /// A name that the question does not have, or a number that is none.
    pub fn sql(&self, given: &[Param]) -> Result<(String, Vec<Param>), StoreError> {
        let known: Vec<String> = self
            .parameters
            .iter()
            .map(|p| format!("--{}", p.name))
            .collect();
        if let Some((name, _)) = given
            .iter()
            .find(|(n, _)| !self.parameters.iter().any(|p| p.name == *n))
        {
            let rest = if known.is_empty() {
                "it takes none".into()
            } else {
                format!("it takes {}", known.join(", "))
            };
            return Err(StoreError::Question(format!(
                "question {} has no parameter --{name}; {rest}",
                self.name
            )));
        }
        let mut bound = Vec::new();
        for p in &self.parameters {
            let value = given
                .iter()
                .rfind(|(n, _)| *n == p.name)
                .map_or(&p.default, |(_, v)| v);
            if p.kind.starts_with("UInt") && value.parse::<u64>().is_err() {
                return Err(StoreError::Question(format!(
                    "--{} takes a whole number, not {value:?}",
                    p.name
                )));
            }
            bound.push((p.name.clone(), value.clone()));
        }
        Ok((self.text.clone(), bound))
    }
}
