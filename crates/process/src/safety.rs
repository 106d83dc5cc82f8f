//! Which process may not be ended, on no account.

use crate::table::{Identity, Process, Table};
use crate::tree::ancestors;

/// Why a process is not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// The machine, or the container, ends with it.
    First,
    /// It is the command itself.
    Itself,
    /// It began the command, or what began it.
    Ancestor,
    /// It is a part of the kernel.
    Kernel,
    /// There is no such process.
    NotThere,
    /// Another process has the id now.
    Reused,
}

/// The process, where it may be ended by the process `me`.
///
/// # Errors
/// Why it may not.
pub fn check(table: &Table, me: i32, target: Identity) -> Result<&Process, Refusal> {
    // Before it is looked for: these are refused whatever the table says.
    if target.pid <= 1 {
        return Err(Refusal::First);
    }
    if target.pid == me {
        return Err(Refusal::Itself);
    }
    if ancestors(table, me).contains(&target.pid) {
        return Err(Refusal::Ancestor);
    }
    let found = table.processes.get(&target.pid).ok_or(Refusal::NotThere)?;
    if found.started != target.started {
        return Err(Refusal::Reused);
    }
    match found.is_kernel {
        true => Err(Refusal::Kernel),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{process, table};
    use proptest::prelude::*;

    fn at(pid: i32, started: u64) -> Identity {
        Identity { pid, started }
    }

    #[test]
    fn what_holds_the_command_up_is_refused_and_so_is_a_stranger() {
        let mut kernel = process(2, 0, 1);
        kernel.is_kernel = true;
        let there = vec![
            process(1, 0, 1),
            kernel,
            process(10, 1, 5),
            process(20, 10, 6),
            process(30, 20, 7),
            process(31, 20, 8),
        ];
        let t = table(1.0, there);
        let refused = [
            (at(1, 1), Refusal::First),
            (at(0, 0), Refusal::First),
            (at(-1, 0), Refusal::First),
            (at(30, 7), Refusal::Itself),
            // Also where the start is another one: it is looked at last.
            (at(30, 99), Refusal::Itself),
            (at(20, 6), Refusal::Ancestor),
            (at(10, 99), Refusal::Ancestor),
            (at(2, 1), Refusal::Kernel),
            (at(40, 1), Refusal::NotThere),
            (at(31, 9), Refusal::Reused),
        ];
        for (target, why) in refused {
            assert_eq!(check(&t, 30, target), Err(why), "{target:?}");
        }
        assert_eq!(check(&t, 30, at(31, 8)).map(|p| p.pid), Ok(31));
    }

    proptest! {
        #[test]
        fn never_an_ancestor_itself_or_the_first(
            parents in prop::collection::vec(0..12i32, 2..12),
            me in 2..12i32,
        ) {
            let there = parents.iter().enumerate();
            let all = there.map(|(i, p)| process(i as i32 + 1, *p, 1)).collect();
            let t = table(1.0, all);
            for pid in -1..14 {
                if check(&t, me, at(pid, 1)).is_ok() {
                    prop_assert!(pid > 1 && pid != me && !ancestors(&t, me).contains(&pid));
                }
            }
        }
    }
}
