//! Measures one execution of a capability: how long it took, and whether it worked.

use crate::client::Client;
use crate::event::Text;
use crate::events::CapabilityExecuted;
use std::future::Future;
use std::time::Instant;

/// An execution under way. It is told when this is dropped: as a failure where the thread panics
/// meanwhile, or [`Capability::fail`] was called.
#[derive(Debug)]
#[must_use = "an execution ends when this is dropped"]
pub struct Capability {
    client: Client,
    event: CapabilityExecuted,
    began: Instant,
    panicked_before: bool,
}

impl Capability {
    pub(crate) fn new(client: Client, name: Text) -> Capability {
        Capability {
            client,
            event: CapabilityExecuted {
                capability: name,
                success: true,
                ..CapabilityExecuted::default()
            },
            began: Instant::now(),
            panicked_before: std::thread::panicking(),
        }
    }

    /// Changes fields that are known only now, e.g. `|e| e.tokens_saved = Some(1200)`.
    pub fn set(&mut self, change: impl FnOnce(&mut CapabilityExecuted)) {
        change(&mut self.event);
    }

    /// It did not work.
    pub fn fail(&mut self, error_type: impl Into<Text>) {
        self.event.success = false;
        self.event.error_type = Some(error_type.into());
    }

    /// Runs something as this execution; an error is a failure, and passes through.
    ///
    /// # Errors
    /// Those of `f`.
    pub fn measure<T, E>(mut self, f: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let result = f();
        self.judge(&result);
        result
    }

    /// Runs a future as this execution. One that is dropped before its end worked as far as it
    /// came.
    ///
    /// # Errors
    /// Those of the future.
    pub async fn measure_async<T, E>(
        mut self,
        f: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let result = f.await;
        self.judge(&result);
        result
    }

    fn judge<T, E>(&mut self, result: &Result<T, E>) {
        if result.is_err() {
            let whole = std::any::type_name::<E>();
            let name = whole.split('<').next().unwrap_or(whole);
            self.fail(name.rsplit("::").next().unwrap_or(name).to_owned());
        }
    }
}

impl Drop for Capability {
    fn drop(&mut self) {
        self.event.duration_ms = self.began.elapsed().as_secs_f64() * 1000.0;
        if std::thread::panicking() && !self.panicked_before {
            self.fail("panic");
        }
        self.client.emit(std::mem::take(&mut self.event));
    }
}
