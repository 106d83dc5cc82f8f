//! Names of this crate's metrics.

use weir_http::Meters;
use weir_runtime::metric::{Metric, Unit, counter, gauge, histogram};

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

/// All of them.
pub fn all() -> Vec<Metric> {
    let own = [
        counter(REQUESTS, "requests answered")
            .of("gateway")
            .by(&["route", "status"])
            .moves("share of 5xx grows: WeirRequestsBurnFast; of 401: a token was revoked"),
        histogram(REQUEST_SECONDS, "from the head of a request to its answer")
            .of("gateway")
            .unit(Unit::Seconds)
            .by(&["route"])
            .moves("p99 above 2 s: WeirRequestsSlow"),
        counter(EVENTS, "events acknowledged by Kafka")
            .of("gateway")
            .by(&["event"])
            .moves("falls to 0: ask the senders, then look at requests by status"),
        counter(REFUSED, "events and bodies that were refused")
            .of("gateway")
            .by(&["code", "emitter"])
            .moves("WeirEventsRefused"),
        counter(RECORDS, "records of OTLP, by what became of them")
            .of("gateway")
            .by(&["signal", "outcome"])
            .moves("`unmapped` grows: WeirOtlpUnmapped; `rejected`: look at refused"),
        counter(UNMAPPED, "records of OTLP that no declaration understands")
            .of("gateway")
            .by(&["emitter"])
            .moves("WeirOtlpUnmapped"),
        gauge(IN_FLIGHT, "of all requests that are under way")
            .of("gateway")
            .unit(Unit::Bytes)
            .moves("stays near `gateway.in_flight`: Kafka acknowledges slowly, or more instances"),
    ];
    own.into_iter().chain(METERS.all("gateway")).collect()
}
