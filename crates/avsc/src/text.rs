//! Rust text.

use std::fmt::Write as _;

/// Appends a line.
pub fn line(out: &mut String, text: &str) {
    let _ = writeln!(out, "{text}");
}

/// Documentation: a line of it, whatever characters it holds.
pub fn doc(out: &mut String, text: &str) {
    line(out, &format!("#[doc = {text:?}]"));
}

/// A field's name, also where it is a word of Rust.
pub fn field(name: &str) -> String {
    const WORDS: &str = "as async await break const continue dyn else enum extern false fn for gen \
                         if impl in let loop match mod move mut pub ref return static struct trait \
                         true type unsafe use where while abstract become box do final macro \
                         override priv try typeof unsized virtual yield";
    match WORDS.split(' ').any(|word| word == name) {
        true => format!("r#{name}"),
        false => name.to_owned(),
    }
}

/// `rate_limit`, `RATE_LIMIT` and `rate-limit` become `RateLimit`.
pub fn variant(symbol: &str) -> String {
    let mut out = String::new();
    for part in symbol.split(['_', '-', '.']).filter(|p| !p.is_empty()) {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        out += &first.to_uppercase();
        // All in capitals is a word, `someThing` keeps its second capital.
        match rest.chars().any(char::is_lowercase) {
            true => out += rest,
            false => out += &rest.to_lowercase(),
        }
    }
    out
}
