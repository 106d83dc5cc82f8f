#![allow(clippy::unwrap_used)]

use super::*;
use crate::Fixed;
use crate::avro::{Leaf, Projection, Value, leaf_paths};
use crate::measure::tests::{any_value, value_of};
use crate::{WindowSize, schemas::schema_id};
pub(crate) use apache_avro::types::Value as Oracle;
use apache_avro::{Schema, from_avro_datum};
use proptest::prelude::*;

fn text() -> impl Strategy<Value = String> {
    "[a-zß:/]{0,12}"
}
pub(crate) fn float() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), -1e18..1e18f64]
}
pub(crate) fn micros() -> impl Strategy<Value = Micros> {
    any::<i64>().prop_map(Micros)
}
pub(crate) fn number() -> impl Strategy<Value = Fixed> {
    (any::<i128>(), 0..127u32).prop_map(|(v, s)| Fixed(v >> s))
}
fn subject() -> impl Strategy<Value = Subject> {
    (text(), prop::collection::vec((text(), text()), 0..3))
        .prop_map(|(tenant, dimensions)| Subject { tenant, dimensions })
}
pub(crate) fn opt<T: std::fmt::Debug + Clone>(
    s: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    prop::option::of(s)
}

fn block() -> impl Strategy<Value = AggregateBlock> {
    let part = prop_oneof![
        Just(Part::OnTime),
        (any::<i32>(), any::<i64>(), any::<u32>()).prop_map(|(partition, offset, row)| {
            Part::Late {
                partition,
                offset,
                row,
            }
        }),
    ];
    (0..4usize).prop_flat_map(move |n| {
        let row = (
            subject(),
            prop::sample::select(&WindowSize::ALL[..]),
            micros(),
            micros(),
            part.clone(),
            prop::collection::vec(any_value(), n),
        )
            .prop_map(|(subject, window, start, end, part, values)| Aggregate {
                subject,
                window,
                start,
                end,
                part,
                values,
            });
        (
            text(),
            any::<u64>(),
            any::<u32>(),
            prop::collection::vec(text(), n),
            prop::collection::vec(row, 0..5),
        )
            .prop_map(|(event, catalog, run, measures, rows)| AggregateBlock {
                event,
                catalog,
                run,
                measures,
                rows,
            })
    })
}

/// Decodes a value as any Avro program does, with nothing but the published schema.
fn oracle(name: &str, value: &[u8]) -> Oracle {
    oracle_of(schema_json(name).unwrap(), value)
}

fn oracle_of(schema: &str, value: &[u8]) -> Oracle {
    assert_eq!(value[0], 0);
    assert_eq!(value[1..5], schema_id(schema).to_be_bytes());
    let mut body = &value[5..];
    let decoded = from_avro_datum(&Schema::parse_str(schema).unwrap(), &mut body, None).unwrap();
    assert!(body.is_empty());
    decoded
}

pub(crate) fn field<'o>(v: &'o Oracle, name: &str) -> &'o Oracle {
    match v {
        Oracle::Union(_, v) => field(v, name),
        Oracle::Record(fields) => &fields.iter().find(|(n, _)| n == name).unwrap().1,
        other => panic!("{other:?}"),
    }
}
pub(crate) fn items(v: &Oracle) -> &[Oracle] {
    let Oracle::Array(list) = v else {
        panic!("{v:?}")
    };
    list
}
pub(crate) fn long(v: &Oracle) -> i64 {
    match v {
        Oracle::Int(v) => i64::from(*v),
        Oracle::Long(v) | Oracle::TimestampMicros(v) => *v,
        other => panic!("{other:?}"),
    }
}
pub(crate) fn double(v: &Oracle) -> Option<f64> {
    match v {
        Oracle::Union(_, v) => double(v),
        Oracle::Double(v) => Some(*v),
        Oracle::Null => None,
        other => panic!("{other:?}"),
    }
}
fn string(v: &Oracle) -> &str {
    match v {
        Oracle::String(s) | Oracle::Enum(_, s) => s,
        other => panic!("{other:?}"),
    }
}
pub(crate) fn decimal(v: &Oracle) -> Fixed {
    let Oracle::Decimal(d) = v else {
        panic!("{v:?}")
    };
    let bytes: Vec<u8> = d.try_into().unwrap();
    let mut wide = if bytes[0] >= 0x80 {
        [0xff; 16]
    } else {
        [0; 16]
    };
    wide[16 - bytes.len()..].copy_from_slice(&bytes);
    Fixed(i128::from_be_bytes(wide))
}
fn subject_of(v: &Oracle) -> Subject {
    let dimensions = items(field(v, "dimensions")).iter().map(|d| {
        (
            string(field(d, "name")).to_owned(),
            string(field(d, "value")).to_owned(),
        )
    });
    Subject {
        tenant: string(field(v, "tenant")).to_owned(),
        dimensions: dimensions.collect(),
    }
}
fn block_of(v: &Oracle) -> AggregateBlock {
    let rollups: Vec<Vec<&str>> = items(field(v, "rollups"))
        .iter()
        .map(|r| items(r).iter().map(string).collect())
        .collect();
    let row = |r: &Oracle| {
        let names = &rollups[long(field(r, "rollup")) as usize];
        let values = items(field(r, "dimensions")).iter().map(string);
        let dimensions = names
            .iter()
            .zip(values)
            .map(|(n, v)| ((*n).to_owned(), v.to_owned()))
            .collect();
        let Oracle::Enum(window, _) = field(r, "window") else {
            panic!()
        };
        Aggregate {
            subject: Subject {
                tenant: string(field(r, "tenant")).to_owned(),
                dimensions,
            },
            window: WindowSize::ALL[*window as usize],
            start: Micros(long(field(r, "start"))),
            end: Micros(long(field(r, "end"))),
            part: match field(r, "late") {
                Oracle::Union(1, l) => Part::Late {
                    partition: long(field(l, "partition")) as i32,
                    offset: long(field(l, "offset")),
                    row: long(field(l, "row")) as u32,
                },
                _ => Part::OnTime,
            },
            values: items(field(r, "values")).iter().map(value_of).collect(),
        }
    };
    AggregateBlock {
        event: string(field(v, "event")).to_owned(),
        catalog: long(field(v, "catalog")) as u64,
        run: long(field(v, "run")) as u32,
        measures: items(field(v, "measures"))
            .iter()
            .map(|m| string(m).to_owned())
            .collect(),
        rows: items(field(v, "rows")).iter().map(row).collect(),
    }
}

/// A record against the oracle: each field that both serde and Avro can show, by name.
fn assert_record<T: Serialize>(name: &str, record: &T, value: &[u8]) {
    let decoded = oracle(name, value);
    let json = serde_json::to_value(record).unwrap();
    let Oracle::Record(fields) = &decoded else {
        panic!()
    };
    let map = json.as_object().unwrap();
    assert_eq!(
        fields.iter().map(|(n, _)| n.as_str()).collect::<Vec<_>>(),
        struct_fields(record),
        "{name}"
    );
    for (n, v) in fields {
        let expected = &map[n];
        match v {
            Oracle::String(s) | Oracle::Enum(_, s) => assert_eq!(expected, s, "{n}"),
            Oracle::Boolean(b) => assert_eq!(expected, b, "{n}"),
            Oracle::Int(_) | Oracle::Long(_) | Oracle::TimestampMicros(_) => {
                let bits = expected
                    .as_i64()
                    .unwrap_or_else(|| expected.as_u64().unwrap() as i64);
                assert_eq!(bits, long(v), "{n}");
            }
            Oracle::Union(_, time) if matches!(**time, Oracle::TimestampMicros(_)) => {
                assert_eq!(expected.as_i64(), Some(long(time)), "{n}")
            }
            Oracle::Double(_) | Oracle::Union(..) => {
                assert_eq!(expected.as_f64(), double(v), "{n}")
            }
            Oracle::Record(_) => assert_eq!(
                *expected,
                serde_json::to_value(subject_of(v)).unwrap(),
                "{n}"
            ),
            Oracle::Array(list) => {
                let pairs: Vec<_> = list
                    .iter()
                    .map(|t| (string(field(t, "name")), double(field(t, "value"))))
                    .collect();
                assert_eq!(*expected, serde_json::to_value(pairs).unwrap(), "{n}");
            }
            other => panic!("{n}: {other:?}"),
        }
    }
}

/// Names of a struct's fields in the order of declaration (a JSON map sorts them).
fn struct_fields<T: Serialize>(record: &T) -> Vec<String> {
    let text = serde_json::to_string(record).unwrap();
    let (mut names, mut depth, mut chars) = (Vec::new(), 0, text.char_indices().peekable());
    while let Some((i, c)) = chars.next() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                let end = i + 1 + text[i + 1..].find('"').unwrap();
                while chars.next_if(|(j, _)| *j <= end).is_some() {}
                if depth == 1 && text[end + 1..].starts_with(':') {
                    names.push(text[i + 1..end].to_owned());
                }
            }
            _ => {}
        }
    }
    names
}

#[test]
fn fuzz_blocks_damaged_ones_are_errors() {
    use proptest::strategy::{Strategy, ValueTree};
    let mut runner = proptest::test_runner::TestRunner::default();
    let blocks: Vec<Vec<u8>> = (0..64)
        .map(|_| {
            let block = block().new_tree(&mut runner).unwrap().current();
            let mut value = Vec::new();
            block.encode(&mut value).unwrap();
            value
        })
        .collect();
    let (mut read, mut refused) = (0u64, 0u64);
    weir_fuzz::rounds(5000, |chance| {
        let i = weir_fuzz::rand::Rng::random_range(chance, 0..blocks.len());
        let mut value = blocks[i].clone();
        weir_fuzz::damage(chance, &mut value);
        match AggregateBlock::decode(&value) {
            Ok(_) => read += 1,
            Err(_) => refused += 1,
        }
    });
    assert!(read > 50 && refused > 50, "{read} read, {refused} refused");
}

macro_rules! round_trip {
    ($name:literal, $type:ident, $record:expr) => {{
        let record = $record;
        let mut value = Vec::new();
        record.encode(&mut value);
        assert_eq!($type::decode(&value).as_ref(), Ok(&record));
        assert_record($name, &record, &value);
        for n in 0..value.len() {
            assert!($type::decode(&value[..n]).is_err());
        }
    }};
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn blocks_are_read_back_and_by_any_avro_program(block in block()) {
        let mut value = Vec::new();
        block.encode(&mut value).unwrap();
        prop_assert_eq!(AggregateBlock::decode(&value).unwrap(), block.clone());
        prop_assert_eq!(block_of(&oracle("aggregate", &value)), block);
        for n in 0..value.len() {
            prop_assert!(AggregateBlock::decode(&value[..n]).is_err());
        }
    }

    #[test]
    fn findings_and_late_summaries(
        (t, s, f, m) in (prop::collection::vec(text(), 7), subject(), prop::collection::vec(float(), 3), prop::collection::vec(micros(), 2)),
        (run, catalog, version, early, revision, partition) in any::<(u32, u64, u32, bool, i64, i32)>(),
    ) {
        round_trip!("late", Late, Late {
            run, topic: t[0].clone(), partition, first_offset: m[0].0, last_offset: revision, events: catalog,
            earliest: m[0], watermark: m[1], tenant: t[1].clone(),
        });
        round_trip!("anomaly", Anomaly, Anomaly {
            id: t[0].clone(), run, catalog, detector: t[1].clone(), version, kind: t[2].clone(), severity: t[3].clone(),
            event: t[4].clone(), subject: s, window: t[5].clone(), start: m[0], end: m[1], value: f[0], expected: f[1],
            score: f[2], crosses_at: early.then_some(m[0]), crosses_from: early.then_some(m[1]), crosses_to: None,
            early, revision,
        });
    }

    #[test]
    fn kpis_and_alerts(
        (t, s, f, m) in (prop::collection::vec(text(), 7), subject(), prop::collection::vec(opt(float()), 3), prop::collection::vec(micros(), 2)),
        (status, momentum, state) in (
            prop::sample::select(vec![Status::OnTarget, Status::Near, Status::Off, Status::NoData]),
            prop::sample::select(vec![Momentum::Improving, Momentum::Stable, Momentum::Degrading]),
            prop::sample::select(AlertState::ALL.to_vec()),
        ),
        terms in prop::collection::vec((text(), opt(float())), 0..4),
        (run, catalog, version, revision) in any::<(u32, u64, u32, i64)>(),
    ) {
        round_trip!("kpi", Kpi, Kpi {
            id: t[0].clone(), run, catalog, kpi: t[1].clone(), version, subject: s.clone(), window: t[2].clone(),
            start: m[0], end: m[1], value: f[0], score: f[1], status, momentum, sample: f[2], coverage: f[0], terms: terms.clone(), revision,
        });
        round_trip!("alert", Alert, Alert {
            id: t[0].clone(), run, catalog, rule: t[1].clone(), version, kind: t[2].clone(), severity: t[3].clone(),
            subject: s, state, step: version, opened: m[0], at: m[1], value: f[0], threshold: f[1], worst: f[2],
            windows: run, impact: t[4].clone(), action: t[5].clone(), revision, reopenings: version, r#type: t[6].clone(),
            priority: t[0].clone(), metric: t[1].clone(), unit: t[2].clone(), component: t[3].clone(), client: t[4].clone(),
            group: t[5].clone(), group_key: t[6].clone(), conditions: terms, failing: t[0].clone(),
        });
    }
}

#[test]
fn every_published_schema_parses_and_compiles() {
    let mut ids = std::collections::HashSet::new();
    for (name, json) in SCHEMAS {
        Schema::parse_str(json).unwrap_or_else(|e| panic!("{name}: {e}"));
        let leaves = leaf_paths(json).unwrap();
        let paths: Vec<&str> = leaves.iter().map(|l: &Leaf| l.path.as_str()).collect();
        assert!(!paths.is_empty(), "{name}");
        Projection::compile(json, json, &paths).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(ids.insert(schema_id(json)), "{name}");
    }
}

const ANOMALY_BEFORE: &str = include_str!("../../../../schemas/records/earlier/anomaly.1.avsc");
const KPI_BEFORE: &str = include_str!("../../../../schemas/records/earlier/kpi.1.avsc");

#[test]
fn ids_of_results_stand_in_the_log() {
    let ids = [
        Alert::schema_id(),
        Anomaly::schema_id(),
        Kpi::schema_id(),
        Late::schema_id(),
    ];
    assert_eq!(ids, [0x0627_747a, 0x521c_eed5, 0x7dcb_70a6, 0x4f4b_c712]);
    // Those before them lie there too, and are still read.
    let earlier = [ANOMALY_BEFORE, KPI_BEFORE].map(schema_id);
    assert_eq!(earlier, [0x0f07_aa3f, 0x04a6_d3c9]);
}

#[test]
fn an_event_decoder_reads_a_record_too() {
    let late = Late {
        run: 3,
        topic: "weir.events.llm.call".into(),
        partition: 2,
        first_offset: 10,
        last_offset: 20,
        events: 7,
        earliest: Micros(5),
        watermark: Micros(9),
        tenant: "acme".into(),
    };
    let mut value = Vec::new();
    late.encode(&mut value);
    let json = schema_json("late").unwrap();
    let mut row = [Value::Null; 2];
    Projection::compile(json, json, &["topic", "watermark"])
        .unwrap()
        .decode(&value[5..], &mut row)
        .unwrap();
    assert_eq!(row, [Value::Str("weir.events.llm.call"), Value::Int(9)]);
}

#[test]
fn rows_of_the_wrong_shape_are_refused() {
    let rollups = [vec!["team".to_owned()]];
    let writer = || AggregateWriter::new(Vec::new(), "e", 1, 1, &["n", "s"], &rollups);
    let row = |w: &mut AggregateWriter, values: &[&str]| {
        w.row(
            "t",
            0,
            values.iter().copied(),
            WindowSize::Hour,
            Micros(0),
            Micros::HOUR,
            Part::OnTime,
        );
    };
    let mut good = writer();
    row(&mut good, &["a"]);
    good.count(1);
    good.distribution(1, Fixed::from_int(2), 2.0, 2.0, [(17_535, 1)]);
    assert_eq!((good.rows(), good.is_empty()), (1, false));
    assert!(good.finish().is_ok());

    let mut few = writer();
    row(&mut few, &["a"]);
    few.count(1);
    assert_eq!(few.finish(), Err(RecordError::RowShape));
    let mut dimensions = writer();
    row(&mut dimensions, &[]);
    dimensions.count(1);
    dimensions.count(1);
    assert_eq!(dimensions.finish(), Err(RecordError::RowShape));

    let mut other = Vec::new();
    crate::wire::put_frame(&mut other, crate::headers::SchemaRef::Id(7));
    let expected = AggregateBlock::schema_id();
    assert_eq!(
        AggregateBlock::decode(&other),
        Err(RecordError::Schema { found: 7, expected })
    );
}

#[test]
fn a_kpi_that_was_written_with_a_trend_is_read_with_its_momentum() {
    let kpi = Kpi {
        id: "0f".into(),
        run: 1,
        catalog: u64::MAX,
        kpi: "roi".into(),
        version: 2,
        subject: Subject::default(),
        window: "1d".into(),
        start: Micros(0),
        end: Micros(86_400_000_000),
        value: Some(25.95),
        score: None,
        status: Status::OnTarget,
        momentum: Momentum::Degrading,
        sample: None,
        coverage: None,
        terms: vec![("cost".into(), Some(4.0))],
        revision: 7,
    };
    let (mut value, mut covered) = (Vec::new(), Vec::new());
    kpi.encode(&mut value);
    let with = Kpi {
        coverage: Some(1.0),
        ..kpi.clone()
    };
    with.encode(&mut covered);
    // Beside names, the coverage has come since: the byte that says that there is none.
    let place = value.iter().zip(&covered).position(|(a, b)| a != b);
    value.remove(place.unwrap());
    value[1..5].copy_from_slice(&schema_id(KPI_BEFORE).to_be_bytes());
    let read = oracle_of(KPI_BEFORE, &value);
    assert_eq!(*field(&read, "trend"), Oracle::Enum(2, "degrading".into()));
    assert_eq!(Kpi::decode(&value), Ok(kpi));
}

#[test]
fn an_anomaly_that_was_written_before_there_were_forecasts_crosses_nothing() {
    let anomaly = Anomaly {
        id: "0e".into(),
        run: 1,
        catalog: 3,
        detector: "spend".into(),
        version: 2,
        kind: "limit".into(),
        severity: "high".into(),
        event: "llm.call".into(),
        subject: Subject::default(),
        window: "1h".into(),
        start: Micros(0),
        end: Micros::HOUR,
        value: 2.0,
        expected: 1.0,
        score: 2.0,
        crosses_at: None,
        crosses_from: None,
        crosses_to: None,
        early: true,
        revision: 7,
    };
    let mut value = Vec::new();
    anomaly.encode(&mut value);
    value[1..5].copy_from_slice(&schema_id(ANOMALY_BEFORE).to_be_bytes());
    // Behind the score, before `early` and the revision, three bytes say that there is none.
    let nulls = value.len() - 5..value.len() - 2;
    assert_eq!(value[nulls.clone()], [0, 0, 0]);
    value.drain(nulls);
    let read = oracle_of(ANOMALY_BEFORE, &value);
    assert_eq!(*field(&read, "revision"), Oracle::Long(7));
    assert_eq!(Anomaly::decode(&value), Ok(anomaly));
}
