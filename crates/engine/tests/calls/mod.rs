//! Calls of models through the engine and through the oracle, each call in a row of its own: the
//! rollup of the event type is that of `request_id`.
#![allow(clippy::unwrap_used, dead_code)]

use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use weir_catalog::Catalog;
use weir_engine::combine::{Combine, CombineOptions, Fold, Input, Position, Record};
use weir_engine::measure::{self, Layout};
use weir_engine::partial::Block;
use weir_model::avro::JsonEncoder;
use weir_model::headers::Meta;
use weir_model::measure::MeasureValue;
use weir_model::{Micros, wire};

pub static SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let all = Catalog::embedded_sources();
    let (_, text) = all
        .iter()
        .find(|(f, _)| f == "events/llm.call.avsc")
        .unwrap();
    text.clone()
});

const NEW: [&str; 3] = [
    "tokens_cache_write_5m",
    "tokens_cache_write_1h",
    "service_tier",
];

/// What a producer wrote that does not know tiers and lifetimes.
static OLD_SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let mut schema: Json = serde_json::from_str(&SCHEMA).unwrap();
    let fields = schema["fields"].as_array_mut().unwrap();
    fields.retain(|f| !NEW.contains(&f["name"].as_str().unwrap()));
    schema.to_string()
});

pub const START: i64 = 1_780_000_000_000_000;

/// A call, and whether it is written with the old schema.
pub type Call = (Json, bool);

/// What each call adds to the measures of the one event type, by its dimension: by the engine.
pub type Added = BTreeMap<String, Vec<MeasureValue>>;

/// As [`Added`], by the oracle.
pub type Told = BTreeMap<String, Vec<weir_oracle::Value>>;

/// The value of each call's record.
pub fn records(calls: &[Call]) -> Vec<Vec<u8>> {
    calls
        .iter()
        .enumerate()
        .map(|(i, c)| encoded(i, c))
        .collect()
}

fn encoded(i: usize, (call, old): &Call) -> Vec<u8> {
    static ENCODERS: LazyLock<[JsonEncoder; 2]> =
        LazyLock::new(|| [&*SCHEMA, &*OLD_SCHEMA].map(|s| JsonEncoder::new(s).unwrap()));
    let mut event = json!({
        "event_id": format!("e{i}"), "event_time": START + i as i64, "tenant": "t",
        "source": "s", "resource": {}, "request_id": format!("c{i}"),
        "engineer": {"email": "a", "team": ""}, "session_id": null, "provider": "p",
        "model": "m", "category": "", "tokens_input": 0, "tokens_cache_read": 0,
        "tokens_cache_write": 0, "tokens_cache_write_5m": null,
        "tokens_cache_write_1h": null, "tokens_output": 0, "tokens_reasoning": 0,
        "cost_usd": null, "latency_ms": null, "first_token_ms": null, "success": true,
        "error_type": null, "stop_reason": null, "service_tier": "",
    });
    for (k, v) in call.as_object().unwrap() {
        event[k] = v.clone();
    }
    if *old {
        let fields = event.as_object_mut().unwrap();
        fields.retain(|name, _| !NEW.contains(&name.as_str()));
    }
    let mut body = Vec::new();
    ENCODERS[usize::from(*old)]
        .encode(&event, &mut body)
        .unwrap();
    wire::framed(1 + u32::from(*old), &body)
}

/// A combine stage that knows both schemas, and its only input.
pub fn combine(catalog: &Arc<Catalog>) -> (Combine, Input) {
    let options = CombineOptions {
        partials: 1,
        run: 1,
        max_block: 700 << 10,
        partitions: vec![1],
    };
    let mut combine = Combine::new(catalog.clone(), options).unwrap();
    combine.add_schema(0, 1, [1; 16], &SCHEMA).unwrap();
    combine.add_schema(0, 2, [2; 16], &OLD_SCHEMA).unwrap();
    let (event, partition) = (0, 0);
    let input = Input { event, partition };
    combine.open(input, Position::default());
    (combine, input)
}

/// Folds a call.
pub fn fold(combine: &mut Combine, input: Input, i: usize, value: &[u8]) {
    let record = Record {
        offset: i as i64,
        append_time: Micros(START + i as i64),
        value: Some(value),
        meta: Meta::default(),
    };
    let (late, clamped) = (false, false);
    assert_eq!(
        combine.fold(input, &record),
        Fold::Counted { late, clamped }
    );
}

pub fn engine(catalog: &Arc<Catalog>, values: &[Vec<u8>]) -> Added {
    let (mut combine, input) = combine(catalog);
    for (i, value) in values.iter().enumerate() {
        fold(&mut combine, input, i, value);
    }
    let (layout, mut out) = (Layout::new(&catalog.events[0]), Added::new());
    combine.drain(false, &mut |_, block| {
        for group in Block::parse(block).unwrap().groups() {
            let group = group.unwrap();
            for row in group.rows() {
                let values = measure::decode(&layout, row.unwrap().encoded).unwrap();
                out.insert(group.values[0].to_string(), values);
            }
        }
    });
    out
}

pub fn oracle(catalog: &Catalog, values: &[Vec<u8>]) -> Told {
    let merged = counted(catalog, values).merged.into_iter();
    merged
        .map(|(key, cell)| (key.values[0].clone(), cell.0.clone()))
        .collect()
}

/// What the oracle says of records that come one after the other, a day later.
pub fn counted(catalog: &Catalog, values: &[Vec<u8>]) -> weir_oracle::Truth {
    let writers = [
        (1, [1; 16], SCHEMA.clone()),
        (2, [2; 16], OLD_SCHEMA.clone()),
    ];
    let mut fold = weir_oracle::Fold::new(catalog, &[1], &writers).unwrap();
    let end = Micros(START).plus(Micros::DAY);
    let tick = Meta {
        tick: Some(end),
        ..Meta::default()
    };
    let calls = values.iter().enumerate();
    let calls = calls.map(|(i, v)| {
        (
            Micros(START + i as i64),
            Some(v.as_slice()),
            Meta::default(),
        )
    });
    for (offset, (append_time, value, meta)) in calls.chain([(end, None, tick)]).enumerate() {
        let offset = offset as i64;
        let record = weir_oracle::Record {
            offset,
            append_time,
            value,
            meta,
        };
        fold.record(catalog, 0, 0, &record);
    }
    weir_oracle::conclude(catalog, fold)
}
