//! Names of this crate's metrics.

use weir_runtime::metric::{Metric, Unit, counter, gauge, histogram};

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

/// All of them.
pub fn all() -> Vec<Metric> {
    vec![
        counter(RECORDS, "records read")
            .of("processor")
            .by(&["stage"])
            .moves("falls to 0 while records wait: look at lag and stalls"),
        counter(BYTES, "bytes of values read")
            .of("processor")
            .unit(Unit::Bytes)
            .by(&["stage"])
            .moves("grows faster than records: a producer sends larger events"),
        counter(COMMITS, "transactions committed")
            .of("processor")
            .by(&["stage"])
            .moves("stands while records are read: WeirStalled"),
        counter(ABORTS, "transactions aborted; one per rebalance is normal")
            .of("processor")
            .by(&["stage"])
            .moves("one per rebalance is normal; more: WeirClientsRebuilt"),
        counter(REBUILDS, "times the clients of a stage were built anew")
            .of("processor")
            .by(&["stage"])
            .moves("WeirClientsRebuilt"),
        counter(LEFT_BEHIND, "clients that did not close within their limit")
            .of("processor, sink")
            .moves("grows with each broken connection; a restart of the service frees them"),
        histogram(COMMIT_SECONDS, "time of a commit")
            .of("processor")
            .unit(Unit::Seconds)
            .by(&["stage"])
            .moves("p99 above 1 s: the broker or its disk is slow, WeirCommitsBurnFast"),
        gauge(
            LAG,
            "records between what was committed and the end of the partition",
        )
        .of("processor")
        .by(&["stage", "topic", "partition"])
        .moves("grows: WeirLagGrowing"),
        gauge(PARTITIONS, "partitions owned")
            .of("processor")
            .by(&["stage"])
            .moves("changes often: WeirRebalancing"),
        counter(DEAD_LETTERS, "records that could not be read")
            .of("combine")
            .by(&["code"])
            .moves("WeirDeadLetters"),
    ]
}
