//! Connections: so many, and none for ever.

use crate::answer::Problem;
use crate::door::Peer;
use crate::{Shared, metric};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulConnection, GracefulShutdown};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service;
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
pub(crate) enum Speaks {
    Http1,
    /// gRPC does.
    Http2,
}

/// Room for connections, at all ports together.
pub(crate) fn connections(state: &Shared) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(state.config.connections))
}

/// Accepts and serves connections until shutdown; requests that are under way are answered.
pub(crate) async fn serve(
    state: &Shared,
    connections: &Arc<Semaphore>,
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
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            metrics::counter!(metric::TURNED_AWAY).increment(1);
            // Nobody who speaks HTTP/2 would understand it.
            if speaks == Speaks::Http1 {
                tokio::spawn(turn_away(stream));
            }
            continue;
        };
        // A small answer should not wait for an acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let watcher = graceful.watcher();
        let (state, router) = (state.clone(), router.clone());
        metrics::gauge!(metric::CONNECTIONS).increment(1.0);
        tokio::spawn(async move {
            let ended = match speaks {
                Speaks::Http1 => watcher.watch(one(&state, stream, peer, router)).await,
                Speaks::Http2 if !begins(&stream, state.config.head).await => Ok(()),
                Speaks::Http2 => watcher.watch(two(&state, stream, peer, router)).await,
            };
            if let Err(e) = ended {
                tracing::debug!("a connection ended: {e}");
            }
            metrics::gauge!(metric::CONNECTIONS).decrement(1.0);
            drop(permit);
        });
    }
    drop(listener);
    let patience = state.config.acknowledged + Duration::from_secs(5);
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

fn one(
    state: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(state.config.head)
        .max_buf_size(HEAD)
        .serve_connection(TokioIo::new(stream), service)
}

fn two(
    state: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl GracefulConnection<Error = hyper::Error> + Send + use<> {
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().call(request)
    });
    http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(state.config.head)
        .keep_alive_timeout(state.config.pause)
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
