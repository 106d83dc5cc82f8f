#![allow(clippy::unwrap_used)]
use super::*;
use proptest::prelude::*;
use std::sync::Arc;
use weir_catalog::types::Tenants;

fn catalog() -> Catalog {
    Catalog {
        hash: 77,
        events: vec![],
        kpis: vec![],
        detectors: vec![],
        rules: vec![],
        tenants: Tenants {
            default_zone: jiff::tz::TimeZone::UTC,
            zones: vec![],
        },
        aliases: Default::default(),
        assistants: Default::default(),
        expanded: Vec::new(),
        sources: Arc::new(vec![]),
    }
}

/// What was told, with owned subjects.
#[derive(Debug, Clone)]
struct Told {
    kind: u8,
    index: usize,
    term: usize,
    tenant: String,
    values: Vec<String>,
    end: i64,
    value: Option<f64>,
    found: Option<Finding>,
}

fn told() -> impl Strategy<Value = Told> {
    let text = prop::sample::select(vec!["", "a", "Zoë", "platform x"]);
    (
        0u8..6,
        0usize..3,
        0usize..3,
        prop::sample::select(vec!["acme", "globex"]),
        prop::collection::vec(text, 0..3),
        -4i64..9,
        prop::option::of(-5.0..5.0),
        prop::option::of(
            (-5.0..5.0, -5.0..5.0).prop_map(|(expected, score)| Finding {
                expected,
                score,
                crosses: None,
            }),
        ),
    )
        .prop_map(
            |(kind, index, term, tenant, values, end, value, found)| Told {
                kind,
                index,
                term,
                tenant: tenant.to_owned(),
                values: values.into_iter().map(str::to_owned).collect(),
                end: end * 60_000_000,
                value,
                found,
            },
        )
}

proptest! {
    #[test]
    fn what_is_written_is_read(facts in prop::collection::vec(told(), 0..60), terms in 1u32..4) {
        let mut writer = TermsWriter::new(&catalog(), 5, 2, 16, terms);
        for t in &facts {
            let (values, span) = (t.values.iter().map(String::as_str), (Micros(t.end - 60), Micros(t.end)));
            match t.kind {
                0 => writer.term((t.index, t.term), &t.tenant, values, span, t.value),
                1 => writer.kpi_value(t.index, &t.tenant, values, span, t.value),
                2 => writer.verdict(t.index, &t.tenant, values, span, t.value.unwrap_or(0.0), t.found),
                3 => writer.active(t.index, &t.tenant, values, span.1),
                4 => writer.setting((t.index, t.term), (&t.tenant, values), span.1, t.value),
                _ => writer.final_through(&[span.0, Micros::MIN, Micros::MAX]),
            }
        }
        let messages = writer.take();
        prop_assert!(writer.take().is_empty());
        for partition in 0..terms {
            let mut seen = Vec::new();
            for (_, bytes) in messages.iter().filter(|(p, _)| *p == partition) {
                let reader = TermsReader::parse(bytes).unwrap();
                prop_assert_eq!((reader.catalog, reader.run, reader.partition, reader.partitions), (77, 5, 2, 16));
                seen.extend(reader.map(|f| format!("{:?}", f.unwrap())));
                for cut in 0..bytes.len() {
                    // Damaged bytes end in an error or in fewer facts, never in a panic.
                    if let Ok(reader) = TermsReader::parse(&bytes[..cut]) {
                        reader.for_each(drop);
                    }
                }
            }
            let mut want = Vec::new();
            for t in &facts {
                let mut text = String::new();
                SubjectKey::write(&mut text, &t.tenant, t.values.iter().map(String::as_str));
                let subject = SubjectKey(&text);
                prop_assert_eq!(subject.tenant(), &t.tenant);
                prop_assert!(subject.values().eq(t.values.iter().map(String::as_str)));
                let (start, end, value) = (Micros(t.end - 60), Micros(t.end), t.value);
                let (route, fact) = match t.kind {
                    0 => (Route::Kpi(t.index), Fact::Term { kpi: t.index, term: t.term, subject, start, end, value }),
                    1 => (Route::Kpi(t.index), Fact::KpiValue { kpi: t.index, subject, start, end, value }),
                    2 => (Route::Detector(t.index), Fact::Verdict {
                        detector: t.index, subject, start, end, value: value.unwrap_or(0.0), found: t.found,
                    }),
                    3 => (Route::Rule(t.index), Fact::Active { rule: t.index, subject, last_minute_end: end }),
                    4 => (Route::Kpi(t.index), Fact::Setting { kpi: t.index, term: t.term, subject, from: end, value }),
                    _ => {
                        let through = vec![start, Micros::MIN, Micros::MAX];
                        want.push(format!("{:?}", Fact::FinalThrough { partition: 2, partitions: 16, through }));
                        continue;
                    }
                };
                if partition_of(&t.tenant, route, terms) == partition {
                    want.push(format!("{fact:?}"));
                }
            }
            prop_assert_eq!(seen, want);
        }
    }
}

#[test]
fn a_large_commit_is_several_messages() {
    let mut writer = TermsWriter::new(&catalog(), 1, 0, 1, 1);
    for i in 0..40_000 {
        let name = format!("subject number {i}");
        writer.kpi_value(
            0,
            "acme",
            [name.as_str()],
            (Micros(0), Micros(60)),
            Some(1.0),
        );
    }
    writer.final_through(&[Micros(60)]);
    let messages = writer.take();
    assert!(messages.len() > 1);
    assert!(messages.iter().all(|(_, m)| m.len() < 520 * 1024));
    let facts: usize = messages
        .iter()
        .map(|(_, m)| TermsReader::parse(m).unwrap().count())
        .sum();
    assert_eq!(facts, 40_001);
    let last = TermsReader::parse(&messages.last().unwrap().1)
        .unwrap()
        .last()
        .unwrap()
        .unwrap();
    assert!(matches!(last, Fact::FinalThrough { .. }));
}
