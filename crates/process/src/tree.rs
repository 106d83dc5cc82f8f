//! Who began whom.

use crate::table::Table;
use std::collections::{BTreeSet, HashSet};

/// Ids of the ancestors of a process that can be seen, its parent first. A parent that is its own
/// descendant (tables are not read at one instant) ends the line.
pub fn ancestors(table: &Table, pid: i32) -> Vec<i32> {
    let mut line = Vec::new();
    let mut seen = HashSet::from([pid]);
    let mut at = pid;
    while let Some(parent) = table.processes.get(&at).map(|p| p.parent) {
        if parent <= 0 || !seen.insert(parent) || !table.processes.contains_key(&parent) {
            break;
        }
        line.push(parent);
        at = parent;
    }
    line
}

/// Ids of the children of a process, in order.
pub fn children(table: &Table, pid: i32) -> Vec<i32> {
    let of = |p: &&crate::Process| p.parent == pid && p.pid != pid;
    table.processes.values().filter(of).map(|p| p.pid).collect()
}

/// Ids of all that a process began, at any depth.
pub fn descendants(table: &Table, pid: i32) -> BTreeSet<i32> {
    let mut all = BTreeSet::new();
    let mut next = vec![pid];
    while let Some(at) = next.pop() {
        let new = children(table, at).into_iter().filter(|c| *c != pid);
        next.extend(new.filter(|c| all.insert(*c)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{process, table};
    use proptest::prelude::*;

    #[test]
    fn lines_go_up_and_down() {
        let there = vec![
            process(1, 0, 1),
            process(5, 1, 2),
            process(6, 5, 3),
            process(7, 5, 4),
            process(9, 6, 5),
        ];
        let t = table(1.0, there);
        assert_eq!(ancestors(&t, 9), [6, 5, 1]);
        assert_eq!(children(&t, 5), [6, 7]);
        assert_eq!(descendants(&t, 5), BTreeSet::from([6, 7, 9]));
        assert!(ancestors(&t, 1).is_empty() && ancestors(&t, 77).is_empty());
    }

    proptest! {
        /// Any table ends, circles too, and up is the reverse of down.
        #[test]
        fn up_is_the_reverse_of_down(parents in prop::collection::vec(0..12i32, 1..12)) {
            let there = parents.iter().enumerate();
            let all = there.map(|(i, p)| process(i as i32 + 1, *p, 1)).collect();
            let t = table(1.0, all);
            for pid in t.processes.keys() {
                for up in ancestors(&t, *pid) {
                    prop_assert!(descendants(&t, up).contains(pid));
                }
                prop_assert!(!descendants(&t, *pid).contains(pid));
            }
        }
    }
}
