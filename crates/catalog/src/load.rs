//! From files to a [`Catalog`], or to everything that is wrong with them.

use crate::avro::{EventSchema, FieldType};
use crate::judge::rule::Declared;
use crate::judge::{detector, inhibit, kpi, rule, score};
use crate::parts::{Parts, is_catalog, parts};
use crate::problem::{CatalogErrors, Problem};
use crate::reader::File;
use crate::types::*;
use crate::yaml::{At, Key, Node};
use crate::{aliases, assistants, events, expand, prices, stored};
use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;
use weir_model::codes;

/// Loads `events/*.avsc` and `catalog/**/*.yaml` below `schemas_dir`. Every problem is told, not
/// only the first.
pub fn load(schemas_dir: &Path) -> Result<Catalog, CatalogErrors> {
    let mut sources = Vec::new();
    let mut problems = Vec::new();
    for (dir, ext) in [("events", "avsc"), ("catalog", "yaml")] {
        collect(
            schemas_dir,
            &schemas_dir.join(dir),
            ext,
            &mut sources,
            &mut problems,
        );
    }
    if problems.is_empty() {
        load_sources(sources)
    } else {
        Err(CatalogErrors(problems))
    }
}

fn collect(
    root: &Path,
    dir: &Path,
    ext: &str,
    out: &mut Vec<(String, String)>,
    problems: &mut Vec<Problem>,
) {
    let shown = |p: &Path| {
        p.strip_prefix(root)
            .unwrap_or(p)
            .to_string_lossy()
            .replace('\\', "/")
    };
    let mut fail = |p: &Path, e: std::io::Error| {
        problems.push(Problem {
            file: shown(p),
            line: 0,
            column: 0,
            code: codes::CATALOG_SYNTAX,
            message: format!("cannot be read: {e}"),
            remedy: format!("check the directory {}", root.display()),
        });
    };
    let entries = match std::fs::read_dir(dir).and_then(|d| d.collect::<Result<Vec<_>, _>>()) {
        Ok(entries) => entries,
        Err(e) => return fail(dir, e),
    };
    let mut below = Vec::new();
    for path in entries.iter().map(|e| e.path()) {
        if path.is_dir() {
            below.push(path);
        } else if path.extension().is_some_and(|e| e == ext) {
            match std::fs::read_to_string(&path) {
                Ok(text) => out.push((shown(&path), text)),
                Err(e) => fail(&path, e),
            }
        }
    }
    for dir in below {
        collect(root, &dir, ext, out, problems);
    }
}

/// Loads from memory: (path relative to `schemas/`, text). Other files than `events/*.avsc` and
/// `catalog/**/*.yaml` are left out.
pub fn load_sources(mut sources: Vec<(String, String)>) -> Result<Catalog, CatalogErrors> {
    sources.retain(|(f, _)| is_schema(f) || is_catalog(f));
    sources.sort();
    let problems = RefCell::new(Vec::new());
    let catalog = build(&sources, &problems);
    let mut problems = problems.into_inner();
    match catalog {
        Some(mut c) if problems.is_empty() => {
            c.sources = Arc::new(sources);
            if c.assistants.tools.is_empty() {
                c.assistants = Catalog::embedded_assistants();
            }
            c.hash = crate::meaning::hash(&c);
            Ok(c)
        }
        _ => {
            problems.sort();
            problems.dedup();
            Err(CatalogErrors(problems))
        }
    }
}

fn is_schema(file: &str) -> bool {
    file.starts_with("events/") && file.ends_with(".avsc")
}

fn build(sources: &[(String, String)], problems: &RefCell<Vec<Problem>>) -> Option<Catalog> {
    let schemas = schemas(sources, problems);
    let all_schemas = schemas.len() == sources.iter().filter(|(f, _)| is_schema(f)).count();
    let (mut parts, all_parts) = parts(sources, problems);
    if !all_schemas || !all_parts {
        // All that refers to what could not be read would seem wrong too, and hide what is.
        return None;
    }
    let expanded = expand::expand(&mut parts.sections, &mut parts.events);
    let of = |s: &'static str| parts.section(s);

    let mut events = events_of(&parts, &schemas);
    expanded.found(&mut problems.borrow_mut());
    let mut kpis = named(of("kpis"), "kpis", |f, k, n| kpi::read(f, k, n, &events));
    score::join(&mut kpis, named(of("scores"), "scores", score::read));
    let detectors = named(of("detectors"), "detectors", |f, k, n| {
        detector::read(f, k, n, &events)
    });
    let declared = Declared {
        events: &events,
        kpis: &kpis,
        detectors: &detectors,
    };
    let rules = inhibit::link(named(of("alerts"), "alerts", |f, k, n| {
        rule::read(f, k, n, declared)
    }));
    let tenants = tenants(of("tenants"))?;
    let aliases = aliases::read(of("aliases"));
    let assistants = assistants::read(of("assistants"));
    let kpis: Vec<KpiDef> = kpis.into_iter().map(|c| c.def).collect();
    let detectors: Vec<_> = detectors.into_iter().map(|c| c.def).collect();
    stored::complete(&mut events, &kpis, &detectors, &tenants);
    Some(Catalog {
        hash: 0,
        kpis,
        detectors,
        rules,
        events,
        tenants,
        aliases,
        assistants,
        expanded: expanded.all,
        sources: Arc::new(Vec::new()),
    })
}

/// The event types, sorted by name.
fn events_of(parts: &Parts<'_>, schemas: &events::Schemas) -> Vec<EventDef> {
    let files = &parts.events;
    let priced = files
        .iter()
        .filter_map(|(_, root)| events::priced(root, schemas));
    let priced: Vec<_> = priced.collect();
    let book = Arc::new(prices::book(parts.section("prices"), &priced));
    let mut events: Vec<EventDef> = Vec::new();
    for (file, root) in files {
        let Some(e) = events::read(*file, root, schemas, &book) else {
            continue;
        };
        if events.iter().any(|o| o.name == e.name) {
            file.say(
                root.at,
                codes::CATALOG_DUPLICATE,
                format!("event \"{}\" has two catalog files", e.name),
                "put all of it into one",
            );
            continue;
        }
        events.push(e);
    }
    events.sort_by(|a, b| a.name.cmp(&b.name));
    events
}

/// Reads the named entries of a section from all files, sorted by name.
fn named<'s, T>(
    parts: impl Iterator<Item = (File<'s>, &'s Node)>,
    what: &str,
    mut read: impl FnMut(File<'s>, &'s Key, &'s Node) -> Option<T>,
) -> Vec<T> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    let mut out: Vec<(&str, T)> = Vec::new();
    for (file, node) in parts {
        for (key, value) in file.entries(node, what) {
            if let Some((_, other)) = seen.iter().find(|(n, _)| *n == key.name) {
                file.say(
                    key.at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{}\" is declared in {other} too", key.name),
                    "rename or remove one of them",
                );
                continue;
            }
            seen.push((&key.name, file.name));
            if let Some(t) = read(file, key, value) {
                out.push((&key.name, t));
            }
        }
    }
    out.sort_by(|a, b| a.0.cmp(b.0));
    out.into_iter().map(|(_, t)| t).collect()
}

fn schemas(sources: &[(String, String)], problems: &RefCell<Vec<Problem>>) -> events::Schemas {
    const ENVELOPE: [(&str, FieldType); 6] = [
        ("event_id", FieldType::Text),
        ("event_time", FieldType::Number),
        ("tenant", FieldType::Text),
        ("source", FieldType::Text),
        ("resource", FieldType::Other),
        // A key of the map: its values are texts.
        ("resource.key", FieldType::Text),
    ];
    let mut out = events::Schemas::new();
    for (name, text) in sources.iter().filter(|(f, _)| is_schema(f)) {
        let file = File {
            name,
            text,
            problems,
        };
        let event = name
            .trim_start_matches("events/")
            .trim_end_matches(".avsc")
            .to_string();
        if !is_event_name(&event) {
            file.say(
                At::default(),
                codes::CATALOG_SCHEMA,
                format!("\"{event}\" is no name of an event type"),
                "name the file like llm.call.avsc: lower-case words of letters, digits and underscores, joined by dots, at most 100 characters",
            );
            continue;
        }
        let schema = match EventSchema::parse(text) {
            Ok(s) => s,
            Err(e) => {
                // The line of the name that is none, where it is about one.
                let at = match e.split('"').nth(1).filter(|_| e.contains("is no name")) {
                    Some("") => line_with(text, "\"\""),
                    Some(name) => line_with(text, name),
                    None => At::default(),
                };
                file.say(
                    at,
                    codes::CATALOG_SCHEMA,
                    format!("no Avro schema: {e}"),
                    "",
                );
                continue;
            }
        };
        for (path, wanted) in ENVELOPE {
            let ok = schema
                .field(path)
                .is_some_and(|f| f.kind == wanted && (path == "resource.key" || !f.nullable));
            let time = path != "event_time"
                || schema.logical("event_time").as_deref() == Some("timestamp-micros");
            if !ok || !time {
                let top = path.split('.').next().unwrap_or(path);
                file.say(
                    line_of(text, top),
                    codes::CATALOG_SCHEMA,
                    format!("the envelope's field \"{top}\" is missing or has another type"),
                    "declare event_id string, event_time long with timestamp-micros, tenant string, source string, resource map of string",
                );
                break;
            }
        }
        out.insert(event, (schema, text.clone()));
    }
    out
}

/// What a topic, a table and a view can be named after.
fn is_event_name(name: &str) -> bool {
    let word = |w: &str| {
        w.starts_with(|c: char| c.is_ascii_lowercase())
            && w.chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    name.len() <= 100 && name.split('.').all(word)
}

/// Where a field's name stands in a schema's text.
fn line_of(text: &str, field: &str) -> At {
    line_with(text, &format!("\"{field}\""))
}

fn line_with(text: &str, needle: &str) -> At {
    for (i, line) in text.lines().enumerate() {
        if let Some(column) = line.find(needle) {
            return At {
                line: i as u64 + 1,
                column: column as u64 + 1,
            };
        }
    }
    At { line: 1, column: 1 }
}

fn tenants<'s>(parts: impl Iterator<Item = (File<'s>, &'s Node)>) -> Option<Tenants> {
    let mut out = Tenants {
        default_zone: jiff::tz::TimeZone::UTC,
        zones: Vec::new(),
    };
    for (file, node) in parts {
        let Some(f) = file.fields(node, "tenants", &["default_zone", "zones"]) else {
            continue;
        };
        // The zones compiled in: a day must not depend on the machine.
        let zone = |n: &'s Node| {
            let name = file.text(n, "a time zone")?;
            let found = jiff::tz::TimeZoneDatabase::bundled().get(name).ok();
            if found.is_none() {
                file.say(
                    n.at,
                    codes::CATALOG_REFERENCE,
                    format!("there is no time zone \"{name}\""),
                    "write it like Europe/Berlin",
                );
            }
            found
        };
        if let Some(z) = f.get("default_zone").and_then(zone) {
            out.default_zone = z;
        }
        let Some(n) = f.get("zones") else { continue };
        for (key, value) in file.entries(n, "zones") {
            if let Some(z) = zone(value) {
                out.zones.push((key.name.clone(), z));
            }
        }
    }
    out.zones.sort_by(|a, b| a.0.cmp(&b.0));
    Some(out)
}
