//! What a KPI's formula knows of its window, and what its subjects are held against.
#![allow(clippy::unwrap_used)]

use weir_catalog::{Catalog, Op, evolve, load_sources};

fn catalog(kpi: &str) -> Catalog {
    let mut all = Catalog::embedded_sources();
    all.retain(|(f, _)| {
        f.starts_with("events/") || f.ends_with("llm.call.yaml") || f.ends_with("prices.yaml")
    });
    let text = format!("kpis:\n  k: {{by: [team], window: 1d, {kpi}}}\n");
    all.push(("catalog/kpis.yaml".into(), text));
    load_sources(all).unwrap_or_else(|e| panic!("{kpi}: {e}"))
}

#[test]
fn days_are_those_of_the_window_unless_something_else_is_called_so() {
    let ops = |kpi: &str| catalog(kpi).kpis[0].expr.ops.clone();
    // Never 0, so it needs no guard.
    let pace = ops("value: llm.call.calls / days");
    assert_eq!(pace, [Op::Term(0), Op::Days, Op::Div]);
    let part = ops("let: {pace: 'ratio(1, days)'}, value: llm.call.calls * pace");
    assert!(part.contains(&Op::Days));
    let term = ops("terms: {days: llm.call.calls}, value: days * 2");
    assert_eq!(term, [Op::Term(0), Op::Number(2.0), Op::Mul]);
    let number = ops("params: {days: 30}, value: llm.call.calls / days");
    assert_eq!(number, [Op::Term(0), Op::Number(30.0), Op::Div]);
    let named = ops("let: {days: '7 + 0'}, value: llm.call.calls * days");
    assert!(!named.contains(&Op::Days));
}

#[test]
fn a_subject_that_is_named_has_its_own_target() {
    let c = catalog(
        "value: llm.call.calls, target: 500, better: higher, targets: {team: {core: 400, '': 9}}",
    );
    let aim = |team: &str| {
        let target = c.kpis[0].target_of(std::iter::once(team)).unwrap();
        assert!(target.higher_is_better);
        target.value
    };
    assert_eq!(
        ["core", "", "corex", "z"].map(aim),
        [400.0, 9.0, 500.0, 500.0]
    );
    assert_eq!(c.kpis[0].aims().collect::<Vec<_>>(), [500.0, 9.0, 400.0]);
    let plain = catalog("value: llm.call.calls");
    assert_eq!(plain.kpis[0].target_of(std::iter::once("core")), None);
}

/// As a target may: the values stay what they are.
#[test]
fn targets_of_subjects_may_change_under_the_same_version_and_have_a_meaning() {
    let with = |targets: &str| {
        catalog(&format!(
            "value: llm.call.calls, target: 500, better: higher{targets}"
        ))
    };
    let all = [
        with(""),
        with(", targets: {team: {core: 400}}"),
        with(", targets: {team: {core: 300}}"),
        with(", targets: {team: {cor: 400}}"),
    ];
    for (i, old) in all.iter().enumerate() {
        for (j, new) in all.iter().enumerate() {
            assert_eq!(old.hash == new.hash, i == j, "{i} {j}");
            assert!(evolve(old, new).is_empty());
        }
    }
    let order = [
        with(", targets: {team: {a: 1, b: 2}}"),
        with(", targets: {team: {b: 2, a: 1}}"),
    ];
    assert_eq!(order[0].hash, order[1].hash);
}
