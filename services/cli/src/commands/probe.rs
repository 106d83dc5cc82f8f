//! `weir probe`: asks a service whether it is ready. For images that hold nothing but this binary.

use crate::args::ProbeArgs;
use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;
use weir_model::codes::{CONFIG, NOT_RUNNING};

/// A supervisor asks again: an answer that takes longer is none.
const LIMIT: Duration = Duration::from_secs(5);
/// The most that is read of an answer: one line for each check.
const LONGEST: u64 = 64 << 10;

/// Exits 0 where the service says yes, 1 where it says no and what it says, 2 without an answer.
pub fn run(a: &ProbeArgs) -> Result<ExitCode> {
    if a.describe {
        return super::metrics::describe(a.json);
    }
    let address = a.address.as_deref().unwrap_or_default();
    let address: SocketAddr = address
        .parse()
        .with_context(|| format!("{CONFIG}: {address} is no address such as 127.0.0.1:9464"))?;
    let path = if a.live { "/livez" } else { "/readyz" };
    let answer = ask(address, path)
        .with_context(|| format!("{NOT_RUNNING}: no answer from http://{address}{path}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    print!("{body}");
    Ok(if is_ok(head) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Version 1.0 ends an answer by closing, so no length has to be understood.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

fn is_ok(head: &str) -> bool {
    head.starts_with("HTTP/") && head.split(' ').nth(1) == Some("200")
}

#[cfg(test)]
mod tests {
    use super::is_ok;

    #[test]
    fn only_200_is_yes() {
        assert!(is_ok("HTTP/1.0 200 OK\r\ncontent-type: text/plain"));
        for no in ["HTTP/1.0 503 Service Unavailable", "200 OK", ""] {
            assert!(!is_ok(no), "{no}");
        }
    }
}
