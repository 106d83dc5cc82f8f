//! Requests to statements, results to responses.

use super::codec::{BlockReader, BodyWriter, names_and_types};
use super::exception::Exception;
use super::ffi::{Connection, Output, Stats};
use super::request::{Arguments, form_boundary, form_fields};
use super::sessions::Connections;
use super::sql::{self, DataInsert, Kind};
use axum::body::{Body, BodyDataStream};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, response::Builder};
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;

/// With it a probe tells this engine from whatever else may have the port.
pub const PID_HEADER: &str = "x-weir-pid";

/// Statements that run at the same time; more wait for their turn.
const PARALLEL: usize = 32;
/// Largest statement, or result of a statement's form fields, in bytes.
const LARGEST_STATEMENT: usize = 1 << 30;
/// Results that are not fetched in chunks go out in pieces of this size.
const PIECE: usize = 1 << 20;
/// The rest of a body is read this long after an early error, so that its sender sees the answer and not a reset.
const DRAIN: Duration = Duration::from_secs(2);

/// What the handlers share.
pub struct Server {
    connections: Arc<Connections>,
    slots: Arc<Semaphore>,
}

impl Server {
    pub fn new(connections: Arc<Connections>) -> Server {
        Server {
            connections,
            slots: Arc::new(Semaphore::new(PARALLEL)),
        }
    }

    fn refuse(&self, exception: &Exception) -> Response {
        respond(
            Response::builder()
                .status(exception.status())
                .header("X-ClickHouse-Exception-Code", exception.code())
                .header("Content-Type", "text/plain; charset=UTF-8"),
            Body::from(exception.body(self.connections.version())),
        )
    }
}

/// Every path: ClickHouse's HTTP interface knows only queries and the probes.
pub async fn handle(State(server): State<Arc<Server>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    if matches!(head.uri.path(), "/ping" | "/replicas_status") {
        return respond(
            Response::builder().header(PID_HEADER, std::process::id()),
            Body::from("Ok.\n"),
        );
    }
    // A page of another site, open in a browser on this machine, can send requests here; no client of ours is one.
    if head
        .headers
        .get("sec-fetch-site")
        .is_some_and(|site| site == "cross-site")
    {
        return server.refuse(&Exception::new(
            497,
            "ACCESS_DENIED",
            "requests from pages of other sites are refused",
        ));
    }
    let arguments = Arguments::read(head.uri.query().unwrap_or_default(), &head.headers);
    let slot = match server.slots.clone().acquire_owned().await {
        Ok(slot) => slot,
        Err(_) => return server.refuse(&Exception::new(236, "ABORTED", "the engine is stopping")),
    };
    let kind = arguments.query.as_deref().map(sql::kind);
    match kind {
        Some(Kind::Insert(insert)) if head.method != Method::GET => {
            insert_body(&server, arguments, insert, body, slot).await
        }
        _ => match statement(arguments, &head.headers, body).await {
            Ok((arguments, statement)) => {
                run(
                    &server,
                    arguments,
                    statement,
                    head.method == Method::GET,
                    slot,
                )
                .await
            }
            Err(exception) => server.refuse(&exception),
        },
    }
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

fn query_id(arguments: &Arguments) -> String {
    arguments
        .query_id
        .clone()
        .unwrap_or_else(|| uuid::Uuid::new_v4().to_string())
}

fn died() -> Exception {
    Exception::new(1001, "STD_EXCEPTION", "the thread of the statement died")
}

/// `INSERT ... FORMAT X` with the data in the body, handed on as it comes in.
async fn insert_body(
    server: &Server,
    arguments: Arguments,
    insert: DataInsert,
    body: Body,
    slot: OwnedSemaphorePermit,
) -> Response {
    let query_id = query_id(&arguments);
    let connections = server.connections.clone();
    let (sender, mut pieces) = mpsc::channel::<Result<Bytes, String>>(8);
    let job = tokio::task::spawn_blocking(move || {
        let _slot = slot;
        connections.with(&arguments, false, |connection| {
            let mut rows = connection.insert(&insert.statement, &insert.format)?;
            let mut blocks = BlockReader::default();
            while let Some(piece) = pieces.blocking_recv() {
                // On a cut body `rows` is dropped unfinished: the insert is cancelled.
                let piece = piece.map_err(|e| {
                    Exception::new(210, "NETWORK_ERROR", &format!("the body was cut: {e}"))
                })?;
                if arguments.compressed_body {
                    blocks.push(&piece, |data| rows.append(data))?;
                } else {
                    rows.append(&piece)?;
                }
            }
            blocks.finish()?;
            rows.finish()
        })
    });
    let mut body = body.into_data_stream();
    while let Some(piece) = body.next().await {
        let cut = piece.is_err();
        if sender.send(piece.map_err(|e| e.to_string())).await.is_err() {
            drain(&mut body).await;
            break;
        }
        if cut {
            break;
        }
    }
    drop(sender);
    match job.await.unwrap_or_else(|_| Err(died())) {
        Ok(stats) => respond(
            Response::builder()
                .header("X-ClickHouse-Summary", summary(&stats))
                .header("X-ClickHouse-Query-Id", query_id),
            Body::empty(),
        ),
        Err(exception) => server.refuse(&exception),
    }
}

async fn drain(body: &mut BodyDataStream) {
    let _ = tokio::time::timeout(DRAIN, async {
        while let Some(Ok(_)) = body.next().await {}
    })
    .await;
}

/// Puts a statement together from URL, form and body.
async fn statement(
    mut arguments: Arguments,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Arguments, Vec<u8>), Exception> {
    let body = axum::body::to_bytes(body, LARGEST_STATEMENT)
        .await
        .map_err(|e| {
            Exception::new(
                210,
                "NETWORK_ERROR",
                &format!("the body was cut or is too large: {e}"),
            )
        })?;
    let mut text = Vec::new();
    if arguments.compressed_body {
        let mut blocks = BlockReader::default();
        blocks.push(&body, |data| {
            text.extend_from_slice(data);
            Ok(())
        })?;
        blocks.finish()?;
    } else {
        text = body.to_vec();
    }
    if let Some(boundary) = form_boundary(headers) {
        for (name, value) in form_fields(&text, &boundary) {
            arguments.set(&name, String::from_utf8_lossy(value).into_owned());
        }
        text.clear();
    }
    let statement = match &arguments.query {
        Some(query) if text.is_empty() => query.clone().into_bytes(),
        Some(query) => [query.as_bytes(), b"\n", &text].concat(),
        None => text,
    };
    Ok((arguments, statement))
}

/// What is known before the body of a response begins.
type Head = Result<Stats, Exception>;

/// Runs a statement and sends its result.
async fn run(
    server: &Server,
    arguments: Arguments,
    statement: Vec<u8>,
    read_only: bool,
    slot: OwnedSemaphorePermit,
) -> Response {
    if statement.iter().all(u8::is_ascii_whitespace) {
        if read_only {
            return respond(Response::builder(), Body::from("Ok.\n"));
        }
        return server.refuse(&Exception::new(62, "SYNTAX_ERROR", "empty query"));
    }
    let kind = sql::kind(&String::from_utf8_lossy(&statement));
    let (is_select, own_format) = match kind {
        Kind::Select { format } => (true, format),
        Kind::Insert(_) | Kind::Other => (false, None),
    };
    let format = own_format
        .or_else(|| arguments.default_format.clone())
        .unwrap_or_else(|| "TabSeparated".to_owned());
    let in_chunks = is_select && !arguments.wait_for_end && can_be_cut(&format);
    let (lz4, query_id) = (arguments.lz4_response, query_id(&arguments));
    let tag: String = uuid::Uuid::new_v4()
        .simple()
        .to_string()
        .chars()
        .take(16)
        .collect();

    let (head, got_head) = oneshot::channel::<Head>();
    let (sender, pieces) = mpsc::channel::<Bytes>(4);
    let connections = server.connections.clone();
    let mut reply = Reply {
        head: Some(head),
        sender,
        body: BodyWriter::new(lz4),
        tag: tag.clone(),
        gone: false,
    };
    let result_format = format.clone();
    tokio::task::spawn_blocking(move || {
        let _slot = slot;
        let outcome = connections.with(&arguments, read_only, |connection| {
            if in_chunks {
                chunks(
                    connection,
                    &statement,
                    &result_format,
                    &arguments.params,
                    &mut reply,
                )
            } else {
                let output = connection.query(&statement, &result_format, &arguments.params)?;
                reply.whole(output);
                Ok(())
            }
        });
        reply.end(outcome, connections.version());
    });

    match got_head.await.unwrap_or_else(|_| Err(died())) {
        Ok(stats) => {
            let mut head = Response::builder()
                .header("X-ClickHouse-Summary", summary(&stats))
                .header("X-ClickHouse-Query-Id", query_id)
                .header("X-ClickHouse-Format", &format)
                .header("X-ClickHouse-Exception-Tag", tag)
                .header("X-ClickHouse-Timezone", "UTC")
                .header("Content-Type", content_type(&format));
            if lz4 {
                head = head.header("Content-Encoding", "lz4");
            }
            let pieces = ReceiverStream::new(pieces).map(Ok::<_, std::convert::Infallible>);
            respond(head, Body::from_stream(pieces))
        }
        Err(exception) => server.refuse(&exception),
    }
}

/// Formats whose chunks, one behind the other, are the whole result. Every chunk has the header of its format again:
/// that of `RowBinaryWithNamesAndTypes` is cut off here, others with one are fetched as a whole.
fn can_be_cut(format: &str) -> bool {
    matches!(
        format,
        "RowBinaryWithNamesAndTypes"
            | "RowBinary"
            | "Native"
            | "JSONEachRow"
            | "TabSeparated"
            | "TSV"
            | "CSV"
    )
}

fn content_type(format: &str) -> &'static str {
    match format {
        "JSON" | "JSONCompact" | "JSONStrings" | "JSONCompactStrings" | "JSONColumns" => {
            "application/json; charset=UTF-8"
        }
        "JSONEachRow" | "JSONCompactEachRow" | "JSONStringsEachRow" => {
            "application/x-ndjson; charset=UTF-8"
        }
        "CSV" | "CSVWithNames" | "CSVWithNamesAndTypes" => "text/csv; charset=UTF-8",
        "TabSeparated" | "TSV" | "TabSeparatedWithNames" | "TSVWithNames" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ if format.starts_with("Pretty") => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}

fn chunks(
    connection: &mut Connection,
    statement: &[u8],
    format: &str,
    params: &[(String, String)],
    reply: &mut Reply,
) -> Result<(), Exception> {
    let mut first_header: Option<Bytes> = None;
    let mut rows = connection.stream(statement, format, params)?;
    while let Some(output) = rows.next()? {
        reply.start(output.stats());
        let mut data = Bytes::from_owner(output);
        if format == "RowBinaryWithNamesAndTypes" {
            match &first_header {
                None => {
                    let length = names_and_types(&data).ok_or_else(|| {
                        Exception::new(
                            1001,
                            "STD_EXCEPTION",
                            "the engine's first chunk has no header",
                        )
                    })?;
                    first_header = Some(data.slice(..length));
                }
                Some(header) if data.starts_with(header) => data = data.slice(header.len()..),
                Some(_) => {}
            }
        }
        if !reply.send(data) {
            // The client is gone: `rows` is dropped, which cancels the query.
            return Ok(());
        }
    }
    drop(rows);
    if reply.has_started() {
        return Ok(());
    }
    // A result without rows has no chunk, and so no header: ask for it as a whole.
    let output = connection.query(statement, format, params)?;
    reply.whole(output);
    Ok(())
}

/// The side of a response that the statement's thread writes.
struct Reply {
    head: Option<oneshot::Sender<Head>>,
    sender: mpsc::Sender<Bytes>,
    body: BodyWriter,
    tag: String,
    gone: bool,
}

impl Reply {
    fn has_started(&self) -> bool {
        self.head.is_none()
    }

    fn start(&mut self, stats: Stats) {
        if let Some(head) = self.head.take() {
            let _ = head.send(Ok(stats));
        }
    }

    /// False once the client is gone.
    fn send(&mut self, data: Bytes) -> bool {
        let sent = match self.body.piece(data) {
            Ok(piece) => piece.is_empty() || self.sender.blocking_send(piece).is_ok(),
            Err(_) => false,
        };
        self.gone |= !sent;
        sent
    }

    fn whole(&mut self, output: Output) {
        self.start(output.stats());
        let data = Bytes::from_owner(output);
        for start in (0..data.len()).step_by(PIECE) {
            if !self.send(data.slice(start..data.len().min(start + PIECE))) {
                return;
            }
        }
    }

    fn end(mut self, outcome: Result<(), Exception>, version: &str) {
        if let Err(exception) = outcome {
            if let Some(head) = self.head.take() {
                let _ = head.send(Err(exception));
                return;
            }
            // The status has gone out: the error follows in the body, between marks that carry the response's tag.
            let (tag, message) = (self.tag.clone(), exception.body(version));
            let block = format!(
                "\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n",
                message.len()
            );
            self.send(block.into());
        }
        if !self.gone
            && let Ok(last) = self.body.end()
            && !last.is_empty()
        {
            let _ = self.sender.blocking_send(last);
        }
    }
}
