//! Connections: so many, and none for ever.

use crate::{Meters, Peer, Problem, Tls};
use anyhow::Context;
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown, Watcher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;
use weir_model::codes::PORT_TAKEN;
use weir_runtime::Shutdown;

/// Largest head of a request.
const HEAD: usize = 64 << 10;
/// Most calls at a time of a connection of HTTP/2.
const STREAMS: u32 = 32;
/// After the process ran out of something that connections take.
const REST: Duration = Duration::from_millis(100);
/// What turning a connection away may take.
const TURNING: Duration = Duration::from_secs(1);

/// What is spoken at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// Pages and most programs do.
    Http1,
    /// gRPC does.
    Http2,
}

/// Room for connections, at all ports of a service together, and how long they may take.
#[derive(Clone)]
pub struct Room {
    /// Connections that there is room for.
    pub connections: Arc<Semaphore>,
    /// How long the head of a request may take to come, and a connection may be idle.
    pub head: Duration,
    /// How long an answer to a question whether somebody is still there may take.
    pub pause: Duration,
    /// How long requests that are under way may take at the end.
    pub patience: Duration,
    /// Where connections are counted.
    pub meters: Meters,
}

/// A port of the loopback interface or where it is asked for; without that the usual one, or any
/// where it is taken. `who` has it.
///
/// # Errors
/// WEIR-0212 for a port that is taken.
pub fn listen(
    bind: Option<SocketAddr>,
    usual: u16,
    who: &str,
) -> anyhow::Result<std::net::TcpListener> {
    use std::net::TcpListener;
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, usual));
    match bind {
        Some(bind) => TcpListener::bind(bind)
            .with_context(|| format!("{PORT_TAKEN}: cannot bind the {who}'s {bind}")),
        None => TcpListener::bind(usual)
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .with_context(|| format!("{PORT_TAKEN}: no port for the {who}")),
    }
}

/// Accepts and serves connections until shutdown; requests that are under way are answered.
pub async fn serve(
    room: &Room,
    speaks: Speaks,
    listener: TcpListener,
    router: Router,
    shutdown: &Shutdown,
) {
    serve_over(None, room, speaks, listener, router, shutdown).await;
}

/// As [`serve`], over TLS where that is given.
pub async fn serve_over(
    tls: Option<&Tls>,
    room: &Room,
    speaks: Speaks,
    listener: TcpListener,
    router: Router,
    shutdown: &Shutdown,
) {
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shutdown.requested() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(e) => {
                tracing::warn!("cannot accept a connection: {e}");
                tokio::time::sleep(REST).await;
                continue;
            }
        };
        let Ok(permit) = room.connections.clone().try_acquire_owned() else {
            metrics::counter!(room.meters.turned_away).increment(1);
            // Nobody who speaks HTTP/2 or TLS would understand it.
            if speaks == Speaks::Http1 && tls.is_none() {
                tokio::spawn(turn_away(stream));
            }
            continue;
        };
        // A small answer should not wait for an acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (room, router, tls) = (room.clone(), router.clone(), tls.cloned());
        metrics::gauge!(room.meters.connections).increment(1.0);
        tokio::spawn(async move {
            let ended = match (speaks, tls) {
                (speaks, Some(tls)) => {
                    sealed(&room, (speaks, &tls), (stream, peer), router, watcher).await
                }
                (Speaks::Http1, _) => watcher.watch(one(&room, stream, peer, router)).await,
                (Speaks::Http2, _) if !begins(&stream, room.head).await => Ok(()),
                (Speaks::Http2, _) => watcher.watch(two(&room, stream, peer, router)).await,
            };
            if let Err(e) = ended {
                tracing::debug!("a connection ended: {e}");
            }
            metrics::gauge!(room.meters.connections).decrement(1.0);
            drop(permit);
        });
    }
    drop(listener);
    let patience = room.patience;
    if tokio::time::timeout(patience, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections are cut: they did not end within {patience:?}");
    }
}

/// Whether anything comes in time: the library waits for a beginning without a limit.
async fn begins(stream: &TcpStream, limit: Duration) -> bool {
    let first = tokio::time::timeout(limit, stream.peek(&mut [0])).await;
    matches!(first, Ok(Ok(n)) if n > 0)
}

/// A connection over TLS. Who does not come through the handshake in time, or says nothing after
/// it, is cut.
async fn sealed(
    room: &Room,
    (speaks, tls): (Speaks, &Tls),
    (stream, peer): (TcpStream, SocketAddr),
    router: Router,
    watcher: Watcher,
) -> Result<(), hyper::Error> {
    let shaken = tokio::time::timeout(room.head, tls.acceptor(speaks).accept(stream)).await;
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => {
            tracing::debug!("{peer}: no TLS: {e}");
            return Ok(());
        }
        Err(_) => return Ok(()),
    };
    if speaks == Speaks::Http1 {
        return watcher.watch(one(room, stream, peer, router)).await;
    }
    let mut stream = BufReader::new(stream);
    match tokio::time::timeout(room.head, stream.fill_buf()).await {
        Ok(Ok(bytes)) if !bytes.is_empty() => {}
        _ => return Ok(()),
    }
    watcher.watch(two(room, stream, peer, router)).await
}

fn one<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    room: &Room,
    stream: S,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<S> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(room.head)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

fn two<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    room: &Room,
    stream: S,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<S> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(room.head)
        .keep_alive_timeout(room.pause)
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD as u32)
        .serve_connection(TokioIo::new(stream), service)
}

/// Says that there are too many, and why nothing else comes.
async fn turn_away(mut stream: TcpStream) {
    let response = Problem::busy("as many connections are open as may be").response();
    let body = axum::body::to_bytes(response.into_body(), HEAD).await;
    let body = body.unwrap_or_default();
    let head = format!(
        "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\n\
         Retry-After: 1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let said = async {
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(&body).await?;
        stream.shutdown().await
    };
    let _ = tokio::time::timeout(TURNING, said).await;
}
