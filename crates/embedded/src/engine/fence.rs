//! The engine's process keeps to its data: the kernel (Landlock) refuses it all other files and
//! every connection that it would open. Behind the rules for statements this is the second wall,
//! for the way out that they do not know.

use anyhow::{Context, Result};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, path_beneath_rules,
};
use std::path::Path;

/// What newer kernels can refuse besides is not asked for.
const RIGHTS: ABI = ABI::V5;
/// What libraries and the engine read of a machine: nothing below is anybody's own. Of other
/// processes they see nothing.
const READABLE: &[&str] = &[
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/lib",
    "/lib64",
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/proc/sys",
    "/proc/uptime",
    "/proc/vmstat",
    "/sys",
    "/usr",
];
const WRITABLE: &[&str] = &["/dev"];

/// Puts the calling thread, and all threads and processes that it starts later, behind the fence:
/// what is open stays open. False where the kernel has no such fence.
///
/// # Errors
/// Where a directory cannot be opened, or the kernel has the fence and refuses it.
pub fn enclose(data: &Path, library: &Path) -> Result<bool> {
    let opened =
        |path: &Path| PathFd::new(path).with_context(|| format!("opening {}", path.display()));
    let all = AccessFs::from_all(RIGHTS);
    let read = AccessFs::from_read(RIGHTS);
    let status = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(all)?
        .handle_access(AccessNet::from_all(RIGHTS))?
        .create()?
        .add_rule(PathBeneath::new(opened(data)?, all))?
        .add_rule(PathBeneath::new(
            opened(library)?,
            read & AccessFs::from_file(RIGHTS),
        ))?
        .add_rules(path_beneath_rules(READABLE, read))?
        .add_rules(path_beneath_rules(WRITABLE, all))?
        .restrict_self()
        .context("fencing the engine in")?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}
