//! Names of the processor's metrics.

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

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::{Unit, describe_counter as counter, describe_gauge as gauge};
    counter!(SNAPSHOTS, "snapshots of shards written");
    counter!(SNAPSHOT_BYTES, Unit::Bytes, "bytes of snapshots written");
    counter!(
        REFUSED,
        "partitions folded from the beginning because their snapshots were damaged"
    );
    counter!(EVENTS, "events counted");
    counter!(LATE, "events that came too late to be judged");
    counter!(CLAMPED, "events whose time lay in the future of the log");
    counter!(DUPLICATES, "events read again within the horizon");
    counter!(TICKS, "ticks appended");
    gauge!(WATERMARK_DELAY, Unit::Seconds, "from the watermark to now");
    gauge!(STATE_BYTES, Unit::Bytes, "state held");
    gauge!(SERIES, "series held");
    gauge!(OPEN_ALERTS, "alerts that are open");
    counter!(RESTARTS, "stages that ended and were started again");
    gauge!(BREAKS, "broken invariants: must stay 0");
}
