//! Runs what weir stands on, on one machine: a real one-node Apache Kafka and the real ClickHouse
//! engine.
//!
//! Both are child processes of the one that starts them ([`Kafka`], [`ClickHouse`]): watched,
//! started again on the same ports and data when they die, and gone when their parent is gone. The
//! ClickHouse engine speaks ClickHouse's HTTP interface ([`engine::serve`]), so that everything
//! else cannot tell it from a server. [`DataDir`] lets one process at a time own a data directory,
//! and the others find it.

mod clickhouse;
mod datadir;
mod deps;
pub mod disk;
pub mod engine;
mod error;
mod http;
mod kafka;
mod ports;
mod secrets;
#[cfg(feature = "test-support")]
pub mod secured;
mod spawn;
mod supervise;
#[cfg(feature = "test-support")]
pub mod testing;

pub use clickhouse::{ClickHouse, ClickHouseOptions, EngineProgram};
pub use datadir::{DataDir, Running};
pub use deps::{find_java, find_kafka_jars, find_libchdb};
pub use error::Error;
pub use kafka::{Kafka, KafkaOptions, Listener, sasl};
pub use ports::free_port;
pub use secrets::{Secrets, USER};
pub use supervise::{State, Status};
