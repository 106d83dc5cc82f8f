//! What may change under the same version, and what may not.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, MeasureKind, evolve, load_sources};
use weir_model::Micros;

fn changed(file: &str, from: &str, to: &str) -> Catalog {
    let mut all = Catalog::embedded_sources();
    let text = &mut all.iter_mut().find(|(f, _)| f.ends_with(file)).unwrap().1;
    assert!(text.contains(from), "{from}");
    *text = text.replacen(from, to, 1);
    load_sources(all).unwrap_or_else(|e| panic!("{e}"))
}

/// (file, from, to, start of the refusal; empty: allowed)
const CASES: &[(&str, &str, &str, &str)] = &[
    (
        "llm.call.yaml",
        "sum: tokens_output,",
        "sum: tokens_input,",
        r#"measure "tokens_output" of llm.call means"#,
    ),
    (
        "llm.call.yaml",
        "sum: tokens_output,",
        "sum: tokens_input, version: 2,",
        "",
    ),
    (
        "llm.call.yaml",
        "where: {success: false}",
        "where: {success: true}",
        r#"measure "failures""#,
    ),
    (
        "llm.call.yaml",
        "category: category",
        "category: stop_reason",
        r#"dimension "category" of llm.call means"#,
    ),
    (
        "llm.call.yaml",
        "disorder: 1m",
        "disorder: 2m",
        r#"event "llm.call" means"#,
    ),
    (
        "llm.call.yaml",
        "version: 2\nidentity: request_id",
        "version: 3\nidentity: request_id",
        "",
    ),
    (
        "llm.call.yaml",
        "  - [model]\n",
        "  - [model]\n  - [platform]\n",
        "",
    ),
    ("llm.call.yaml", "title: Calls}", "title: All calls}", ""),
    (
        "kpis.yaml",
        "ratio(unpriced, calls) * 100",
        "ratio(unpriced, calls) * 101",
        r#"KPI "unpriced_share" means"#,
    ),
    (
        "kpis.yaml",
        "{unpriced: llm.call.unpriced, calls: llm.call.calls}\n    value: ratio(unpriced, calls)",
        "{none: llm.call.unpriced, all: llm.call.calls, calls: llm.call.calls}\n    version: 2\n    value: ratio(none, all)",
        "",
    ),
    ("kpis.yaml", "    target: 1\n", "    target: 2\n", ""),
    (
        "detectors.yaml",
        "threshold: 8",
        "threshold: 9",
        r#"detector "team_spend_jump" means"#,
    ),
    (
        "alerts.yaml",
        "above: 5",
        "above: 6",
        r#"rule "llm_errors_high" means"#,
    ),
    ("alerts.yaml", "above: 5", "version: 2\n    above: 6", ""),
    (
        "prices.yaml",
        "from: 2025-08-07, when: \"service_tier in ['', 'default', 'standard']\", input: 1.25",
        "from: 2025-08-07, when: \"service_tier in ['', 'default', 'standard']\", input: 1.5",
        r#"the price of "gpt-5" changed"#,
    ),
    // Another condition, one more entry of a day, or one less: the calls of that day cost something
    // else.
    (
        "prices.yaml",
        "model: gpt-5, from: 2025-08-07, when: \"service_tier == 'batch'\"",
        "model: gpt-5, from: 2025-08-07, when: \"service_tier == 'flex'\"",
        r#"the price of "gpt-5" changed"#,
    ),
    (
        "prices.yaml",
        "prices:\n",
        "prices:\n  - {provider: openai, model: gpt-5, from: 2025-08-07, when: tokens_input > 9, input: 1}\n",
        r#"the price of "gpt-5" changed"#,
    ),
    (
        "prices.yaml",
        "  - {provider: openai, model: gpt-5, from: 2025-08-07, when: \"service_tier == 'batch'\"",
        "  - {provider: openai, model: gpt-5, from: 2027-08-07, when: \"service_tier == 'batch'\"",
        r#"the price of "gpt-5" changed"#,
    ),
    (
        "prices.yaml",
        "prices:\n",
        "prices:\n  - {provider: x, model: y, from: 2026-01-01, input: 1}\n",
        "",
    ),
];

#[test]
fn a_change_of_meaning_needs_a_new_version() {
    let old = Catalog::embedded().unwrap();
    assert!(evolve(&old, &old).is_empty());
    for (file, from, to, start) in CASES {
        let new = changed(file, from, to);
        let told = evolve(&old, &new);
        if start.is_empty() {
            assert!(told.is_empty(), "{to}: {told:?}");
            continue;
        }
        assert_eq!(told.len(), 1, "{to}: {told:?}");
        assert!(told[0].message.starts_with(start), "{to}: {told:?}");
        assert_eq!(told[0].code.to_string(), "WEIR-0108");
        assert!(told[0].file.ends_with(file) && told[0].line > 0, "{told:?}");
        assert_ne!(new.hash, old.hash);
    }
}

#[test]
fn the_hash_leaves_out_titles_comments_and_names_of_files() {
    let old = Catalog::embedded().unwrap();
    assert_eq!(
        changed("llm.call.yaml", "title: Calls}", "title: All}").hash,
        old.hash
    );
    assert_eq!(
        changed("kpis.yaml", "kpis:", "# more\nkpis:").hash,
        old.hash
    );
    let mut all = Catalog::embedded_sources();
    for (f, _) in &mut all {
        *f = f.replace("catalog/", "catalog/zz/");
    }
    assert_eq!(load_sources(all).unwrap().hash, old.hash);
    assert_ne!(
        changed("tenants.yaml", "UTC", "Europe/Berlin").hash,
        old.hash
    );
}

#[test]
fn the_longest_entry_in_force_gives_the_price() {
    let c = Catalog::embedded().unwrap();
    let e = c.event("llm.call").unwrap();
    let MeasureKind::Cost(cost) = &e.measures[e.measure_id("cost").unwrap()].kind else {
        panic!("no cost")
    };
    let at = |day: &str| {
        Micros(
            format!("{day}T00:00:00Z")
                .parse::<jiff::Timestamp>()
                .unwrap()
                .as_microsecond(),
        )
    };
    // The usual entry of a day is its last one.
    let input = |provider: &str, model: &str, day: &str| {
        cost.in_force(provider, model, at(day))
            .last()
            .and_then(|p| p.of("input"))
    };
    // USD per million, as billionths per token: 3 USD are 3000.
    assert_eq!(
        input("anthropic", "claude-sonnet-4-5-20250929", "2025-10-01"),
        Some(3000)
    );
    assert_eq!(
        input("anthropic", "claude-opus-4-5@20251101", "2025-12-01"),
        Some(5000)
    );
    assert_eq!(
        input("anthropic", "claude-3-5-haiku-20241022", "2024-11-01"),
        Some(1000)
    );
    assert_eq!(
        input("anthropic", "claude-3-5-haiku-20241022", "2024-12-05"),
        Some(800)
    );
    assert_eq!(
        input("openai", "gpt-4o-mini-2024-07-18", "2025-01-01"),
        Some(150)
    );
    assert_eq!(
        input("openai", "gpt-4o-2024-08-06", "2025-01-01"),
        Some(2500)
    );
    // Never a guess: a relative without a price, an unknown member, another provider, before its
    // time.
    assert_eq!(
        input("openai", "gpt-4o-realtime-preview", "2025-01-01"),
        None
    );
    assert_eq!(input("anthropic", "claude-opus-4-9", "2026-01-01"), None);
    assert_eq!(input("openai", "gpt-4omega", "2025-01-01"), None);
    assert_eq!(input("elsewhere", "gpt-4o", "2025-01-01"), None);
    assert_eq!(input("openai", "gpt-5", "2025-01-01"), None);
}

#[test]
fn the_shipped_book_knows_tiers_and_lifetimes() {
    let c = Catalog::embedded().unwrap();
    let e = c.event("llm.call").unwrap();
    let MeasureKind::Cost(cost) = &e.measures[e.measure_id("cost").unwrap()].kind else {
        panic!("no cost")
    };
    let day = Micros(1_767_225_600_000_000);
    let of = |provider: &str, model: &str, i: usize, class: &str| {
        cost.in_force(provider, model, day)[i].of(class)
    };
    // Sonnet 4.5: long batch, batch, long, usual.
    let sonnet = |i, class| of("anthropic", "claude-sonnet-4-5-20250929", i, class);
    assert_eq!(
        [0, 1, 2, 3].map(|i| sonnet(i, "input")),
        [3000, 1500, 6000, 3000].map(Some)
    );
    assert_eq!(
        [0, 1, 2, 3].map(|i| sonnet(i, "output")),
        [11250, 7500, 22500, 15000].map(Some)
    );
    let classes = [
        "cache_read",
        "cache_write",
        "cache_write_5m",
        "cache_write_1h",
    ];
    assert_eq!(
        classes.map(|c| sonnet(3, c)),
        [300, 3750, 3750, 6000].map(Some)
    );
    assert_eq!(
        classes.map(|c| sonnet(2, c)),
        [600, 7500, 7500, 12000].map(Some)
    );
    assert_eq!(of("openai", "gpt-4.1", 0, "output"), Some(4000));
    assert_eq!(of("openai", "gpt-4.1", 0, "cache_read"), None);
    assert_eq!(of("google", "gemini-2.5-pro", 2, "input"), Some(2500));
    // Nobody's writes are told by lifetime but Anthropic's.
    assert_eq!(of("openai", "gpt-5", 1, "cache_write_1h"), None);
    // Whoever has a price for an hour pays twice the input price for it, and ten times the price of
    // a read for the input.
    for p in cost.book.iter().filter(|p| p.provider == "anthropic") {
        let input = p.of("input").unwrap();
        assert_eq!(p.of("cache_write_1h"), Some(input * 2), "{p:?}");
        if p.model != "claude-3-haiku" {
            assert_eq!(p.of("cache_write_5m"), Some(input * 5 / 4), "{p:?}");
            assert_eq!(p.of("cache_read"), Some(input / 10), "{p:?}");
        }
    }
}

#[test]
fn a_condition_is_part_of_the_hash_and_its_spacing_is_not() {
    let old = Catalog::embedded().unwrap();
    let entry = |when: &str| {
        changed(
            "prices.yaml",
            "prices:\n",
            &format!("prices:\n  - {{model: y, from: 2026-01-01, {when} input: 1}}\n"),
        )
        .hash
    };
    let (a, b) = (
        entry("when: tokens_input>5,"),
        entry("when: tokens_input  >  5,"),
    );
    assert_eq!(a, b);
    let all = [old.hash, a, entry("when: tokens_input > 6,"), entry("")];
    for (i, x) in all.iter().enumerate() {
        assert!(!all[..i].contains(x), "{i}");
    }
}
