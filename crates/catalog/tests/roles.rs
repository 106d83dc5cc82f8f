//! Roles, levels, goals and milestones: what they become, and what is refused, at their own place.

#![allow(clippy::unwrap_used)]

use weir_catalog::{
    Catalog, Computed, Input, JudgedWindow, MeasureKind, Problem, evolve, load_sources,
};

/// The shipped catalog with this in place of its own roles.
fn load(text: &str) -> Result<Catalog, Vec<Problem>> {
    let mut sources = Catalog::embedded_sources();
    sources.retain(|(f, _)| f != "catalog/roles.yaml");
    sources.push(("catalog/people.yaml".into(), text.into()));
    load_sources(sources).map_err(|e| e.0)
}

fn loaded(text: &str) -> Catalog {
    load(text).unwrap_or_else(|e| panic!("{e:#?}"))
}

/// The expression that a measure takes of its event.
fn source(catalog: &Catalog, event: &str, measure: &str) -> String {
    let event = catalog.event(event).unwrap();
    let found = &event.measures[event.measure_id(measure).unwrap()];
    let (MeasureKind::Last(of) | MeasureKind::Max(of) | MeasureKind::Sum(of)) = &found.kind else {
        panic!("{:?}", found.kind)
    };
    match of {
        Input::Computed(Computed { expr, .. }) => expr.source.clone(),
        Input::Field(path) => path.clone(),
    }
}

const ROLE: &str = "roles:
  analyst:
    title: Analyst
    skills: {forensics: 0.9, \"o'reilly\": 0.5}
";

const CHANGED: &str = "roles:
  analyst:
    in_force:
      - {tenant: acme, valid_from: 2026-07-01, skills: {forensics: 0.5}}
      - {valid_from: 2026-07-01, skills: {forensics: 0.9, hardening: 0.4}}
      - {skills: {forensics: 0.8}}
  baker: {skills: {ovens: 1}}
";

#[test]
fn a_role_is_what_is_missing_in_each_skill_and_how_far_one_has_come() {
    let catalog = loaded(ROLE);
    assert_eq!(
        source(&catalog, "skill.scored", "role_analyst_asks"),
        r"skill == 'forensics' ? 0.9 : (skill == 'o\'reilly' ? 0.5 : (null))"
    );
    let gap = catalog.kpi("role_analyst_gap").unwrap();
    assert_eq!(gap.dimensions, ["operator", "skill"]);
    assert_eq!(Some(gap.window), JudgedWindow::parse("all/1d"));
    let readiness = catalog.kpi("role_analyst_readiness").unwrap();
    assert_eq!(readiness.dimensions, ["operator"]);
    assert_eq!(
        readiness.expr.source,
        "(min(coalesce(s0, 0) / 0.9, 1) + min(coalesce(s1, 0) / 0.5, 1)) / 2 * 100"
    );
    let skill = |i: usize| readiness.terms[i].fixed.clone();
    assert_eq!(skill(1), [("skill".into(), "forensics".into())]);
    assert_eq!(skill(2), [("skill".into(), "o'reilly".into())]);
    // Nothing changes with time: there is nothing to choose from.
    let event = catalog.event("skill.scored").unwrap();
    assert!(event.measure_id("role_analyst_entry").is_none());
}

#[test]
fn what_a_role_asks_depends_on_when_and_whose() {
    let catalog = loaded(CHANGED);
    // The tenant's own goes before the one for all; 2026-07-01 is 1782864000.
    assert_eq!(
        source(&catalog, "skill.scored", "role_analyst_entry"),
        "tenant == 'acme' && event_time >= 1782864000 ? (3) : \
         (event_time >= 1782864000 ? (2) : (1))"
    );
    let readiness = catalog.kpi("role_analyst_readiness").unwrap();
    assert_eq!(
        readiness.expr.source,
        "entry == 1 ? v1 : (entry == 2 ? v2 : (entry == 3 ? v3 : (null)))"
    );
}

#[test]
fn the_role_of_an_operator_is_the_goal_to_be_ready_for_it() {
    let catalog = loaded(CHANGED);
    assert_eq!(
        source(&catalog, "goal.set", "role"),
        "metric == 'role_analyst_readiness' ? (closed ? 0 : 1) : \
         (metric == 'role_baker_readiness' ? (closed ? 0 : 2) : (null))"
    );
    let gap = catalog.kpi("operator_skill_gap").unwrap();
    let of = |name: &str| gap.terms.iter().find(|t| t.name == name).unwrap();
    assert!(catalog.is_setting(of("role")));
    assert_eq!(of("role").at, ["operator"]);
    assert_eq!(of("asks2").at, ["operator", "skill"]);
    // It stands where the first role does.
    assert_eq!(catalog.place(&["kpis", "operator_skill_gap"]).1, 2);
}

/// As anything else: adding is free, a change needs a higher version.
#[test]
fn a_role_is_added_freely_and_changed_under_a_new_version() {
    let second = "  baker: {skills: {ovens: 1}}\n";
    let added = loaded(&format!("{ROLE}{second}"));
    assert!(evolve(&loaded(ROLE), &added).is_empty());
    let changed = ROLE.replace("0.9", "0.8");
    let told = evolve(&added, &loaded(&format!("{changed}{second}")));
    assert!(
        told.iter()
            .any(|r| r.message.contains("role_analyst_readiness"))
    );
    for refused in &told {
        let place = (refused.file.as_str(), refused.line);
        assert_eq!(place, ("catalog/people.yaml", 2), "{refused:?}");
    }
    let next = changed.replace("    title", "    version: 2\n    title");
    assert!(evolve(&added, &loaded(&format!("{next}{second}"))).is_empty());
}

const LEVELS: &str = "levels:
  operator:
    title: an operator
    xp: {training.session: \"10 + (success ? 20 : 0)\", certification.granted: 200}
    first_level: 100
";

#[test]
fn levels_stand_on_points_that_are_declared_once() {
    let catalog = loaded(LEVELS);
    assert_eq!(
        source(&catalog, "training.session", "operator_xp"),
        "10 + (success ? 20 : 0)"
    );
    for kpi in ["operator_xp", "operator_level"] {
        let kpi = catalog.kpi(kpi).unwrap();
        let names: Vec<&str> = kpi.terms.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(names, ["x0", "x1"], "{}", kpi.name);
        assert_eq!(kpi.dimensions, ["operator"]);
    }
    let list = LEVELS.replace("first_level: 100", "levels: [50, 120.5]");
    let level = loaded(&list);
    assert_eq!(
        level.kpi("operator_level").unwrap().expr.source,
        "1 + (xp >= 50.0 ? 1 : 0) + (xp >= 120.5 ? 1 : 0)"
    );
    // Anything that events have a dimension of may have levels.
    let team = loaded(&LEVELS.replace("  operator:", "  team:"));
    assert_eq!(team.kpi("team_level").unwrap().dimensions, ["team"]);
}

#[test]
fn points_and_curves_change_together() {
    let catalog = loaded(
        "levels:
  operator:
    in_force:
      - {xp: {training.session: 10}, first_level: 100}
      - {tenant: acme, xp: {certification.granted: 5}, levels: [20, 30]}
",
    );
    assert_eq!(
        source(&catalog, "training.session", "operator_xp"),
        "tenant == 'acme' ? (0) : (event_time >= 0 ? 10.0 : 0)"
    );
    let level = catalog.kpi("operator_level").unwrap();
    assert_eq!(
        level.expr.source,
        "entry == 1 ? v1 : (entry == 2 ? v2 : (null))"
    );
}

const GOAL: &str = "goals:
  minutes:
    title: Minutes
    kpi: operator_hours
    metric: training.session.seconds
    minimum_sample: {training.session.sessions: 1}
";

#[test]
fn progress_towards_a_goal_is_a_share_of_the_target_in_force() {
    let catalog = loaded(GOAL);
    let progress = catalog.kpi("goal_minutes_progress").unwrap();
    assert_eq!(
        progress.expr.source,
        "clamp(ratio(reached, goal) * 100, 0, 100)"
    );
    let goal = progress.terms.iter().find(|t| t.name == "goal").unwrap();
    assert!(catalog.is_setting(goal));
    assert_eq!(
        goal.fixed,
        [("metric".into(), "training.session.seconds".into())]
    );
    assert_eq!(
        (progress.dimensions.clone(), progress.window),
        (
            vec!["operator".to_owned()],
            JudgedWindow::parse("all/1d").unwrap()
        )
    );
    assert!(catalog.rule("goal_minutes_reached").is_some());
}

#[test]
fn a_milestone_is_told_once_from_its_value_on() {
    let text = "milestones:\n  ten: {title: Ten, kpi: operator_sessions, at_least: 10, badge: medal}\n  \
                half: {kpi: operator_hours, at_least: 2.5}\n";
    let catalog = loaded(text);
    let rule = catalog.rule("milestone_ten").unwrap();
    assert!(rule.tells_once());
    assert_eq!(rule.alert_type, "achievement");
    assert_eq!(rule.action, "Give the badge medal.");
    let on = |rule: &str| format!("{:?}", catalog.rule(rule).unwrap().on);
    // 10 itself is above it, 9 is not; hours have two decimals.
    assert!(on("milestone_ten").contains("above: Some(9.5)"));
    assert!(on("milestone_half").contains("above: Some(2.495)"));
    assert_eq!(catalog.place(&["alerts", "milestone_half"]).1, 3);
}

#[test]
fn a_milestone_that_depends_on_when_and_whose_stands_on_a_kpi_of_its_own() {
    let catalog = loaded(&format!(
        "{LEVELS}milestones:
  veteran:
    kpi: operator_level
    in_force: [{{at_least: 5}}, {{tenant: acme, at_least: 3}}]
"
    ));
    let reached = catalog.kpi("milestone_veteran_reached").unwrap();
    assert_eq!(
        reached.expr.source,
        "(max(coalesce(entry0, 0), coalesce(entry1, 0))) == 1 ? (reached >= 5.0 ? 1 : 0) : \
         ((max(coalesce(entry0, 0), coalesce(entry1, 0))) == 2 ? (reached >= 3.0 ? 1 : 0) : (null))"
    );
    assert!(catalog.rule("milestone_veteran").unwrap().tells_once());
}

/// (what is declared, line, start of the code and message, remedy)
const REFUSED: &[(&str, u64, &str, &str)] = &[
    (
        "roles:\n  a: {skills: {x: 1.5}}\n",
        2,
        "WEIR-0105 what a role asks is 1.5",
        "write a score above 0, at most 1",
    ),
    (
        "roles:\n  a: {skills: {}}\n",
        2,
        "WEIR-0105 the role asks for nothing",
        "name a skill",
    ),
    (
        "roles:\n  a: {title: A}\n",
        2,
        "WEIR-0101 the role has no \"skills\"",
        "add `skills:`",
    ),
    (
        "roles:\n  a:\n    skills: {x: 1}\n    in_force: [{skills: {x: 1}}]\n",
        3,
        "WEIR-0101 \"skills\" stands beside in_force",
        "put it into",
    ),
    (
        "roles:\n  a:\n    in_force:\n      - {skills: {x: 1}}\n      - {skills: {x: 0.5}}\n",
        5,
        "WEIR-0109 two entries hold",
        "remove one",
    ),
    (
        "roles:\n  a: {in_force: []}\n",
        2,
        "WEIR-0101 nothing is in force",
        "write `in_force:",
    ),
    (
        "roles:\n  a: {in_force: [{valid_from: soon, skills: {x: 1}}]}\n",
        2,
        "WEIR-0101 valid_from is no date",
        "write it like 2025-01-31",
    ),
    (
        "roles:\n  a: {in_force: [{from: 2025-01-01, skills: {x: 1}}]}\n",
        2,
        "WEIR-0101 unknown field \"from\"",
        "there is",
    ),
    (
        "levels:\n  operator: {xp: {training.session: 1}}\n",
        2,
        "WEIR-0101 levels have no curve, or two",
        "write `first_level: 100`",
    ),
    (
        "levels:\n  operator: {xp: {training.session: 1}, levels: [5, 5]}\n",
        2,
        "WEIR-0105 a level is 5",
        "write more points",
    ),
    (
        "levels:\n  operator: {xp: {}, first_level: 1}\n",
        2,
        "WEIR-0105 nothing is worth any experience",
        "name an event type",
    ),
    (
        "levels:\n  operator: {xp: {trainings: 1}, first_level: 1}\n",
        2,
        "WEIR-0102 \"operator\" is about event \"trainings\"",
        "there is",
    ),
    (
        "# a\nlevels:\n  operator: {xp: {training.session: \"5 * objectives\"}, first_level: 1}\n",
        3,
        "WEIR-0102 measure \"operator_xp\" names field \"objectives\"",
        "there is",
    ),
    (
        "goals:\n  a: {kpi: operator_session}\n",
        2,
        "WEIR-0102 there is no KPI \"operator_session\"",
        "did you mean \"operator_sessions\"?",
    ),
    (
        "goals:\n  a: {kpi: llm_latency_p95}\n",
        2,
        "WEIR-0105 KPI \"llm_latency_p95\" stands on [model]",
        "name one of an operator",
    ),
    (
        "milestones:\n  a: {at_least: 1}\n",
        2,
        "WEIR-0101 the milestone has no \"kpi\"",
        "add `kpi:`",
    ),
    (
        "milestones:\n  a: {kpi: operator_sessions}\n",
        2,
        "WEIR-0101 the milestone has no \"at_least\"",
        "add `at_least:`",
    ),
    (
        "milestones:\n  a: {kpi: operator_sessions, at_least: 5, badges: x}\n",
        2,
        "WEIR-0101 unknown field \"badges\"",
        "did you mean \"badge\"?",
    ),
    (
        "milestones:\n  a: {kpi: operator_success_rate, at_least: 101}\n",
        2,
        "WEIR-0105 nothing is ever above 100.995",
        "choose a smaller bound",
    ),
    (
        "alerts:\n  a: {kpi: operator_sessions, above: 1, resolve_after: never, flap_within: 2, impact: a, action: b}\n",
        2,
        "WEIR-0105 a rule that never resolves does not come back",
        "remove flap_within",
    ),
    (
        "alerts:\n  a: {no_data: {event: llm.call, by: [], silence: 1h}, resolve_after: never, impact: a, action: b}\n",
        2,
        "WEIR-0105 silence ends, so its alerts do",
        "write how often",
    ),
];

#[test]
fn what_cannot_be_meant_is_refused_at_its_line() {
    for (text, line, said, remedy) in REFUSED {
        let problems = load(text).expect_err(text);
        let fits = |p: &&Problem| {
            p.file == "catalog/people.yaml"
                && p.line == *line
                && format!("{} {}", p.code, p.message).starts_with(said)
                && p.remedy.starts_with(remedy)
        };
        assert!(problems.iter().any(|p| fits(&p)), "{text}{problems:#?}");
    }
}
