//! `weir alerts`: what is told, as it stands or as it comes; to take care of it, or to silence it.

use super::runtime;
use crate::args::{AlertsArgs, AlertsListArgs, SayArgs, SpeakerArgs, SystemArgs};
use crate::output::{self, short};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;
use weir_catalog::suggest;
use weir_model::Micros;
use weir_model::codes::QUERY;
use weir_ops::explain::subject;
use weir_ops::tenant::meant;
use weir_sources::attention::{Said, Speaker, publish};
use weir_store::reader::{self, Finding, Limits};
use weir_store::{Reader, Store};

/// So many characters of an id are shown: enough to tell alerts apart.
const SHOWN: usize = 8;
/// How often `--follow` looks.
const EACH: Duration = Duration::from_secs(1);

/// An alert at its last step, as far as it is shown here.
#[derive(Clone, Debug, Deserialize, Serialize)]
struct Alert {
    id: String,
    rule: String,
    severity: String,
    priority: String,
    state: String,
    opened: String,
    at: String,
    dimensions: BTreeMap<String, String>,
    value: Option<f64>,
    threshold: Option<f64>,
    #[serde(default)]
    impact: String,
    #[serde(default)]
    action: String,
    #[serde(default)]
    acknowledged_by: Option<String>,
}

pub fn run(system: &SystemArgs, a: &AlertsArgs) -> Result<ExitCode> {
    match &a.say {
        None if a.list.follow => follow(system, &a.list),
        None => list(system, &a.list),
        Some(say) => speak(system, say),
    }
}

/// The alerts of a tenant.
struct Desk {
    runtime: tokio::runtime::Runtime,
    reader: Reader,
}

impl Desk {
    fn open(system: &SystemArgs, tenant: Option<&str>) -> Result<Desk> {
        let store = Store::new(&system.find()?.own_store()?);
        let runtime = runtime()?;
        let tenant = runtime.block_on(meant(&store, tenant))?;
        let reader = Reader::new(&store, &tenant, &Limits::default());
        Ok(Desk { runtime, reader })
    }

    fn read(&self, of: &Finding, most: usize) -> Result<Vec<Alert>> {
        let listing = reader::alerts(of);
        let page = self.reader.page(&listing, None, most);
        let rows = self.runtime.block_on(page)?.rows;
        let alert = |row| serde_json::from_value(serde_json::to_value(row)?);
        let alerts = rows.into_iter().map(alert).collect::<Result<_, _>>();
        alerts.context("the view `alerts` is of another version than this program")
    }

    /// The alert whose id begins so.
    fn find(&self, all: &[Alert], id: &str) -> Result<Alert> {
        let found: Vec<&Alert> = all.iter().filter(|a| a.id.starts_with(id)).collect();
        match found[..] {
            [one] => Ok(one.clone()),
            [] => bail!(
                "{QUERY}: {} has no alert {id}; weir alerts --all lists them",
                self.reader.tenant()
            ),
            ref many => bail!(
                "{QUERY}: {} alerts begin with {id}; write more of the id",
                many.len()
            ),
        }
    }
}

fn asked(a: &AlertsListArgs) -> Result<Finding> {
    let mut equal = Vec::new();
    equal.extend(a.rule.iter().map(|v| ("rule", v.clone())));
    equal.extend(a.severity.iter().map(|v| ("severity", v.clone())));
    Ok(Finding {
        equal,
        subject: subject(&a.subject)?,
        // Who follows is told of ends, too.
        over: (!a.all && !a.follow).then_some(false),
        within: (None, None),
    })
}

fn list(system: &SystemArgs, a: &AlertsListArgs) -> Result<ExitCode> {
    let desk = Desk::open(system, a.tenant.as_deref())?;
    let alerts = desk.read(&asked(a)?, a.limit as usize)?;
    if a.json {
        output::json(&alerts)?;
        return Ok(ExitCode::SUCCESS);
    }
    if alerts.is_empty() {
        let what = if a.all { "no alert" } else { "no open alert" };
        println!("{what} of {}", desk.reader.tenant());
        return Ok(ExitCode::SUCCESS);
    }
    // What is the same in all rows is left out: the table fits a terminal more often.
    let taken = alerts.iter().any(|a| a.acknowledged_by.is_some());
    let header = ["id", "severity", "rule", "of", "since", "value (bound)"];
    let state = a.all || taken;
    let header: Vec<&str> = header.into_iter().chain(state.then_some("state")).collect();
    let rows: Vec<Vec<String>> = alerts.iter().map(|x| x.row(state)).collect();
    output::table(&header, &rows)?;
    println!("weir alerts ack ID --by you@example.org takes care of one");
    Ok(ExitCode::SUCCESS)
}

impl Alert {
    fn row(&self, state: bool) -> Vec<String> {
        let values = self.dimensions.values().map(String::as_str);
        let mut row = vec![
            self.shown_id(),
            self.severity.clone(),
            self.rule.clone(),
            values.collect::<Vec<_>>().join(" "),
            minute(&self.opened),
            self.measured(),
        ];
        let standing = match (self.state.as_str(), &self.acknowledged_by) {
            ("resolve", _) => "resolved",
            (_, Some(by)) => by,
            (_, None) => "open",
        };
        row.extend(state.then(|| standing.to_owned()));
        row
    }

    fn shown_id(&self) -> String {
        self.id.chars().take(SHOWN).collect()
    }

    fn measured(&self) -> String {
        let number = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), short);
        format!("{} ({})", number(self.value), number(self.threshold))
    }

    /// A line for who follows.
    fn line(&self) -> String {
        let step = match self.state.as_str() {
            "open" => "opened",
            "resolve" => "resolved",
            other => other,
        };
        format!(
            "{} {step:<8} {} {:<8} {} {} {} {}",
            minute(&self.at),
            self.priority,
            self.severity,
            self.rule,
            of(&self.dimensions),
            self.measured(),
            self.shown_id(),
        )
    }
}

fn of(dimensions: &BTreeMap<String, String>) -> String {
    let parts = dimensions.iter().map(|(n, v)| format!("{n}={v}"));
    match dimensions.is_empty() {
        true => "all".to_owned(),
        false => parts.collect::<Vec<_>>().join(" "),
    }
}

/// `2026-03-01 10:00` of a moment in RFC 3339.
fn minute(at: &str) -> String {
    at.chars().take(16).collect::<String>().replace('T', " ")
}

/// Prints what is open, then each step as it comes.
fn follow(system: &SystemArgs, a: &AlertsListArgs) -> Result<ExitCode> {
    let desk = Desk::open(system, a.tenant.as_deref())?;
    let finding = asked(a)?;
    let most = Limits::default().rows;
    let mut seen: HashMap<String, (String, String)> = HashMap::new();
    let mut first = true;
    loop {
        let mut alerts = desk.read(&finding, most)?;
        alerts.sort_by(|x, y| (&x.at, &x.id).cmp(&(&y.at, &y.id)));
        for alert in &alerts {
            let step = (alert.state.clone(), alert.at.clone());
            let is_new = seen.insert(alert.id.clone(), step.clone()) != Some(step);
            // What was over before is no news.
            if is_new && !(first && alert.state == "resolve" && !a.all) {
                let mut out = std::io::stdout().lock();
                match a.json {
                    true => writeln!(out, "{}", serde_json::to_string(alert)?)?,
                    false => writeln!(out, "{}", alert.line())?,
                }
            }
        }
        first = false;
        std::thread::sleep(EACH);
    }
}

fn speak(system: &SystemArgs, say: &SayArgs) -> Result<ExitCode> {
    let (SayArgs::Ack { by, .. } | SayArgs::Silence { by, .. }) = say;
    let desk = Desk::open(system, by.tenant.as_deref())?;
    let at = Micros(jiff::Timestamp::now().as_microsecond());
    let said = match say {
        SayArgs::Ack { ids, note, .. } => acknowledged(&desk, ids, note.as_ref())?,
        SayArgs::Silence {
            what,
            span,
            subject: of,
            reason,
            ..
        } => {
            let until = at.plus(Micros(i64::try_from(span.as_micros())?));
            let (rule, alert) = silenced(&desk, system, what)?;
            vec![Said::Silenced {
                rule,
                alert,
                subject: subject(of)?,
                until,
                reason: reason.clone(),
            }]
        }
    };
    let speaker = Speaker {
        tenant: desk.reader.tenant(),
        by: &by.by,
        at,
    };
    let ids = publish(&system.find_brokers()?, system.privacy()?, speaker, &said)?;
    told(by, &said, &ids)
}

fn acknowledged(desk: &Desk, ids: &[String], note: Option<&String>) -> Result<Vec<Said>> {
    let all = desk.read(&Finding::default(), Limits::default().rows)?;
    let one = |id: &String| {
        let alert = desk.find(&all, id)?;
        Ok(Said::Acknowledged {
            alert: alert.id,
            rule: alert.rule,
            note: note.cloned(),
        })
    };
    ids.iter().map(one).collect()
}

/// Rule, and the one alert where an id is given.
fn silenced(desk: &Desk, system: &SystemArgs, what: &str) -> Result<(String, Option<String>)> {
    let catalog = system.catalog()?;
    if catalog.rule(what).is_some() {
        return Ok((what.to_owned(), None));
    }
    let all = desk.read(&Finding::default(), Limits::default().rows)?;
    if all.iter().any(|a| a.id.starts_with(what)) {
        let alert = desk.find(&all, what)?;
        return Ok((alert.rule, Some(alert.id)));
    }
    let known = catalog.rules.iter().map(|r| r.name.as_str());
    bail!(
        "{QUERY}: there is no rule and no alert {what}; {}",
        suggest(what, known)
    )
}

fn told(by: &SpeakerArgs, said: &[Said], ids: &[String]) -> Result<ExitCode> {
    if by.json {
        output::json(&serde_json::json!({ "by": by.by, "event_ids": ids }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for what in said {
        match what {
            Said::Acknowledged { alert, rule, .. } => {
                println!("{} takes care of {rule} ({alert})", by.by);
            }
            Said::Silenced { rule, until, .. } => {
                println!("no word of {rule} until {}", super::show(*until));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_happened_to_whom() {
        let alert = Alert {
            id: "0123456789abcdef".into(),
            rule: "spend_high".into(),
            severity: "high".into(),
            priority: "P2".into(),
            state: "resolve".into(),
            opened: "2026-03-01T10:00:00.000000Z".into(),
            at: "2026-03-01T11:30:00.000000Z".into(),
            dimensions: [("team".to_owned(), "core".to_owned())].into(),
            value: Some(12.5),
            threshold: Some(10.0),
            impact: String::new(),
            action: String::new(),
            acknowledged_by: None,
        };
        assert_eq!(
            alert.line(),
            "2026-03-01 11:30 resolved P2 high     spend_high team=core 12.5 (10) 01234567"
        );
        let row = alert.row(true);
        assert_eq!(row[3], "core");
        assert_eq!(row[6..], ["resolved"]);
    }
}
