//! The client: statements, inserts and queries over ClickHouse's HTTP interface.

use crate::cluster::Cluster;
use crate::{StoreConfig, StoreError};
use bytes::Bytes;
use clickhouse::Compression;
use clickhouse::query::BytesCursor;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// A parameter of a query: `{name:Type}` in its text.
pub type Param = (String, String);

/// The answer to a query, small enough to be held.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Rows {
    /// Columns in order.
    #[serde(rename = "meta")]
    pub columns: Vec<Column>,
    /// Values by row, in the order of columns.
    #[serde(rename = "data")]
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// Name and ClickHouse type of a column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Column {
    /// Name.
    pub name: String,
    /// ClickHouse's name of its type.
    #[serde(rename = "type")]
    pub kind: String,
}

/// A connection pool to one database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    client: clickhouse::Client,
    /// Without a database: for what must work before it exists.
    server: clickhouse::Client,
    url: String,
    database: String,
    /// What statements become, where ClickHouse is a cluster.
    pub(crate) cluster: Option<Cluster>,
    /// Whether this server has [`DEDUPLICATE`], once it was asked.
    knows_deduplicate: Arc<OnceCell<bool>>,
}

/// The version whose defaults hold, whichever server answers: the one that weir is tested with.
const COMPATIBILITY: &str = "26.7";
/// Newer servers have it in place of `insert_deduplicate`, and under it a second insert after a
/// DELETE can vanish.
const DEDUPLICATE: &str = "deduplicate_insert";

/// Longest time an insert may take to be acknowledged.
const INSERT_TIMEOUT: Duration = Duration::from_secs(60);

/// Bytes of SQL, and parts of it, that a question may have.
const LARGEST_QUESTION: &str = "16777216";

impl Store {
    /// Connects when first used.
    pub fn new(config: &StoreConfig) -> Store {
        let mut server = clickhouse::Client::default()
            .with_url(&config.url)
            .with_compression(Compression::Lz4)
            .with_setting("compatibility", COMPATIBILITY)
            // On a cluster: rows are acknowledged once they are on their shards, and what a
            // subquery finds is what all shards have. Nothing else takes notice.
            .with_setting("distributed_foreground_insert", "1")
            .with_setting("distributed_product_mode", "global");
        if !config.user.is_empty() {
            server = server
                .with_user(&config.user)
                .with_password(config.password.expose());
        }
        Store {
            client: server.clone().with_database(&config.database),
            server,
            url: config.url.clone(),
            database: config.database.clone(),
            cluster: (!config.cluster.is_empty()).then(|| Cluster {
                name: config.cluster.clone(),
                keeper: config.keeper,
                database: config.database.clone(),
            }),
            knows_deduplicate: Arc::default(),
        }
    }

    /// The same, with settings for each statement.
    pub fn with_settings(&self, settings: &[(String, String)]) -> Store {
        let mut store = self.clone();
        for (name, value) in settings {
            store.client = store.client.with_setting(name, value);
        }
        store
    }

    /// The error where nothing was heard for some time.
    pub(crate) fn silent(&self, within: Duration) -> StoreError {
        StoreError::Unreachable {
            url: self.url.clone(),
            reason: format!("no answer within {within:?}"),
        }
    }

    /// The database.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// The URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether it answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let ask = self.server.query_raw("SELECT 1").fetch_one::<u8>();
        match tokio::time::timeout(Duration::from_secs(5), ask).await {
            Ok(r) => r.map(|_| ()).map_err(|e| self.error(e, "SELECT 1")),
            Err(_) => Err(StoreError::Unreachable {
                url: self.url.clone(),
                reason: "no answer within 5 s".into(),
            }),
        }
    }

    /// Creates the database where it does not exist.
    pub async fn create_database(&self) -> Result<(), StoreError> {
        let sql = format!(
            "CREATE DATABASE IF NOT EXISTS {} ENGINE = Atomic",
            ident(&self.database)
        );
        for sql in self.forms(&sql)? {
            let made = self.server.query_raw(&sql).execute().await;
            made.map_err(|e| self.error(e, &sql))?;
        }
        Ok(())
    }

    /// Makes, changes or drops something, on all nodes.
    pub(crate) async fn change(&self, sql: &str) -> Result<(), StoreError> {
        for sql in self.forms(sql)? {
            self.execute(&sql).await?;
        }
        Ok(())
    }

    /// The statements that one for a single node is here.
    fn forms(&self, sql: &str) -> Result<Vec<String>, StoreError> {
        match &self.cluster {
            Some(cluster) => cluster.statements(sql),
            None => Ok(vec![sql.to_owned()]),
        }
    }

    /// Runs one statement that returns nothing.
    pub async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        self.client
            .query_raw(sql)
            .execute()
            .await
            .map_err(|e| self.error(e, sql))
    }

    /// Inserts rows in RowBinary and returns when they are acknowledged.
    ///
    /// # Errors
    /// Any error leaves open whether the rows arrived: insert them again, the tables replace by
    /// key.
    pub async fn insert(&self, table: &str, columns: &str, rows: Bytes) -> Result<(), StoreError> {
        let sql = format!("INSERT INTO {} ({columns}) FORMAT RowBinary", ident(table));
        let mut client = self.client.clone();
        if self.knows_deduplicate().await? {
            client = client.with_setting(DEDUPLICATE, "disable");
        }
        let mut insert = client
            .insert_formatted_with(&sql)
            // Tokens are numbered per block: a retry that splits into other blocks could lose rows.
            .with_setting("insert_deduplicate", "0")
            .with_setting("async_insert", "0")
            // Every reader merges rows of one key (FINAL), so that nobody need do it twice.
            .with_setting("optimize_on_insert", "0")
            // A year of history falls into many months at once.
            .with_setting("max_partitions_per_insert_block", "0")
            .with_timeouts(Some(INSERT_TIMEOUT), Some(INSERT_TIMEOUT));
        insert.send(rows).await.map_err(|e| self.error(e, &sql))?;
        insert.end().await.map_err(|e| self.error(e, &sql))
    }

    async fn knows_deduplicate(&self) -> Result<bool, StoreError> {
        let ask = || async {
            let sql = format!(
                "SELECT count() FROM system.settings WHERE name = {}",
                text(DEDUPLICATE)
            );
            Ok(self.fetch::<u64>(&sql).await? != [0])
        };
        self.knows_deduplicate.get_or_try_init(ask).await.copied()
    }

    /// The answer to a query as bytes of a ClickHouse format (`JSON`, `JSONEachRow`,
    /// `CSVWithNames`, ...), as they come.
    pub fn query(&self, sql: &str, params: &[Param], format: &str) -> Result<Answer, StoreError> {
        // Questions must not change what they ask (2: they may bring settings of their own).
        let mut query = self
            .client
            .query_raw(sql)
            .with_setting("readonly", "2")
            // A question about all KPIs is as long as their definitions.
            .with_setting("max_query_size", LARGEST_QUESTION)
            .with_setting("max_ast_elements", LARGEST_QUESTION)
            .with_setting("max_expanded_ast_elements", LARGEST_QUESTION);
        for (name, value) in params {
            query = query.param(name, value);
        }
        let cursor = query
            .fetch_bytes(format)
            .map_err(|e| self.error(e, sql).of_a_question())?;
        Ok(Answer {
            cursor,
            store: self.clone(),
            statement: sql.to_string(),
        })
    }

    /// The answer to a query that is small enough to be held.
    pub async fn rows(&self, sql: &str, params: &[Param]) -> Result<Rows, StoreError> {
        let bytes = self.query(sql, params, "JSONCompact")?.collect().await?;
        serde_json::from_slice(&bytes).map_err(|e| StoreError::Answer(e.to_string()))
    }

    /// One value, as text; `None` without rows.
    pub async fn scalar(&self, sql: &str, params: &[Param]) -> Result<Option<String>, StoreError> {
        let rows = self.rows(sql, params).await?;
        Ok(rows
            .rows
            .into_iter()
            .next()
            .and_then(|r| r.into_iter().next())
            .map(|v| match v {
                serde_json::Value::String(s) => s,
                other => other.to_string(),
            }))
    }

    /// Rows of a known shape.
    pub async fn fetch<T: clickhouse::RowOwned + clickhouse::RowRead>(
        &self,
        sql: &str,
    ) -> Result<Vec<T>, StoreError> {
        self.client
            .query_raw(sql)
            .fetch_all::<T>()
            .await
            .map_err(|e| self.error(e, sql))
    }

    fn error(&self, error: clickhouse::error::Error, statement: &str) -> StoreError {
        StoreError::from_client(error, &self.url, statement)
    }
}

/// An answer that arrives piece by piece.
#[must_use]
pub struct Answer {
    cursor: BytesCursor,
    store: Store,
    statement: String,
}

impl Answer {
    /// The next piece, `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StoreError> {
        self.cursor
            .next()
            .await
            .map_err(|e| self.store.error(e, &self.statement).of_a_question())
    }

    /// All of it.
    pub async fn collect(mut self) -> Result<Bytes, StoreError> {
        self.cursor
            .collect()
            .await
            .map_err(|e| self.store.error(e, &self.statement).of_a_question())
    }
}

/// Waiting times between tries: doubling from 100 ms to 10 s.
#[derive(Debug, Clone)]
pub struct Backoff(Duration);

impl Default for Backoff {
    fn default() -> Self {
        Backoff(Duration::from_millis(100))
    }
}

impl Backoff {
    /// How long to wait before the next try.
    pub fn next_wait(&mut self) -> Duration {
        let wait = self.0;
        self.0 = (wait * 2).min(Duration::from_secs(10));
        wait
    }

    /// Tries `attempt` until it succeeds or fails for good; `tell` hears of each failure that is
    /// tried again.
    pub async fn retry<T, F: Future<Output = Result<T, StoreError>>>(
        mut self,
        mut attempt: impl FnMut() -> F,
        mut tell: impl FnMut(&StoreError),
    ) -> Result<T, StoreError> {
        loop {
            match attempt().await {
                Err(e) if e.is_transient() => {
                    tell(&e);
                    tokio::time::sleep(self.next_wait()).await;
                }
                done => return done,
            }
        }
    }
}

/// A quoted identifier.
pub fn ident(name: &str) -> String {
    format!("`{}`", name.replace('\\', "\\\\").replace('`', "\\`"))
}

/// A quoted text.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}
