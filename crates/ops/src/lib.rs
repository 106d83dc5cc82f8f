//! What is asked of a running system: how far it has read, whether its numbers are right, what it
//! found. The command line uses this crate now, and whatever else answers such questions can:
//! nothing in it prints, and nothing in it speaks HTTP to people. Results can be serialised; long
//! work tells its progress to a callback.
//!
//! What reads Kafka blocks; what reads ClickHouse alone is `async`. [`verify`] does both and
//! blocks: async code calls it with `spawn_blocking`.

pub mod analytics;
pub mod archive;
pub mod arrival;
pub mod backtest;
pub mod baseline;
pub mod digest;
pub mod docs;
pub mod explain;
pub mod lag;
pub mod late;
pub mod lint;
pub mod pulse;
pub mod question;
pub mod run;
pub mod spend;
pub mod status;
pub mod tenant;
pub mod time;
pub mod truth;
pub mod upgrade;
pub mod verify;

pub use arrival::Arrival;
pub use digest::Digest;
pub use lag::Lag;
pub use late::Watch;
pub use pulse::Pulse;
pub use question::Asked;
pub use spend::Spend;
pub use status::Status;
pub use truth::Score;
pub use verify::Verification;
