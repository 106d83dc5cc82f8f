//! What people, and programs, are told.

use super::Published;
use crate::output::{self, short, thousands};
use anyhow::Result;
use serde::Serialize;
use weir_agents::Read;
use weir_ops::spend::{Row, Session, Spend, Sums};
use weir_sources::ingest::Report;

/// Days, projects and models that are listed for people; programs get all.
const DAYS: usize = 31;
const NAMES: usize = 20;
/// The dearest sessions that are listed.
const SESSIONS: usize = 10;

/// All, for programs.
#[derive(Serialize)]
pub struct Json<'a> {
    /// What was published; none with `--dry-run`.
    #[serde(skip_serializing_if = "Option::is_none")]
    published: Option<&'a Report>,
    /// Calls that the next import takes.
    waiting: u64,
    read: Files<'a>,
    #[serde(flatten)]
    spend: &'a Spend,
}

/// What was read.
#[derive(Serialize)]
struct Files<'a> {
    files: u64,
    bytes: u64,
    /// Lines that repeat a call.
    repeated: u64,
    /// Lines that are no JSON.
    odd: u64,
    /// Files that could not be read.
    unread: Vec<String>,
    /// Sessions of which only a sum is left, with their tokens.
    only_sums: &'a [(String, i64)],
}

impl<'a> Json<'a> {
    pub fn new(spend: &'a Spend, published: Option<&'a Published>, found: &'a Read) -> Json<'a> {
        Json {
            published: published.map(|p| &p.report),
            waiting: published.map_or(0, |p| p.waiting),
            read: Files {
                files: found.files,
                bytes: found.bytes,
                repeated: found.repeated,
                odd: found.odd,
                unread: unread(found),
                only_sums: &found.only_sums,
            },
            spend,
        }
    }
}

fn unread(found: &Read) -> Vec<String> {
    let one = |(path, why): &(std::path::PathBuf, String)| format!("{}: {why}", path.display());
    found.unread.iter().map(one).collect()
}

/// One line of how far it is.
pub fn now(spend: &Spend, json: bool) -> Result<()> {
    if json {
        return output::json(&spend.total);
    }
    let today = spend.days.last();
    println!(
        "{} calls, {} USD in all; {} on {}",
        thousands(spend.total.calls),
        money(&spend.total),
        today.map_or_else(|| "0".to_owned(), |d| money(&d.sums)),
        today.map_or("no day", |d| d.name.as_str()),
    );
    Ok(())
}

/// All, for people.
pub fn all(spend: &Spend, published: Option<&Published>, found: &Read) -> Result<()> {
    if spend.total.calls > 0 {
        days(spend)?;
        named("model", &spend.models)?;
        if spend.agents.len() > 1 {
            named("agent", &spend.agents)?;
        }
        named("project", &spend.projects)?;
        sessions(spend)?;
        println!();
        caches(spend);
    }
    notes(spend, found);
    if let Some(p) = published {
        told(p);
    }
    Ok(())
}

const COLUMNS: [&str; 6] = [
    "calls",
    "input",
    "cache read",
    "cache write",
    "output",
    "USD",
];

fn cells(name: &str, s: &Sums) -> Vec<String> {
    let n = |n: i64| thousands(u64::try_from(n).unwrap_or(0));
    vec![
        name.to_owned(),
        thousands(s.calls),
        n(s.input),
        n(s.cache_read),
        n(s.cache_write),
        n(s.output),
        money(s),
    ]
}

/// A cost that nobody knows is no 0.
fn money(s: &Sums) -> String {
    let usd = s.usd.to_f64();
    match usd {
        _ if s.unpriced > 0 && usd == 0.0 => "-".to_owned(),
        _ if usd.abs() < 1.0 => short(usd),
        _ => {
            let cents = (usd * 100.0).round() as u64;
            format!("{}.{:02}", thousands(cents / 100), cents % 100)
        }
    }
}

fn header(name: &str) -> Vec<&str> {
    [name].into_iter().chain(COLUMNS).collect()
}

fn days(spend: &Spend) -> Result<()> {
    let earlier = spend.days.len().saturating_sub(DAYS);
    let (old, new) = spend.days.split_at(earlier);
    let mut rows = Vec::new();
    if !old.is_empty() {
        rows.push(cells(&format!("{earlier} days before"), &rest(old)));
    }
    rows.extend(new.iter().map(|d| cells(&d.name, &d.sums)));
    rows.push(cells("total", &spend.total));
    output::table(&header("day"), &rows)
}

fn named(what: &str, all: &[Row]) -> Result<()> {
    let (first, others) = all.split_at(all.len().min(NAMES));
    let mut rows: Vec<_> = first.iter().map(|r| cells(&r.name, &r.sums)).collect();
    if !others.is_empty() {
        rows.push(cells(&format!("{} others", others.len()), &rest(others)));
    }
    println!();
    output::table(&header(what), &rows)
}

fn rest(of: &[Row]) -> Sums {
    let mut out = Sums::default();
    of.iter().for_each(|r| out.join(&r.sums));
    out
}

fn sessions(spend: &Spend) -> Result<()> {
    let row = |s: &Session| {
        vec![
            s.session.clone(),
            s.agent.clone(),
            s.project
                .rsplit(['/', '\\'])
                .next()
                .unwrap_or_default()
                .to_owned(),
            s.models.join(", "),
            s.last.get(..10).unwrap_or_default().to_owned(),
            thousands(s.sums.calls),
            money(&s.sums),
        ]
    };
    let rows: Vec<_> = spend.sessions.iter().take(SESSIONS).map(row).collect();
    println!();
    if spend.sessions.len() > SESSIONS {
        println!(
            "the {SESSIONS} dearest of {} sessions",
            thousands(spend.sessions.len() as u64)
        );
    }
    let header = [
        "session", "agent", "project", "models", "last day", "calls", "USD",
    ];
    output::table(&header, &rows)
}

fn caches(spend: &Spend) {
    let Some(rate) = spend.cache.hit_rate else {
        return;
    };
    let (saved, unknown) = (spend.cache.saved_usd.to_f64(), spend.cache.unknown_tokens);
    let mut worth = match saved {
        _ if saved < 0.0 => format!(
            "writing to caches cost {} USD more than reading saved",
            short(-saved)
        ),
        _ if saved == 0.0 && unknown > 0 => "what that saved is not known".to_owned(),
        _ => format!("caches saved {} USD of list prices", short(saved)),
    };
    if saved != 0.0 && unknown > 0 {
        let tokens = thousands(unknown.unsigned_abs());
        worth += &format!(" ({tokens} tokens in caches have no known price)");
    }
    println!(
        "{:.1}% of the input came from a cache; {worth}",
        rate * 100.0
    );
    println!(
        "days are those of {}; costs are list prices, whatever you pay",
        spend.time_zone
    );
}

fn notes(spend: &Spend, found: &Read) {
    for u in &spend.unpriced {
        eprintln!(
            "no price is known for {} of {}: {} calls with {} tokens are not in the sums; add it to catalog/prices.yaml",
            u.model,
            u.provider,
            thousands(u.calls),
            thousands(u.tokens.unsigned_abs())
        );
    }
    if spend.incomplete > 0 {
        eprintln!(
            "{} answers have no end in their log: their output is a lower bound",
            thousands(spend.incomplete)
        );
    }
    let sums: i64 = found.only_sums.iter().map(|(_, tokens)| tokens).sum();
    if sums > 0 {
        eprintln!(
            "of {} sessions only a sum is left, {} tokens, which are not among the calls",
            thousands(found.only_sums.len() as u64),
            thousands(sums.unsigned_abs())
        );
    }
    for line in unread(found) {
        eprintln!("not read: {line}");
    }
}

fn told(p: &Published) {
    let r = &p.report;
    let mut line = format!(
        "{} events published, {} published before, {} there by OTLP, {} refused",
        thousands(r.written),
        thousands(r.already),
        thousands(r.elsewhere),
        thousands(r.refused)
    );
    if p.waiting > 0 {
        line += &format!(
            "; {} calls are too young, the next import takes them",
            thousands(p.waiting)
        );
    }
    println!("{line}");
    if let Some(judged) = &p.judged {
        println!("  {judged}");
    }
    for reason in r.reasons.iter().chain(&r.notes) {
        eprintln!("  {reason}");
    }
    if r.differing > 0 {
        eprintln!(
            "  {} of those published before have other numbers here; what was published stays",
            thousands(r.differing)
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use weir_model::Fixed;

    #[test]
    fn money_is_rounded_and_never_0_where_nobody_knows_it() {
        let of = |usd: f64, unpriced: u64| {
            money(&Sums {
                usd: Fixed::from_f64(usd).unwrap_or_default(),
                unpriced,
                ..Sums::default()
            })
        };
        assert_eq!(of(1_999.996, 0), "2,000.00");
        assert_eq!(of(1_234.5, 3), "1,234.50");
        assert_eq!(of(0.1219, 0), "0.122");
        assert_eq!(of(0.0, 0), "0");
        assert_eq!(of(0.0, 2), "-");
    }

    #[test]
    fn what_is_not_listed_is_summed() {
        let row = |calls| Row {
            name: "x".into(),
            sums: Sums {
                calls,
                usd: Fixed::from_int(2),
                ..Sums::default()
            },
        };
        let sums = rest(&[row(3), row(4)]);
        assert_eq!((sums.calls, sums.usd), (7, Fixed::from_int(4)));
    }
}
