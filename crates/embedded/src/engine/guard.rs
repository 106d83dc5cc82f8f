//! What nobody may do here, whatever the secret: reach for files, other servers and programs. An
//! embedded engine does all that with the rights of its owner, and knows no users to refuse it to.
//!
//! The engine's own parser says what a statement is: `formatQuerySingleLine` gives it back in one
//! form, without comments, other quotes and other spellings, or refuses it. The rules below read
//! that form.

use super::body::LARGEST_STATEMENT;
use super::door::Access;
use super::exception::Exception;
use super::ffi::Connection;
use super::sql::{Sort, Token, Tokens, bytes_literal, literal};
use std::collections::HashSet;

/// Functions that reach out of the engine, as it knows them: table functions that it refuses to
/// readers (but for some that only look inwards), those that hide a statement, and functions that
/// read files or ask other services.
const FORBIDDEN_FUNCTIONS: &[u8] = b"SELECT DISTINCT lower(name) FROM (
    SELECT name FROM system.table_functions WHERE NOT allow_readonly
        AND name NOT IN ('format', 'loop', 'viewExplain', 'zeros', 'zeros_mt')
    UNION ALL SELECT arrayJoin(['eval', 'cluster', 'clusterAllReplicas', 'file', 'catboostEvaluate'])
    UNION ALL SELECT name FROM system.functions WHERE match(name, '^(ai|AI)[A-Z]'))";
/// Settings whose value is a free text can name files, servers, filters with functions in them,
/// another parser.
const TEXT_SETTINGS: &[u8] = b"SELECT DISTINCT name FROM (
    SELECT name, type FROM system.settings UNION ALL SELECT name, type FROM system.merge_tree_settings)
    WHERE type IN ('String', 'Map', 'URI', 'Dialect')";
/// Those among them that do no harm.
const HARMLESS_SETTINGS: &[&str] = &[
    "bool_false_representation",
    "bool_true_representation",
    "compatibility",
    "count_distinct_implementation",
    "format_csv_null_representation",
    "format_custom_field_delimiter",
    "format_custom_result_after_delimiter",
    "format_custom_result_before_delimiter",
    "format_custom_row_after_delimiter",
    "format_custom_row_before_delimiter",
    "format_custom_row_between_delimiter",
    "format_tsv_null_representation",
    "insert_deduplication_token",
    "log_comment",
    "output_format_pretty_grid_charset",
    "output_format_sql_insert_table_name",
];
/// The setting whose values are conditions by table: they are read as statements are.
pub const CONDITIONS: &str = "additional_table_filters";
/// Settings that a reader may set within a statement: they change how it is computed, and nothing
/// that it may do. The named questions of KPIs do so.
const READERS_SETTINGS: &[&str] = &[
    "do_not_merge_across_partitions_select_final",
    "join_use_nulls",
];
/// What a reader's statement begins with.
const READS: &[&str] = &[
    "SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "EXISTS", "USE", "CHECK",
];
/// What a writer's statement may begin with beside.
const WRITES: &[&str] = &[
    "ALTER", "CREATE", "DELETE", "DROP", "EXCHANGE", "INSERT", "KILL", "OPTIMIZE", "RENAME",
    "TRUNCATE", "UPDATE",
];
/// What may be created, altered and dropped.
const THINGS: &[&str] = &[
    "TABLE",
    "VIEW",
    "MATERIALIZED",
    "DATABASE",
    "FUNCTION",
    "TEMPORARY",
];
/// Engines of tables and databases that keep their data in the data directory, beside all
/// `…MergeTree`.
const ENGINES: &[&str] = &[
    "Atomic",
    "Memory",
    "Null",
    "View",
    "MaterializedView",
    "Set",
    "Join",
    "Log",
    "TinyLog",
    "StripeLog",
];
/// Words of ALTER and CREATE that name disks and places outside.
const PLACES: &[&str] = &["DISK", "VOLUME", "FETCH", "FREEZE", "UNFREEZE", "EXPORT"];

/// The rules, with what this engine knows.
pub struct Guard {
    functions: HashSet<String>,
    settings: HashSet<String>,
    /// Whether tables over clusters are allowed: what those are stands in the configuration.
    distributed: bool,
}

impl Guard {
    /// Asks the engine for its functions and settings.
    pub fn load(connection: &mut Connection, distributed: bool) -> Result<Guard, Exception> {
        let mut names = |query: &[u8]| -> Result<HashSet<String>, Exception> {
            let names = connection.query(query, "TSVRaw", &[])?;
            let names = String::from_utf8_lossy(names.as_ref());
            Ok(names.lines().map(str::to_owned).collect())
        };
        let functions = names(FORBIDDEN_FUNCTIONS)?;
        let mut settings = names(TEXT_SETTINGS)?;
        settings.retain(|name| !HARMLESS_SETTINGS.contains(&name.as_str()));
        Ok(Guard {
            functions,
            settings,
            distributed,
        })
    }

    /// Refuses a setting that names something outside.
    pub fn setting(&self, name: &str) -> Result<(), Exception> {
        if self.settings.contains(name) {
            return Err(denied(&format!("the setting {name} is refused here")));
        }
        Ok(())
    }

    /// Refuses the setting [`CONDITIONS`] where a reader could not ask for what it says. The
    /// connection is a fresh one.
    pub fn conditions(&self, connection: &mut Connection, value: &str) -> Result<(), Exception> {
        let ask = format!(
            "SELECT formatQuerySingleLine('SELECT ' || arrayJoin(mapValues(m))) \
             FROM format(TSV, 'm Map(String, String)', {})",
            literal(value)
        );
        let forms = connection.query(ask.as_bytes(), "TSVRaw", &[])?;
        let forms = String::from_utf8_lossy(forms.as_ref());
        let mut forms = forms.lines();
        forms.try_for_each(|form| self.form(form, &[], Access::Read))
    }

    /// Refuses a statement that is more than one, or that this access does not cover. The
    /// connection is a fresh one: no setting of the request changes how the statement is read.
    pub fn statement(
        &self,
        connection: &mut Connection,
        statement: &[u8],
        params: &[(String, String)],
        access: Access,
    ) -> Result<(), Exception> {
        if statement.len() > LARGEST_STATEMENT {
            let text = format!(
                "the statement is larger than {} MiB",
                LARGEST_STATEMENT >> 20
            );
            return Err(Exception::new(62, "SYNTAX_ERROR", &text));
        }
        connection.query(b"SET max_query_size = 0", "Null", &[])?;
        let ask = [
            b"SELECT formatQuerySingleLine(",
            &bytes_literal(statement)[..],
            b")",
        ]
        .concat();
        let form = connection
            .query(&ask, "RawBLOB", &[])
            .map_err(|e| e.without(": In scope SELECT formatQuerySingleLine("))?;
        self.form(&String::from_utf8_lossy(form.as_ref()), params, access)
    }

    /// Reads the one form of a statement.
    fn form(
        &self,
        form: &str,
        params: &[(String, String)],
        access: Access,
    ) -> Result<(), Exception> {
        let all: Vec<Token<'_>> = Tokens::new(form).collect();
        outfile(&all)?;
        let first = all.iter().find(|t| t.sort == Sort::Word);
        let first = first.map_or("", |t| t.text);
        if access == Access::Read {
            readers_settings(&all)?;
        }
        if !READS.contains(&first) {
            if access == Access::Read {
                let text = format!("this access only reads: {first} is refused");
                return Err(Exception::new(164, "READONLY", &text));
            }
            if !WRITES.contains(&first) {
                return Err(denied(&format!("{first} is refused here")));
            }
            self.written(first, &all)?;
        }
        if access == Access::Write {
            self.assigned(&all)?;
        }
        // A table of the default database can be a path.
        let path = |t: &&Token<'_>| t.sort == Sort::Name && t.text.contains('/');
        if (access == Access::Write || first == "EXISTS") && all.iter().any(|t| path(&t)) {
            return Err(denied("names of tables with a slash are refused here"));
        }
        self.called(&all, params)
    }

    /// Functions that reach out, called or handed to another function by their name.
    fn called(&self, all: &[Token<'_>], params: &[(String, String)]) -> Result<(), Exception> {
        let refused = |name: &str| Err(denied(&format!("the function {name} is refused here")));
        let forbidden = |name: &str| self.functions.contains(&name.to_ascii_lowercase());
        for (at, token) in all.iter().enumerate() {
            let is_name = matches!(token.sort, Sort::Word | Sort::Name);
            if !is_name || !forbidden(token.text) {
                continue;
            }
            let is_called = all.get(at + 1).is_some_and(|t| t.is_sign("("));
            // `* APPLY f`, `arrayMap(f, …)`, `arrayMap((f), …)`
            let user = all[..at].iter().rfind(|t| !t.is_sign("("));
            let opens = at > 0 && all[at - 1].is_sign("(");
            let is_handed_on = user.is_some_and(|t| {
                let name = t.text.to_ascii_lowercase();
                t.is("apply") || opens && (name.starts_with("array") || name.starts_with("map"))
            });
            if is_called || is_handed_on {
                return refused(token.text);
            }
        }
        let named = all
            .windows(2)
            .any(|t| t[0].is_sign(":") && t[1].is("identifier"));
        match params.iter().find(|(_, value)| named && forbidden(value)) {
            Some((_, value)) => refused(value),
            None => Ok(()),
        }
    }

    /// What a statement that writes may name.
    fn written(&self, first: &str, all: &[Token<'_>]) -> Result<(), Exception> {
        let word = |at: usize| all.get(at).map_or("", |t| t.text);
        let has = |keyword: &str| all.iter().any(|t| t.depth == 0 && t.is(keyword));
        match first {
            "INSERT" if word(2) == "FUNCTION" => {
                return Err(denied("INSERT INTO FUNCTION is refused here"));
            }
            "INSERT" if all.windows(2).any(|t| t[0].is("from") && t[1].is("infile")) => {
                return Err(denied("FROM INFILE is refused here"));
            }
            "INSERT" if has("select") && has("format") => {
                return Err(denied("rows behind INSERT ... SELECT are refused here"));
            }
            "CREATE" | "ALTER" | "DROP" => {
                let thing = if word(1) == "OR" { word(3) } else { word(1) };
                if !THINGS.contains(&thing) {
                    return Err(denied(&format!("{first} {thing} is refused here")));
                }
            }
            _ => {}
        }
        if first == "CREATE" || first == "ALTER" {
            for (at, token) in all.iter().enumerate() {
                let is_engine =
                    token.is("engine") && all.get(at + 1).is_some_and(|t| t.is_sign("="));
                let engine = word(at + 2);
                let known = engine.ends_with("MergeTree") || ENGINES.contains(&engine);
                let known = known || self.distributed && engine == "Distributed";
                if is_engine && !known {
                    return Err(denied(&format!("the engine {engine} is refused here")));
                }
                if token.sort == Sort::Word && PLACES.contains(&token.text) {
                    return Err(denied(&format!("{} is refused here", token.text)));
                }
            }
        }
        Ok(())
    }

    /// Settings that the statement brings; for readers the engine refuses all of them.
    fn assigned(&self, all: &[Token<'_>]) -> Result<(), Exception> {
        let clause = all.iter().position(|t| t.is("settings") || t.is("setting"));
        let assigned = all[clause.unwrap_or(all.len())..].windows(2);
        for pair in assigned.filter(|pair| pair[1].is_sign("=")) {
            self.setting(pair[0].text)?;
        }
        Ok(())
    }

    /// Refuses expressions that reach out among the rows of an INSERT: the format Values takes more
    /// than values.
    pub fn values(&self, rows: &str) -> Result<(), Exception> {
        let all: Vec<Token<'_>> = Tokens::new(rows).collect();
        self.called(&all, &[])
    }
}

/// Refuses settings within a reader's statement: in a subquery the engine would take
/// `SETTINGS readonly = 0` from it.
fn readers_settings(all: &[Token<'_>]) -> Result<(), Exception> {
    let begins =
        |t: &[Token<'_>]| t[0].is("settings") && t[1].sort != Sort::Sign && t[2].is_sign("=");
    let clauses = all.windows(3).enumerate().filter(|(_, t)| begins(t));
    for (at, clause) in clauses {
        // All that follows within the same brackets, whatever the values look like.
        let rest = all[at + 1..]
            .iter()
            .take_while(|t| t.depth >= clause[0].depth);
        let rest: Vec<&Token<'_>> = rest.collect();
        for pair in rest.windows(2).filter(|pair| pair[1].is_sign("=")) {
            if !READERS_SETTINGS.contains(&pair[0].text) {
                let text = format!(
                    "this access only reads: settings within a statement are refused ({})",
                    pair[0].text
                );
                return Err(Exception::new(164, "READONLY", &text));
            }
        }
    }
    Ok(())
}

/// Readers too could write a file with it: the engine takes it for the client that it is in.
fn outfile(all: &[Token<'_>]) -> Result<(), Exception> {
    if all
        .windows(2)
        .any(|t| t[0].is("into") && t[1].is("outfile"))
    {
        return Err(denied(
            "INTO OUTFILE is refused here: take the rows from the answer",
        ));
    }
    Ok(())
}

fn denied(text: &str) -> Exception {
    Exception::new(497, "ACCESS_DENIED", text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn guard() -> Guard {
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Guard {
            functions: names(&["file", "url", "eval"]),
            settings: names(&["disk", "format_schema"]),
            distributed: false,
        }
    }

    fn code(form: &str, access: Access) -> u32 {
        guard()
            .form(form, &[], access)
            .err()
            .map_or(0, |e| e.code())
    }

    #[test]
    fn refuses_by_the_form_of_a_statement() {
        use Access::{Read, Write};
        for (form, read, write) in [
            ("SELECT 1", 0, 0),
            (
                "SELECT file, url AS file FROM t WHERE disk = 'INTO OUTFILE'",
                0,
                0,
            ),
            ("SELECT 1 AS `INTO OUTFILE`", 0, 0),
            ("SELECT 1 AS `a/b`", 0, 497),
            ("SELECT length(file) FROM t", 0, 0),
            ("SELECT 1 SETTINGS format_schema = 'x'", 164, 497),
            ("SELECT * FROM (SELECT 1 SETTINGS readonly = 0)", 164, 0),
            (
                "SELECT * FROM (SELECT 1 SETTINGS join_use_nulls = 1) WHERE a = 2",
                0,
                0,
            ),
            (
                "SELECT * FROM (SELECT 1 SETTINGS join_use_nulls = 1, readonly = 0)",
                164,
                0,
            ),
            (
                "SELECT * FROM (SELECT 1 SETTINGS join_use_nulls = -1, readonly = 0)",
                164,
                0,
            ),
            (
                "SELECT * FROM kpi_file(from = '2026-01-01', to = '2026-01-02', step = 'day')",
                0,
                0,
            ),
            ("SELECT * FROM kpi_x(from = file('x'))", 497, 497),
            ("SHOW SETTINGS LIKE 'x'", 0, 0),
            ("SELECT arrayMap((file), ['x'])", 497, 497),
            ("SELECT 1 INTO OUTFILE 'x'", 497, 497),
            ("SHOW TABLES INTO OUTFILE 'x'", 497, 497),
            ("SELECT file('x')", 497, 497),
            ("SELECT arrayMap(file, ['x'])", 497, 497),
            ("SELECT arrayMap(x -> file(x), ['x'])", 497, 497),
            ("SELECT * APPLY file FROM (SELECT 'x')", 497, 497),
            ("DESCRIBE TABLE url('x')", 497, 497),
            ("SELECT * FROM eval('SELECT 1')", 497, 497),
            ("EXISTS TABLE default.`/etc/passwd`", 497, 497),
            ("INSERT INTO t (file, x) SELECT 1, 2", 164, 0),
            ("INSERT INTO FUNCTION null('a Int8') SELECT 1", 164, 497),
            ("INSERT INTO t FROM INFILE 'x' FORMAT CSV", 164, 497),
            (
                "INSERT INTO t SELECT * FROM input('a Int8') FORMAT Values",
                164,
                497,
            ),
            (
                "INSERT INTO t SELECT 1 SETTINGS format_schema = 'x'",
                164,
                497,
            ),
            (
                "CREATE TABLE t (`file` String) ENGINE = ReplacingMergeTree ORDER BY (file, a)",
                164,
                0,
            ),
            ("CREATE OR REPLACE VIEW v AS SELECT 1", 164, 0),
            (
                "CREATE OR REPLACE VIEW v AS SELECT * FROM url('x')",
                164,
                497,
            ),
            ("CREATE TABLE t (`a` Int8) ENGINE = File(CSV)", 164, 497),
            (
                "CREATE TABLE t AS s ENGINE = Distributed('default', 'd', 's')",
                164,
                497,
            ),
            (
                "CREATE TABLE t (`a` Int8) ENGINE = MergeTree ORDER BY a SETTINGS a = 1, disk = 'x'",
                164,
                497,
            ),
            ("CREATE DICTIONARY d (`a` UInt64) PRIMARY KEY a", 164, 497),
            ("CREATE USER u", 164, 497),
            ("ALTER TABLE t (FETCH PARTITION 1 FROM '/x')", 164, 497),
            (
                "ALTER TABLE t (ADD COLUMN `x` String), (MODIFY ORDER BY (a, x))",
                164,
                0,
            ),
            ("DROP TABLE t", 164, 0),
            ("KILL QUERY WHERE 1 ASYNC", 164, 0),
            ("SYSTEM FLUSH LOGS", 164, 497),
            ("SET readonly = 0", 164, 497),
            ("BACKUP TABLE t TO File('x')", 164, 497),
            (
                "ATTACH TABLE t FROM '/x' (`a` Int8) ENGINE = MergeTree ORDER BY a",
                164,
                497,
            ),
        ] {
            assert_eq!(
                (code(form, Read), code(form, Write)),
                (read, write),
                "{form}"
            );
        }
        let params = [("f".to_owned(), "file".to_owned())];
        let by_name = "SELECT arrayMap({f:Identifier}, ['x'])";
        assert!(guard().form(by_name, &params, Read).is_err());
        assert!(guard().form("SELECT {f:String}", &params, Read).is_ok());
        assert!(guard().values("(1, now()), ((SELECT file ('x')))").is_err());
        assert!(guard().values("(1, now()), ('file(x)')").is_ok());
    }
}
