//! What is said of late events and dead letters is said by tenant; what is committed says what was
//! told.

use super::*;

fn event_of(tenant: &str, second: i64, output: i64) -> Raw {
    let at = START + second * SECOND;
    let fields = json!({
        "event_id": format!("{tenant}{second}"), "request_id": null, "event_time": at, "tenant": tenant, "source": "test",
        "resource": {}, "engineer": {"email": "e", "team": "t"}, "session_id": null, "provider": "p", "model": "m",
        "category": "", "tokens_input": 1, "tokens_cache_read": 0, "tokens_cache_write": 0, "tokens_output": output,
        "tokens_reasoning": 0, "cost_usd": null, "latency_ms": null, "first_token_ms": null, "success": true,
        "error_type": null, "stop_reason": null,
    });
    Raw {
        append_time: START + 3600 * SECOND,
        value: Some(wire::framed(KNOWN, &encoded(&fields))),
        meta: Meta::default(),
        event: Some(fields),
    }
}

#[test]
fn late_events_and_dead_letters_are_of_a_tenant() {
    let mut c = combine(1 << 16);
    let input = Input {
        event: 0,
        partition: 0,
    };
    c.open(input, Position::default());
    let mut seen = Vec::new();
    let log = [
        event_of("acme", 3600, 1),
        event_of("bolt", 5, 1),
        event_of("acme", 7, 1),
        event_of("bolt", 3, 1),
        event_of("bolt", 3599, 1),
        // Below its bound.
        event_of("bolt", 9, -5),
        event_of("a\u{1}b", 9, 1),
    ];
    for (i, raw) in log.iter().enumerate() {
        seen.push(c.fold(input, &raw.record(i)));
    }
    let dead: Vec<&str> = seen
        .iter()
        .filter_map(|f| match f {
            Fold::Dead(d) => Some(d.tenant.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(dead, ["bolt", ""], "{seen:?}");
    let late: Vec<_> = c
        .late()
        .into_iter()
        .map(|l| {
            let second = (l.earliest.0 - START) / SECOND;
            (l.tenant, l.events, l.first_offset, l.last_offset, second)
        })
        .collect();
    assert_eq!(
        late,
        [
            ("acme".to_owned(), 1, 2, 2, 7),
            ("bolt".to_owned(), 2, 1, 3, 3)
        ]
    );
    assert!(c.late().is_empty(), "asked for once");
}

#[test]
fn metadata_says_what_was_told() {
    let mut c = combine(1 << 16);
    let input = Input {
        event: 0,
        partition: 0,
    };
    c.open(input, Position::default());
    c.fold(input, &event_of("acme", 3600, 1).record(0));
    c.drain(false, &mut |_, _| {});
    assert_eq!(Position::told(&c.metadata(input)), Micros::MIN);
    c.drain(true, &mut |_, _| {});
    let metadata = c.metadata(input);
    assert_eq!(Position::told(&metadata), c.watermark(input));
    assert_eq!(Position::parse(&metadata).unwrap(), c.position(input));
    // Of an older version.
    let without = c.position(input).to_metadata();
    assert_eq!(Position::told(&without), Micros::MIN);
    assert_eq!(Position::told(""), Micros::MIN);
    assert!(metadata.len() <= 200, "{metadata}");
}
