//! As much of SQL as is needed to tell what a statement wants: where its data comes from, which
//! format it asks for.

/// What a piece of SQL is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// A keyword, a name without quotes, a number.
    Word,
    /// A name in quotes; its text goes without them.
    Name,
    /// A text in quotes; its text goes without them.
    Text,
    /// Any other character.
    Sign,
}

/// A piece of SQL outside of comments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token<'a> {
    pub sort: Sort,
    pub text: &'a str,
    pub start: usize,
    pub end: usize,
    /// Brackets around it.
    pub depth: usize,
}

impl Token<'_> {
    /// Whether it is this keyword.
    pub fn is(&self, keyword: &str) -> bool {
        self.sort == Sort::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is this sign.
    pub fn is_sign(&self, sign: &str) -> bool {
        self.sort == Sort::Sign && self.text == sign
    }
}

/// An INSERT whose rows come after it, behind the statement or in the body of the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DataInsert {
    /// The statement without its FORMAT clause.
    pub statement: String,
    /// The format of the data.
    pub format: String,
    /// Where the data behind the statement begins, in bytes.
    pub data: usize,
}

/// What a statement is, as far as it matters here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Statement {
    /// Returns rows and can be fetched in chunks.
    Select {
        /// The format that it names itself.
        format: Option<String>,
    },
    /// `INSERT INTO t FORMAT X` or `INSERT INTO t VALUES`, with or without rows behind it.
    Insert(DataInsert),
    /// Anything else.
    Other,
}

/// Looks at a statement.
pub fn kind(sql: &str) -> Statement {
    let opens = sql.trim_start().starts_with('(');
    let mut words = Tokens::new(sql).filter(|t| t.sort == Sort::Word && t.depth == 0);
    let Some(first) = words.next() else {
        return if opens {
            Statement::Select { format: None }
        } else {
            Statement::Other
        };
    };
    if first.is("insert") {
        return insert(sql, words);
    }
    if !(opens || first.is("select") || first.is("with")) {
        return Statement::Other;
    }
    // The last `FORMAT name` at top level; what may follow is SETTINGS.
    let words: Vec<Token<'_>> = words.collect();
    let clause = words
        .windows(2)
        .enumerate()
        .rev()
        .find(|(_, pair)| pair[0].is("format") && is_name(pair[1].text))
        .filter(|(at, _)| words.get(at + 2).is_none_or(|w| w.is("settings")));
    Statement::Select {
        format: clause.map(|(_, pair)| pair[1].text.to_owned()),
    }
}

/// The rows begin behind the first `VALUES` or `FORMAT name`; what comes after it is not read as
/// SQL.
fn insert<'a>(sql: &str, words: impl Iterator<Item = Token<'a>>) -> Statement {
    let mut words = words.skip(1).peekable();
    while let Some(word) = words.next() {
        let (format, end) = if word.is("values") {
            ("Values", word.end)
        } else if word.is("format") {
            match words.peek() {
                Some(name) if is_name(name.text) => (name.text, name.end),
                _ => continue,
            }
        } else if ["select", "with", "infile"].iter().any(|k| word.is(k)) {
            return Statement::Other;
        } else {
            continue;
        };
        return Statement::Insert(DataInsert {
            statement: sql[..word.start].trim_end().to_owned(),
            format: format.to_owned(),
            data: end + before_data(&sql[end..]),
        });
    }
    Statement::Other
}

/// What stands between the name of a format and its data: blanks to the end of the line; a lone end
/// of the statement.
fn before_data(rest: &str) -> usize {
    if rest.chars().all(|c| c.is_whitespace() || c == ';') {
        return rest.len();
    }
    let line = rest.trim_start_matches([' ', '\t', '\r']);
    rest.len() - line.strip_prefix('\n').unwrap_or(line).len()
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The pieces of a statement, one after the other.
pub struct Tokens<'a> {
    sql: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(sql: &'a str) -> Tokens<'a> {
        Tokens {
            sql,
            at: 0,
            depth: 0,
        }
    }

    fn token(&mut self, sort: Sort, start: usize, end: usize) -> Option<Token<'a>> {
        self.at = end;
        let text = match sort {
            Sort::Word | Sort::Sign => &self.sql[start..end],
            // The closing quote is missing where the text ends within them.
            Sort::Name | Sort::Text => {
                let quote = self.sql.as_bytes()[start];
                let closed = end > start + 1 && self.sql.as_bytes()[end - 1] == quote;
                &self.sql[start + 1..if closed { end - 1 } else { end }]
            }
        };
        Some(Token {
            sort,
            text,
            start,
            end,
            depth: self.depth,
        })
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let bytes = self.sql.as_bytes();
        while self.at < bytes.len() {
            let (at, rest) = (self.at, &bytes[self.at..]);
            match rest[0] {
                b'\'' => return self.token(Sort::Text, at, after_quote(bytes, at)),
                b'"' | b'`' => return self.token(Sort::Name, at, after_quote(bytes, at)),
                b'-' if rest.starts_with(b"--") => self.at = after(bytes, at, b"\n"),
                b'/' if rest.starts_with(b"/*") => self.at = after(bytes, at + 2, b"*/"),
                c if c.is_ascii_whitespace() => self.at += 1,
                c if is_word_byte(c) => {
                    let length = rest.iter().take_while(|c| is_word_byte(**c)).count();
                    return self.token(Sort::Word, at, at + length);
                }
                c => {
                    let depth = self.depth;
                    match c {
                        b'(' | b'[' | b'{' => self.depth += 1,
                        b')' | b']' | b'}' => self.depth = depth.saturating_sub(1),
                        _ => {}
                    }
                    return self.token(Sort::Sign, at, at + 1);
                }
            }
        }
        None
    }
}

/// Bytes beyond ASCII belong to words, so that slices never end within a character.
fn is_word_byte(c: u8) -> bool {
    c.is_ascii_alphanumeric() || c == b'_' || c >= 0x80
}

fn after_quote(bytes: &[u8], start: usize) -> usize {
    let (quote, mut at) = (bytes[start], start + 1);
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
fn after(bytes: &[u8], from: usize, needle: &[u8]) -> usize {
    let from = from.min(bytes.len());
    memchr::memmem::find(&bytes[from..], needle).map_or(bytes.len(), |at| from + at + needle.len())
}

/// A text as a literal.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// Any bytes as a literal.
pub fn bytes_literal(text: &[u8]) -> Vec<u8> {
    let mut literal = Vec::with_capacity(text.len() + 2);
    literal.push(b'\'');
    for &byte in text {
        if matches!(byte, b'\'' | b'\\') {
            literal.push(b'\\');
        }
        literal.push(byte);
    }
    literal.push(b'\'');
    literal
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

    fn insert(statement: &str, format: &str, data: usize) -> Statement {
        Statement::Insert(DataInsert {
            statement: statement.into(),
            format: format.into(),
            data,
        })
    }
    fn select(format: Option<&str>) -> Statement {
        Statement::Select {
            format: format.map(str::to_owned),
        }
    }

    #[test]
    fn tells_statements_apart() {
        let cases = [
            (
                "INSERT INTO t(a,b) FORMAT RowBinary",
                insert("INSERT INTO t(a,b)", "RowBinary", 35),
            ),
            (
                "-- FORMAT x\n insert into `a b`.t\nformat CSV ;\n",
                insert("-- FORMAT x\n insert into `a b`.t", "CSV", 46),
            ),
            (
                "INSERT INTO t (`format`, x)\nFORMAT JSONEachRow",
                insert("INSERT INTO t (`format`, x)", "JSONEachRow", 46),
            ),
            (
                "INSERT INTO t VALUES",
                insert("INSERT INTO t", "Values", 20),
            ),
            (
                "INSERT INTO t VALUES (1), ('FORMAT CSV')",
                insert("INSERT INTO t", "Values", 21),
            ),
            (
                "INSERT INTO t FORMAT JSONEachRow {\"a\": 1}",
                insert("INSERT INTO t", "JSONEachRow", 33),
            ),
            (
                "INSERT INTO t FORMAT CSV \n1,2; SELECT",
                insert("INSERT INTO t", "CSV", 26),
            ),
            ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", Statement::Other),
            (
                "INSERT INTO t SELECT * FROM u FORMAT Null",
                Statement::Other,
            ),
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
            ("CREATE TABLE t AS SELECT 1 FORMAT x", Statement::Other),
            ("", Statement::Other),
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
