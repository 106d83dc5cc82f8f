//! Names of this crate's metrics.

use weir_http::Meters;
use weir_runtime::metric::{Metric, Unit, counter, gauge, histogram};

/// Requests answered, by route and status.
pub const REQUESTS: &str = "weir_api_requests_total";
/// Seconds from the head of a request to its answer, by route.
pub const REQUEST_SECONDS: &str = "weir_api_request_seconds";
/// Connections that were turned away because there were too many.
pub const TURNED_AWAY: &str = "weir_api_connections_refused_total";
/// Connections that are open.
pub const CONNECTIONS: &str = "weir_api_connections";
/// Tokens that are known.
pub const TOKENS: &str = "weir_api_tokens";
/// Streams that are open.
pub const STREAMS: &str = "weir_api_streams";
/// Streams that were closed because their readers were too slow.
pub const STREAMS_CUT: &str = "weir_api_streams_cut_total";
/// Mails of scheduled reports, by schedule and result.
pub const REPORT_MAILS: &str = "weir_api_report_mails_total";
/// Schedules of which something is due and not sent.
pub const REPORTS_BEHIND: &str = "weir_api_reports_behind";

/// Those that the shared parts of HTTP count under.
pub(crate) const METERS: Meters = Meters {
    turned_away: TURNED_AWAY,
    connections: CONNECTIONS,
    tokens: TOKENS,
};

/// All of them.
pub fn all() -> Vec<Metric> {
    let own = [
        counter(REQUESTS, "requests answered")
            .of("api")
            .by(&["route", "status"])
            .moves("share of 5xx grows: WeirRequestsBurnFast; of 401: a token was revoked"),
        histogram(REQUEST_SECONDS, "from the head of a request to its answer")
            .of("api")
            .unit(Unit::Seconds)
            .by(&["route"])
            .moves("p99 above 2 s: WeirRequestsSlow"),
        gauge(STREAMS, "streams that are open")
            .of("api")
            .moves("at the limit of the configuration: further ones are refused; raise it"),
        counter(STREAMS_CUT, "streams closed: their readers were too slow")
            .of("api")
            .moves("a reader is too slow for what it asks: it comes again by itself"),
        counter(
            REPORT_MAILS,
            "mails of scheduled reports: taken, refused, failed",
        )
        .of("api")
        .by(&["schedule", "result"])
        .moves("failed grows: the log says what the mail server answers"),
        gauge(
            REPORTS_BEHIND,
            "schedules of which something is due and not sent",
        )
        .of("api")
        .moves("stays above 0: `trouble` of /v1/schedules says why"),
    ];
    own.into_iter().chain(METERS.all("api")).collect()
}
