//! What an event costs its host: time of one call on the calling thread, while the sender works
//! beside it. Sends to a server of its own, which takes everything.

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};
use weir_sdk::{Client, LlmCall};

const EVENTS: usize = 200_000;

fn serve(stream: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut to = stream;
    loop {
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line)? > 0 && line != "\r\n" {
            if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = n.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        if line.is_empty() {
            return Ok(());
        }
        std::io::copy(&mut reader.by_ref().take(length), &mut std::io::sink())?;
        let body = r#"{"accepted":0,"refused":[]}"#;
        write!(
            to,
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )?;
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    std::thread::spawn(move || listener.incoming().flatten().map(serve).all(|_| true));
    let client = Client::config()
        .url(url)
        .token("none")
        .disabled(false)
        .build();
    let mut took = Vec::with_capacity(EVENTS);
    for n in 0..EVENTS {
        let began = Instant::now();
        client.llm_call(LlmCall {
            provider: "anthropic".into(),
            model: "claude-sonnet-4-5".into(),
            category: Some("coding".into()),
            tokens_input: Some(n as i64),
            tokens_cache_read: Some(48_213),
            tokens_output: Some(642),
            latency_ms: Some(9120.5),
            session_id: Some("5b0c7e4e-93f1".into()),
            ..LlmCall::default()
        });
        took.push(began.elapsed());
        // The queue never fills: a dropped event would be a cheap one.
        if n % 500 == 0 {
            client.flush(Duration::from_secs(5));
        }
    }
    took.sort_unstable();
    let us = |d: Duration| d.as_secs_f64() * 1e6;
    let sum: Duration = took.iter().sum();
    println!(
        "one call, µs: mean {:.2}, p50 {:.2}, p99 {:.2}; dropped {}",
        us(sum) / EVENTS as f64,
        us(took[EVENTS / 2]),
        us(took[EVENTS * 99 / 100]),
        client.stats().dropped
    );
    Ok(())
}
