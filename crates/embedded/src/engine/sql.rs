//! As much of SQL as is needed to tell what a statement wants: where its data comes from, which format it asks for.

/// A word outside of strings, comments and brackets, with the place where it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Word<'a> {
    text: &'a str,
    start: usize,
    end: usize,
}

impl Word<'_> {
    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }
}

/// An INSERT whose data comes after it, in the body of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataInsert {
    /// The statement without its FORMAT clause.
    pub statement: String,
    /// The format of the data.
    pub format: String,
}

/// What a statement is, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Returns rows and can be fetched in chunks.
    Select {
        /// The format that it names itself.
        format: Option<String>,
    },
    /// `INSERT INTO t FORMAT X` with nothing behind it.
    Insert(DataInsert),
    /// Anything else.
    Other,
}

/// Looks at a statement.
pub fn kind(sql: &str) -> Kind {
    let words = words(sql);
    let opens = sql.trim_start().starts_with('(');
    let Some(first) = words.first() else {
        return if opens {
            Kind::Select { format: None }
        } else {
            Kind::Other
        };
    };
    // The last `FORMAT name` at top level; what may follow is SETTINGS.
    let clause = words
        .windows(2)
        .rev()
        .find(|pair| pair[0].is("format") && is_name(pair[1].text));
    if first.is("insert") {
        let brings_its_rows = words
            .iter()
            .any(|w| w.is("select") || w.is("values") || w.is("with") || w.is("infile"));
        let rest_is_empty = |end: usize| sql[end..].chars().all(|c| c.is_whitespace() || c == ';');
        return match clause {
            Some([keyword, format]) if !brings_its_rows && rest_is_empty(format.end) => {
                Kind::Insert(DataInsert {
                    statement: sql[..keyword.start].trim_end().to_owned(),
                    format: format.text.to_owned(),
                })
            }
            // `VALUES` is a format too where nothing follows it.
            None => match words.last() {
                Some(last) if last.is("values") && words.len() > 2 && rest_is_empty(last.end) => {
                    Kind::Insert(DataInsert {
                        statement: sql[..last.start].trim_end().to_owned(),
                        format: "Values".to_owned(),
                    })
                }
                _ => Kind::Other,
            },
            _ => Kind::Other,
        };
    }
    if opens || first.is("select") || first.is("with") {
        let clause = clause.filter(|pair| {
            let after = words.iter().find(|w| w.start >= pair[1].end);
            after.is_none_or(|w| w.is("settings"))
        });
        return Kind::Select {
            format: clause.map(|pair| pair[1].text.to_owned()),
        };
    }
    Kind::Other
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The words at top level. Quoted names and brackets in between end a word and are no words.
fn words(sql: &str) -> Vec<Word<'_>> {
    let bytes = sql.as_bytes();
    let mut words = Vec::new();
    let (mut at, mut depth) = (0, 0usize);
    while at < bytes.len() {
        let rest = &bytes[at..];
        match rest[0] {
            quote @ (b'\'' | b'"' | b'`') => at = after_quote(bytes, at, quote),
            b'-' if rest.starts_with(b"--") => at = find(bytes, at, b"\n"),
            b'/' if rest.starts_with(b"/*") => at = find(bytes, at + 2, b"*/"),
            b'(' | b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b')' | b']' | b'}' => {
                depth = depth.saturating_sub(1);
                at += 1;
            }
            c if is_word_byte(c) => {
                let start = at;
                while at < bytes.len() && is_word_byte(bytes[at]) {
                    at += 1;
                }
                if depth == 0 {
                    words.push(Word {
                        text: &sql[start..at],
                        start,
                        end: at,
                    });
                }
            }
            _ => at += 1,
        }
    }
    words
}

/// Bytes beyond ASCII belong to words, so that slices never end within a character.
fn is_word_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80
}

fn after_quote(bytes: &[u8], start: usize, quote: u8) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            // A doubled quote goes on as the next quoted text: the same to us.
            c if c == quote => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// The place behind the next `needle`, or the end.
fn find(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    let from = from.min(bytes.len());
    bytes[from..]
        .windows(needle.len())
        .position(|w| w == needle)
        .map_or(bytes.len(), |at| from + at + needle.len())
}

/// A text as a literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A name as an identifier.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn insert(statement: &str, format: &str) -> Kind {
        Kind::Insert(DataInsert {
            statement: statement.into(),
            format: format.into(),
        })
    }
    fn select(format: Option<&str>) -> Kind {
        Kind::Select {
            format: format.map(str::to_owned),
        }
    }

    #[test]
    fn tells_statements_apart() {
        let cases = [
            (
                "INSERT INTO t(a,b) FORMAT RowBinary",
                insert("INSERT INTO t(a,b)", "RowBinary"),
            ),
            (
                "-- FORMAT x\n insert into `a b`.t\nformat CSV ;\n",
                insert("-- FORMAT x\n insert into `a b`.t", "CSV"),
            ),
            (
                "INSERT INTO t (`format`, x)\nFORMAT JSONEachRow",
                insert("INSERT INTO t (`format`, x)", "JSONEachRow"),
            ),
            ("INSERT INTO t VALUES", insert("INSERT INTO t", "Values")),
            ("INSERT INTO t VALUES (1), ('FORMAT CSV')", Kind::Other),
            ("INSERT INTO t FORMAT JSONEachRow {\"a\": 1}", Kind::Other),
            ("INSERT INTO t SELECT * FROM u FORMAT Null", Kind::Other),
            ("/* hi */ SELECT 1", select(None)),
            ("SELECT 1 FORMAT JSON", select(Some("JSON"))),
            (
                "SELECT 1 FORMAT JSON SETTINGS max_threads = 1;",
                select(Some("JSON")),
            ),
            ("SELECT 'x FORMAT CSV'", select(None)),
            ("SELECT format('{}', x) FROM t", select(None)),
            ("SELECT 1 AS format FROM t", select(None)),
            ("WITH 1 AS x SELECT x", select(None)),
            ("(SELECT 1) UNION ALL (SELECT 2)", select(None)),
            ("(SELECT 1)", select(None)),
            ("CREATE TABLE t AS SELECT 1 FORMAT x", Kind::Other),
            ("", Kind::Other),
        ];
        for (sql, expected) in cases {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }

    proptest! {
        #[test]
        fn looks_at_any_text(sql in "\\PC*", tail in "(FORMAT|values|--|/\\*|['\"`(){}]| ){0,12}") {
            kind(&(sql + &tail));
        }
    }
}
