use crate::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

/// How long a killed child may hold its port: a large process is taken apart for a second or more
/// on a busy machine.
const DYING: Duration = Duration::from_secs(10);

/// A port of 127.0.0.1 that nobody listens on, below the ephemeral range: within it a probe of a
/// port without listener may connect to itself, and any outgoing connection may take the port
/// between two starts.
///
/// # Errors
/// Where no free port was found.
pub fn free_port() -> Result<u16, Error> {
    let top = ephemeral_start().clamp(12_000, 32_768);
    for attempt in 0..500u32 {
        let random = RandomState::new().hash_one(attempt);
        let port = 10_000 + (random % u64::from(top - 10_000)) as u16;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(Error::PortTaken { port: 10_000 })
}

/// The port of the last start, where it is free: clients in other processes know it. A child of a
/// parent that was killed may hold it for a moment longer, so that moment is waited for.
///
/// # Errors
/// Where it stays taken and no other one is free.
pub(crate) fn remembered_or_free(remembered: Option<u16>) -> Result<u16, Error> {
    let Some(port) = remembered else {
        return free_port();
    };
    let until = Instant::now() + DYING;
    while !is_free(port) {
        if Instant::now() > until {
            let other = free_port()?;
            tracing::warn!(
                port,
                other,
                "the port of the last start is taken, using another"
            );
            return Ok(other);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(port)
}

/// Whether a listener could be bound now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn ephemeral_start() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_port_of_the_last_start_is_waited_for() {
        let port = free_port().unwrap();
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        let dying = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(300));
            drop(held);
        });
        assert_eq!(remembered_or_free(Some(port)).unwrap(), port);
        dying.join().unwrap();
    }
}
