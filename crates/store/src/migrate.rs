//! Migrations, applied once each in order, and what follows from the catalog at each start.

use crate::client::{ident, text};
use crate::cluster::{functions, is_shard, shard_of};
use crate::describe::Comments;
use crate::table::{EventsTable, PartsTable};
use crate::{Store, StoreError, backtest, calendar, findings, kpi, kpi_period, results, view};
use std::collections::BTreeMap;
use std::path::Path;
use weir_catalog::Catalog;
use weir_model::hash;

/// A migration: file name without `.sql`, and text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// `0001_base`
    pub name: String,
    /// Statements, each ended by `;` at the end of a line.
    pub sql: String,
}

/// Those compiled into this program.
pub fn built_in() -> Vec<Migration> {
    crate::MIGRATIONS
        .iter()
        .map(|(n, s)| Migration {
            name: n.to_string(),
            sql: s.to_string(),
        })
        .collect()
}

/// Those of a directory, instead.
///
/// # Errors
/// It cannot be read.
pub fn from_dir(dir: &Path) -> Result<Vec<Migration>, StoreError> {
    let files = sql_files(dir)?;
    Ok(files
        .into_iter()
        .map(|(name, sql)| Migration { name, sql })
        .collect())
}

/// The SQL files of a directory by name: (name without `.sql`, text).
pub(crate) fn sql_files(dir: &Path) -> Result<Vec<(String, String)>, StoreError> {
    let mut all = Vec::new();
    let problem = |path: &Path, e: std::io::Error| StoreError::Unreadable {
        path: path.display().to_string(),
        reason: e.to_string(),
    };
    for entry in std::fs::read_dir(dir).map_err(|e| problem(dir, e))? {
        let path = entry.map_err(|e| problem(dir, e))?.path();
        if path.extension().is_some_and(|e| e == "sql") {
            let name = path.file_stem().unwrap_or_default();
            let text = std::fs::read_to_string(&path).map_err(|e| problem(&path, e))?;
            all.push((name.to_string_lossy().into_owned(), text));
        }
    }
    all.sort();
    Ok(all)
}

/// What [`Store::prepare`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prepared {
    /// Migrations applied now.
    pub applied: Vec<String>,
    /// Columns added for measures, dimensions and fields, of events and of results, that were
    /// declared since, and columns of fields that take more than before.
    pub columns: Vec<String>,
}

/// What [`Store::prepare`] would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Migrations that were applied.
    pub applied: Vec<String>,
    /// Those that would be applied.
    pub pending: Vec<String>,
    /// Those that were applied with another text: it would refuse.
    pub changed: Vec<String>,
    /// Those that were applied and are not known here: a later version's.
    pub unknown: Vec<String>,
    /// What would be run to make tables, add columns and widen types; empty while migrations are
    /// pending, before which that cannot be known.
    pub statements: Vec<String>,
}

/// Tables and views of a database.
#[derive(Debug, Default)]
struct There {
    /// (name, type) of columns, by table.
    columns: BTreeMap<String, Vec<(String, String)>>,
    /// By table or view.
    comments: BTreeMap<String, String>,
}

impl There {
    fn columns_of(&self, table: &str) -> Option<&[(String, String)]> {
        self.columns.get(table).map(Vec::as_slice)
    }

    fn names_of(&self, table: &str) -> Vec<String> {
        let columns = self.columns_of(table).unwrap_or_default();
        columns.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// What the comment of a view that was made here says.
const MADE: &str = "made by weir from";

/// The comment of a view: what it is, and the hash of what it was made from.
fn made(what: &str, hash: &str) -> String {
    match what.is_empty() {
        true => format!("{MADE} {hash}"),
        false => format!("{what} ({MADE} {hash})"),
    }
}

/// A view that is to be there.
struct View {
    name: String,
    /// Its columns with their types, in brackets: with them the store need not find out what a long
    /// SELECT comes to. Empty where it shall.
    columns: String,
    select: String,
}

impl View {
    fn of((name, select): (String, String)) -> View {
        View {
            name,
            columns: String::new(),
            select,
        }
    }
}

impl Store {
    /// Makes the database ready for a catalog: migrations not applied yet, tables of event types,
    /// columns for what was declared since, time zones, views. Safe to call at every start and from
    /// several processes at once.
    ///
    /// # Errors
    /// ClickHouse is down or refuses; a migration was changed after it was applied.
    pub async fn prepare(
        &self,
        migrations: &[Migration],
        catalog: &Catalog,
    ) -> Result<Prepared, StoreError> {
        let applied = self.migrate(migrations).await?;
        let columns = self.sync(migrations, catalog).await?;
        Ok(Prepared { applied, columns })
    }

    /// Applies what is not applied yet.
    pub async fn migrate(&self, migrations: &[Migration]) -> Result<Vec<String>, StoreError> {
        self.create_database().await?;
        self.same_form().await?;
        self.change(
            "CREATE TABLE IF NOT EXISTS migrations (name String, hash String, applied DateTime64(6, 'UTC') DEFAULT now64(6)) \
             ENGINE = ReplacingMergeTree ORDER BY name",
        )
        .await?;
        let known = self.migrations().await?;
        let mut applied = Vec::new();
        for m in migrations {
            let hash = hash::id(&[m.sql.as_bytes()]);
            match known.iter().find(|(name, _)| *name == m.name) {
                Some((_, h)) if *h == hash => continue,
                Some(_) => {
                    return Err(StoreError::MigrationChanged {
                        name: m.name.clone(),
                    });
                }
                None => {}
            }
            for statement in statements(&m.sql) {
                self.change(&statement).await?;
            }
            self.execute(&format!(
                "INSERT INTO migrations (name, hash) VALUES ({}, {})",
                text(&m.name),
                text(&hash)
            ))
            .await?;
            applied.push(m.name.clone());
        }
        // A later version's may have other functions.
        let ours = |(name, _): &(String, String)| migrations.iter().any(|m| m.name == *name);
        if known.iter().all(ours) {
            self.functions_everywhere(migrations).await?;
        }
        Ok(applied)
    }

    /// Refuses a database whose tables are of the other form: they would be taken for those that
    /// are to be made, and rows would go to one node.
    async fn same_form(&self) -> Result<(), StoreError> {
        let engine = "SELECT engine FROM system.tables \
             WHERE database = currentDatabase() AND name = 'migrations'";
        let engine = self.fetch::<String>(engine).await?.pop();
        let in_front = engine.as_deref() == Some("Distributed");
        let (made, remedy) = match (&self.cluster, engine.is_some()) {
            (Some(_), true) if !in_front => (
                "for a single node",
                "name another database (it is filled from the log), or take the cluster's name out",
            ),
            (None, true) if in_front => (
                "for a cluster",
                "say which (sink.store.cluster, WEIR_CLICKHOUSE_CLUSTER), or name another database",
            ),
            _ => return Ok(()),
        };
        Err(StoreError::OtherForm {
            database: self.database().to_owned(),
            made,
            remedy,
        })
    }

    /// Functions belong to a server, not to a database: one that joined a cluster later has none.
    async fn functions_everywhere(&self, migrations: &[Migration]) -> Result<(), StoreError> {
        if self.cluster.is_none() {
            return Ok(());
        }
        let all: Vec<String> = migrations.iter().flat_map(|m| statements(&m.sql)).collect();
        for function in functions(all.iter().map(String::as_str)) {
            self.change(function).await?;
        }
        Ok(())
    }

    /// What [`Store::prepare`] would do now; nothing is changed.
    ///
    /// # Errors
    /// ClickHouse is down or refuses.
    pub async fn plan(
        &self,
        migrations: &[Migration],
        catalog: &Catalog,
    ) -> Result<Plan, StoreError> {
        let there = self.there().await?;
        let known = match there.columns_of("migrations") {
            None => Vec::new(),
            Some(_) => self.migrations().await?,
        };
        let mut plan = Plan::default();
        for m in migrations {
            let hash = hash::id(&[m.sql.as_bytes()]);
            let list = match known.iter().find(|(name, _)| *name == m.name) {
                Some((_, h)) if *h == hash => &mut plan.applied,
                Some(_) => &mut plan.changed,
                None => &mut plan.pending,
            };
            list.push(m.name.clone());
        }
        let ours = |name: &String| migrations.iter().any(|m| m.name == *name);
        let others = known.into_iter().map(|(name, _)| name);
        plan.unknown = others.filter(|name| !ours(name)).collect();
        // Tables of results are made by migrations: before these there is nothing to be brought up.
        if plan.pending.is_empty() {
            let (made, altered) = self.changes(&there, catalog).await?;
            plan.statements = made.into_iter().chain(altered).collect();
        }
        Ok(plan)
    }

    /// (name, hash) of the migrations that were applied.
    async fn migrations(&self) -> Result<Vec<(String, String)>, StoreError> {
        self.fetch("SELECT name, hash FROM migrations FINAL ORDER BY name")
            .await
    }

    /// Statements that make tables of event types that have none, and those that add columns and
    /// widen types.
    async fn changes(
        &self,
        there: &There,
        catalog: &Catalog,
    ) -> Result<(Vec<String>, Vec<String>), StoreError> {
        let tables = |table: &str| there.columns_of(table).map(|_| there.names_of(table));
        let (mut made, mut altered) = (backtest::prepare(&tables), Vec::new());
        made.extend(findings::prepare(&tables));
        for result in results::ALL {
            altered.extend(result.alter(&there.names_of(result.table)));
        }
        for event in &catalog.events {
            let parts = PartsTable::of(event)?;
            match there.columns_of(&parts.name) {
                None => made.push(parts.create()),
                Some(_) => {
                    let present = there.names_of(&parts.name);
                    altered.extend(self.new_dimensions(&parts, &present).await?);
                    altered.extend(parts.alter(&present));
                }
            }
            let archive = EventsTable::of(event)?;
            match there.columns_of(&archive.name) {
                None => made.push(archive.create()),
                Some(present) => altered.extend(archive.alter(present)),
            }
        }
        Ok((made, altered))
    }

    /// Brings tables and views up to the catalog and the records: makes tables, adds columns,
    /// widens types. Nothing is ever taken away but views of windows that are stored no more.
    async fn sync(
        &self,
        migrations: &[Migration],
        catalog: &Catalog,
    ) -> Result<Vec<String>, StoreError> {
        let there = self.there().await?;
        // What a view was made from, beside its text: `*` is all columns there were, and functions
        // are copied into it.
        let mut made_from: Vec<String> = migrations.iter().map(|m| m.sql.clone()).collect();
        for event in &catalog.events {
            let (parts, archive) = (PartsTable::of(event)?, EventsTable::of(event)?);
            made_from.extend([parts.create(), archive.create()]);
        }
        let (made, alter) = self.changes(&there, catalog).await?;
        for statement in made.iter().chain(&alter) {
            self.change(statement).await?;
        }
        self.fill_tenants(catalog).await?;
        let wanted = views_of(catalog)?;
        self.drop_not_stored(&there, catalog).await?;
        let comments = Comments::of(catalog)?;
        self.views(&there, &made_from, wanted, &comments).await?;
        Ok(alter)
    }

    /// Drops views of windows that no rollup stores any more: they would be asked in vain, and
    /// nothing would say why.
    async fn drop_not_stored(&self, there: &There, catalog: &Catalog) -> Result<(), StoreError> {
        for view in catalog.events.iter().flat_map(view::not_stored) {
            let comment = there.comments.get(&view);
            if comment.is_some_and(|c| c.contains(MADE)) {
                self.change(&format!("DROP VIEW IF EXISTS {}", ident(&view)))
                    .await?;
            }
        }
        Ok(())
    }

    /// Makes views, but for those that are there as they are to be: their comment says what they
    /// were made from.
    async fn views(
        &self,
        there: &There,
        made_from: &[String],
        wanted: Vec<View>,
        comments: &Comments,
    ) -> Result<(), StoreError> {
        for view in wanted {
            let View {
                name,
                columns,
                select,
            } = view;
            let from = made_from.iter().chain([&columns, &select]);
            let from: Vec<&[u8]> = from.map(|s| s.as_bytes()).collect();
            let made = made(comments.table(&name), &hash::id(&from));
            if there.comments.get(&name) == Some(&made) {
                continue;
            }
            self.change(&format!(
                "CREATE OR REPLACE VIEW {}{columns} AS\n{select}\nCOMMENT {}",
                ident(&name),
                text(&made)
            ))
            .await?;
        }
        Ok(())
    }

    /// All that the database has: two questions, however many tables there are.
    async fn there(&self) -> Result<There, StoreError> {
        let mut there = There::default();
        let columns = "SELECT table, name, type FROM system.columns \
             WHERE database = currentDatabase() ORDER BY table, position";
        let columns = self.fetch::<(String, String, String)>(columns).await?;
        for (table, name, kind) in columns.into_iter().filter(|c| !is_shard(&c.0)) {
            there.columns.entry(table).or_default().push((name, kind));
        }
        let comments = "SELECT name, comment FROM system.tables WHERE database = currentDatabase()";
        there.comments.extend(self.fetch(comments).await?);
        Ok(there)
    }

    /// A dimension that came later goes to the end of the key; that can only be said together with
    /// its column.
    async fn new_dimensions(
        &self,
        parts: &PartsTable,
        present: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let new = parts.new_dimensions(present);
        if new.is_empty() {
            return Ok(Vec::new());
        }
        let sql = format!(
            "SELECT sorting_key FROM system.tables WHERE database = currentDatabase() AND name = {}",
            text(&self.of_rows(&parts.name))
        );
        let key = self.fetch::<String>(&sql).await?.pop().unwrap_or_default();
        let adds: Vec<String> = new
            .iter()
            .map(|d| format!("ADD COLUMN {} String", ident(d)))
            .collect();
        let names: Vec<String> = new.iter().map(|d| ident(d)).collect();
        Ok(vec![format!(
            "ALTER TABLE {} {}, MODIFY ORDER BY ({key}, {})",
            ident(&parts.name),
            adds.join(", "),
            names.join(", ")
        )])
    }

    async fn fill_tenants(&self, catalog: &Catalog) -> Result<(), StoreError> {
        let zones = calendar::zones(catalog)?;
        let mut rows = vec![(String::new(), zones.default.clone())];
        for (zone, tenants) in zones.others {
            rows.extend(tenants.into_iter().map(|t| (t, zone.clone())));
        }
        rows.sort();
        let sql = "SELECT tenant, zone FROM tenants ORDER BY tenant";
        if self.fetch::<(String, String)>(sql).await? == rows {
            return Ok(());
        }
        let values: Vec<String> = rows
            .iter()
            .map(|(t, z)| format!("({}, {})", text(t), text(z)))
            .collect();
        // One block: the view shows the newest one, so that a tenant that is named no more is gone.
        self.execute(&format!(
            "INSERT INTO tenants_log (tenant, zone, changed) SELECT r.1, r.2, now64(6) FROM (SELECT arrayJoin([{}]) AS r)",
            values.join(", ")
        ))
        .await
    }

    /// Makes a run the current one, if none with a higher number is: views show nothing else from
    /// now on.
    pub async fn set_current_run(&self, run: u32, catalog: u64) -> Result<(), StoreError> {
        self.execute(&format!(
            "INSERT INTO runs (run, catalog, since) SELECT {run}, {catalog}, now64(6) WHERE {run} NOT IN (SELECT run FROM runs)"
        ))
        .await
    }

    /// Sets or removes the time after which raw events of these types leave the archive (never the
    /// log).
    pub async fn set_archive_ttl(
        &self,
        catalog: &Catalog,
        days: Option<u32>,
    ) -> Result<(), StoreError> {
        let with: Vec<String> = self
            .fetch(
                "SELECT name FROM system.tables WHERE database = currentDatabase() \
                 AND startsWith(name, 'events_') AND engine_full ILIKE '% TTL %'",
            )
            .await?;
        for event in &catalog.events {
            let name = EventsTable::of(event)?.name;
            let table = ident(&name);
            let with_rows = self.of_rows(&name);
            let statement = match days {
                Some(days) => format!(
                    "ALTER TABLE {table} MODIFY TTL toDateTime(event_time) + toIntervalDay({days}) \
                     SETTINGS materialize_ttl_after_modify = 0"
                ),
                None if with.contains(&with_rows) => format!("ALTER TABLE {table} REMOVE TTL"),
                None => continue,
            };
            self.change(&statement).await?;
        }
        Ok(())
    }

    /// The table that has the rows of a table, and so its sorting key and its TTL.
    fn of_rows(&self, table: &str) -> String {
        match &self.cluster {
            Some(_) => shard_of(table),
            None => table.to_owned(),
        }
    }

    /// Waits until each replica has what any of them has: what is compared next must not depend on
    /// which one answers. Nothing is to be done where there is one node.
    ///
    /// # Errors
    /// ClickHouse does not answer, or the user may not say `SYSTEM SYNC REPLICA`.
    pub async fn sync_replicas(&self) -> Result<(), StoreError> {
        let in_front = "SELECT name, engine_full FROM system.tables \
             WHERE database = currentDatabase() AND engine = 'Distributed' ORDER BY name";
        for (table, engine) in self.fetch::<(String, String)>(in_front).await? {
            let Some(name) = engine.split('\'').nth(1) else {
                continue;
            };
            let cluster = crate::cluster::Cluster {
                name: name.to_owned(),
                keeper: true,
                database: self.database().to_owned(),
            };
            self.execute(&cluster.sync(&table)).await?;
        }
        Ok(())
    }
}

/// All views that a catalog has.
fn views_of(catalog: &Catalog) -> Result<Vec<View>, StoreError> {
    let mut wanted = Vec::new();
    for event in &catalog.events {
        wanted.extend(view::event_views(catalog, event)?.into_iter().map(View::of));
    }
    wanted.extend(calendar::result_views(catalog)?.into_iter().map(View::of));
    wanted.extend(findings::views().map(View::of));
    for k in &catalog.kpis {
        wanted.push(View {
            name: format!("kpi_{}_current", k.name),
            columns: kpi::current_columns(k, catalog),
            select: kpi::kpi_current_sql(k, catalog, None, None)?,
        });
        if k.mix.is_none() {
            let select = kpi_period::kpi_period_sql(k, catalog)?;
            wanted.push(View::of((format!("kpi_{}", k.name), select)));
        }
    }
    Ok(wanted)
}

/// Names of the views that a catalog has.
pub(crate) fn view_names(catalog: &Catalog) -> Result<Vec<String>, StoreError> {
    Ok(views_of(catalog)?.into_iter().map(|v| v.name).collect())
}

/// The statements of a file: each ends with `;` at the end of a line.
pub fn statements(sql: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut current = String::new();
    for line in sql.lines() {
        if line.trim_start().starts_with("--") {
            continue;
        }
        match line.trim_end().strip_suffix(';') {
            Some(last) => {
                current.push_str(last);
                all.push(std::mem::take(&mut current));
            }
            None => {
                current.push_str(line);
                current.push('\n');
            }
        }
    }
    all.push(current);
    all.retain(|s| !s.trim().is_empty());
    all
}
