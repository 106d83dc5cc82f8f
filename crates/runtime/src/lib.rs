//! What every service shares: configuration, logging, metrics, health, shutdown.

pub mod config;
pub mod health;
pub mod log;
pub mod metric;
pub mod shutdown;

pub use config::{ConfigError, Secret, Size};
pub use health::Health;
pub use metric::Metrics;
pub use shutdown::Shutdown;
