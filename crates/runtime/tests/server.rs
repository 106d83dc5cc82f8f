//! The health server over a real socket.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use weir_runtime::health::HealthConfig;
use weir_runtime::{Health, Metrics, Shutdown};

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut s = tokio::net::TcpStream::connect(address).await.unwrap();
    s.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut text = String::new();
    s.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn readiness_is_the_sum_of_the_checks() {
    let (metrics, shutdown, health) = (Metrics::install(), Shutdown::new(), Health::new());
    let broken = Arc::new(AtomicBool::new(true));
    let b = broken.clone();
    health.register("kafka", || Ok(()));
    health.register("store", move || {
        if b.load(Ordering::SeqCst) {
            Err("refused".into())
        } else {
            Ok(())
        }
    });
    let (address, task) = health
        .serve(&HealthConfig::default(), &metrics, &shutdown)
        .await
        .unwrap();
    assert!(address.ip().is_loopback());
    assert!(get(address, "/livez").await.starts_with("HTTP/1.1 200"));
    let text = get(address, "/readyz").await;
    assert!(
        text.starts_with("HTTP/1.1 503")
            && text.contains("store: refused")
            && text.contains("kafka: ok"),
        "{text}"
    );
    broken.store(false, Ordering::SeqCst);
    assert!(get(address, "/readyz").await.starts_with("HTTP/1.1 200"));

    metrics::counter!("weir_made_up_total").increment(3);
    metrics::histogram!("weir_made_up_seconds").record(0.003);
    let text = get(address, "/metrics").await;
    assert!(
        text.contains("weir_made_up_total 3")
            && text.contains("weir_made_up_seconds_bucket{le=\"0.005\"} 1"),
        "{text}"
    );
    shutdown.trigger();
    shutdown.requested().await;
    task.await.unwrap();
}
