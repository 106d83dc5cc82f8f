//! `weir explain`: what a number is made of, down to the events, as a tree.

use super::runtime;
use crate::args::{ExplainArgs, ExplainCommand, SystemArgs};
use crate::output::{self, Tree, short, thousands};
use anyhow::Result;
use std::collections::BTreeMap;
use std::process::ExitCode;
use weir_ops::explain::{
    Event, Explain, Explanation, Formula, Group, Input, Parts, Price, Said, Term, Whose, Window,
    subject,
};
use weir_store::Store;

pub fn run(system: &SystemArgs, command: &ExplainCommand) -> Result<ExitCode> {
    let (ExplainCommand::Kpi { name, of } | ExplainCommand::Measure { name, of }) = command;
    let ExplainArgs {
        subject: text,
        window,
        tenant,
        limit,
        json,
    } = of;
    let (subject, window) = (subject(text)?, Window::parse(window)?);
    let catalog = system.catalog()?;
    let store = Store::new(&system.find()?.own_store()?);
    let explain = Explain {
        catalog: &catalog,
        store: &store,
        whose: Whose::Among(tenant.as_deref()),
        subject: &subject,
        window,
        limit: *limit,
    };
    let explained = runtime()?.block_on(async {
        match command {
            ExplainCommand::Kpi { .. } => explain.kpi(name).await,
            ExplainCommand::Measure { .. } => explain.measure(name).await,
        }
    })?;
    match json {
        true => output::json(&explained)?,
        false => output::tree(&tree(&explained))?,
    }
    Ok(ExitCode::SUCCESS)
}

fn tree(e: &Explanation) -> Tree {
    let mut root = Tree::new(format!(
        "{} {} of {}: {}",
        e.what,
        e.name,
        of_whom(&e.tenant, &e.subject),
        e.title
    ));
    root.leaf(format!(
        "window {}: {} to {}",
        e.window.label, e.window.start, e.window.end
    ));
    if let Some(f) = &e.formula {
        root.add(formula(f, &e.unit));
    }
    match (&e.published, e.what) {
        (Some(said), _) => root.leaf(format!("published: {}", say(said, &e.unit))),
        (None, "measure") => {}
        (None, _) => {
            root.leaf("published: nothing, its window is not final, or had late events only")
        }
    }
    root.leaf(format!("by now: {}", say(&e.current, &e.unit)));
    for input in &e.inputs {
        root.leaf(self::input(input));
    }
    for t in &e.terms {
        root.add(term(t));
    }
    root.leaf(match e.adds_up {
        true => "all that is listed comes to the value".to_owned(),
        false => "what is listed does not come to the value: something is not final yet, \
                  or has not reached ClickHouse; look at `weir status`, then at `weir verify`"
            .to_owned(),
    });
    root
}

fn of_whom(tenant: &str, subject: &BTreeMap<String, String>) -> String {
    let each = subject.iter().map(|(n, v)| format!(" {n}={v}"));
    format!("{tenant}{}", each.collect::<String>())
}

fn value(v: Option<f64>) -> String {
    v.map_or_else(|| "no value".into(), short)
}

fn amount(v: Option<f64>, unit: &str) -> String {
    v.map_or_else(|| "no value".into(), |v| format!("{} {unit}", short(v)))
}

fn say(said: &Said, unit: &str) -> String {
    let mut text = amount(said.value, unit);
    if let Some(score) = said.score {
        text += &format!(", score {}", short(score));
    }
    if let Some(status) = &said.status {
        text += &format!(", {status}");
    }
    text
}

fn formula(f: &Formula, unit: &str) -> Tree {
    let mut tree = Tree::new(format!("= {}", f.expression));
    tree.leaf(format!(
        "comes to {}, rounded to {} decimals",
        amount(f.value, unit),
        f.decimals
    ));
    if let (Some(target), Some(better)) = (f.target, f.better) {
        tree.leaf(format!("target {}, {better} is better", short(target)));
    }
    if let Some((term, least)) = &f.minimum_sample {
        tree.leaf(format!("judged from {term} = {} on", short(*least)));
    }
    tree
}

fn input(i: &Input) -> String {
    format!(
        "{}: worth {}, weight {}; `weir explain kpi {}` goes on",
        i.kpi,
        i.worth
            .map_or_else(|| "nothing, it is not there".into(), short),
        short(i.weight),
        i.kpi
    )
}

fn term(t: &Term) -> Tree {
    let mut tree = Tree::new(format!(
        "{} = {}: {}",
        t.name,
        amount(t.value, &t.unit),
        t.title
    ));
    let mut what = format!("{} of {}.{}: {}", t.statistic, t.event, t.measure, t.kind);
    for (word, text) in [("of", &t.of), ("where", &t.seen)] {
        if !text.is_empty() {
            what += &format!(" {word} {text}");
        }
    }
    let by = t.rollup.join(", ");
    what += &format!(", by [{by}]");
    tree.leaf(what);
    if t.setting {
        tree.leaf(
            "a setting: what is in force at the end of the window, since the event listed last",
        );
    }
    tree.add(parts(&t.parts));
    for p in &t.prices {
        tree.leaf(price(p));
    }
    tree.add(events(t));
    if !t.adds_up {
        tree.leaf(format!(
            "the events come to {}, not to the value",
            value(t.of_events)
        ));
    }
    tree
}

fn parts(p: &Parts) -> Tree {
    let of = |g: &Group| match g.parts {
        0 => "none".to_owned(),
        n => format!("{} ({})", thousands(n), value(g.value)),
    };
    let mut tree = Tree::new(format!(
        "parts on time: {}; late: {}",
        of(&p.on_time),
        of(&p.late)
    ));
    for part in &p.listed {
        let late = if part.late { "late, " } else { "" };
        tree.leaf(format!(
            "{late}{} to {}: {}",
            part.start,
            part.end,
            value(part.value)
        ));
    }
    let left = (p.on_time.parts + p.late.parts).saturating_sub(p.listed.len() as u64);
    if left > 0 {
        tree.leaf(format!("and {} more; --limit shows them", thousands(left)));
    }
    tree
}

fn price(p: &Price) -> String {
    let what = match p.by {
        "reported" => "cost reported by the event".to_owned(),
        "book" => {
            let each = p.per_million.iter();
            let each: Vec<String> = each
                .map(|(c, usd)| format!("{c} {}", short(*usd)))
                .collect();
            let from = p.from.as_deref().unwrap_or_default();
            let when = p
                .when
                .as_ref()
                .map_or(String::new(), |w| format!(", when {w}"));
            format!(
                "price of {} {} from {}{when} (USD per million: {})",
                p.provider,
                p.model,
                from.get(..10).unwrap_or(from),
                each.join(", ")
            )
        }
        _ => "no entry of the price book, and no token to pay".to_owned(),
    };
    format!("{what}: {} calls, {} USD", thousands(p.calls), short(p.usd))
}

fn events(t: &Term) -> Tree {
    let e = &t.events;
    let mut tree = Tree::new(format!(
        "events in {}: {}, of which {} count here; {} shown",
        e.topic,
        thousands(e.count),
        thousands(e.adding),
        e.listed.len()
    ));
    for event in &e.listed {
        tree.leaf(place(event));
    }
    tree
}

fn place(e: &Event) -> String {
    format!(
        "partition {} offset {}: {} at {} adds {}",
        e.partition,
        e.offset,
        e.event_id,
        e.time,
        value(e.value)
    )
}
