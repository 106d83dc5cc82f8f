//! Leaves an event behind each change that a command makes.

use crate::args::SystemArgs;
use weir_model::Micros;
use weir_model::codes::AUDIT;
use weir_sources::audit::{Change, publish};

/// Who emits them.
const SOURCE: &str = "weir-cli";
/// Who gives commands, and who is logged in where that says nothing.
const ACTORS: [&str; 2] = ["WEIR_ENGINEER", "USER"];

/// Says that something was changed, now and by who gives this command. The change is made: where
/// this cannot be written, that is told, and no error.
pub fn done(system: &SystemArgs, change: Change<'_>) {
    let actor = ACTORS.iter().find_map(|name| std::env::var(name).ok());
    let change = Change {
        actor: actor.as_deref().unwrap_or_default(),
        at: Micros(jiff::Timestamp::now().as_microsecond()),
        outcome: "done",
        ..change
    };
    let written = || {
        let brokers = system.find_brokers()?;
        publish(&brokers, system.privacy()?, SOURCE, &[change])
    };
    if let Err(e) = written() {
        let (action, target) = (change.action, change.target);
        eprintln!(
            "{AUDIT}: {action} of {target} is done, but its audit event is not written: {e:#}"
        );
    }
}
