//! Names of this crate's metrics.

use weir_runtime::metric::{Metric, Unit, counter, gauge, histogram};

/// Rows acknowledged by ClickHouse, by table.
pub const ROWS: &str = "weir_sink_rows_total";
/// Inserts acknowledged, by table.
pub const INSERTS: &str = "weir_sink_inserts_total";
/// Seconds from sending an insert to its acknowledgement, by table.
pub const INSERT_SECONDS: &str = "weir_sink_insert_seconds";
/// Inserts that failed and were tried again.
pub const RETRIES: &str = "weir_sink_retries_total";
/// Commits of offsets that were refused or got no answer: their rows are there, and may be inserted
/// once more.
pub const REFUSED: &str = "weir_sink_commits_refused_total";
/// Times reading began again from what is committed.
pub const REBUILDS: &str = "weir_sink_rebuilds_total";
/// Records between what was committed and the end of what is read.
pub const LAG: &str = "weir_sink_lag_records";
/// Records that were left out, by topic: raw ones that do not decode (the processor makes dead
/// letters of them), or damaged results.
pub const SKIPPED: &str = "weir_sink_skipped_records_total";

/// All of them.
pub fn all() -> Vec<Metric> {
    vec![
        counter(ROWS, "rows acknowledged by ClickHouse")
            .of("sink")
            .by(&["table"])
            .moves("stands while records wait: WeirSinkRetries"),
        counter(INSERTS, "inserts acknowledged by ClickHouse")
            .of("sink")
            .by(&["table"])
            .moves("many small ones: normal where little comes"),
        histogram(
            INSERT_SECONDS,
            "from sending an insert to its acknowledgement",
        )
        .of("sink")
        .unit(Unit::Seconds)
        .by(&["table"])
        .moves("p99 above 5 s: ClickHouse merges or lacks memory"),
        counter(RETRIES, "inserts that failed and were tried again")
            .of("sink")
            .moves("WeirSinkRetries"),
        counter(REFUSED, "commits of offsets that were refused")
            .of("sink")
            .moves(
                "one per rebalance is normal; rows are inserted once more, keys make that harmless",
            ),
        counter(REBUILDS, "times reading began again from what is committed")
            .of("sink")
            .moves("WeirClientsRebuilt"),
        gauge(
            LAG,
            "records between what was committed and the end of what is read",
        )
        .of("sink")
        .moves("WeirLagGrowing"),
        counter(SKIPPED, "records left out because they cannot be read")
            .of("sink")
            .by(&["topic"])
            .moves("WeirSinkSkips"),
    ]
}
