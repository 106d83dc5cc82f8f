//! Names of this crate's metrics.

use weir_http::Meters;

/// Requests answered, by route and status.
pub const REQUESTS: &str = "weir_gateway_requests_total";
/// Seconds from the head of a request to its answer, by route.
pub const REQUEST_SECONDS: &str = "weir_gateway_request_seconds";
/// Events acknowledged by Kafka, by event type.
pub const EVENTS: &str = "weir_gateway_events_total";
/// Events and bodies that were refused, by code and emitter.
pub const REFUSED: &str = "weir_gateway_refused_total";
/// Records of OTLP, by signal and what became of them.
pub const RECORDS: &str = "weir_gateway_otlp_records_total";
/// Records of OTLP that no declaration understands, by emitter with its version.
pub const UNMAPPED: &str = "weir_gateway_otlp_unmapped_total";
/// Connections that were turned away because there were too many.
pub const TURNED_AWAY: &str = "weir_gateway_connections_refused_total";
/// Connections that are open.
pub const CONNECTIONS: &str = "weir_gateway_connections";
/// Bytes of all requests that are under way.
pub const IN_FLIGHT: &str = "weir_gateway_in_flight_bytes";
/// Tokens that are known.
pub const TOKENS: &str = "weir_gateway_tokens";

/// Those that the shared parts of HTTP count under.
pub(crate) const METERS: Meters = Meters {
    turned_away: TURNED_AWAY,
    connections: CONNECTIONS,
    tokens: TOKENS,
};

/// Tells the recorder about unit and meaning; call once after it is installed.
pub fn describe() {
    use metrics::{
        Unit, describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram,
    };
    counter!(REQUESTS, "requests answered");
    histogram!(
        REQUEST_SECONDS,
        Unit::Seconds,
        "from the head of a request to its answer"
    );
    counter!(EVENTS, "events acknowledged by Kafka");
    counter!(REFUSED, "events and bodies that were refused");
    counter!(RECORDS, "records of OTLP, by what became of them");
    counter!(UNMAPPED, "records of OTLP that no declaration understands");
    gauge!(IN_FLIGHT, Unit::Bytes, "of all requests that are under way");
    METERS.describe();
}
