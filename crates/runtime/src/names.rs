//! Names by which brokers know the parts of weir: whoever commits offsets and whoever asks how far
//! they are say the same.

/// The consumer group of all sinks.
pub const SINK_GROUP: &str = "weir-sink";

/// What the transactional ids of importers begin with; the rest is the key of the source.
pub const IMPORTS: &str = "weir-import-";
/// The consumer group of the alert consumer; also the first part of its transactional id.
pub const NOTIFY_GROUP: &str = "weir-notify";
/// The consumer group of who sends reports; also the first part of their transactional ids.
pub const REPORTS_GROUP: &str = "weir-reports";

/// The consumer group of a stage in a run; also the first part of its transactional ids.
pub fn stage_group(stage: &str, run: u32) -> String {
    format!("weir-{stage}-r{run}")
}

/// The instance number `n` of a part in a process: unique among those that run, the same after a
/// restart.
pub fn instance(of: &str, n: impl std::fmt::Display) -> String {
    format!("{of}-{n}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_brokers_hold_offsets_and_transactions_under_stay() {
        assert_eq!(stage_group("combine", 2), "weir-combine-r2");
        assert_eq!(SINK_GROUP, "weir-sink");
        assert_eq!(IMPORTS, "weir-import-");
        assert_eq!(NOTIFY_GROUP, "weir-notify");
        assert_eq!(REPORTS_GROUP, "weir-reports");
        assert_eq!(instance("up", 0), "up-0");
    }
}
