//! Names of this crate's metrics.

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

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::{
        Unit, describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    counter!(SENT, "messages that a receiver took");
    counter!(FAILED, "tries that failed");
    histogram!(SECONDS, Unit::Seconds, "of a try");
    histogram!(
        LATENCY,
        Unit::Seconds,
        "from the plan of a message to its receiver's answer"
    );
    gauge!(PENDING, "messages that are planned and not taken yet");
    gauge!(DEAD, "1 for a receiver that has failed for long");
    counter!(UNROUTED, "alerts that no route fits");
    counter!(SKIPPED, "records left out because they cannot be read");
}
