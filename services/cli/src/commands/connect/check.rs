//! Waits for the first record of a client.

use crate::args::SystemArgs;
use crate::output::{self, Waiting, thousands};
use anyhow::Result;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use weir_otlp::Client;
use weir_store::{Store, text};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(500);
/// Clients send a minute late, and who looks may have started them before.
const BEFORE: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);

/// Events of emitters since a time, and what was not understood of them. The time of an event is
/// near that of its log, and the archive is sorted by it.
const SQL: &str = "
WITH fromUnixTimestamp64Micro({from}) AS since
SELECT event, version, sum(n) AS records
FROM (
    SELECT replaceOne(replaceRegexpOne(_table, '_events$', ''), '_', '.') AS event,
           resource['weir.emitter.version'] AS version, count() AS n
    FROM merge(currentDatabase(), '_events$')
    WHERE resource['weir.emitter'] IN ({emitters})
      AND log_time >= since AND event_time >= since - INTERVAL 1 DAY
    GROUP BY event, version
    UNION ALL
    SELECT 'otel.unmapped' AS event, version, toUInt64(sum(records)) AS n
    FROM otel_unmapped_events
    WHERE emitter IN ({emitters})
      AND log_time >= since AND event_time >= since - INTERVAL 1 DAY
    GROUP BY version
)
GROUP BY event, version
ORDER BY event, version";

/// A look at what comes, from a moment on.
pub struct Check {
    store: Store,
    sql: String,
    title: String,
}

/// What came: by event type, version, and how many.
pub struct Came(Vec<(String, String, u64)>);

impl Check {
    /// From now on, or where nothing is changed from a little before.
    pub fn begin(system: &SystemArgs, client: &Client, changes: bool) -> Result<Check> {
        let now = jiff::Timestamp::now();
        let since = if changes { now } else { now - BEFORE };
        let store = Store::new(&system.find()?.store()?);
        let emitters: Vec<String> = client.emitters.iter().map(|e| text(e)).collect();
        let emitters = emitters.join(", ");
        let from = since.as_microsecond();
        let sql = SQL.replace("{emitters}", &emitters);
        let sql = sql.replace("{from}", &from.to_string());
        let title = client.title.clone();
        Ok(Check { store, sql, title })
    }

    /// Until something came, or so many seconds are over.
    pub fn wait(&self, seconds: u64) -> Result<Came> {
        eprintln!("waiting {seconds} s at most for {}: use it now", self.title);
        let _waiting = Waiting::new("waiting");
        let until = Instant::now() + Duration::from_secs(seconds);
        let runtime = crate::commands::runtime()?;
        loop {
            let rows = runtime.block_on(self.store.rows(&self.sql, &[]))?.rows;
            let came = Came(rows.iter().map(|row| of_row(row)).collect());
            if came.is_any() || Instant::now() >= until {
                return Ok(came);
            }
            std::thread::sleep(PAUSE);
        }
    }
}

/// A number of 64 bits comes as a text or not, as the server is set up.
fn of_row(row: &[Value]) -> (String, String, u64) {
    let cell = |i: usize| row.get(i).and_then(Value::as_str).unwrap_or_default();
    let count = row.get(2).and_then(Value::as_u64);
    let count = count.or_else(|| cell(2).parse().ok());
    (cell(0).to_owned(), cell(1).to_owned(), count.unwrap_or(0))
}

impl Came {
    pub fn is_any(&self) -> bool {
        !self.0.is_empty()
    }

    pub fn json(&self) -> Value {
        let row = |came: &(String, String, u64)| {
            let (event, version, records) = came;
            json!({"event": event, "version": version, "records": records})
        };
        self.0.iter().map(row).collect()
    }

    pub fn show(&self, client: &Client) -> Result<()> {
        if !self.is_any() {
            eprintln!(
                "nothing came of {}: start it anew and use it; `weir sources` shows all that send",
                client.title
            );
            return Ok(());
        }
        let row = |(event, version, n): &(String, String, u64)| {
            vec![event.clone(), version.clone(), thousands(*n)]
        };
        let rows: Vec<Vec<String>> = self.0.iter().map(row).collect();
        output::table(&["event", "version", "records"], &rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_texts_and_as_numbers() {
        let wanted = ("llm.call".to_owned(), "1".to_owned(), 3);
        for row in [json!(["llm.call", "1", "3"]), json!(["llm.call", "1", 3])] {
            assert_eq!(row.as_array().map(|r| of_row(r)), Some(wanted.clone()));
        }
    }
}
