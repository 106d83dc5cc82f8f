//! The ClickHouse engine as a server: ClickHouse's HTTP interface over its library, in a process of
//! its own (an abort in the engine must not take anything else with it).
//!
//! It speaks as much of the interface as clients use: queries in URL or body, settings, parameters,
//! sessions, inserts and streamed results in any format, compression, and errors with their
//! numbers. The engine has no users: who comes in stands in `door.rs`, what a statement may reach
//! for in `guard.rs`.

mod body;
mod codec;
mod door;
mod exception;
mod fence;
mod ffi;
mod guard;
mod handler;
mod job;
mod reply;
mod request;
mod sessions;
mod sql;

use anyhow::{Context, anyhow, bail};
use axum::Router;
use axum::routing::any;
use axum::serve::ListenerExt;
use door::Door;
use handler::Server;
use sessions::Connections;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

pub use fence::enclose;
pub use handler::PID_HEADER;

/// How to run the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Directory of the data; one process per directory.
    pub path: PathBuf,
    /// The library; see [`crate::find_libchdb`].
    pub library: Option<PathBuf>,
    /// File with what opens it; see [`crate::Secrets`].
    pub secrets: PathBuf,
    /// End when this process is no longer the parent.
    pub parent: Option<u32>,
    /// Server settings over those of weir, as in `--mark_cache_size=1000000`.
    pub settings: Vec<String>,
    /// Whether there may be tables over the clusters that its configuration names.
    pub distributed: bool,
}

/// A small machine's share: the defaults are those of a server with all its memory to itself.
const SETTINGS: &[&str] = &[
    "--mark_cache_size=67108864",
    "--index_mark_cache_size=16777216",
    "--uncompressed_cache_size=0",
];

/// Statements that still run when the engine is told to stop have this long to end.
const GRACE: Duration = Duration::from_secs(3);

impl Options {
    /// Reads `--listen ADDR --path DIR --secrets FILE [--library FILE] [--parent PID]
    /// [--distributed]`; anything else goes to the engine.
    ///
    /// # Errors
    /// Where an argument is missing or does not parse.
    pub fn from_arguments(arguments: impl IntoIterator<Item = String>) -> anyhow::Result<Options> {
        let (mut listen, mut path, mut library, mut parent) = (None, None, None, None);
        let (mut secrets, mut distributed) = (None, false);
        let mut settings = Vec::new();
        let mut arguments = arguments.into_iter();
        while let Some(name) = arguments.next() {
            let mut value = || {
                arguments
                    .next()
                    .with_context(|| format!("{name} needs a value"))
            };
            match name.as_str() {
                "--listen" => {
                    listen = Some(
                        value()?
                            .parse()
                            .context("--listen needs an address such as 127.0.0.1:8123")?,
                    )
                }
                "--path" => path = Some(PathBuf::from(value()?)),
                "--secrets" => secrets = Some(PathBuf::from(value()?)),
                "--distributed" => distributed = true,
                "--library" => library = Some(PathBuf::from(value()?)),
                "--parent" => {
                    parent = Some(value()?.parse().context("--parent needs a process id")?)
                }
                _ if name.starts_with("--") && name.contains('=') => settings.push(name),
                _ => bail!(
                    "{name} is not known: use --listen, --path, --secrets, --library, --parent, --distributed or --SETTING=VALUE"
                ),
            }
        }
        Ok(Options {
            listen: listen.context("--listen is missing")?,
            path: path.context("--path is missing")?,
            secrets: secrets.context("--secrets is missing")?,
            library,
            parent,
            settings,
            distributed,
        })
    }
}

/// Runs the engine until SIGTERM, SIGINT or the end of its parent. Then the process ends: this does
/// not return except with an error.
///
/// # Errors
/// Where the address is taken, or the library or the data cannot be opened.
pub fn serve(options: &Options) -> anyhow::Result<()> {
    if !options.listen.ip().is_loopback() {
        bail!(
            "the engine listens on loopback addresses only, not on {}: its secrets go over the wire as they are",
            options.listen.ip()
        );
    }
    // The address first: a taken one is found out without starting an engine.
    let listener = std::net::TcpListener::bind(options.listen)
        .with_context(|| format!("listening on {}", options.listen))?;
    listener.set_nonblocking(true)?;
    let secrets = crate::Secrets::read(&options.secrets)?;
    let library = crate::find_libchdb(options.library.as_deref())?;
    std::fs::create_dir_all(&options.path)
        .with_context(|| format!("creating {}", options.path.display()))?;
    // Before there is a second thread: only those that come later are behind it.
    if !enclose(&options.path, &library)? {
        eprintln!(
            "this kernel has no Landlock: the rules for statements alone keep the engine to its data"
        );
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("http")
        .enable_all()
        .build()
        .context("starting the runtime")?;
    runtime.block_on(listen(options, listener, &library, Door::new(secrets)))?;
    leave()
}

/// Leaves without the engine's own teardown, which aborts where a statement still runs. Nothing is
/// lost by it: what was acknowledged lies in finished parts.
fn leave() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}

async fn listen(
    options: &Options,
    listener: std::net::TcpListener,
    library: &Path,
    door: Door,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let path = options
        .path
        .to_str()
        .ok_or_else(|| anyhow!("the data directory's name is not valid UTF-8"))?;
    let mut arguments = vec![format!("--path={path}")];
    arguments.extend(SETTINGS.iter().map(|s| (*s).to_owned()));
    arguments.extend_from_slice(&options.settings);
    let engine = ffi::Engine::start(library, &arguments).with_context(|| {
        format!(
            "starting the ClickHouse engine on {}",
            options.path.display()
        )
    })?;
    let connections = Connections::new(engine, options.distributed)
        .map_err(|e| anyhow!("asking the engine: {}", e.message()))?;
    let connections = Arc::new(connections);
    eprintln!(
        "ClickHouse engine {} listens on http://{}",
        connections.version(),
        options.listen
    );

    let expiring = connections.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(30)).await;
            expiring.close_expired();
        }
    });
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let parent = options.parent;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = parent_gone(parent) => {}
        }
        // A statement that does not end must not keep the process.
        std::thread::spawn(|| {
            std::thread::sleep(GRACE);
            leave()
        });
    };
    let router = Router::new()
        .fallback(any(handler::handle))
        .with_state(Arc::new(Server::new(connections, door)));
    // Without it small answers wait for the client's delayed acknowledgement: 40 ms in place of 1.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop)
        .await
        .context("serving HTTP")
}

/// Returns when the process that started this one is gone; the kernel's signal does the same at
/// once where there is one.
async fn parent_gone(parent: Option<u32>) {
    let Some(parent) = parent else {
        return std::future::pending().await;
    };
    while std::os::unix::process::parent_id() == parent {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}
