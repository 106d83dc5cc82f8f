//! `cost: {...}`: money, reported or by the price book.

use super::{Declared, Kind, MeasureKind, Reads};
use crate::avro::FieldType::{Number, Text};
use crate::problem::suggest;
use crate::types::EventDef;
use weir_model::codes;
use weir_model::measure::Accumulator;

pub(super) const KIND: Kind = Kind {
    name: "cost",
    meaning: "cost",
    words: "sum of the prices in force of",
    unit: "usd",
    accumulator: Accumulator::Sum,
    reads: Reads::Own(read),
    sample: true,
    range,
    grows: |kind, event| range(kind, event).0 >= 0.0,
};

/// Nothing that is never negative can cost less than nothing.
fn range(kind: &MeasureKind, event: &EventDef) -> (f64, f64) {
    let grows = kind.pricing().is_some_and(|c| {
        let mut paths = c.reported.iter().chain(c.tokens.iter().map(|(p, _)| p));
        paths.all(|p| event.field_range(p).0 >= 0.0)
    });
    (if grows { 0.0 } else { f64::NEG_INFINITY }, f64::INFINITY)
}

fn read(d: &Declared<'_>) -> Option<MeasureKind> {
    let (file, who) = (d.reading.file, d.who);
    let c = file.fields(d.of, "cost", &["reported", "provider", "model", "tokens"])?;
    let mut def = d.no_cost();
    if let Some(n) = c.get("reported") {
        let p = file.text(n, "reported")?;
        d.reading.field(n, p, who, &[Number]);
        def.reported = Some(p.to_string());
    }
    for (name, into) in [("provider", &mut def.provider), ("model", &mut def.model)] {
        if let Some(n) = c.need(name, "cost")
            && let Some(p) = file.text(n, name)
        {
            d.reading.field(n, p, who, &[Text]);
            *into = p.to_string();
        }
    }
    if let Some(n) = c.need("tokens", "cost") {
        for (class, field) in file.entries(n, "tokens") {
            if !crate::prices::CLASSES.contains(&class.name.as_str()) {
                file.say(
                    class.at,
                    codes::CATALOG_REFERENCE,
                    format!("there is no token class \"{}\"", class.name),
                    suggest(&class.name, crate::prices::CLASSES.iter().copied()),
                );
            }
            if let Some(p) = file.text(field, "a token count") {
                d.reading.field(field, p, who, &[Number]);
                def.tokens.push((p.to_string(), class.name.clone()));
            }
        }
    }
    Some(MeasureKind::Cost(def))
}
