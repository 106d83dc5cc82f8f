use crate::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};

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
