//! Starts children that die with this process.
//!
//! The kernel's parent-death signal is sent when the *thread* that started the child ends, so one
//! thread that lives as long as the process starts them all.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};

type Job = (Command, SyncSender<io::Result<Child>>);

/// Starts `command` in a process group of its own (a Ctrl-C in the terminal is for the parent,
/// which stops its children in order), to be killed when this process ends in whatever way.
pub(crate) fn spawn(mut command: Command) -> io::Result<Child> {
    let parent = std::process::id();
    command.process_group(0);
    // SAFETY: between fork and exec only async-signal-safe calls are made: prctl, getppid, _exit.
    unsafe {
        command.pre_exec(move || {
            #[cfg(target_os = "linux")]
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have gone between fork and prctl; then no signal will come.
            if libc::getppid() as u32 != parent {
                libc::_exit(1);
            }
            Ok(())
        });
    }
    let (reply, answer) = sync_channel(1);
    let gone = || io::Error::other("the thread that starts children is gone");
    spawner()?.send((command, reply)).map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

fn spawner() -> io::Result<Sender<Job>> {
    static SPAWNER: OnceLock<Sender<Job>> = OnceLock::new();
    if let Some(sender) = SPAWNER.get() {
        return Ok(sender.clone());
    }
    let (sender, jobs) = channel::<Job>();
    // Two callers may race here; the loser's thread ends at once, and has started nothing.
    if SPAWNER.set(sender.clone()).is_ok() {
        std::thread::Builder::new()
            .name("weir-spawner".into())
            .spawn(move || {
                for (mut command, reply) in jobs {
                    let _ = reply.send(command.spawn());
                }
            })?;
        return Ok(sender);
    }
    SPAWNER
        .get()
        .cloned()
        .ok_or_else(|| io::Error::other("no thread to start children"))
}

/// Sends a signal to a child that has not been reaped.
pub(crate) fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: kill takes two integers; the caller holds the child unreaped, so the id is still its
    // own.
    unsafe {
        libc::kill(pid as libc::pid_t, signal);
    }
}

/// Blocks until a child has ended, without reaping it: its process id stays its own until then.
pub(crate) fn wait_for_exit(pid: u32) {
    loop {
        // SAFETY: an all-zero siginfo_t is valid, and waitid writes only to it.
        let result = unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, pid, &mut info, libc::WEXITED | libc::WNOWAIT)
        };
        if result == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}
