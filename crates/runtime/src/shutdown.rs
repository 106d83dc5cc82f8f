//! Ending in order: the first signal asks, the second exits at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A request to stop that can be waited for and looked at.
#[derive(Clone)]
pub struct Shutdown {
    flag: Arc<AtomicBool>,
    told: Arc<watch::Sender<bool>>,
}

impl Default for Shutdown {
    fn default() -> Shutdown {
        Shutdown::new()
    }
}

impl Shutdown {
    /// Triggered by [`Shutdown::trigger`] only.
    pub fn new() -> Shutdown {
        Shutdown {
            flag: Arc::default(),
            told: Arc::new(watch::channel(false).0),
        }
    }

    /// Triggered by SIGTERM and SIGINT too; a second signal exits with 128 + its number. Needs a
    /// runtime.
    ///
    /// # Errors
    /// Where the handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Shutdown> {
        let shutdown = Shutdown::new();
        let (mut term, mut int) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
        );
        let told = shutdown.clone();
        tokio::spawn(async move {
            loop {
                let number = tokio::select! {
                    _ = term.recv() => SignalKind::terminate(),
                    _ = int.recv() => SignalKind::interrupt(),
                }
                .as_raw_value();
                if told.is_requested() {
                    std::process::exit(128 + number);
                }
                tracing::info!("stopping; a second signal exits at once");
                told.trigger();
            }
        });
        Ok(shutdown)
    }

    /// Asks everything to stop.
    pub fn trigger(&self) {
        self.flag.store(true, Ordering::SeqCst);
        self.told.send_replace(true);
    }

    /// True once it was asked.
    pub fn is_requested(&self) -> bool {
        self.flag.load(Ordering::SeqCst)
    }

    /// For loops that run on threads.
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// Waits until it is asked.
    pub async fn requested(&self) {
        let mut told = self.told.subscribe();
        // The sender lives in `self`: an error cannot come before the value.
        let _ = told.wait_for(|stop| *stop).await;
    }
}
