//! What of a macro changes with time or from tenant to tenant: `in_force:`, a list of entries of
//! which the newest that has begun holds, one of the tenant's own before one for all. As a price
//! is that of its call's time, so an event is held against what was in force when it happened.

use crate::reader::{Fields, File};
use crate::yaml::Node;
use std::fmt::Write as _;
use weir_model::{Micros, codes};

/// One entry, and what it says.
pub(super) struct Version<'a> {
    /// Holds from then on; from ever, without.
    from: Option<Micros>,
    /// Holds for this tenant alone.
    tenant: Option<&'a str>,
    pub(super) says: Fields<'a>,
}

/// Fields that an entry may have beside its own.
const WHEN: [&str; 2] = ["valid_from", "tenant"];

/// Reads `in_force:`, or, without it, the macro's own fields as the one entry that always holds.
/// Sorted: those for all, then those of tenants, each from the oldest.
pub(super) fn read<'a>(f: &Fields<'a>, own: &[&str]) -> Vec<Version<'a>> {
    let file = f.file;
    let Some(node) = f.get("in_force") else {
        return vec![Version {
            from: None,
            tenant: None,
            says: *f,
        }];
    };
    for key in own.iter().filter_map(|n| f.key(n)) {
        file.say(
            key.at,
            codes::CATALOG_SYNTAX,
            format!("\"{}\" stands beside in_force", key.name),
            "put it into the entries of in_force",
        );
    }
    let allowed: Vec<&str> = own.iter().copied().chain(WHEN).collect();
    let entries = file.list(node, "in_force").unwrap_or_default();
    if entries.is_empty() {
        file.say(
            node.at,
            codes::CATALOG_SYNTAX,
            "nothing is in force",
            "write `in_force: [{valid_from: 2026-01-01, ...}]`",
        );
    }
    let mut out: Vec<Version<'a>> = Vec::new();
    for entry in entries {
        let Some(version) = one(file, entry, &allowed) else {
            continue;
        };
        let same = |o: &&Version<'_>| (o.tenant, o.from) == (version.tenant, version.from);
        if let Some(first) = out.iter().find(same) {
            file.say(
                entry.at,
                codes::CATALOG_DUPLICATE,
                format!(
                    "two entries hold for the same tenant from the same day, the first in line {}",
                    first.says.at.line
                ),
                "remove one of them, or give it another valid_from",
            );
            continue;
        }
        out.push(version);
    }
    out.sort_by_key(|v| (v.tenant, v.from));
    out
}

fn one<'a>(file: File<'a>, entry: &'a Node, allowed: &[&str]) -> Option<Version<'a>> {
    let says = file.fields(entry, "an entry of in_force", allowed)?;
    let tenant = says.text("tenant");
    if let Some(t) = tenant
        && (t.is_empty() || t.len() > 512 || t.chars().any(|c| c < ' '))
    {
        file.say(
            entry.at,
            codes::CATALOG_IMPOSSIBLE,
            "no tenant has this name",
            "write at most 512 bytes without control characters",
        );
    }
    Some(Version {
        from: match says.get("valid_from") {
            Some(n) => Some(file.date(n, "valid_from")?),
            None => None,
        },
        tenant,
        says,
    })
}

/// Whether there is nothing to choose from.
pub(super) fn always(versions: &[Version<'_>]) -> bool {
    matches!(versions, [v] if v.from.is_none() && v.tenant.is_none())
}

/// Over the fields of an event: of these values, one for each entry, the one in force when it
/// happened; no value where none was.
pub(super) fn at_event(versions: &[Version<'_>], values: &[String]) -> String {
    let mut out = "null".to_owned();
    for (version, value) in versions.iter().zip(values) {
        let tenant = version.tenant.map(|t| format!("tenant == {}", literal(t)));
        let from = version.from.map(|t| {
            let seconds = t.0.div_euclid(1_000_000);
            format!("event_time >= {seconds}")
        });
        let when: Vec<String> = tenant.into_iter().chain(from).collect();
        out = match when.is_empty() {
            true => value.clone(),
            false => format!("{} ? ({value}) : ({out})", when.join(" && ")),
        };
    }
    out
}

/// Over the fields of an event: the number, from 1, of the entry in force when it happened. Of a
/// tenant's events it only grows, so the largest of a window is that of the newest event in it.
pub(super) fn number(versions: &[Version<'_>]) -> String {
    let numbers: Vec<String> = (1..=versions.len()).map(|n| n.to_string()).collect();
    at_event(versions, &numbers)
}

/// Over terms: of these values, one for each entry, that of the entry which `number` names.
pub(super) fn by_number(number: &str, values: &[String]) -> String {
    let mut out = "null".to_owned();
    for (i, value) in values.iter().enumerate().rev() {
        out = format!("{number} == {} ? {value} : ({out})", i + 1);
    }
    out
}

/// A text as expressions write it.
pub(super) fn literal(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        if matches!(c, '\'' | '\\') {
            out.push('\\');
        }
        let _ = write!(out, "{c}");
    }
    out + "'"
}
