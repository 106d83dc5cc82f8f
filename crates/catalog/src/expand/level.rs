//! `levels:`: what events are worth to somebody, in points of experience, and the curve of levels
//! over these points. The name is the dimension that levels are by: `operator`.

use super::in_force::{self, Version};
use super::{Added, Around, Needs, quoted};
use crate::reader::{Fields, File};
use crate::yaml::{Key, Node, Value};
use std::fmt::Write as _;
use weir_model::codes;

const FIELDS: &[&str] = &[
    "title",
    "version",
    "xp",
    "first_level",
    "levels",
    "xp_target",
    "level_target",
    "in_force",
];
const IN_FORCE: [&str; 3] = ["xp", "first_level", "levels"];

pub(super) fn read(_: &Around<'_>, file: File<'_>, key: &Key, node: &Node) -> Option<Added> {
    let f = file.fields(node, "levels", FIELDS)?;
    let versions = in_force::read(&f, &IN_FORCE);
    let mut worth = Vec::new();
    let mut curves = Vec::new();
    for version in &versions {
        worth.push(xp(&version.says)?);
        curves.push(curve(&version.says)?);
    }
    let mut events: Vec<&str> = worth.iter().flatten().map(|(e, _)| *e).collect();
    events.sort_unstable();
    events.dedup();
    let levels = Levels {
        by: key.name.clone(),
        title: f.text_or("title", &key.name),
        version: f.version(),
        targets: [f.number("xp_target"), f.number("level_target")],
        versions,
        worth,
        curves,
        events,
    };
    let by = vec![levels.by.clone()];
    let needs = |event: &&str| Needs {
        event: (*event).to_owned(),
        by: vec![by.clone()],
        windows: vec!["1d"],
        measures: levels.measures(event),
    };
    Some(Added {
        version: levels.version,
        needs: levels.events.iter().map(needs).collect(),
        kpis: levels.xp() + &levels.level(),
        alerts: String::new(),
        by: by.clone(),
        title: levels.title.clone(),
    })
}

/// `xp: {certification.granted: 200}`: points by event type, over its fields.
fn xp<'a>(f: &Fields<'a>) -> Option<Vec<(&'a str, String)>> {
    let file = f.file;
    let node = f.need("xp", "levels")?;
    let mut out = Vec::new();
    for (key, node) in file.entries(node, "xp") {
        let points = match &node.value {
            // A measure has to ask something of its event, and no event is older.
            Value::Number(v) => format!("event_time >= 0 ? {v:?} : 0"),
            _ => file.text(node, "points of experience")?.to_owned(),
        };
        out.push((key.name.as_str(), points));
    }
    if out.is_empty() {
        file.say(
            node.at,
            codes::CATALOG_IMPOSSIBLE,
            "nothing is worth any experience",
            "name an event type and its points, e.g. `{certification.granted: 200}`",
        );
        return None;
    }
    Some(out)
}

/// The level for `xp` points.
fn curve(f: &Fields<'_>) -> Option<String> {
    let file = f.file;
    match (f.get("first_level"), f.get("levels")) {
        (Some(node), None) => {
            let first = file.within(node, "first_level", |v| v > 0.0, "a number above 0")?;
            Some(format!("floor(sqrt(xp / {first:?})) + 1"))
        }
        (None, Some(node)) => thresholds(file, node),
        _ => {
            file.say(
                f.at,
                codes::CATALOG_SYNTAX,
                "levels have no curve, or two",
                "write `first_level: 100` (level n begins at 100 * (n - 1)^2) or `levels: [100, 300, 600]`",
            );
            None
        }
    }
}

/// Where the second and each further level begins.
fn thresholds(file: File<'_>, node: &Node) -> Option<String> {
    let mut out = "1".to_owned();
    let mut before = 0.0;
    for node in file.list(node, "levels")? {
        let ok = |v: f64| v > before;
        before = file.within(node, "a level", ok, "more points than for the level before")?;
        let _ = write!(out, " + (xp >= {before:?} ? 1 : 0)");
    }
    Some(out)
}

struct Levels<'a> {
    by: String,
    title: String,
    version: u32,
    targets: [Option<f64>; 2],
    versions: Vec<Version<'a>>,
    /// By entry: (event type, points).
    worth: Vec<Vec<(&'a str, String)>>,
    /// By entry.
    curves: Vec<String>,
    events: Vec<&'a str>,
}

impl Levels<'_> {
    fn measures(&self, event: &str) -> String {
        let of = |entry: &Vec<(&str, String)>| {
            let found = entry.iter().find(|(e, _)| *e == event);
            found.map_or("0".to_owned(), |(_, points)| points.clone())
        };
        let points: Vec<String> = self.worth.iter().map(of).collect();
        let (by, version) = (&self.by, self.version);
        let mut out = format!(
            "{by}_xp: {{version: {version}, sum: {}, unit: xp, title: {}}}\n",
            quoted(&in_force::at_event(&self.versions, &points)),
            quoted(&format!("Experience points of {}", self.title)),
        );
        if !in_force::always(&self.versions) {
            let _ = writeln!(
                out,
                "{by}_levels: {{version: {version}, max: {}, title: The entry of levels in force}}",
                quoted(&in_force::number(&self.versions))
            );
        }
        out
    }

    fn terms(&self, name: &str, measure: &str) -> String {
        let mut out = String::new();
        for (i, event) in self.events.iter().enumerate() {
            let _ = writeln!(out, "    {name}{i}: {event}.{}_{measure}", self.by);
        }
        out
    }

    fn all(&self, name: &str) -> Vec<String> {
        (0..self.events.len())
            .map(|i| format!("{name}{i}"))
            .collect()
    }

    fn head(&self, part: &str, title: &str, target: Option<f64>) -> String {
        let target = target.map_or(String::new(), |t| {
            format!("  target: {t:?}\n  better: higher\n")
        });
        format!(
            "{0}_{part}:\n  title: {1}\n  version: {2}\n  category: learning\n  unit: {part}\n  \
             decimals: 0\n  weight: 0\n  by: [{0}]\n  window: all/1d\n{target}  terms:\n",
            self.by,
            quoted(&format!("{title} of {}", self.title)),
            self.version,
        )
    }

    fn xp(&self) -> String {
        let head = self.head("xp", "Experience points", self.targets[0]);
        let sum = self.all("x").join(" + ");
        format!("{head}{}  value: {sum}\n", self.terms("x", "xp"))
    }

    fn level(&self) -> String {
        let mut out = self.head("level", "Level", self.targets[1]) + &self.terms("x", "xp");
        let sum = format!("  let:\n    xp: {}\n", self.all("x").join(" + "));
        if in_force::always(&self.versions) {
            let _ = writeln!(out, "{sum}  value: {}", quoted(&self.curves.concat()));
            return out;
        }
        out += &self.terms("e", "levels");
        out += &sum;
        let entries: Vec<String> = self
            .all("e")
            .iter()
            .map(|e| format!("coalesce({e}, 0)"))
            .collect();
        let entry = match entries.as_slice() {
            [one] => one.clone(),
            several => format!("max({})", several.join(", ")),
        };
        let _ = writeln!(out, "    entry: {entry}");
        for (i, curve) in self.curves.iter().enumerate() {
            let _ = writeln!(out, "    v{}: {}", i + 1, quoted(curve));
        }
        let parts: Vec<String> = (1..=self.curves.len()).map(|n| format!("v{n}")).collect();
        let value = in_force::by_number("entry", &parts);
        let _ = writeln!(out, "  value: {}", quoted(&value));
        out
    }
}
