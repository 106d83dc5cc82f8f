//! Cost: injected opportunities are found with their USD, and sums by hand.
#![allow(clippy::unwrap_used)]

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use std::collections::BTreeMap;
use weir_analysis::Series;
use weir_analysis::cost::{
    Book, Call, Kind, Price, Rules, breakdown, opportunities, project, reprice,
};
use weir_model::Micros;

fn close(a: f64, b: f64) {
    assert!((a - b).abs() <= 1e-9 * b.abs().max(1.0), "{a} is not {b}");
}

fn book() -> Book {
    let price = |input, cached, output| Price {
        input,
        cached,
        output,
    };
    Book::from([
        ("large".to_owned(), price(10.0, 1.0, 40.0)),
        ("small".to_owned(), price(1.0, 0.1, 4.0)),
        ("tiny".to_owned(), price(0.2, 0.02, 0.8)),
    ])
}

fn call(model: &str, task: &str) -> Call {
    let mut call = Call {
        model: model.into(),
        task: task.into(),
        input_tokens: 20_000.0,
        output_tokens: 1_000.0,
        ..Call::default()
    };
    call.usd = Some(book()[model].of(&call));
    call
}

#[test]
fn injected_opportunities_are_found_with_their_usd() {
    let (mut injected, mut found) = (0, 0);
    for seed in 0..20 {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut calls = Vec::new();
        // Renaming is as good with the small model, not with the tiny one; design with none.
        for (task, quality) in [("rename", [0.9, 0.9, 0.6]), ("design", [0.9, 0.7, 0.4])] {
            for (model, q) in ["large", "small", "tiny"].into_iter().zip(quality) {
                for _ in 0..400 {
                    let noise: f64 = StandardNormal.sample(&mut rng);
                    calls.push(Call {
                        quality: Some((q + 0.1 * noise).clamp(0.0, 1.0)),
                        ..call(model, task)
                    });
                }
            }
        }
        let cheaper = 400.0 * (0.24 - 0.024);
        let mut missed = 0.0;
        for i in 0..200 {
            let hit = rng.random_bool(0.5);
            let mut c = call("large", "chat");
            c.prefix = Some((77, 15_000.0));
            c.cached_tokens = if hit && i > 0 { 15_000.0 } else { 0.0 };
            c.usd = Some(book()["large"].of(&c));
            missed += if hit || i == 0 { 0.0 } else { 0.015 * 9.0 };
            calls.push(c);
        }
        let mut retried = 0.0;
        for _ in 0..60 {
            let retry = rng.random_bool(0.4);
            retried += if retry { 0.24 } else { 0.0 };
            calls.push(Call {
                retry,
                ..call("large", "fix")
            });
        }
        for _ in 0..25 {
            calls.push(Call {
                waste: Some("answer cut off".into()),
                ..call("large", "docs")
            });
        }
        let budgets = [
            ("ml".to_owned(), 500.0, 420.0),
            ("web".to_owned(), 100.0, 100.0),
        ];
        let all = opportunities(&calls, &book(), &budgets, &Rules::default());
        let truth = [
            (Kind::CheaperModel, "rename: large to small", cheaper),
            (Kind::CacheMiss, "prefix 000000000000004d", missed),
            (Kind::Retries, "large", retried),
            (Kind::Waste, "answer cut off", 25.0 * 0.24),
            (Kind::IdleBudget, "ml", 80.0),
        ];
        for (kind, about, usd) in truth {
            injected += 1;
            let it = all.iter().find(|o| o.kind == kind && o.about == about);
            found += i32::from(it.is_some_and(|o| (o.usd / usd - 1.0).abs() <= 0.2));
        }
        // What was not injected is not found: no task goes where it would be worse.
        let wrong = |o: &&weir_analysis::cost::Opportunity| {
            o.kind == Kind::CheaperModel
                && (o.about.starts_with("design") || o.about.contains("to tiny"))
        };
        assert!(!all.iter().any(|o| wrong(&o)), "{all:?}");
        assert!(
            all.iter()
                .all(|o| !o.evidence.is_empty() && !o.takes.is_empty())
        );
        assert!(all.windows(2).all(|w| w[0].usd >= w[1].usd));
    }
    println!("found within 20 %: {found} of {injected}");
    assert!(found * 10 >= injected * 9, "{found} of {injected}");
}

#[test]
fn few_judgements_are_no_proof() {
    let mut calls: Vec<Call> = Vec::new();
    for model in ["large", "small"] {
        for _ in 0..29 {
            calls.push(Call {
                quality: Some(0.9),
                ..call(model, "rename")
            });
        }
    }
    assert!(opportunities(&calls, &book(), &[], &Rules::default()).is_empty());
}

#[test]
fn other_prices_give_other_sums_and_unknown_ones_none() {
    let mut calls = vec![call("large", "a"), call("small", "a"), call("small", "b")];
    calls[2].usd = None;
    calls.push(Call {
        model: "unheard of".into(),
        usd: Some(5.0),
        ..call("tiny", "b")
    });
    let half = Book::from([
        (
            "large".to_owned(),
            Price {
                input: 5.0,
                cached: 0.5,
                output: 20.0,
            },
        ),
        ("small".to_owned(), book()["small"]),
    ]);
    let w = reprice(&calls, &half);
    close(w.usd, 0.24 + 0.024);
    close(w.repriced, 0.12 + 0.024);
    close(w.models["large"].1, 0.12);
    assert_eq!(w.unpriced, 0.5);
    let mut cached = call("large", "a");
    cached.cached_tokens = 20_000.0;
    close(book()["large"].of(&cached), 0.02 + 0.04);
}

#[test]
fn a_breakdown_adds_up_and_shows_what_has_no_price() {
    let team = |t: &str| BTreeMap::from([("team".to_owned(), t.to_owned())]);
    let calls = [
        Call {
            dimensions: team("a"),
            ..call("large", "x")
        },
        Call {
            dimensions: team("b"),
            usd: None,
            ..call("large", "x")
        },
        Call {
            dimensions: team("b"),
            ..call("small", "y")
        },
        call("tiny", "y"),
    ];
    let b = breakdown(&calls, "team");
    let order: Vec<(&str, usize, usize)> = b
        .iter()
        .map(|b| (b.value.as_str(), b.calls, b.unpriced))
        .collect();
    assert_eq!(order, [("a", 1, 0), ("b", 2, 1), ("", 1, 0)]);
    close(b.iter().map(|b| b.share.unwrap()).sum(), 1.0);
    close(breakdown(&calls, "model")[0].usd, 0.24);
    assert!(breakdown(&[], "team").is_empty());
}

#[test]
fn a_budget_is_used_up_on_a_day_with_a_range() {
    let mut rng = ChaCha8Rng::seed_from_u64(3);
    let week = [12.0, 14.0, 15.0, 14.0, 12.0, 2.0, 1.0];
    let spending = (0..75).map(|t| {
        let noise: f64 = StandardNormal.sample(&mut rng);
        Some((week[t % 7] + 0.5 * noise).max(0.0))
    });
    let s = Series::regular(Micros(0), Micros::DAY, spending).unwrap();
    // 10 a day: 15 days of the month are over, 15 to come.
    let p = project(&s, &[7], 15, 15, 220.0).unwrap();
    let truth: f64 = p.spent + (75..90).map(|t| week[t % 7]).sum::<f64>();
    assert!(
        (p.at_end / truth - 1.0).abs() < 0.05,
        "{} {truth}",
        p.at_end
    );
    assert!(p.range_80.0 <= truth && truth <= p.range_80.1);
    let mut sum = p.spent;
    let day = (75..90).find(|t| {
        sum += week[t % 7];
        sum >= 220.0
    });
    let told = p.used_up.unwrap().0 / Micros::DAY.0;
    assert!((told - day.unwrap() as i64).abs() <= 1, "{told} {day:?}");
    assert!(p.used_up_80.0 <= p.used_up);
    let enough = project(&s, &[7], 15, 15, 1e6).unwrap();
    assert_eq!((enough.used_up, enough.used_up_80), (None, (None, None)));
}
