//! Names of this crate's metrics.

/// Records read, by stage.
pub const RECORDS: &str = "weir_stage_records_total";
/// Bytes of values read, by stage.
pub const BYTES: &str = "weir_stage_bytes_total";
/// Transactions committed, by stage.
pub const COMMITS: &str = "weir_stage_commits_total";
/// Transactions aborted (one per rebalance is normal), by stage.
pub const ABORTS: &str = "weir_stage_aborts_total";
/// Times both clients were built anew, by stage.
pub const REBUILDS: &str = "weir_stage_rebuilds_total";
/// Clients that did not close within their limit.
pub const LEFT_BEHIND: &str = "weir_clients_left_behind_total";
/// Seconds from the begin of the commit to its acknowledgement, by stage.
pub const COMMIT_SECONDS: &str = "weir_stage_commit_seconds";
/// Records between what was committed and the end of the partition (control records included).
pub const LAG: &str = "weir_stage_lag_records";
/// Partitions owned, by stage.
pub const PARTITIONS: &str = "weir_stage_partitions";
/// Dead letters written, by code.
pub const DEAD_LETTERS: &str = "weir_dead_letters_total";

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::{
        Unit, describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    counter!(RECORDS, "records read");
    counter!(BYTES, Unit::Bytes, "bytes of values read");
    counter!(COMMITS, "transactions committed");
    counter!(ABORTS, "transactions aborted; one per rebalance is normal");
    counter!(REBUILDS, "times the clients of a stage were built anew");
    counter!(LEFT_BEHIND, "clients that did not close within their limit");
    histogram!(COMMIT_SECONDS, Unit::Seconds, "time of a commit");
    gauge!(
        LAG,
        "records between what was committed and the end of the partition"
    );
    gauge!(PARTITIONS, "partitions owned");
    counter!(DEAD_LETTERS, "records that could not be read");
}
