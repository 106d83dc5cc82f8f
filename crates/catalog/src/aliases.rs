//! `aliases:` of the catalog: who is one person, or one team, under several spellings.

use crate::problem::suggest;
use crate::reader::File;
use crate::yaml::{Key, Node};
use weir_model::codes;
use weir_model::person::{Form, canonical_email, write_canonical};

/// Spellings by tenant.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Aliases {
    /// (tenant, its spellings), sorted by tenant.
    pub tenants: Vec<(String, TenantAliases)>,
}

/// (spelling, name that holds), sorted by spelling. A name is a spelling of itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TenantAliases {
    /// Engineers: all in the canonical form of addresses.
    pub engineers: Vec<(String, String)>,
    /// Teams.
    pub teams: Vec<(String, String)>,
}

impl Aliases {
    /// No tenant has any.
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// The name that holds for a text of a tenant's event, if one is declared. `scratch` is room for the canonical form.
    pub fn name(&self, tenant: &str, form: Form, text: &str, scratch: &mut String) -> Option<&str> {
        let at = self
            .tenants
            .binary_search_by(|(t, _)| t.as_str().cmp(tenant));
        let (_, of) = &self.tenants[at.ok()?];
        let (list, spelling) = match form {
            Form::Team => (&of.teams, text),
            Form::Email => {
                write_canonical(text, scratch);
                (&of.engineers, scratch.as_str())
            }
        };
        let at = list.binary_search_by(|(s, _)| s.as_str().cmp(spelling));
        Some(&list[at.ok()?].1)
    }
}

/// Reads the sections of all files.
pub(crate) fn read<'s>(parts: impl Iterator<Item = (File<'s>, &'s Node)>) -> Aliases {
    let mut out = Aliases::default();
    for (file, node) in parts {
        for (tenant, value) in file.entries(node, "aliases") {
            if out.tenants.iter().any(|(t, _)| *t == tenant.name) {
                file.say(
                    tenant.at,
                    codes::CATALOG_DUPLICATE,
                    format!(
                        "the aliases of tenant \"{}\" are declared twice",
                        tenant.name
                    ),
                    "put all of them into one place",
                );
                continue;
            }
            let what = "the aliases of a tenant";
            let Some(f) = file.fields(value, what, &["engineers", "teams"]) else {
                continue;
            };
            let list = |name, form| f.get(name).map(|n| list(file, n, form)).unwrap_or_default();
            let of = TenantAliases {
                engineers: list("engineers", Form::Email),
                teams: list("teams", Form::Team),
            };
            if of != TenantAliases::default() {
                out.tenants.push((tenant.name.clone(), of));
            }
        }
    }
    out.tenants.sort_by(|a, b| a.0.cmp(&b.0));
    out
}

fn list(file: File<'_>, node: &Node, form: Form) -> Vec<(String, String)> {
    let canonical = |text: &str| match form {
        Form::Email => canonical_email(text),
        Form::Team => text.to_owned(),
    };
    let entries = file.entries(node, "aliases");
    let names: Vec<&str> = entries.iter().map(|(k, _)| k.name.as_str()).collect();
    let mut out: Vec<(String, String)> = Vec::new();
    for (key, value) in &entries {
        let name = canonical(&key.name);
        if name != key.name || name.is_empty() {
            told(file, key, &name);
            continue;
        }
        for (text, at) in file.texts(value, "aliases").unwrap_or_default() {
            let spelling = canonical(text);
            let taken = out
                .iter()
                .find(|(s, _)| *s == spelling)
                .map(|(_, n)| n.as_str());
            let taken = taken.or(names.iter().copied().find(|n| *n == spelling));
            match taken {
                Some(other) if other == name => {}
                Some(other) => file.say(
                    at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{text}\" is a spelling of \"{name}\" and of \"{other}\""),
                    "leave it with one of them",
                ),
                None => out.push((spelling, name.clone())),
            }
        }
        out.push((name.clone(), name));
    }
    out.sort();
    out.dedup();
    out
}

fn told(file: File<'_>, key: &Key, name: &str) {
    file.say(
        key.at,
        codes::CATALOG_SYNTAX,
        format!("\"{}\" is not the canonical form of an address", key.name),
        suggest(name, [name])
            .replace("did you mean", "write")
            .replace('?', ""),
    );
}
