//! Names of this crate's metrics.

use weir_http::Meters;

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

/// Those that the shared parts of HTTP count under.
pub(crate) const METERS: Meters = Meters {
    turned_away: TURNED_AWAY,
    connections: CONNECTIONS,
    tokens: TOKENS,
};

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::describe_histogram as histogram;
    use metrics::{Unit, describe_counter as counter, describe_gauge as gauge};
    counter!(REQUESTS, "requests answered");
    histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "from the head of a request to its answer"
    );
    gauge!(STREAMS, "streams that are open");
    counter!(STREAMS_CUT, "streams closed: their readers were too slow");
    METERS.describe();
}
