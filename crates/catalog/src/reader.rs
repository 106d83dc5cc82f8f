//! Reading declarations out of a YAML tree: every wrong entry is noted and reading goes on.

use crate::problem::{Problem, suggest};
use crate::yaml::{At, Key, Node, Value};
use std::cell::RefCell;
use weir_model::{Code, Micros, WindowSize, codes};

/// One file being read, and the list that problems go to.
#[derive(Clone, Copy)]
pub(crate) struct File<'a> {
    pub name: &'a str,
    /// Its text, to see how a value is written.
    pub text: &'a str,
    pub problems: &'a RefCell<Vec<Problem>>,
}

/// A map whose keys were checked.
#[derive(Clone, Copy)]
pub(crate) struct Fields<'a> {
    pub file: File<'a>,
    pub at: At,
    entries: &'a [(Key, Node)],
}

impl<'a> File<'a> {
    /// The character at a place.
    pub fn char_at(&self, at: At) -> Option<char> {
        let line = self.text.lines().nth(at.line.checked_sub(1)? as usize)?;
        line.chars().nth(at.column.checked_sub(1)? as usize)
    }

    /// The place so many characters into the text that stands at `at`.
    pub fn inside(&self, at: At, offset: usize) -> At {
        // A block is folded by YAML: then the place is where it begins.
        let inside = match self.char_at(at) {
            Some('>' | '|') => 0,
            Some('\'' | '"') => offset as u64 + 1,
            _ => offset as u64,
        };
        At {
            line: at.line,
            column: at.column + inside,
        }
    }

    pub fn say(&self, at: At, code: Code, message: impl Into<String>, remedy: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            file: self.name.to_string(),
            line: at.line,
            column: at.column,
            code,
            message: message.into(),
            remedy: remedy.into(),
        });
    }

    fn wrong(&self, node: &Node, what: &str, wanted: &str) {
        let message = format!("{what} is {} where {wanted} is wanted", node.value.kind());
        self.say(
            node.at,
            codes::CATALOG_SYNTAX,
            message,
            format!("write {wanted}"),
        );
    }

    /// The entries of a map, names free; a name that stands twice is noted and its first entry
    /// kept.
    pub fn entries(&self, node: &'a Node, what: &str) -> Vec<(&'a Key, &'a Node)> {
        let Value::Map(entries) = &node.value else {
            self.wrong(node, what, "a map");
            return Vec::new();
        };
        let mut out: Vec<(&Key, &Node)> = Vec::new();
        for (k, v) in entries {
            match out.iter().find(|(o, _)| o.name == k.name) {
                Some((first, _)) => self.say(
                    k.at,
                    codes::CATALOG_DUPLICATE,
                    format!(
                        "\"{}\" is declared twice in {what}, first in line {}",
                        k.name, first.at.line
                    ),
                    "rename or remove one of them",
                ),
                None => out.push((k, v)),
            }
        }
        out
    }

    /// A map with known keys only.
    pub fn fields(&self, node: &'a Node, what: &str, allowed: &[&str]) -> Option<Fields<'a>> {
        let Value::Map(entries) = &node.value else {
            self.wrong(node, what, "a map");
            return None;
        };
        for (k, _) in self.entries(node, what) {
            if !allowed.contains(&k.name.as_str()) {
                self.say(
                    k.at,
                    codes::CATALOG_SYNTAX,
                    format!("unknown field \"{}\" in {what}", k.name),
                    suggest(&k.name, allowed.iter().copied()),
                );
            }
        }
        Some(Fields {
            file: *self,
            at: node.at,
            entries,
        })
    }

    pub fn text(&self, node: &'a Node, what: &str) -> Option<&'a str> {
        match &node.value {
            Value::Text(t) => Some(t),
            _ => {
                self.wrong(node, what, "a text");
                None
            }
        }
    }

    pub fn number(&self, node: &Node, what: &str) -> Option<f64> {
        match &node.value {
            Value::Number(v) if v.is_finite() => Some(*v),
            _ => {
                self.wrong(node, what, "a finite number");
                None
            }
        }
    }

    /// A whole number of `low..=high`.
    pub fn whole(&self, node: &Node, what: &str, low: u32, high: u32) -> Option<u32> {
        let v = self.number(node, what)?;
        if v.fract() == 0.0 && v >= f64::from(low) && v <= f64::from(high) {
            return Some(v as u32);
        }
        self.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!("{what} is {v}"),
            format!("write a whole number from {low} to {high}"),
        );
        None
    }

    /// A number within bounds that are told in words.
    pub fn within(
        &self,
        node: &Node,
        what: &str,
        ok: impl Fn(f64) -> bool,
        wanted: &str,
    ) -> Option<f64> {
        let v = self.number(node, what)?;
        if ok(v) {
            return Some(v);
        }
        self.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            format!("{what} is {v}"),
            format!("write {wanted}"),
        );
        None
    }

    pub fn list(&self, node: &'a Node, what: &str) -> Option<&'a [Node]> {
        match &node.value {
            Value::List(l) => Some(l),
            _ => {
                self.wrong(node, what, "a list");
                None
            }
        }
    }

    /// A list of texts without repetition.
    pub fn texts(&self, node: &'a Node, what: &str) -> Option<Vec<(&'a str, At)>> {
        let mut out: Vec<(&str, At)> = Vec::new();
        for n in self.list(node, what)? {
            let t = self.text(n, what)?;
            if out.iter().any(|(o, _)| *o == t) {
                self.say(
                    n.at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{t}\" stands twice in {what}"),
                    "remove one of them",
                );
            } else {
                out.push((t, n.at));
            }
        }
        Some(out)
    }

    /// `30s`, `5m`, `6h`, `2d`.
    pub fn duration(&self, node: &'a Node, what: &str) -> Option<Micros> {
        let text = self.text(node, what)?;
        let parsed = text.char_indices().next_back().and_then(|(i, unit)| {
            let n: i64 = text[..i].parse().ok()?;
            let unit = match unit {
                's' => Micros::SECOND,
                'm' => Micros::MINUTE,
                'h' => Micros::HOUR,
                'd' => Micros::DAY,
                _ => return None,
            };
            (0..=100_000).contains(&n).then(|| Micros(n * unit.0))
        });
        if parsed.is_none() {
            self.say(
                node.at,
                codes::CATALOG_SYNTAX,
                format!("{what} \"{text}\" is not a duration"),
                "write a number and s, m, h or d, e.g. 30s",
            );
        }
        parsed
    }

    /// A day, from midnight UTC: `2025-01-31`.
    pub fn date(&self, node: &Node, what: &str) -> Option<Micros> {
        let text = match &node.value {
            Value::Text(t) => t.as_str(),
            _ => "",
        };
        let day = text
            .parse::<jiff::civil::Date>()
            .and_then(|d| d.to_zoned(jiff::tz::TimeZone::UTC));
        if day.is_err() {
            self.say(
                node.at,
                codes::CATALOG_SYNTAX,
                format!("{what} is no date"),
                "write it like 2025-01-31",
            );
        }
        day.ok().map(|z| Micros(z.timestamp().as_microsecond()))
    }

    /// Stored window sizes, smallest first.
    pub fn windows(&self, node: &'a Node) -> Option<Vec<WindowSize>> {
        let mut out = Vec::new();
        for (label, at) in self.texts(node, "windows")? {
            match WindowSize::parse(label) {
                Some(w) => out.push(w),
                None => self.say(
                    at,
                    codes::CATALOG_REFERENCE,
                    format!("there is no stored window \"{label}\""),
                    "use 1m, 5m, 1h or 1d",
                ),
            }
        }
        if out.is_empty() {
            self.say(
                node.at,
                codes::CATALOG_IMPOSSIBLE,
                "no window is stored",
                "name at least one of 1m, 5m, 1h, 1d",
            );
            return None;
        }
        out.sort_unstable();
        Some(out)
    }

    /// Names of what is declared: lower case, digits, underscores.
    pub fn check_name(&self, key: &Key, what: &str) -> bool {
        let mut chars = key.name.chars();
        let ok = chars.next().is_some_and(|c| c.is_ascii_lowercase())
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
            && key.name.len() <= 64;
        if !ok {
            self.say(
                key.at,
                codes::CATALOG_SYNTAX,
                format!("{what} has the name \"{}\"", key.name),
                "use a lower-case letter, then letters, digits and underscores, at most 64",
            );
        }
        ok
    }
}

impl<'a> Fields<'a> {
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.entries
            .iter()
            .find(|(k, _)| k.name == name)
            .map(|(_, n)| n)
    }
    pub fn key(&self, name: &str) -> Option<&'a Key> {
        self.entries
            .iter()
            .find(|(k, _)| k.name == name)
            .map(|(k, _)| k)
    }
    /// Present, or noted as missing.
    pub fn need(&self, name: &str, what: &str) -> Option<&'a Node> {
        let node = self.get(name);
        if node.is_none() {
            self.file.say(
                self.at,
                codes::CATALOG_SYNTAX,
                format!("{what} has no \"{name}\""),
                format!("add `{name}:`"),
            );
        }
        node
    }
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).and_then(|n| self.file.text(n, name))
    }
    pub fn text_or(&self, name: &str, default: &str) -> String {
        self.text(name).unwrap_or(default).to_string()
    }
    pub fn number(&self, name: &str) -> Option<f64> {
        self.get(name).and_then(|n| self.file.number(n, name))
    }
    pub fn truth(&self, name: &str) -> bool {
        match self.get(name) {
            None => false,
            Some(Node {
                value: Value::Bool(b),
                ..
            }) => *b,
            Some(n) => {
                self.file.wrong(n, name, "true or false");
                false
            }
        }
    }
    pub fn version(&self) -> u32 {
        self.get("version")
            .and_then(|n| self.file.whole(n, "version", 1, u32::MAX))
            .unwrap_or(1)
    }
    /// One of a set of words.
    pub fn word(&self, name: &str, words: &[&str], default: &str) -> String {
        let Some(node) = self.get(name) else {
            return default.to_string();
        };
        let Some(text) = self.file.text(node, name) else {
            return default.to_string();
        };
        if !words.contains(&text) {
            self.file.say(
                node.at,
                codes::CATALOG_REFERENCE,
                format!("{name} is \"{text}\""),
                format!("use {}", words.join(", ")),
            );
        }
        text.to_string()
    }
}
