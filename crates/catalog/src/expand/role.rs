//! `roles:`: what a role asks of each skill, as a KPI of what an operator misses in each and one of
//! how far an operator has come. An operator's own role is the goal to have come all the way.

use super::in_force::{self, Version};
use super::{Added, Around, Entry, Needs, names, quoted};
use crate::reader::{Fields, File};
use crate::yaml::{Key, Node, Value};
use std::fmt::Write as _;
use weir_model::codes;

/// What is scored, of whom, in what.
const EVENT: &str = "skill.scored";
const OPERATOR: &str = "operator";
const SKILL: &str = "skill";
/// What says whose role is which.
const GOALS: &str = "goal.set";

const FIELDS: &[&str] = &["title", "version", "skills", "in_force"];

/// A skill, and the score that is asked for: above 0, at most 1.
type Asked<'a> = (&'a str, f64);

pub(super) fn read(_: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "a role", FIELDS)?;
    let versions = in_force::read(&f, &["skills"]);
    let asked: Vec<Vec<Asked<'_>>> = versions.iter().map(|v| skills(&v.says)).collect();
    if asked.iter().any(Vec::is_empty) {
        return None;
    }
    let role = Role {
        name: format!("role_{}", key.name),
        title: f.text_or("title", &key.name),
        version: f.version(),
        versions,
        asked,
    };
    let by = vec![OPERATOR.to_owned(), SKILL.to_owned()];
    let needs = Needs {
        event: EVENT.to_owned(),
        by: vec![vec![OPERATOR.to_owned()], by.clone()],
        windows: vec!["1d"],
        measures: role.measures(),
    };
    Some(Added {
        version: role.version,
        kpis: role.gap() + &role.readiness(),
        alerts: String::new(),
        needs: vec![needs],
        by,
        title: role.title,
    })
}

/// `skills: {exploitation: 0.9}`
fn skills<'a>(f: &Fields<'a>) -> Vec<Asked<'a>> {
    let file = f.file;
    let Some(node) = f.need("skills", "the role") else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for (key, node) in file.entries(node, "skills") {
        if key.name.is_empty() || key.name.len() > 512 || key.name.chars().any(|c| c < ' ') {
            file.say(
                key.at,
                codes::CATALOG_IMPOSSIBLE,
                "no skill has this name",
                "write at most 512 bytes without control characters",
            );
        }
        let ok = |v: f64| v > 0.0 && v <= 1.0;
        let score = file.within(node, "what a role asks", ok, "a score above 0, at most 1");
        out.extend(score.map(|s| (key.name.as_str(), s)));
    }
    if matches!(&node.value, Value::Map(m) if m.is_empty()) {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            "the role asks for nothing",
            "name a skill and its score, e.g. `{exploitation: 0.9}`",
        );
    }
    out
}

struct Role<'a> {
    name: String,
    title: String,
    version: u32,
    versions: Vec<Version<'a>>,
    asked: Vec<Vec<Asked<'a>>>,
}

impl Role<'_> {
    fn measures(&self) -> String {
        let asks = |skills: &Vec<Asked<'_>>| {
            skills
                .iter()
                .rev()
                .fold("null".to_owned(), |rest, (skill, score)| {
                    let skill = in_force::literal(skill);
                    format!("{SKILL} == {skill} ? {score:?} : ({rest})")
                })
        };
        let asks: Vec<String> = self.asked.iter().map(asks).collect();
        let asks = in_force::at_event(&self.versions, &asks);
        let mut out = format!(
            "{}_asks: {{version: {}, last: {}, unit: share, title: {}}}\n",
            self.name,
            self.version,
            quoted(&asks),
            quoted(&format!("{}: the score that was asked for", self.title)),
        );
        if !in_force::always(&self.versions) {
            let _ = writeln!(
                out,
                "{}_entry: {{version: {}, max: {}, title: {}}}",
                self.name,
                self.version,
                quoted(&in_force::number(&self.versions)),
                quoted(&format!("{}: the entry in force", self.title)),
            );
        }
        out
    }

    /// What is missing in each skill, in points.
    fn gap(&self) -> String {
        format!(
            "{0}_gap:\n  title: {1}\n  version: {2}\n  category: learning\n  unit: points\n  \
             decimals: 2\n  weight: 0\n  by: [{OPERATOR}, {SKILL}]\n  window: all/1d\n  terms: \
             {{asks: {EVENT}.{0}_asks, mastery: {EVENT}.mastery}}\n  value: max(asks - mastery, 0) \
             * 100\n",
            self.name,
            quoted(&format!(
                "{}: what an operator misses in a skill",
                self.title
            )),
            self.version,
        )
    }

    /// How much of all that is asked for has been reached; a skill that was never scored is not.
    fn readiness(&self) -> String {
        let mut all: Vec<&str> = self.asked.iter().flatten().map(|(s, _)| *s).collect();
        all.sort_unstable();
        all.dedup();
        let term = |skill: &str| all.iter().position(|s| *s == skill).unwrap_or_default();
        let mut out = format!(
            "{0}_readiness:\n  title: {1}\n  version: {2}\n  category: learning\n  unit: \
             percent\n  decimals: 2\n  weight: 0\n  by: [{OPERATOR}]\n  window: all/1d\n  terms:\n    \
             scorings: {EVENT}.scorings\n",
            self.name,
            quoted(&format!("{}: how far an operator has come", self.title)),
            self.version,
        );
        for (i, skill) in all.iter().enumerate() {
            let skill = quoted(skill);
            let at = format!("{{{SKILL}: {skill}}}");
            let _ = writeln!(out, "    s{i}: {{of: {EVENT}.mastery, at: {at}}}");
        }
        let reached = |skills: &Vec<Asked<'_>>| {
            let one = |(skill, score): &Asked<'_>| {
                format!("min(coalesce(s{}, 0) / {score:?}, 1)", term(skill))
            };
            let sum: Vec<String> = skills.iter().map(one).collect();
            format!("({}) / {} * 100", sum.join(" + "), skills.len())
        };
        let entries: Vec<String> = self.asked.iter().map(reached).collect();
        let value = if in_force::always(&self.versions) {
            entries.concat()
        } else {
            let _ = writeln!(out, "    entry: {EVENT}.{}_entry\n  let:", self.name);
            for (i, entry) in entries.iter().enumerate() {
                let _ = writeln!(out, "    v{}: {}", i + 1, quoted(entry));
            }
            let parts: Vec<String> = (1..=entries.len()).map(|n| format!("v{n}")).collect();
            in_force::by_number("entry", &parts)
        };
        let _ = writeln!(
            out,
            "  value: {}\n  target: 100\n  better: higher\n  minimum_sample: {{scorings: 1}}",
            quoted(&value)
        );
        out
    }
}

/// What an operator misses in a skill for the role that is the operator's goal: the last one of
/// `goal.set` whose metric is how far one has come in a role. It stands with the first role, and its
/// version is the sum of theirs: it grows with each role that is added or changed.
pub(super) fn join(roles: &mut [Entry<'_, '_>]) {
    let mut all: Vec<String> = roles.iter().map(|(_, k, _)| k.name.clone()).collect();
    all.sort_unstable();
    let versions = roles.iter().map(|(.., added)| added.version);
    let version = versions.fold(0, u32::saturating_add);
    let first = roles.iter_mut().min_by_key(|(_, k, _)| k.name.clone());
    let Some((_, _, added)) = first else { return };
    let goal = all
        .iter()
        .enumerate()
        .rev()
        .fold("null".to_owned(), |rest, (i, role)| {
            let metric = in_force::literal(&format!("role_{role}_readiness"));
            format!("metric == {metric} ? (closed ? 0 : {}) : ({rest})", i + 1)
        });
    added.needs.push(Needs {
        event: GOALS.to_owned(),
        by: vec![vec![OPERATOR.to_owned()]],
        windows: vec!["1d"],
        measures: format!(
            "role: {{version: {version}, last: {}, where: {{scope: operator}}, title: Role of an operator by its number}}\n",
            quoted(&goal)
        ),
    });
    let mut kpi = format!(
        "operator_skill_gap:\n  title: What an operator misses in a skill for the role aimed \
         at\n  version: {version}\n  category: learning\n  unit: points\n  decimals: 2\n  weight: 0\n  by: {}\n  window: \
         all/1d\n  terms:\n    role: {{of: {GOALS}.role, at: [{OPERATOR}]}}\n    mastery: \
         {EVENT}.mastery\n",
        names(&[OPERATOR.to_owned(), SKILL.to_owned()]),
    );
    for (i, role) in all.iter().enumerate() {
        let _ = writeln!(kpi, "    asks{}: {EVENT}.role_{role}_asks", i + 1);
    }
    let asks: Vec<String> = (1..=all.len()).map(|n| format!("asks{n}")).collect();
    let asks = in_force::by_number("role", &asks);
    let value = format!("max(({asks}) - mastery, 0) * 100");
    let _ = writeln!(kpi, "  value: {}", quoted(&value));
    added.kpis += &kpi;
}
