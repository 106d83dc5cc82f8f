//! Which tables there are, with their columns: the one place that says what each is.

/// (name, type, what it is).
pub(crate) type Declared = (&'static str, &'static str, &'static str);

/// A table and its view.
#[derive(Debug)]
pub(crate) struct Table {
    /// Its name.
    pub name: &'static str,
    /// The view that is read.
    pub view: &'static str,
    /// What a row is.
    pub doc: &'static str,
    /// Columns after those of [`HEAD`].
    pub own: &'static [Declared],
}

/// Columns that all have.
pub(super) const HEAD: &[Declared] = &[
    (
        "run",
        "UInt32",
        "derivation of all results that it was computed from",
    ),
    ("tenant", "LowCardinality(String)", "whose it is"),
    (
        "data_through",
        "Date",
        "last day, of the tenant, whose data it rests on",
    ),
    ("issued_at", "DateTime64(6, 'UTC')", "when it was computed"),
];

/// Columns of what is about a subject.
pub(super) const SUBJECT: &[Declared] = &[
    (
        "dimensions",
        "Map(LowCardinality(String), String)",
        "subject: names of dimensions with their values, empty for the tenant as a whole",
    ),
    (
        "id",
        "String",
        "the same whenever it is computed of the same day",
    ),
];

pub(super) const FORECASTS: Table = Table {
    name: "forecasts_log",
    view: "forecasts",
    doc: "a day ahead of a KPI of one subject, as it was forecast through a day",
    own: &[
        ("kpi", "LowCardinality(String)", "KPI that is forecast"),
        ("unit", "LowCardinality(String)", "unit of its values"),
        (
            "series",
            "String",
            "the same for all days of one KPI and subject",
        ),
        ("day", "Date", "day ahead, of the tenant"),
        ("ahead", "UInt16", "days from data_through to it"),
        ("point", "Float64", "what is expected"),
        (
            "lower_80",
            "Float64",
            "lower end of the interval that holds 80 %",
        ),
        ("upper_80", "Float64", "upper end of it"),
        (
            "lower_95",
            "Float64",
            "lower end of the interval that holds 95 %",
        ),
        ("upper_95", "Float64", "upper end of it"),
        (
            "method",
            "LowCardinality(String)",
            "combined; or naive, seasonal_naive where nothing beats it",
        ),
        (
            "season",
            "UInt16",
            "days of the season that was used, 0 without one",
        ),
        ("sample", "UInt32", "days with a value that it rests on"),
        (
            "backtest_origins",
            "UInt32",
            "moments of the past that the method was tried at",
        ),
        (
            "backtest_mae",
            "Nullable(Float64)",
            "mean absolute error there",
        ),
        (
            "backtest_mase",
            "Nullable(Float64)",
            "the same over the mean change from season to season",
        ),
        (
            "coverage_80",
            "Nullable(Float64)",
            "share of values there inside the interval of 80 %",
        ),
        (
            "coverage_95",
            "Nullable(Float64)",
            "share of values there inside the interval of 95 %",
        ),
        (
            "naive_method",
            "LowCardinality(String)",
            "the plain forecast that has to be beaten",
        ),
        (
            "naive_mae",
            "Nullable(Float64)",
            "its mean absolute error at the same moments",
        ),
        (
            "naive_mase",
            "Nullable(Float64)",
            "its error over the mean change from season to season",
        ),
    ],
};

pub(super) const TRENDS: Table = Table {
    name: "trends_log",
    view: "trends",
    doc: "whether a KPI of one subject gets better or worse, and how sure that is",
    own: &[
        ("kpi", "LowCardinality(String)", "KPI that was looked at"),
        ("unit", "LowCardinality(String)", "unit of its values"),
        (
            "verdict",
            "LowCardinality(String)",
            "improving or degrading where significant, else stable",
        ),
        (
            "better",
            "LowCardinality(String)",
            "which way is better: higher or lower",
        ),
        (
            "p",
            "Float64",
            "two-sided p value of the test of Mann and Kendall",
        ),
        (
            "tau",
            "Float64",
            "share of pairs of days that rise less those that fall, -1 to 1",
        ),
        ("slope", "Float64", "change per day (Theil and Sen)"),
        (
            "slope_lower",
            "Float64",
            "lower end of the interval of the slope",
        ),
        (
            "slope_upper",
            "Float64",
            "upper end of the interval of the slope",
        ),
        ("alpha", "Float64", "how small p has to be for a verdict"),
        (
            "season",
            "UInt16",
            "days of the season whose phases are compared with themselves",
        ),
        ("first_day", "Date", "first day that was looked at"),
        ("sample", "UInt32", "days with a value"),
        ("latest", "Float64", "value of the latest of them"),
        (
            "method",
            "LowCardinality(String)",
            "test and slope that were used",
        ),
    ],
};

pub(super) const FINDINGS: Table = Table {
    name: "findings_log",
    view: "findings",
    doc: "something that deserves a look: verdict, projection, cause, recommendation or opportunity",
    own: &[
        (
            "kind",
            "LowCardinality(String)",
            "trend, budget, experiment, cause, recommendation or opportunity",
        ),
        (
            "about",
            "String",
            "what it is about: KPI, budget, experiment, detector, skill or saving",
        ),
        (
            "of",
            "String",
            "what it belongs to: metric, role, or id of the anomaly; empty without",
        ),
        ("verdict", "String", "what was found"),
        ("priority", "UInt8", "1, most urgent, to 5"),
        ("text", "String", "a sentence for people"),
        (
            "unit",
            "LowCardinality(String)",
            "unit of value, lower and upper",
        ),
        ("value", "Nullable(Float64)", "figure that it says"),
        ("lower", "Nullable(Float64)", "lower end of its range"),
        ("upper", "Nullable(Float64)", "upper end of its range"),
        ("usd", "Nullable(Float64)", "what it is worth, in USD"),
        ("due", "Nullable(Date)", "day that it foresees"),
        ("due_from", "Nullable(Date)", "earliest such day"),
        ("due_to", "Nullable(Date)", "latest such day"),
        (
            "evidence",
            "Map(LowCardinality(String), Float64)",
            "numbers that it rests on, by name",
        ),
        ("method", "LowCardinality(String)", "how it was computed"),
        (
            "backtest",
            "Nullable(Float64)",
            "error of that method in the past (MASE), where it has one",
        ),
    ],
};

pub(super) const ANALYSES: Table = Table {
    name: "analyses_log",
    view: "analyses",
    doc: "all that was computed of one tenant and day, written when it was done",
    own: &[
        (
            "plan",
            "String",
            "hash of the declaration that says what is computed",
        ),
        ("series", "UInt32", "series of KPIs that were looked at"),
        ("forecasts", "UInt32", "rows of forecasts"),
        ("trends", "UInt32", "rows of trends"),
        ("findings", "UInt32", "rows of findings"),
        ("seconds", "Float64", "how long it took"),
    ],
};

/// All of them; that of analyses, whose rows say what is shown of the others, last.
pub(crate) const TABLES: [&Table; 4] = [&FORECASTS, &TRENDS, &FINDINGS, &ANALYSES];

/// Those whose rows are about a subject.
pub(crate) const ABOUT_SUBJECTS: [&str; 3] = [FORECASTS.name, TRENDS.name, FINDINGS.name];

/// Columns that views show and tables do not have.
pub(crate) const SHOWN: &[Declared] = &[(
    "newest",
    "UInt8",
    "1 where it is of the newest analysis of the tenant",
)];
