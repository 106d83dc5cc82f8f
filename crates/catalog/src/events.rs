//! `catalog/<event type>.yaml`: dimensions, measures and rollups of one event type.

use crate::avro::{EventSchema, FieldType};
use crate::fields::Typed;
use crate::measure::{Companion, Declared, KINDS, Kind};
use crate::problem::suggest;
use crate::reader::{Fields, File};
use crate::reading::Reading;
use crate::types::*;
use crate::yaml::{Key, Node, Value};
use crate::{setting, stored};
use std::collections::BTreeMap;
use std::sync::Arc;
use weir_model::{Micros, codes};

const FIELDS: &[&str] = &[
    "event",
    "version",
    "title",
    "volume",
    "identity",
    "disorder",
    "setting",
    "bounds",
    "dimensions",
    "measures",
    "windows",
    "rollups",
];

/// Columns of the store's tables: nothing declared may have their name.
const RESERVED: &[&str] = &[
    "tenant",
    "run",
    "catalog",
    "event",
    "event_type",
    "kind",
    "part",
    "partition",
    "offset",
    "row",
    "rows",
    "rollup",
    "dimensions",
    "dims",
    "subject",
    "size",
    "window",
    "window_size",
    "window_start",
    "window_end",
    "pane",
    "late",
    "events",
    "version",
    "revision",
    "measures",
    "bins",
    "updated_at",
    "inserted_at",
];

/// Schemas by event type.
pub(crate) type Schemas = BTreeMap<String, (EventSchema, String)>;

/// Name and schema of the event type of a file, if one of its measures is a cost.
pub(crate) fn priced<'a>(root: &'a Node, schemas: &'a Schemas) -> Option<Typed<'a>> {
    let Value::Text(name) = &get(root, "event")?.value else {
        return None;
    };
    let Value::Map(measures) = &get(root, "measures")?.value else {
        return None;
    };
    let (schema, _) = schemas.get(name)?;
    let costs = measures.iter().any(|(_, m)| get(m, "cost").is_some());
    costs.then_some((name, schema))
}

fn get<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Value::Map(entries) = &node.value else {
        return None;
    };
    entries.iter().find(|(k, _)| k.name == name).map(|(_, n)| n)
}

pub(crate) fn read(
    file: File<'_>,
    root: &Node,
    schemas: &Schemas,
    book: &Arc<Vec<Price>>,
) -> Option<EventDef> {
    let f = file.fields(root, "an event's file", FIELDS)?;
    let name_node = f.need("event", "the file")?;
    let name = file.text(name_node, "event")?;
    let Some((schema, schema_json)) = schemas.get(name) else {
        file.say(
            name_node.at,
            codes::CATALOG_REFERENCE,
            format!("event \"{name}\" has no schema events/{name}.avsc"),
            suggest(name, schemas.keys().map(String::as_str)),
        );
        return None;
    };
    let r = Reading {
        file,
        event: name,
        schema,
    };
    let dimensions = r.dimensions(&f);
    let bounds = r.bounds(&f);
    let measures = r.measures(&f, &dimensions, (book, &bounds));
    let rollups = r.rollups(&f, &dimensions);
    let setting = f.truth("setting");
    if setting {
        setting::check_measures(&f, &measures);
    }
    let identity = f.text("identity").map(str::to_string);
    if let (Some(path), Some(node)) = (&identity, f.get("identity")) {
        r.field(node, path, "the identity", &[FieldType::Text]);
    }
    let disorder = f.get("disorder").and_then(|n| {
        let d = file.duration(n, "disorder")?;
        if d > Micros::HOUR {
            file.say(
                n.at,
                codes::CATALOG_IMPOSSIBLE,
                "disorder is more than an hour",
                "write at most 1h: later events still count",
            );
        }
        Some(d)
    });
    Some(EventDef {
        name: name.to_string(),
        version: f.version(),
        schema_json: schema_json.clone(),
        identity,
        low_volume: f.word("volume", &["low", "usual"], "usual") == "low",
        disorder: disorder.unwrap_or(Micros::MINUTE),
        setting,
        bounds,
        dimensions,
        measures,
        rollups,
    })
}

impl Reading<'_> {
    fn bounds(&self, f: &Fields<'_>) -> Vec<Bound> {
        let mut out = Vec::new();
        let Some(node) = f.get("bounds") else {
            return out;
        };
        for (key, value) in self.file.entries(node, "bounds") {
            let at = Node {
                at: key.at,
                value: Value::Null,
            };
            if !self.field(&at, &key.name, "a bound", &[FieldType::Number]) {
                continue;
            }
            let Some(b) = self.file.fields(value, "a bound", &["min", "max"]) else {
                continue;
            };
            let (min, max) = (b.number("min"), b.number("max"));
            match (min, max) {
                (None, None) => self.file.say(
                    value.at,
                    codes::CATALOG_SYNTAX,
                    format!("the bounds of \"{}\" bound nothing", key.name),
                    "write `{min: 0}`",
                ),
                (Some(lo), Some(hi)) if lo > hi => self.file.say(
                    value.at,
                    codes::CATALOG_IMPOSSIBLE,
                    format!("min {lo} is above max {hi}"),
                    "swap them",
                ),
                _ => {}
            }
            out.push(Bound {
                path: key.name.clone(),
                min,
                max,
            });
        }
        out.sort_by(|a, b| a.path.cmp(&b.path));
        out
    }

    fn dimensions(&self, f: &Fields<'_>) -> Vec<Dimension> {
        let mut out = Vec::new();
        let Some(node) = f.get("dimensions") else {
            return out;
        };
        for (key, value) in self.file.entries(node, "dimensions") {
            self.check_name(key, "a dimension");
            let Some(path) = self.file.text(value, "a dimension's field") else {
                continue;
            };
            self.field(
                value,
                path,
                &format!("dimension \"{}\"", key.name),
                &[FieldType::Text],
            );
            out.push(Dimension {
                name: key.name.clone(),
                path: path.to_string(),
            });
        }
        out.sort_by(|a, b| a.name.cmp(&b.name));
        out
    }

    fn check_name(&self, key: &Key, what: &str) {
        if self.file.check_name(key, what) && RESERVED.contains(&key.name.as_str()) {
            self.file.say(
                key.at,
                codes::CATALOG_DUPLICATE,
                format!(
                    "{what} has the name \"{}\", which is a column of the store",
                    key.name
                ),
                "choose another name",
            );
        }
    }

    fn measures(
        &self,
        f: &Fields<'_>,
        dimensions: &[Dimension],
        (book, bounds): (&Arc<Vec<Price>>, &[Bound]),
    ) -> Vec<MeasureDef> {
        let mut out: Vec<MeasureDef> = Vec::new();
        let mut companions = Vec::new();
        let Some(node) = f.need("measures", "the event") else {
            return out;
        };
        let names: Vec<&str> = KINDS.iter().map(|k| k.name).collect();
        let mut allowed = names.clone();
        allowed.extend(["where", "unit", "title", "version"]);
        for (key, value) in self.file.entries(node, "measures") {
            self.check_name(key, "a measure");
            if dimensions.iter().any(|d| d.name == key.name) {
                self.file.say(
                    key.at,
                    codes::CATALOG_DUPLICATE,
                    format!("\"{}\" is a dimension and a measure", key.name),
                    "rename one of them",
                );
            }
            let Some(m) = self.file.fields(value, "a measure", &allowed) else {
                continue;
            };
            let kinds: Vec<&Kind> = KINDS
                .into_iter()
                .filter(|k| m.get(k.name).is_some())
                .collect();
            let [kind] = kinds[..] else {
                self.file.say(
                    key.at,
                    codes::CATALOG_SYNTAX,
                    format!(
                        "measure \"{}\" says {} of what it does",
                        key.name,
                        if kinds.is_empty() {
                            "nothing"
                        } else {
                            "more than one"
                        }
                    ),
                    format!("write one of {}", names.join(", ")),
                );
                continue;
            };
            let Some(of) = m.get(kind.name) else {
                continue;
            };
            let who = format!("measure \"{}\"", key.name);
            let declared = Declared {
                reading: self,
                who: &who,
                of,
                book,
                bounds,
            };
            let Some(built) = kind.read(&declared) else {
                continue;
            };
            let own_filter = m.get("where").is_some();
            companions.extend(Companion::of(&built, (self, of), out.len(), own_filter));
            out.push(MeasureDef {
                name: key.name.clone(),
                version: m.version(),
                unit: m.text_or("unit", kind.unit),
                title: m.text_or("title", ""),
                kind: built,
                filter: self.filter(&who, &m),
            });
        }
        for companion in companions {
            companion.settle(self, &mut out);
        }
        out
    }

    fn rollups(&self, f: &Fields<'_>, dimensions: &[Dimension]) -> Vec<RollupDef> {
        let mut out: Vec<RollupDef> = Vec::new();
        let usual = f.get("windows").and_then(|n| self.file.windows(n));
        let Some(node) = f.need("rollups", "the event") else {
            return out;
        };
        for entry in self.file.list(node, "rollups").unwrap_or_default() {
            let (by, own) = match &entry.value {
                Value::List(_) => (entry, None),
                _ => {
                    let Some(r) = self.file.fields(entry, "a rollup", &["by", "windows"]) else {
                        continue;
                    };
                    let Some(by) = r.need("by", "a rollup") else {
                        continue;
                    };
                    (by, r.get("windows").and_then(|n| self.file.windows(n)))
                }
            };
            let Some(names) = self.file.texts(by, "a rollup") else {
                continue;
            };
            let mut indices = Vec::new();
            for (name, at) in names {
                match dimensions.iter().position(|d| d.name == name) {
                    Some(i) => indices.push(i),
                    None => self.file.say(
                        at,
                        codes::CATALOG_REFERENCE,
                        format!(
                            "the rollup names dimension \"{name}\", which {} does not declare",
                            self.event
                        ),
                        suggest(name, dimensions.iter().map(|d| d.name.as_str())),
                    ),
                }
            }
            indices.sort_unstable();
            if out.iter().any(|r| r.dimensions == indices) {
                self.file.say(
                    entry.at,
                    codes::CATALOG_DUPLICATE,
                    "this rollup is declared twice",
                    "remove one of them",
                );
                continue;
            }
            let declared = own.or_else(|| usual.clone());
            out.push(RollupDef {
                dimensions: indices,
                by_need: declared.is_none(),
                windows: declared.unwrap_or_else(|| stored::ALWAYS.to_vec()),
            });
        }
        out
    }
}
