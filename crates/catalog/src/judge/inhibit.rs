//! `unless: rule`: rules that keep others from opening.

use super::rule::RuleDef;
use crate::problem::suggest;
use crate::reader::File;
use crate::yaml::At;
use weir_model::codes;

/// A rule, and the name of the one that may keep it from opening.
pub(crate) struct Linked<'s> {
    pub def: RuleDef,
    pub file: File<'s>,
    pub unless: Option<(&'s str, At)>,
}

/// The rules, sorted by name, with their links resolved: each is to a rule whose dimensions are
/// part of its own, and none leads back to where it came from.
pub(crate) fn link(mut rules: Vec<Linked<'_>>) -> Vec<RuleDef> {
    for i in 0..rules.len() {
        let Some((name, at)) = rules[i].unless else {
            continue;
        };
        let file = rules[i].file;
        let Some(other) = rules.iter().position(|r| r.def.name == name) else {
            let remedy = suggest(name, rules.iter().map(|r| r.def.name.as_str()));
            file.say(
                at,
                codes::CATALOG_REFERENCE,
                format!("there is no rule \"{name}\""),
                remedy,
            );
            continue;
        };
        let (own, of) = (&rules[i].def.dimensions, &rules[other].def.dimensions);
        if !of.iter().all(|d| own.contains(d)) {
            file.say(
                at,
                codes::CATALOG_REFERENCE,
                format!(
                    "rule \"{name}\" stands on [{}], which is not part of this rule's [{}]",
                    of.join(", "),
                    own.join(", ")
                ),
                "name a rule with the same or fewer dimensions",
            );
        }
        rules[i].def.unless = Some(other);
    }
    for i in 0..rules.len() {
        if let Some((name, at)) = rules[i].unless
            && leads_to(&rules, i)
        {
            rules[i].file.say(
                at,
                codes::CATALOG_REFERENCE,
                format!("`unless: {name}` leads back to this rule"),
                "remove one `unless:` of the circle",
            );
        }
    }
    rules.into_iter().map(|r| r.def).collect()
}

/// Whether the links from a rule come back to it.
fn leads_to(rules: &[Linked<'_>], rule: usize) -> bool {
    let next = |i: &usize| rules[*i].def.unless;
    std::iter::successors(next(&rule), next)
        .take(rules.len())
        .any(|i| i == rule)
}
