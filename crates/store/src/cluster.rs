//! What weir's statements become where ClickHouse is a cluster: each table is a replicated one on
//! every shard (`<name>__shard`) and a `Distributed` one of its own name in front, which is what
//! everything else writes and asks. Nothing here asks a server.

use crate::StoreError;
use crate::client::{ident, text};
use std::borrow::Cow;

/// What the name of a shard's own table ends with. No event type makes such a name of itself.
const SHARD: &str = "__shard";
/// Changes of a table that are about its rows: nothing in front of it has any.
const OF_ROWS: [&str; 5] = [
    "DELETE WHERE",
    "MODIFY ORDER BY",
    "MODIFY TTL",
    "REMOVE TTL",
    "MODIFY SETTING",
];

/// A cluster, as statements name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// As `remote_servers` of the servers call it.
    pub name: String,
    /// Whether there is a keeper: tables are replicated, and statements say `ON CLUSTER`. Without
    /// one there is a single node, as in tests.
    pub keeper: bool,
    /// The database of weir's tables.
    pub database: String,
}

/// Name of the table on each shard.
pub fn shard_of(table: &str) -> String {
    format!("{table}{SHARD}")
}

/// Whether it is the table of a shard, behind the one that is asked.
pub fn is_shard(table: &str) -> bool {
    table.ends_with(SHARD)
}

impl Cluster {
    /// The statements that one for a single node becomes, in order. Each may be run again: what a
    /// queue that gave up has done already is left alone.
    ///
    /// # Errors
    /// [`StoreError::NoClusterForm`]: it makes, changes or drops what has no form for a cluster.
    pub fn statements(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        let none = || StoreError::NoClusterForm {
            statement: sql.trim().chars().take(200).collect(),
        };
        let begins = |word: &str| after_word(sql, word).is_some();
        if ["INSERT", "SELECT", "WITH"].into_iter().any(begins) {
            return Ok(vec![sql.to_owned()]);
        }
        let head = Head::read(sql).ok_or_else(none)?;
        match (head.verb, head.what) {
            ("CREATE", "TABLE") => self.create_table(&head).ok_or_else(none),
            ("ALTER", "TABLE") => Ok(self.alter_table(&head)),
            ("DROP", "TABLE") => {
                let shard = shard_of(&head.plain());
                let first = head.whole(&self.said());
                let second = format!("{}{}{} SYNC", head.before, ident(&shard), self.said());
                Ok(vec![first, second])
            }
            (_, "VIEW" | "FUNCTION" | "DATABASE") => Ok(vec![head.whole(&self.said())]),
            _ => Err(none()),
        }
    }

    /// A statement about the object alone that it names: a view, or what is in front of shards.
    ///
    /// # Errors
    /// As of [`Cluster::statements`].
    pub fn itself(&self, sql: &str) -> Result<String, StoreError> {
        let head = Head::read(sql).ok_or_else(|| StoreError::NoClusterForm {
            statement: sql.trim().chars().take(200).collect(),
        })?;
        Ok(head.whole(&self.said()))
    }

    /// The statement that waits until all replicas of a table have what one of them has.
    pub fn sync(&self, table: &str) -> String {
        format!(
            "SYSTEM SYNC REPLICA{} {}.{}",
            self.said(),
            ident(&self.database),
            ident(&shard_of(table))
        )
    }

    fn said(&self) -> String {
        match self.keeper {
            true => format!(" ON CLUSTER {}", ident(&self.name)),
            false => String::new(),
        }
    }

    fn create_table(&self, head: &Head<'_>) -> Option<Vec<String>> {
        let (columns, definition) = cut(head.after, "ENGINE")?;
        let definition = definition.trim_start().strip_prefix('=')?.trim_start();
        let end = definition.find(|c: char| !c.is_ascii_alphanumeric());
        let (engine, rest) = definition.split_at(end.unwrap_or(definition.len()));
        let (_, key) = cut(rest, "ORDER BY")?;
        let key = sorting_key(key)?;
        if !engine.ends_with("MergeTree") || engine.starts_with("Replicated") {
            return None;
        }
        let (arguments, rest) = match rest.strip_prefix('(') {
            Some(more) => more.split_at(closing(more)?),
            None => ("", rest),
        };
        let rest = rest.strip_prefix(')').unwrap_or(rest);
        let engine = match self.keeper {
            true => self.replicated(engine, arguments),
            false if arguments.is_empty() => engine.to_owned(),
            false => format!("{engine}({arguments})"),
        };
        let (table, said) = (head.plain(), self.said());
        let shard = shard_of(&table);
        let (database, of_shard) = (text(&self.database), text(&shard));
        Some(vec![
            format!(
                "{}{}{said}{columns}ENGINE = {engine}{rest}",
                head.before,
                ident(&shard),
            ),
            format!(
                "{}{}{said} AS {} ENGINE = Distributed({}, {database}, {of_shard}, cityHash64({key}))",
                head.before,
                ident(&table),
                ident(&shard),
                text(&self.name),
            ),
        ])
    }

    /// Names are put in by the servers; a replica that comes later finds the same path.
    fn replicated(&self, engine: &str, arguments: &str) -> String {
        let comma = if arguments.is_empty() { "" } else { ", " };
        let path = format!(
            "/clickhouse/tables/{}/{{database}}/{{table}}/{{shard}}",
            self.name
        );
        format!(
            "Replicated{engine}({}, '{{replica}}'{comma}{arguments})",
            text(&path)
        )
    }

    /// First the shards, so that whatever the one in front has is there behind it.
    fn alter_table(&self, head: &Head<'_>) -> Vec<String> {
        let said = self.said();
        let shard = ident(&shard_of(&head.plain()));
        let mut all = vec![format!("{}{shard}{said}{}", head.before, head.after)];
        let of_rows = |change: &&str| {
            let rest = |kind: &&str| after_words(change, kind).is_some();
            OF_ROWS.iter().any(rest)
        };
        let changes = split(head.after);
        let in_front: Vec<&str> = changes.into_iter().filter(|c| !of_rows(c)).collect();
        if !in_front.is_empty() {
            let changes: Vec<&str> = in_front.into_iter().map(str::trim).collect();
            let table = ident(&head.plain());
            all.push(format!(
                "{}{table}{said} {}",
                head.before,
                changes.join(", ")
            ));
        }
        all
    }
}

/// The last definition of each function among statements: what every node needs, also one that
/// came later.
pub fn functions<'a>(statements: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut last: Vec<(String, &str)> = Vec::new();
    for sql in statements {
        let Some(head) = Head::read(sql).filter(|h| h.what == "FUNCTION") else {
            continue;
        };
        let name = head.plain().into_owned();
        last.retain(|(known, _)| *known != name);
        if head.verb == "CREATE" {
            last.push((name, sql));
        }
    }
    last.into_iter().map(|(_, sql)| sql).collect()
}

/// A statement that makes, changes or drops something, up to the name of it.
struct Head<'a> {
    verb: &'static str,
    what: &'static str,
    /// All before the name: `CREATE TABLE IF NOT EXISTS `.
    before: &'a str,
    /// The name, as it is written.
    name: &'a str,
    after: &'a str,
}

impl<'a> Head<'a> {
    fn read(sql: &'a str) -> Option<Head<'a>> {
        let (verb, mut rest) = one_of(sql, &["CREATE", "ALTER", "DROP"])?;
        rest = after_words(rest, "OR REPLACE").unwrap_or(rest);
        let (what, mut rest) = one_of(rest, &["TABLE", "VIEW", "FUNCTION", "DATABASE"])?;
        for words in ["IF NOT EXISTS", "IF EXISTS"] {
            rest = after_words(rest, words).unwrap_or(rest);
        }
        let rest = rest.trim_start();
        let end = match rest.strip_prefix('`') {
            Some(quoted) => quoted.find('`')? + 2,
            None => rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
                .unwrap_or(rest.len()),
        };
        let (name, after) = rest.split_at(end);
        let before = sql[..sql.len() - rest.len()].trim_start();
        (!name.is_empty() && !after.starts_with('.')).then_some(Head {
            verb,
            what,
            before,
            name,
            after,
        })
    }

    /// The name without quotes.
    fn plain(&self) -> Cow<'a, str> {
        self.name.trim_matches('`').into()
    }

    fn whole(&self, said: &str) -> String {
        let Head {
            before,
            name,
            after,
            ..
        } = self;
        format!("{before}{name}{said}{after}")
    }
}

/// What follows a word, in any case, that stands at the beginning.
fn after_word<'a>(sql: &'a str, word: &str) -> Option<&'a str> {
    let sql = sql.trim_start();
    let (first, rest) = sql.split_at_checked(word.len())?;
    let ends = !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    (first.eq_ignore_ascii_case(word) && ends).then_some(rest)
}

fn after_words<'a>(sql: &'a str, words: &str) -> Option<&'a str> {
    words.split(' ').try_fold(sql, after_word)
}

fn one_of<'a>(sql: &'a str, words: &[&'static str]) -> Option<(&'static str, &'a str)> {
    let found = |word: &&'static str| Some((*word, after_word(sql, word)?));
    words.iter().find_map(found)
}

/// Places outside of brackets and quotes, with their bytes.
fn outside(sql: &str) -> impl Iterator<Item = (usize, u8)> + '_ {
    let (mut quote, mut escaped, mut depth) = (None, false, 0usize);
    sql.bytes().enumerate().filter(move |(_, byte)| {
        if let Some(open) = quote {
            let ends = *byte == open && !escaped;
            escaped = *byte == b'\\' && !escaped;
            if ends {
                quote = None;
            }
            return false;
        }
        match byte {
            b'\'' | b'`' => quote = Some(*byte),
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                return false;
            }
            _ => return depth == 0,
        }
        false
    })
}

/// What stands before keywords, and after them.
fn cut<'a>(sql: &'a str, words: &str) -> Option<(&'a str, &'a str)> {
    let starts = |at: usize| sql[..at].ends_with(|c: char| c.is_whitespace() || c == ')');
    let found = |(at, _): (usize, u8)| {
        let rest = sql.is_char_boundary(at).then(|| &sql[at..])?;
        let whole = !rest.starts_with(char::is_whitespace) && (at == 0 || starts(at));
        let after = after_words(rest, words).filter(|_| whole)?;
        Some((&sql[..at], after))
    };
    outside(sql).find_map(found)
}

/// Where the bracket closes that was opened before.
fn closing(sql: &str) -> Option<usize> {
    let mut depth = 1usize;
    sql.bytes().position(|byte| {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        depth == 0
    })
}

/// The columns after `ORDER BY`; none where rows have no order, and so no shard of their own.
fn sorting_key(sql: &str) -> Option<&str> {
    let sql = sql.trim_start();
    let key = match sql.strip_prefix('(') {
        Some(more) => &more[..closing(more)?],
        None => {
            let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '`';
            let end = sql.find(|c| !word(c)).unwrap_or(sql.len());
            let (name, rest) = sql.split_at(end);
            if rest.trim_start().starts_with('(') {
                return None;
            }
            name
        }
    };
    Some(key.trim()).filter(|key| !key.is_empty())
}

/// Parts between commas outside of brackets.
fn split(sql: &str) -> Vec<&str> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, _) in outside(sql).filter(|(_, byte)| *byte == b',') {
        parts.push(&sql[from..at]);
        from = at + 1;
    }
    parts.push(&sql[from..]);
    parts
}
