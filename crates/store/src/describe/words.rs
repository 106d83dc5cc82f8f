//! What is declared nowhere else: columns that the store itself adds, and its own tables.

/// Columns that mean the same wherever they stand.
pub(super) const COMMON: &[(&str, &str)] = &[
    (
        "run",
        "derivation of all results that the row belongs to: a reprocess starts a new one",
    ),
    ("tenant", "whose it is"),
    ("catalog", "hash of the catalog that it was derived under"),
    ("since", "when it became the current one"),
    ("zone", "time zone in which the tenant's days begin"),
    ("name", "name of the migration"),
    ("hash", "hash of its text"),
    ("applied", "when it was applied"),
    ("changed", "the same for all that were declared together"),
    (
        "rollup",
        "names of the dimensions that the row is grouped by, sorted, comma separated",
    ),
    (
        "late",
        "1: part of a minute that came after its window was final",
    ),
    ("window_size", "size of the window: 1m, 5m, 1h or 1d"),
    ("window_start", "first moment of the window, UTC"),
    ("window_end", "first moment after the window, UTC"),
    (
        "late_partition",
        "of a late part: partition that it came from",
    ),
    ("late_offset", "of a late part: offset that it came from"),
    (
        "late_row",
        "of a late part: its place among those of one offset",
    ),
    ("version", "of two rows of one key the higher one holds"),
    ("log_partition", "partition of the record in the log"),
    ("log_offset", "offset of the record in the log"),
    ("log_time", "when the record came, UTC"),
    ("day", "date in the zone of the tenant"),
    ("days_ago", "days from it to the tenant's today"),
    (
        "arrived",
        "date on which it came, in the zone of the tenant",
    ),
    (
        "acknowledged_by",
        "who took the alert on first; null: nobody",
    ),
    ("acknowledged_at", "when somebody took it on first"),
    ("event", "event type"),
    ("first_day", "first day that there is data of"),
    ("last_day", "last day that there is data of"),
    ("topic", "topic of the record"),
    ("partition", "partition of the record"),
    ("offset", "offset of the record"),
    ("code", "why it could not be read: docs/errors.md"),
    ("message", "what was wrong with it"),
    ("value", "value"),
    ("score", "0 to 100 against the target"),
    ("status", "on_target, near, off or no_data"),
    ("sample", "size of the sample, where one is declared"),
    ("coverage", "weight of the inputs that are there, of all"),
    ("backtest", "id of the back-test"),
    ("through", "all windows that end by then were judged"),
    (
        "on_time_only",
        "events that came late were left out, as the stream leaves them out",
    ),
    ("state", "running or done"),
    ("rows", "rows of history read"),
    (
        "judged",
        "windows judged, by kind and name of what judged them",
    ),
    ("pseudonym", "as events have it"),
    (
        "address",
        "encrypted under a key of this person alone, hexadecimal; empty: erased",
    ),
    ("erased", "1: nobody can tell any more who it was"),
    ("at", "when it was written"),
    ("written", "when the row was written"),
];

/// Tables and views that are there whatever the catalog says.
pub(super) const FIXED: &[(&str, &str)] = &[
    ("migrations", "migrations that were applied"),
    ("runs", "derivations of all results from the log"),
    ("current_run", "the derivation that views show"),
    (
        "tenants_log",
        "zones of tenants, as they were declared one after the other",
    ),
    (
        "tenants",
        "zones of tenants; an empty name is all that are not named",
    ),
    ("anomalies_log", "what detectors found, of all runs"),
    ("anomalies", "what detectors found"),
    ("kpis_log", "KPIs as they were published, of all runs"),
    (
        "kpis",
        "KPIs as they were published when their windows were final",
    ),
    ("alerts_log", "alerts, of all runs"),
    ("alerts", "alerts at their last step, and who took them on"),
    (
        "late_log",
        "events that came too late to be judged, of all runs",
    ),
    (
        "late",
        "events that came too late to be judged; they are counted",
    ),
    (
        "people_log",
        "the directory of pseudonyms, encrypted, and who was erased",
    ),
    ("people", "the directory of pseudonyms, encrypted"),
    ("dead_letters_log", "records that could not be read"),
    ("dead_letters", "records that could not be read, and why"),
    (
        "data_spans",
        "first and last day of data, by tenant and event type",
    ),
    (
        "backtest_runs",
        "back-tests of rules, detectors and KPIs over history",
    ),
    ("backtest_kpis", "KPIs that a back-test came to"),
    ("backtest_anomalies", "anomalies that a back-test found"),
    (
        "backtest_alerts",
        "alerts that a back-test would have opened",
    ),
];

/// What columns of a measure hold beside its name, by the end of theirs.
pub(super) const ENDS: &[(&str, &str)] = &[
    ("", ""),
    ("_exact", "exact sum"),
    ("_count", "number of values"),
    ("_sum", "sum of values"),
    ("_sum_exact", "exact sum of values"),
    ("_mean", "mean"),
    ("_min", "smallest value"),
    ("_max", "largest value"),
    ("_bins", "values by bin of the sketch"),
    ("_hashes", "hashes that are counted"),
    ("_time", "time of the newest value"),
    ("_at", "time of the newest value"),
    ("_id", "identity of the newest value"),
];
