//! A fault: this program once more, as a child that uses much, for a while.

use anyhow::{Context, Result};
use std::io::{Read, Write};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use weir_process::drill::Kind;
use weir_process::end::Held;
use weir_process::{Identity, read};

/// What a child says once it is what it shall be.
const READY: &[u8; 1] = b"r";
/// A page of memory: each has to be touched.
const PAGE: usize = 4096;

/// A fault that goes on. Dropped, it is over.
pub struct Injected {
    child: Child,
    pub identity: Identity,
    pub begun: Instant,
}

impl Injected {
    /// Begins one that ends by itself after a time, also where nobody ends it.
    pub fn begin(kind: Kind, memory_mb: f64, lives: Duration) -> Result<Injected> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let mut command = Command::new(program);
        command.args([
            "calamum",
            "fault",
            "--seconds",
            &lives.as_secs().to_string(),
        ]);
        match kind {
            Kind::Cpu => command.arg("--cpu"),
            Kind::Memory => command.args(["--memory", &memory_mb.ceil().to_string()]),
            Kind::Quiet => &mut command,
        };
        let begun = Instant::now();
        // Its input ends with this process: then it ends, too.
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start a fault")?;
        let pid = i32::try_from(child.id())?;
        // From when the child is there until it is another program its name changes, its start
        // does not.
        let started = read::started(pid);
        let mut ready = [0; READY.len()];
        let is_ready = child.stdout.as_mut().map(|out| out.read_exact(&mut ready));
        let fault = Injected {
            child,
            identity: Identity {
                pid,
                started: started.context("a fault ended at once")?,
            },
            begun,
        };
        is_ready.context("a fault says nothing")??;
        Ok(fault)
    }

    /// Ends it where it is not over, and looks, so that its id is free.
    pub fn bury(&mut self) {
        if let Ok(held) = Held::of(self.identity) {
            // A child that nobody looked at keeps its id: this is the one.
            let _ = self.child.kill();
            let _ = held.is_over_within(Duration::from_secs(5));
        }
        let _ = self.child.wait();
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        self.bury();
    }
}

/// Is a fault, until time is over or its input ends.
pub fn be(cpu: bool, memory_mb: usize, lives: Duration) -> Result<ExitCode> {
    let until = Instant::now() + lives;
    std::thread::spawn(|| {
        let mut nothing = [0; 1];
        // Whoever began it is gone.
        let _ = std::io::stdin().read(&mut nothing);
        std::process::exit(0);
    });
    let mut taken = vec![0u8; memory_mb * 1_000_000];
    for byte in taken.iter_mut().step_by(PAGE) {
        *byte = 1;
    }
    let mut out = std::io::stdout();
    out.write_all(READY)?;
    out.flush()?;
    while Instant::now() < until {
        match cpu {
            true => std::hint::spin_loop(),
            false => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    // Not given back before its end.
    std::hint::black_box(&taken);
    Ok(ExitCode::SUCCESS)
}
