//! Names of this crate's metrics.

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

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::{
        Unit, describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    counter!(ROWS, "rows acknowledged by ClickHouse");
    counter!(INSERTS, "inserts acknowledged by ClickHouse");
    histogram!(
        INSERT_SECONDS,
        Unit::Seconds,
        "from sending an insert to its acknowledgement"
    );
    counter!(RETRIES, "inserts that failed and were tried again");
    counter!(REFUSED, "commits of offsets that were refused");
    counter!(REBUILDS, "times reading began again from what is committed");
    gauge!(
        LAG,
        "records between what was committed and the end of what is read"
    );
    counter!(SKIPPED, "records left out because they cannot be read");
}
