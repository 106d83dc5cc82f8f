//! Names of the processor's metrics.

use weir_runtime::metric::{Metric, Unit, counter, gauge};

/// Snapshots of shards written, by stage.
pub const SNAPSHOTS: &str = "weir_snapshots_total";
/// Bytes of snapshots written, by stage.
pub const SNAPSHOT_BYTES: &str = "weir_snapshot_bytes_total";
/// Partitions whose snapshots were refused as damaged, by stage.
pub const REFUSED: &str = "weir_snapshots_refused_total";
/// Events counted, by event type.
pub const EVENTS: &str = "weir_events_total";
/// Of these: too late to be judged, by event type.
pub const LATE: &str = "weir_events_late_total";
/// Of these: their time was cut to the log's, by event type.
pub const CLAMPED: &str = "weir_events_clamped_total";
/// Events read again within the horizon, by event type.
pub const DUPLICATES: &str = "weir_events_duplicate_total";
/// Ticks appended, by event type.
pub const TICKS: &str = "weir_ticks_total";
/// Seconds from the watermark to now, by event type: the oldest partition.
pub const WATERMARK_DELAY: &str = "weir_watermark_delay_seconds";
/// Bytes of state, by stage and partition.
pub const STATE_BYTES: &str = "weir_state_bytes";
/// Series held, by partition.
pub const SERIES: &str = "weir_state_series";
/// Alerts that are open, by partition.
pub const OPEN_ALERTS: &str = "weir_alerts_open";
/// Stages that ended with an error and were started again, by stage.
pub const RESTARTS: &str = "weir_stage_restarts_total";
/// Broken invariants: must stay 0.
pub const BREAKS: &str = "weir_invariant_breaks";

/// All of them.
pub fn all() -> Vec<Metric> {
    vec![
        counter(SNAPSHOTS, "snapshots of shards written")
            .of("window, score")
            .by(&["stage"])
            .moves("stands for minutes while events come: look at the log of the stage"),
        counter(SNAPSHOT_BYTES, "bytes of snapshots written")
            .of("window, score")
            .unit(Unit::Bytes)
            .by(&["stage"])
            .moves("grows with series: new subjects"),
        counter(
            REFUSED,
            "partitions folded from the beginning because their snapshots were damaged",
        )
        .of("window, score")
        .by(&["stage"])
        .moves("WeirSnapshotRefused"),
        counter(EVENTS, "events counted")
            .of("combine")
            .by(&["event"])
            .moves("falls to 0: ask the producers; doubles at once: is something published again"),
        counter(LATE, "events that came too late to be judged")
            .of("combine")
            .by(&["event"])
            .moves("WeirLateEvents"),
        counter(CLAMPED, "events whose time lay in the future of the log")
            .of("combine")
            .by(&["event"])
            .moves("WeirClockSkew"),
        counter(DUPLICATES, "events read again within the horizon")
            .of("combine")
            .by(&["event"])
            .moves("a producer retries without idempotence; numbers stay right"),
        counter(TICKS, "ticks appended")
            .of("combine")
            .by(&["event"])
            .moves("thins out by itself without events"),
        gauge(WATERMARK_DELAY, "from the watermark to now")
            .of("combine")
            .unit(Unit::Seconds)
            .by(&["event"])
            .moves("WeirResultsOld; without events up to an hour is normal"),
        gauge(
            STATE_BYTES,
            "state held; of combine all partitions together",
        )
        .of("combine, window")
        .unit(Unit::Bytes)
        .by(&["stage", "partition"])
        .moves("nears the limit of memory: more instances, or fewer dimensions"),
        gauge(SERIES, "series held")
            .of("window")
            .by(&["partition"])
            .moves("jumps: a field with many values became a dimension"),
        gauge(OPEN_ALERTS, "alerts that are open")
            .of("score")
            .by(&["partition"])
            .moves("not about weir itself: `weir query alerts`"),
        counter(RESTARTS, "stages that ended and were started again")
            .of("processor")
            .by(&["stage"])
            .moves("WeirStageRestarts"),
        gauge(BREAKS, "broken invariants: must stay 0")
            .of("window, score")
            .by(&["stage", "partition"])
            .moves("not 0: WeirInvariantBroken"),
    ]
}
