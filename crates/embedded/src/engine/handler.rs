//! Requests to jobs, their results to responses.

use super::body::{LARGEST_BODY, LARGEST_STATEMENT, Whole, drain};
use super::door::{Access, Door};
use super::exception::Exception;
use super::ffi::Stats;
use super::job::Job;
use super::reply::{self, Opening, Reply};
use super::request::{Arguments, form_boundary};
use super::sessions::Connections;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header, response::Builder};
use axum::response::Response;
use futures_util::StreamExt;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_stream::wrappers::ReceiverStream;

/// With it a probe tells this engine from whatever else may have the port.
pub const PID_HEADER: &str = "x-weir-pid";

/// Statements that run at the same time; more wait for their turn.
const PARALLEL: usize = 32;

/// What the handlers share.
pub struct Server {
    connections: Arc<Connections>,
    door: Door,
    slots: Arc<Semaphore>,
}

impl Server {
    pub fn new(connections: Arc<Connections>, door: Door) -> Server {
        Server {
            connections,
            door,
            slots: Arc::new(Semaphore::new(PARALLEL)),
        }
    }

    fn refuse(&self, exception: &Exception) -> Response {
        let mut head = Response::builder()
            .status(exception.status())
            .header("X-ClickHouse-Exception-Code", exception.code())
            .header("Content-Type", "text/plain; charset=UTF-8");
        if exception.status() == StatusCode::UNAUTHORIZED {
            head = head.header(header::WWW_AUTHENTICATE, "Basic realm=\"weir\"");
        }
        respond(head, Body::from(exception.body(self.connections.version())))
    }
}

/// Every path: ClickHouse's HTTP interface knows only queries and the probes. Nothing here takes
/// longer than the body of its own request: what works on bytes or asks the engine is a [`Job`] on
/// a thread of its own.
pub async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if matches!(head.uri.path(), "/ping" | "/replicas_status") {
        return respond(
            Response::builder().header(PID_HEADER, std::process::id()),
            Body::from("Ok.\n"),
        );
    }
    let arguments = Arguments::read(head.uri.query().unwrap_or_default(), &head.headers);
    let admitted = server.door.open(&head, &arguments).and_then(|access| {
        let encoding = head.headers.get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|e| e != "identity") {
            let text = "no Content-Encoding is known here: send the body plain, or in ClickHouse's blocks with decompress=1";
            return Err(Exception::new(89, "UNKNOWN_COMPRESSION_METHOD", text));
        }
        Ok((access, form_boundary(&head.headers)?))
    });
    let (access, boundary) = match admitted {
        Ok(admitted) => admitted,
        Err(exception) => {
            drain(&mut body.into_data_stream()).await;
            return server.refuse(&exception);
        }
    };
    // As a server does: a link must not be able to write. This is the one place that decides it.
    let writes = access == Access::Write && matches!(head.method, Method::POST | Method::PUT);
    let access = if writes { access } else { Access::Read };
    // A reader brings no rows.
    let largest = match access {
        Access::Read => LARGEST_STATEMENT,
        Access::Write => LARGEST_BODY,
    };
    let body = match Whole::read(body, arguments.compressed_body, largest).await {
        Ok(body) => body,
        Err(exception) => return server.refuse(&exception),
    };
    let job = Job {
        arguments,
        access,
        boundary,
        body,
        is_probe: head.method == Method::GET,
    };
    run(&server, job).await
}

/// Runs a job on a thread of its own and sends what comes of it.
async fn run(server: &Server, job: Job) -> Response {
    let Ok(slot) = server.slots.clone().acquire_owned().await else {
        return server.refuse(&Exception::new(236, "ABORTED", "the engine is stopping"));
    };
    let query_id = job
        .arguments
        .query_id
        .clone()
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    let lz4 = job.arguments.lz4_response;
    let (mut reply, got_head, pieces) = Reply::new(lz4);
    let tag = reply.tag().to_owned();
    let connections = server.connections.clone();
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let outcome = job.run(&connections, &mut reply);
        reply.end(outcome, connections.version());
    });
    let died = || {
        Err(Exception::new(
            1001,
            "STD_EXCEPTION",
            "the thread of the statement died",
        ))
    };
    let Opening { stats, format } = match got_head.await.unwrap_or_else(|_| died()) {
        Ok(opening) => opening,
        Err(exception) => return server.refuse(&exception),
    };
    let mut head = Response::builder()
        .header("X-ClickHouse-Summary", summary(&stats))
        .header("X-ClickHouse-Query-Id", query_id);
    let Some(format) = format else {
        return respond(head, Body::empty());
    };
    head = head
        .header("X-ClickHouse-Format", &format)
        .header("X-ClickHouse-Exception-Tag", tag)
        .header("X-ClickHouse-Timezone", "UTC")
        .header("Content-Type", reply::content_type(&format));
    if lz4 {
        head = head.header("Content-Encoding", "lz4");
    }
    let pieces = ReceiverStream::new(pieces).map(Ok::<_, std::convert::Infallible>);
    respond(head, Body::from_stream(pieces))
}

fn respond(head: Builder, body: Body) -> Response {
    head.header("X-ClickHouse-Server-Display-Name", "embedded")
        .body(body)
        .unwrap_or_else(|error| {
            // Only a query id or format with bytes that no header may hold leads here.
            let mut response = Response::new(Body::from(format!("{error}\n")));
            *response.status_mut() = StatusCode::BAD_REQUEST;
            response
        })
}

fn summary(stats: &Stats) -> String {
    let result_rows = if stats.written_rows > 0 {
        stats.written_rows
    } else {
        stats.result_rows
    };
    serde_json::json!({
        "read_rows": stats.read_rows.to_string(),
        "read_bytes": stats.read_bytes.to_string(),
        "written_rows": stats.written_rows.to_string(),
        "written_bytes": stats.written_bytes.to_string(),
        "total_rows_to_read": "0",
        "result_rows": result_rows.to_string(),
        "result_bytes": "0",
        "elapsed_ns": ((stats.seconds * 1e9) as u64).to_string(),
    })
    .to_string()
}
