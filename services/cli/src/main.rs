//! The `weir` command: one binary for every service and every question.

mod args;
mod commands;
mod output;
mod system;
mod table;
mod tree;

use clap::Parser;

/// The C library underneath allocates through it too: half the cost of consuming.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Where the allocator looks for its options.
#[unsafe(export_name = "malloc_conf")]
pub static MALLOC_CONF: &[u8] = weir_runtime::ALLOCATOR_OPTIONS;

fn main() -> std::process::ExitCode {
    let args = args::Args::parse();
    match commands::run(args) {
        Ok(code) => code,
        Err(e) if is_broken_pipe(&e) => std::process::ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("weir: {}", coded(&e));
            std::process::ExitCode::from(2)
        }
    }
}

/// In words, with the operator's code: errors of the brokers alone do not say theirs.
fn coded(e: &anyhow::Error) -> String {
    let said = format!("{e:#}");
    let of_kafka = e
        .chain()
        .find_map(|c| c.downcast_ref::<weir_kafka::Error>());
    match of_kafka {
        Some(of_kafka) if !said.contains("WEIR-") => format!("{}: {said}", of_kafka.code()),
        _ => said,
    }
}

/// `weir query … | head` is no error.
fn is_broken_pipe(e: &anyhow::Error) -> bool {
    e.chain().any(|c| {
        c.downcast_ref::<std::io::Error>()
            .is_some_and(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
