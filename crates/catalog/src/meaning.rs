//! What gives results their meaning: the hash of a catalog, and changes of meaning that need a new
//! version.

pub(crate) mod text;

use crate::avro::{EventSchema, canonical};
use crate::problem::Refusal;
use crate::reader::File;
use crate::types::*;
use crate::yaml::{self, At, Value};
use std::fmt::Write as _;
use weir_model::codes;
use xxhash_rust::xxh3::xxh3_64;

/// Raised when `docs/semantics.md` gives numbers another meaning under the same declarations, so
/// that a new run begins. 2: sums read as the nearest float, percentiles within what was seen.
const SEMANTICS: u32 = 2;

/// Hash of everything that has meaning: no titles, units of people excepted, no comments, no names
/// of files.
pub(crate) fn hash(c: &Catalog) -> u64 {
    xxh3_64(meaning(c).as_bytes())
}

/// What is hashed, a line for each definition.
fn meaning(c: &Catalog) -> String {
    let mut s = String::new();
    let _ = writeln!(s, "semantics {SEMANTICS}");
    for e in &c.events {
        write_event(&mut s, e);
    }
    for k in &c.kpis {
        let (name, version, meaning) = (&k.name, k.version, k.meaning(c));
        let (target, weight, category) = (
            text::optional(k.target, |t| t.meaning()),
            k.weight,
            &k.category,
        );
        // Without targets of subjects it is written as before there were any.
        let own = k.targets.as_ref();
        let own = own.map_or(String::new(), |t| t.meaning(&k.dimensions));
        let what = if k.mix.is_some() { "score" } else { "kpi" };
        // What publishes all of its rows is written as before anything did not.
        let published = if k.only_changes { " changes" } else { "" };
        let _ = writeln!(
            s,
            "{what} {name} v{version} {meaning} {target}{own} {weight} {category}{published}"
        );
    }
    for d in &c.detectors {
        let (name, version, meaning) = (&d.name, d.version, d.meaning(c));
        let _ = writeln!(s, "detector {name} v{version} {meaning} {}", d.severity);
    }
    for r in &c.rules {
        let (name, version, meaning) = (&r.name, r.version, r.meaning(c));
        let (severity, labels) = (&r.severity, r.labels());
        let _ = writeln!(s, "rule {name} v{version} {meaning} {severity}{labels}");
    }
    let name = |z: &jiff::tz::TimeZone| z.iana_name().unwrap_or("UTC").to_string();
    let _ = writeln!(s, "zone {}", name(&c.tenants.default_zone));
    for (t, z) in &c.tenants.zones {
        let _ = writeln!(s, "zone {} {}", text::quoted(t), name(z));
    }
    // A catalog without aliases is written as before there were any.
    for (tenant, of) in &c.aliases.tenants {
        for (what, list) in [("engineer", &of.engineers), ("team", &of.teams)] {
            for (spelling, name) in list {
                let (tenant, spelling) = (text::quoted(tenant), text::quoted(spelling));
                let _ = writeln!(s, "alias {tenant} {what} {spelling} {}", text::quoted(name));
            }
        }
    }
    s
}

fn write_event(s: &mut String, e: &EventDef) {
    let _ = writeln!(s, "event {} v{} {}", e.name, e.version, text::event(e));
    let schema = serde_json::from_str(&e.schema_json).map(|j| canonical(&j));
    let _ = writeln!(s, "schema {}", schema.unwrap_or_default());
    for d in &e.dimensions {
        let _ = writeln!(s, "dimension {} {}", d.name, text::quoted(&d.path));
    }
    // Order counts here: partial blocks hold measures and rollups by index.
    for m in &e.measures {
        let _ = writeln!(s, "measure {} v{} {}", m.name, m.version, text::measure(m));
        if let MeasureKind::Cost(def) = &m.kind {
            let _ = writeln!(s, "book {}", text::book(&def.book));
            // What has no such field is written as before there was any.
            if may_be_unknown(e, def) {
                let _ = writeln!(s, "unknown usage has no price");
            }
        }
    }
    for r in &e.rollups {
        let _ = writeln!(s, "rollup {}", text::rollup(r));
    }
}

/// Whether a count that a call needs to have a price may be null.
fn may_be_unknown(e: &EventDef, cost: &CostDef) -> bool {
    let Ok(schema) = EventSchema::parse(&e.schema_json) else {
        return false;
    };
    let needed = |class: &String| crate::prices::NEEDED.contains(&class.as_str());
    let mut paths = cost.tokens.iter().filter(|(_, class)| needed(class));
    paths.any(|(path, _)| schema.field(path).is_some_and(|f| f.nullable))
}

/// One definition: its place in the files, its version and what it means.
struct Definition {
    path: Vec<String>,
    what: String,
    version: u32,
    meaning: String,
}

fn definitions(c: &Catalog) -> Vec<Definition> {
    let mut out = Vec::new();
    let mut add = |path: &[&str], what: String, version: u32, meaning: String| {
        out.push(Definition {
            path: path.iter().map(|s| s.to_string()).collect(),
            what,
            version,
            meaning,
        });
    };
    for e in &c.events {
        add(
            &[&e.name],
            format!("event \"{}\"", e.name),
            e.version,
            text::event(e),
        );
        for d in &e.dimensions {
            let what = format!("dimension \"{}\" of {}", d.name, e.name);
            add(
                &[&e.name, "dimensions", &d.name],
                what,
                e.version,
                d.path.clone(),
            );
        }
        for m in &e.measures {
            let what = format!("measure \"{}\" of {}", m.name, e.name);
            add(
                &[&e.name, "measures", &m.name],
                what,
                m.version,
                text::measure(m),
            );
        }
    }
    for k in &c.kpis {
        let (section, what) = match k.mix {
            None => ("kpis", "KPI"),
            Some(_) => ("scores", "score"),
        };
        add(
            &[section, &k.name],
            format!("{what} \"{}\"", k.name),
            k.version,
            k.meaning(c),
        );
    }
    for d in &c.detectors {
        add(
            &["detectors", &d.name],
            format!("detector \"{}\"", d.name),
            d.version,
            d.meaning(c),
        );
    }
    for r in &c.rules {
        add(
            &["alerts", &r.name],
            format!("rule \"{}\"", r.name),
            r.version,
            r.meaning(c),
        );
    }
    out
}

/// What one catalog kept of an event type, as another one would count it: by measure of `new`, the
/// place of the measure that adds up the same in `old`. `None`: nothing can be compared, since
/// events are identified, refused, named or dated in another way.
pub fn counted_alike(
    (old, was): (&Catalog, &EventDef),
    (new, now): (&Catalog, &EventDef),
) -> Option<Vec<Option<usize>>> {
    let same_paths = now.dimensions.iter().all(|d| {
        let old = was.dimensions.iter().find(|o| o.name == d.name);
        old.is_none_or(|o| o.path == d.path)
    });
    if text::event(was) != text::event(now) || old.aliases != new.aliases || !same_paths {
        return None;
    }
    // What a price was is part of what a measure counted.
    let words = |m: &MeasureDef| {
        let book = m.kind.pricing().map(|c| text::book(&c.book));
        (m.name.clone(), text::measure(m), book)
    };
    let before: Vec<_> = was.measures.iter().map(words).collect();
    let places = now.measures.iter().map(words);
    Some(
        places
            .map(|m| before.iter().position(|b| *b == m))
            .collect(),
    )
}

/// What may not take effect: definitions whose meaning changed under the same version, and prices
/// that changed after they were in force. Adding and removing is free.
pub fn evolve(old: &Catalog, new: &Catalog) -> Vec<Refusal> {
    let before = definitions(old);
    let mut out: Vec<Refusal> = definitions(new)
        .into_iter()
        .filter_map(|d| {
            let b = before.iter().find(|b| b.path == d.path)?;
            // A smaller version is an old meaning come back under a number that was left behind.
            let told = if d.version < b.version {
                format!(
                    "{} went back from version {} to {}",
                    d.what, b.version, d.version
                )
            } else if d.version == b.version && d.meaning != b.meaning {
                format!(
                    "{} means something else than before under the same version {}",
                    d.what, d.version
                )
            } else {
                return None;
            };
            let path: Vec<&str> = d.path.iter().map(String::as_str).collect();
            let (file, line, column) = new.place(&path);
            let at = At { line, column };
            Some(refusal(
                file,
                at,
                told,
                format!(
                    "write `version: {}`, or take the change back",
                    b.version + 1
                ),
            ))
        })
        .collect();
    out.extend(changed_prices(old, new));
    out.sort();
    out.dedup();
    out
}

fn refusal(file: String, at: At, message: String, remedy: String) -> Refusal {
    Refusal {
        file,
        line: at.line,
        column: at.column,
        code: codes::CATALOG_MEANING,
        message,
        remedy,
    }
}

/// Prices that changed, unless every measure that uses the book has a new version.
fn changed_prices(old: &Catalog, new: &Catalog) -> Vec<Refusal> {
    let cost_measures = |c: &Catalog| -> Vec<(String, u32, CostDef)> {
        let of = |e: &EventDef| -> Vec<(String, u32, CostDef)> {
            let one = |m: &MeasureDef| match &m.kind {
                MeasureKind::Cost(d) => {
                    Some((format!("{}.{}", e.name, m.name), m.version, d.clone()))
                }
                _ => None,
            };
            e.measures.iter().filter_map(one).collect()
        };
        c.events.iter().flat_map(of).collect()
    };
    let mut out = Vec::new();
    let before = cost_measures(old);
    for (name, version, now) in cost_measures(new) {
        let Some((_, _, was)) = before.iter().find(|(n, v, _)| *n == name && *v == version) else {
            continue;
        };
        for days in now.book.chunk_by(Price::same_day) {
            // The entries of one day are one price: one more, or another order, changes it.
            let was: Vec<&Price> = was.book.iter().filter(|o| o.same_day(&days[0])).collect();
            let same = was.len() == days.len() && days.iter().zip(&was).all(|(p, o)| p.equals(o));
            if was.is_empty() || same {
                continue;
            }
            let changed = days.iter().zip(&was).find(|(p, o)| !p.equals(o));
            let p = changed.map_or(&days[days.len().min(was.len()) - 1], |(p, _)| p);
            let (file, at) = locate_price(new, p);
            let told = format!(
                "the price of \"{}\" changed although it is in force",
                p.model
            );
            let remedy =
                format!("add an entry with a later `from`, or give measure {name} a new version");
            out.push(refusal(file, at, told, remedy));
        }
    }
    out
}

/// Where a definition stands: looked up in the sources, since the compiled catalog has forgotten
/// it.
fn locate(c: &Catalog, path: &[String]) -> (String, At) {
    for (file, text) in c.sources.iter().filter(|(f, _)| f.starts_with("catalog/")) {
        let Ok(root) = yaml::parse(text) else {
            continue;
        };
        let Value::Map(entries) = &root.value else {
            continue;
        };
        let event = entries
            .iter()
            .find(|(k, _)| k.name == "event")
            .map(|(_, n)| n);
        let (mut at, mut rest) = match event {
            Some(n) if matches!(&n.value, Value::Text(t) if *t == path[0]) => (n.at, &path[1..]),
            Some(_) => continue,
            None => (root.at, path),
        };
        let mut node = &root;
        while let Some((head, tail)) = rest.split_first() {
            let Value::Map(entries) = &node.value else {
                break;
            };
            let Some((k, n)) = entries.iter().find(|(k, _)| k.name == *head) else {
                break;
            };
            (at, node, rest) = (k.at, n, tail);
        }
        if rest.is_empty() {
            return (file.clone(), at);
        }
    }
    ("catalog".into(), At::default())
}

impl Catalog {
    /// Where a definition stands, as (file, line, column): `["kpis", "roi"]`, `["llm.call",
    /// "measures", "cost"]`. What a macro made stands where the macro does.
    pub fn place(&self, path: &[&str]) -> (String, u64, u64) {
        let path: Vec<String> = path.iter().map(|p| p.to_string()).collect();
        let (mut file, mut at) = locate(self, &path);
        let name = path.last().map_or("", String::as_str);
        // `budget_team_spend_used` is of `team_spend`, also where there is a budget `team`.
        let made = self.expanded.iter().filter(|e| e.made(name));
        let made = made.max_by_key(|e| e.name.len());
        if let (At { line: 0, .. }, Some(e)) = (at, made) {
            (file, at) = locate(self, &[e.section.to_owned(), e.name.clone()]);
        }
        (file, at.line, at.column)
    }
}

fn locate_price(c: &Catalog, p: &Price) -> (String, At) {
    for (name, text) in c.sources.iter().filter(|(f, _)| f.starts_with("catalog/")) {
        let Ok(root) = yaml::parse(text) else {
            continue;
        };
        let Value::Map(entries) = &root.value else {
            continue;
        };
        let Some((_, list)) = entries.iter().find(|(k, _)| k.name == "prices") else {
            continue;
        };
        let problems = std::cell::RefCell::new(Vec::new());
        let file = File {
            name,
            text,
            problems: &problems,
        };
        let is = |item: &yaml::Node| {
            let f = file.fields(item, "a price", &[])?;
            let source = f.get("when").and_then(|n| file.text(n, "when"));
            let when = p.when.as_ref().map(|w| w.source.as_str());
            let (provider, model, from) = crate::prices::head(&f)?;
            Some((provider.as_str(), model, from, source) == (&p.provider, &p.model, p.from, when))
        };
        let Value::List(items) = &list.value else {
            continue;
        };
        if let Some(item) = items.iter().find(|i| is(i) == Some(true)) {
            return (name.clone(), item.at);
        }
    }
    ("catalog".into(), At::default())
}

#[cfg(test)]
mod tests;
