//! Names of this crate's metrics.

use weir_runtime::metric::{Metric, Unit, counter, gauge, histogram};

/// Messages that a receiver took, by receiver and why.
pub const SENT: &str = "weir_notify_messages_total";
/// Tries that failed, by receiver.
pub const FAILED: &str = "weir_notify_failures_total";
/// Seconds of a try, by receiver.
pub const SECONDS: &str = "weir_notify_try_seconds";
/// Seconds from the plan of a message to the answer of its receiver, by receiver.
pub const LATENCY: &str = "weir_notify_latency_seconds";
/// Messages that are planned and not taken yet.
pub const PENDING: &str = "weir_notify_pending";
/// 1 for a receiver that has failed for long.
pub const DEAD: &str = "weir_notify_receiver_dead";
/// Alerts that no route fits.
pub const UNROUTED: &str = "weir_notify_unrouted_total";
/// Records that cannot be read, by topic.
pub const SKIPPED: &str = "weir_notify_skipped_records_total";

/// All of them.
pub fn all() -> Vec<Metric> {
    vec![
        counter(SENT, "messages that a receiver took")
            .of("notify")
            .by(&["receiver", "why"])
            .moves("many: group by fewer labels, or set a limit"),
        counter(FAILED, "tries that failed")
            .of("notify")
            .by(&["receiver"])
            .moves("the receiver refuses: the log says what it answers"),
        histogram(SECONDS, "of a try")
            .of("notify")
            .unit(Unit::Seconds)
            .by(&["receiver"])
            .moves("near the timeout: the receiver is slow"),
        histogram(
            LATENCY,
            "from the plan of a message to its receiver's answer",
        )
        .of("notify")
        .unit(Unit::Seconds)
        .by(&["receiver"])
        .moves("above 1 s: the receiver is slow or failed before"),
        gauge(PENDING, "messages that are planned and not taken yet")
            .of("notify")
            .moves("grows: a receiver takes nothing"),
        gauge(DEAD, "1 for a receiver that has failed for long")
            .of("notify")
            .by(&["receiver"])
            .moves("the receiver refuses: the log says what it answers"),
        counter(UNROUTED, "alerts that no route fits")
            .of("notify")
            .moves("add a route without `match` at the end"),
        counter(SKIPPED, "records left out because they cannot be read")
            .of("notify")
            .by(&["topic"])
            .moves("`weir verify`; was something else written there"),
    ]
}
