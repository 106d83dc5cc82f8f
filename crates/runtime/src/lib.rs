//! What every service shares: configuration, logging, metrics, health, progress, shutdown, and the
//! process they run in.

pub mod acl;
pub mod config;
pub mod health;
pub mod host;
pub mod log;
pub mod metric;
pub mod names;
pub mod outgoing;
pub mod pages;
pub mod progress;
mod repeats;
pub mod shutdown;
pub mod traces;

/// Options of jemalloc for programs that run stages. Fetched batches of many partitions are large:
/// given back at once, as large blocks are by default, they would be cleared each time. One arena:
/// what one thread gave back the next one takes, where arenas by thread hold twice the memory, all
/// of it cleared by the system.
pub const ALLOCATOR_OPTIONS: &[u8] =
    b"narenas:1,oversize_threshold:0,dirty_decay_ms:60000,thp:always\0";

pub use config::{ConfigError, Secret, Size};
pub use health::Health;
pub use host::{Host, Service};
pub use metric::Metrics;
pub use progress::Part;
pub use shutdown::Shutdown;
