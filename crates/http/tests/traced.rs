//! Spans of requests and of what happens by itself, as a receiver of OTLP gets them.
#![allow(clippy::unwrap_used)]

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::from_fn;
use axum::routing::{get, post};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_http::traced;
use weir_runtime::traces::{self, TracesConfig};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

type Received = Arc<Mutex<Vec<(HeaderMap, ExportTraceServiceRequest)>>>;

/// Takes spans at `/v1/traces`, after a while.
async fn receiver(received: Received) -> String {
    let take = async move |headers: HeaderMap, body: axum::body::Bytes| {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let spans = ExportTraceServiceRequest::decode(body).unwrap();
        received.lock().unwrap().push((headers, spans));
    };
    serve(Router::new().route("/v1/traces", post(take))).await
}

async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The status of an answer; `flag` says whether what asks is traced.
async fn ask(url: String, flag: Option<&'static str>) -> u16 {
    let asks = move || {
        let agent = weir_runtime::outgoing::agent(None, Duration::from_secs(10)).unwrap();
        let mut request = agent.get(&url);
        if let Some(flag) = flag {
            request = request.header("traceparent", format!("00-{TRACE}-{PARENT}-{flag}"));
        }
        request.call().unwrap().status().as_u16()
    };
    tokio::task::spawn_blocking(asks).await.unwrap()
}

fn value(all: &[KeyValue], name: &str) -> Option<String> {
    let found = all.iter().find(|a| a.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(n) => Some(n.to_string()),
        other => panic!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_commits_are_told() {
    let received = Received::default();
    let endpoint = receiver(received.clone()).await;
    let own = Router::new()
        .route("/things/{id}", get(async || "x"))
        .route("/broken", get(async || StatusCode::BAD_GATEWAY))
        .layer(from_fn(traced));
    let own = serve(own).await;
    // Off: nothing is made.
    assert_eq!(ask(format!("{own}/things/1"), None).await, 200);
    assert!(!traces::span("commit").is_on());

    let config = TracesConfig {
        endpoint,
        headers: [("x-key", "k")].into(),
        ..TracesConfig::default()
    };
    let on = traces::start(&config, "weir-test").unwrap().unwrap();
    assert_eq!(ask(format!("{own}/things/2"), Some("01")).await, 200);
    assert_eq!(ask(format!("{own}/things/3"), Some("00")).await, 200);
    assert_eq!(ask(format!("{own}/broken"), None).await, 502);
    assert_eq!(ask(format!("{own}/nothing"), None).await, 404);
    let begun = Instant::now();
    for i in 0..10_000 {
        let mut span = traces::span("commit");
        span.number("weir.records", i);
    }
    // More than wait in the queue, and a receiver that is slow: nobody waits for it.
    let took = begun.elapsed();
    assert!(took < Duration::from_millis(250), "{took:?}");
    tokio::task::spawn_blocking(move || drop(on)).await.unwrap();

    let received = received.lock().unwrap();
    let (headers, first) = &received[0];
    assert_eq!(headers["x-key"], "k");
    // What sends spans makes none where it arrives.
    assert!(headers["traceparent"].to_str().unwrap().ends_with("-00"));
    let resource = first.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(
        value(&resource.attributes, "service.name").unwrap(),
        "weir-test"
    );
    let batches = received.iter().flat_map(|(_, r)| &r.resource_spans);
    let scopes = batches.flat_map(|r| &r.scope_spans);
    let spans: Vec<&Span> = scopes.flat_map(|s| &s.spans).collect();
    let named = |name: &str| spans.iter().find(|s| s.name == name).unwrap();
    let of_route = |s: &&&Span| value(&s.attributes, "http.route").is_some();
    assert_eq!(spans.iter().filter(of_route).count(), 2, "{spans:?}");
    let things = named("GET /things/{id}");
    assert_eq!(hex(&things.trace_id), TRACE);
    assert_eq!(hex(&things.parent_span_id), PARENT);
    let status = value(&things.attributes, "http.response.status_code");
    assert_eq!(status.unwrap(), "200");
    assert_eq!(named("GET /broken").status.as_ref().unwrap().code, 2);
    assert_eq!(named("GET").attributes.len(), 2);
    let commits = spans.iter().filter(|s| s.name == "commit").count();
    assert!(commits > 100, "{commits}");
}
