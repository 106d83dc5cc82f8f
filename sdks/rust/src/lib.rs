#![doc = include_str!("../README.md")]

mod call;
mod capability;
mod client;
mod config;
mod event;
#[rustfmt::skip]
mod events;
mod http;
#[cfg(feature = "kafka")]
mod kafka;
#[rustfmt::skip]
mod personal;
mod peer;
mod privacy;
mod sender;
mod spool;
mod usage;

pub use call::Call;
pub use capability::Capability;
pub use client::{Client, Stats};
pub use config::Config;
pub use event::{Envelope, Event, Person, Text, Time};
pub use events::*;
