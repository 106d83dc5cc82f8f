//! The ClickHouse engine behind its HTTP interface: what `weir up` starts beside Kafka.
//!
//! A program of its own, since an abort of the engine kills its host, and since the engine brings
//! its own allocator, which does not bear the one that `weir` puts under everything else.

use weir_embedded::engine::{Options, serve};

fn main() -> anyhow::Result<()> {
    serve(&Options::from_arguments(std::env::args().skip(1))?)
}
