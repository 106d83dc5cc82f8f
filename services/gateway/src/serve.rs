//! Connections: so many, and none for ever.

use crate::answer::Problem;
use crate::door::Peer;
use crate::{Shared, metric};
use axum::Router;
use axum::extract::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
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
/// After the process ran out of something that connections take.
const REST: Duration = Duration::from_millis(100);
/// What turning a connection away may take.
const TURNING: Duration = Duration::from_secs(1);

/// Accepts and serves connections until shutdown; requests that are under way are answered.
pub(crate) async fn serve(
    state: Shared,
    listener: TcpListener,
    router: Router,
    shutdown: &Shutdown,
) {
    let connections = Arc::new(Semaphore::new(state.config.connections));
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
            tokio::spawn(turn_away(stream));
            continue;
        };
        // A small answer should not wait for an acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let connection = connection(&state, stream, peer, router.clone());
        let connection = graceful.watch(connection);
        metrics::gauge!(metric::CONNECTIONS).increment(1.0);
        tokio::spawn(async move {
            if let Err(e) = connection.await {
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

fn connection(
    state: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> + Send + 'static {
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
