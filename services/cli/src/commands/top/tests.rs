#![allow(clippy::unwrap_used)]

use super::frame::{Live, Service, Shown};
use super::{live, text};
use serde_json::json;
use weir_model::Micros;
use weir_ops::analytics::{Breakdown, Item, Overview, Spent};
use weir_store::reader::Row;

fn breakdown(category: &str, names: &[&str]) -> Breakdown {
    let item = |(i, name): (usize, &&str)| Item {
        name: (*name).to_owned(),
        cost: 100.0 - i as f64,
        percent: Some(25.0),
    };
    Breakdown {
        category: category.to_owned(),
        from: "2026-03-01".to_owned(),
        to: "2026-03-07".to_owned(),
        total_cost: 400.0,
        items: names.iter().enumerate().map(item).collect(),
    }
}

fn shown(alerts: usize) -> Shown {
    let alert = |i: usize| -> Row {
        let row = json!({"severity": "high", "rule": format!("rule_{i}"),
            "dimensions": {"team": "core"}, "opened": "2026-03-07T10:00:00.000000Z"});
        serde_json::from_value(row).unwrap()
    };
    let service = |name: &str| Service {
        name: name.to_owned(),
        topics: 30,
        lag: 1_234_567,
        rate: Some(9_876.0),
    };
    Shown {
        tenant: "acme".to_owned(),
        run: Some(3),
        at: Micros(1_772_900_000_000_000),
        services: ["combine", "window", "score", "sink"].map(service).into(),
        complete: Some(Micros(1_772_899_700_000_000)),
        dead_letters: Some(2),
        overview: Some(Overview {
            tenant: "acme".to_owned(),
            spend: [1, 7, 30].map(|days| Spent { days, usd: 10.0 }).into(),
            teams: breakdown(
                "team",
                &["core", "data", "growth", "search", "mobile", "infra"],
            ),
            models: breakdown(
                "model",
                &["a-very-long-name-of-a-model-that-does-not-fit-here"],
            ),
            leaderboard: Vec::new(),
            alerts: (0..alerts).map(alert).collect(),
        }),
        live: Some(Live {
            hour: Some(1.5),
            alert: None,
        }),
        ..Shown::default()
    }
}

#[test]
fn a_frame_fits_eighty_columns_and_twenty_four_lines() {
    let text = text(&shown(30), (80, 24)).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.len() <= 24);
    assert!(lines.iter().all(|l| l.chars().count() <= 80), "{text}");
    for part in [
        "q quits",
        "combine",
        "sink",
        "1,234,567",
        "5 min ago; 2 dead letters",
        "10 USD today, 10 in 7 days, 10 in 30 days; 1.5 this hour so far",
        "core",
        "rule_0",
        "team=core",
        "2026-03-07 10:00",
    ] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn what_is_not_known_is_not_shown_as_nothing() {
    let empty = Shown {
        trouble: Some("WEIR-0205: no broker answers".to_owned()),
        ..Shown::default()
    };
    let text = text(&empty, (80, 24)).unwrap();
    assert!(
        text.contains("WEIR-0205") && text.contains("- USD today"),
        "{text}"
    );
    // A small terminal shows what fits.
    super::text(&shown(3), (20, 6)).unwrap();
}

#[test]
fn what_comes_live_is_taken() {
    let mut live = Live::default();
    live::heard(
        &mut live,
        "kpi",
        r#"{"subject": {"team": "core"}, "value": 9}"#,
    );
    assert_eq!(live, Live::default());
    live::heard(&mut live, "kpi", r#"{"subject": {}, "value": 2.5}"#);
    live::heard(&mut live, "alert", r#"{"rule": "spend", "state": "open"}"#);
    live::heard(&mut live, "hello", "no json");
    assert_eq!(live.hour, Some(2.5));
    assert_eq!(live.alert.as_deref(), Some("open spend"));
}
