//! The ClickHouse engine behind its HTTP interface, as a program of its own.

use weir_embedded::engine::{Options, serve};

fn main() -> anyhow::Result<()> {
    serve(&Options::from_arguments(std::env::args().skip(1))?)
}
