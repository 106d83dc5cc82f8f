//! One child process, watched: started again with back-off when it dies, stopped in order.

use crate::{Error, spawn};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a child does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Started, does not answer yet.
    Starting,
    /// Answers.
    Ready,
    /// Died; is started again after a pause.
    Restarting,
    /// Stopped on request.
    Stopped,
}

/// A snapshot of a child.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Status {
    /// What it does.
    pub state: State,
    /// How often it was started again.
    pub restarts: u32,
    /// Its process id, while it runs.
    pub pid: Option<u32>,
    /// How it ended last, or why it did not start.
    pub last_end: Option<String>,
}

/// How to start a child and how to tell that it is ready.
pub(crate) struct Spec {
    pub name: &'static str,
    /// Where it writes; the first is named in errors, the ends of all are shown.
    pub logs: Vec<PathBuf>,
    /// Longest time until it answers.
    pub ready_within: Duration,
    /// Time between the request to stop and the kill.
    pub stop_within: Duration,
    pub command: Box<dyn Fn() -> Result<Command, Error> + Send>,
    /// One short attempt to get an answer from the process with this id.
    pub probe: Box<dyn Fn(u32) -> Result<(), String> + Send>,
    /// Runs after an ordered stop.
    pub stopped: Box<dyn Fn() + Send>,
}

const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// How often a child is started before the first answer.
const FIRST_TRIES: u32 = 4;
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// After this long without a death the next one starts from the first pause again.
const STABLE: Duration = Duration::from_secs(60);

pub(crate) struct Supervised {
    name: &'static str,
    stop_within: Duration,
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

struct Inner {
    status: Status,
    child: Option<Child>,
    stopping: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Supervised {
    /// Starts the child and waits until it is ready; from then on it is watched. One that dies
    /// before is started again, a few times.
    pub fn start(spec: Spec) -> Result<Supervised, Error> {
        let status = Status {
            state: State::Starting,
            restarts: 0,
            pid: None,
            last_end: None,
        };
        let shared = Arc::new(Shared {
            inner: Mutex::new(Inner {
                status,
                child: None,
                stopping: false,
            }),
            changed: Condvar::new(),
        });
        let (name, stop_within) = (spec.name, spec.stop_within);
        let mut pause = FIRST_PAUSE;
        for tries_left in (0..FIRST_TRIES).rev() {
            match launch(&spec, &shared) {
                Ok(()) => break,
                Err(error @ Error::NotReady { .. }) if tries_left > 0 => {
                    tracing::warn!(child = name, %error, "starting it again");
                    let mut inner = shared.lock();
                    inner.status.restarts += 1;
                    inner.status.last_end = Some(error.to_string());
                }
                Err(error) => return Err(error),
            }
            std::thread::sleep(pause);
            pause *= 2;
        }
        let watched = shared.clone();
        let thread = std::thread::Builder::new()
            .name(format!("watch-{name}"))
            .spawn(move || watch(&spec, &watched))
            .map_err(Error::io("starting a watching thread"));
        let thread = thread.inspect_err(|_| kill(&shared))?;
        Ok(Supervised {
            name,
            stop_within,
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub fn status(&self) -> Status {
        self.shared.lock().status.clone()
    }

    /// Asks the child to end, kills it when it does not, and waits until it is gone.
    pub fn stop(&self) {
        let mut inner = self.shared.lock();
        inner.stopping = true;
        self.shared.changed.notify_all();
        if let Some(child) = &inner.child {
            spawn::signal(child.id(), libc::SIGTERM);
        }
        let deadline = Instant::now() + self.stop_within;
        while inner.status.state != State::Stopped {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(child = self.name, "did not stop in time, killing it");
                if let Some(child) = &inner.child {
                    spawn::signal(child.id(), libc::SIGKILL);
                }
                break;
            }
            inner = self
                .shared
                .changed
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        drop(inner);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            let _ = thread.join();
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Starts the child and waits until it is ready, has died, is late or is to stop.
fn launch(spec: &Spec, shared: &Shared) -> Result<(), Error> {
    let not_ready = |detail: String| Error::NotReady {
        name: spec.name,
        detail: spec
            .logs
            .iter()
            .fold(detail, |text, log| text + &log_tail(log)),
        log: spec.logs.first().cloned().unwrap_or_default(),
    };
    let started = Instant::now();
    let child =
        spawn::spawn((spec.command)()?).map_err(Error::io(format!("starting {}", spec.name)))?;
    let pid = child.id();
    {
        let mut inner = shared.lock();
        inner.child = Some(child);
        inner.status.pid = Some(pid);
        inner.status.state = State::Starting;
    }
    loop {
        {
            let mut inner = shared.lock();
            if inner.stopping {
                // The watching thread waits for its end.
                if let Some(child) = &inner.child {
                    spawn::signal(child.id(), libc::SIGTERM);
                }
                return Ok(());
            }
            if let Some(child) = &mut inner.child
                && let Ok(Some(status)) = child.try_wait()
            {
                inner.child = None;
                inner.status.pid = None;
                return Err(not_ready(format!("it ended with {status}")));
            }
        }
        let Err(answer) = (spec.probe)(pid) else {
            break;
        };
        if started.elapsed() > spec.ready_within {
            kill(shared);
            return Err(not_ready(format!(
                "after {:?}: {answer}",
                spec.ready_within
            )));
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    shared.lock().status.state = State::Ready;
    shared.changed.notify_all();
    tracing::info!(child = spec.name, pid, after = ?started.elapsed(), "ready");
    Ok(())
}

fn kill(shared: &Shared) {
    let child = shared.lock().child.take();
    if let Some(mut child) = child {
        let _ = child.kill();
        let _ = child.wait();
    }
    shared.lock().status.pid = None;
}

fn watch(spec: &Spec, shared: &Shared) {
    let mut pause = FIRST_PAUSE;
    loop {
        let started = Instant::now();
        let pid = shared.lock().status.pid;
        if let Some(pid) = pid {
            spawn::wait_for_exit(pid);
        }
        {
            let mut inner = shared.lock();
            if let Some(mut child) = inner.child.take() {
                inner.status.last_end = child.wait().ok().map(|status| status.to_string());
            }
            inner.status.pid = None;
            if inner.stopping {
                (spec.stopped)();
                inner.status.state = State::Stopped;
                shared.changed.notify_all();
                return;
            }
            inner.status.state = State::Restarting;
            inner.status.restarts += 1;
            if started.elapsed() >= STABLE {
                pause = FIRST_PAUSE;
            }
            let end = inner.status.last_end.as_deref().unwrap_or("unknown");
            tracing::warn!(
                child = spec.name,
                end,
                restarts = inner.status.restarts,
                ?pause,
                "died, starting it again"
            );
            let (guard, _) = shared
                .changed
                .wait_timeout_while(inner, pause, |inner| !inner.stopping)
                .unwrap_or_else(PoisonError::into_inner);
            if guard.stopping {
                continue;
            }
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
        if let Err(error) = launch(spec, shared) {
            tracing::warn!(child = spec.name, %error, "could not start it again");
            shared.lock().status.last_end = Some(error.to_string());
        }
    }
}

/// The last lines of a log, for an error message.
fn log_tail(path: &Path) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text[text.len().saturating_sub(2000)..]).into_owned();
    let lines: Vec<&str> = text
        .lines()
        .rev()
        .filter(|line| !line.trim().is_empty())
        .take(5)
        .collect();
    lines
        .iter()
        .rev()
        .map(|line| format!("\n    {}", line.trim_end()))
        .collect()
}
