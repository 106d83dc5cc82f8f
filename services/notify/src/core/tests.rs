//! The core against arbitrary histories, and one example of each promise.
#![allow(clippy::unwrap_used)]

use super::desk::{DEAD, Desk};
use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_model::Micros;

const S: i64 = 1_000_000;
const BEGIN: i64 = 1_790_000_000 * S;

fn at(seconds: i64) -> Micros {
    Micros(BEGIN + seconds * S)
}

fn route(name: &str, to: &[&str]) -> Route {
    Route {
        name: name.into(),
        matches: Matcher::default(),
        to: to.iter().map(|t| (*t).to_owned()).collect(),
        group_by: vec!["rule".into(), "team".into()],
        wait: Micros(5 * S),
        interval: Micros(60 * S),
        repeat: Some(Micros(3600 * S)),
        limit: None,
        goes_on: false,
    }
}

fn plan(routes: Vec<Route>) -> Arc<Plan> {
    Arc::new(Plan {
        routes,
        dead_after: Micros(60 * S),
        ..Plan::default()
    })
}

fn notice(n: u32, step: u32, firing: bool) -> Notice {
    Notice {
        id: format!("a{n}"),
        step,
        firing,
        rule: format!("rule{}", n % 2),
        severity: "high".into(),
        priority: "P1".into(),
        tenant: "acme".into(),
        dimensions: [("team".to_owned(), format!("t{}", n % 3))].into(),
        opened: at(0),
        at: at(0),
        ..Notice::default()
    }
}

/// A desk with a log and a world that answers.
struct World {
    desk: Desk,
    offset: i64,
    sent: Vec<Step>,
}

impl World {
    fn new(plan: Arc<Plan>) -> World {
        let mut desk = Desk::new(plan);
        desk.begin(at(0));
        World {
            desk,
            offset: 0,
            sent: Vec::new(),
        }
    }

    fn alert(&mut self, notice: Notice, now: Micros) {
        self.offset += 1;
        self.desk.alert(notice, now, now, ("alerts/0", self.offset));
    }

    /// Everything that can be sent now is taken, or fails.
    fn turn(&mut self, now: Micros, taken: impl Fn(&Step) -> bool) {
        self.desk.tick(now);
        for step in self.desk.ready(now, &BTreeSet::new()) {
            if taken(&step) {
                self.desk.delivered(&step.id, now);
                self.sent.push(step);
            } else {
                self.desk.failed(&step.id, "no", now);
            }
        }
    }

    fn run(&mut self, from: i64, to: i64) {
        for s in from..=to {
            self.turn(at(s), |_| true);
        }
    }

    /// Alerts as told: (second, id, firing).
    fn told(&self) -> Vec<(i64, String, bool)> {
        let of = |s: &Step| {
            let second = (s.made.0 - BEGIN) / S;
            let alerts = s.alerts().map(move |a| (second, a.id.clone(), a.firing));
            alerts.collect::<Vec<_>>()
        };
        self.sent.iter().flat_map(of).collect()
    }
}

#[test]
fn a_group_waits_tells_repeats_and_ends() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    w.alert(notice(0, 0, true), at(10));
    w.alert(notice(6, 0, true), at(12));
    w.run(12, 3700);
    w.alert(notice(0, 1, false), at(3700));
    w.run(3700, 3900);
    let told = w.told();
    let (a, b) = ("a0".to_owned(), "a6".to_owned());
    assert_eq!(told[..2], [(15, a.clone(), true), (15, b.clone(), true)]);
    assert_eq!(told[2..4], [(3615, a.clone(), true), (3615, b, true)]);
    assert_eq!(told[4..], [(3700, a, false)]);
}

#[test]
fn an_early_limit_does_not_wait_and_is_confirmed_in_silence() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    let early = |n| Notice {
        early: true,
        opened: at(100),
        at: at(100),
        ..notice(n, 0, true)
    };
    w.alert(early(0), at(10));
    w.alert(early(1), at(10));
    w.run(10, 50);
    w.alert(notice(0, 0, true), at(100));
    w.run(100, 1200);
    let told = w.told();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[..2].iter().all(|t| t.0 == 10 && t.2));
    // The one that its window did not confirm is over a while after it.
    assert_eq!((told[2].1.as_str(), told[2].2), ("a1", false));
}

#[test]
fn what_is_acknowledged_is_not_repeated_until_it_opens_again() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    w.desk.acknowledged(("acme", "a0"), at(20), ("acks/0", 0));
    w.alert(notice(0, 0, true), at(10));
    w.run(10, 8000);
    assert_eq!(w.told().len(), 1);
    w.alert(notice(0, 1, false), at(8000));
    let again = Notice {
        reopened: true,
        ..notice(0, 2, true)
    };
    w.alert(again, at(8100));
    w.run(8000, 12_000);
    let firing: Vec<i64> = w.told().iter().filter(|t| t.2).map(|t| t.0).collect();
    assert_eq!(firing.len(), 3, "{:?}", w.told());
}

#[test]
fn nobody_acknowledges_what_is_somebody_elses() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    for stranger in [
        ("zeta", "a0"),
        ("", "a0"),
        ("acm", "ea0"),
        ("zeta", "4:acmea0"),
    ] {
        w.desk.acknowledged(stranger, at(20), ("acks/0", 0));
    }
    w.alert(notice(0, 0, true), at(10));
    w.run(10, 8000);
    // Now, and again every hour.
    assert_eq!(w.told().len(), 3, "{:?}", w.told());
}

/// A window of `hours` from 22:00 on, on Saturdays, in Berlin.
fn saturdays(hours: i64) -> When {
    When::Weekly {
        days: vec![jiff::civil::Weekday::Saturday],
        at: jiff::civil::time(22, 0, 0, 0),
        zone: jiff::tz::TimeZone::get("Europe/Berlin").unwrap(),
        long: Micros(hours * 3600 * S),
    }
}

#[test]
fn a_weekly_window_is_on_from_its_time_in_its_zone_for_so_long() {
    let moment = |text: &str| Micros(text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
    let until = |hours, now: &str| {
        let until = saturdays(hours).until(moment(now))?;
        Some(
            jiff::Timestamp::from_microsecond(until.0)
                .unwrap()
                .to_string(),
        )
    };
    // In winter 22:00 is 21:00 UTC, in summer 20:00.
    for (hours, now, ends) in [
        (6, "2026-01-03T20:59:59Z", None),
        (6, "2026-01-03T21:00:00Z", Some("2026-01-04T03:00:00Z")),
        (6, "2026-01-04T02:59:59Z", Some("2026-01-04T03:00:00Z")),
        (6, "2026-01-04T03:00:00Z", None),
        (6, "2026-01-05T22:00:00Z", None),
        (6, "2026-07-04T20:00:00Z", Some("2026-07-05T02:00:00Z")),
        // The clocks go forward in it: so long is so long.
        (6, "2026-03-29T02:30:00Z", Some("2026-03-29T03:00:00Z")),
        // A whole week: one begins where the other ends.
        (168, "2026-01-10T20:59:59Z", Some("2026-01-10T21:00:00Z")),
        (168, "2026-01-10T21:00:00Z", Some("2026-01-17T21:00:00Z")),
    ] {
        assert_eq!(until(hours, now).as_deref(), ends, "{hours} h at {now}");
    }
}

#[test]
fn what_a_weekly_window_keeps_is_told_when_it_is_over() {
    let mut p = Plan::clone(&plan(vec![route("all", &["x"])]));
    let begin = jiff::Timestamp::from_microsecond(BEGIN).unwrap();
    let begin = begin.to_zoned(jiff::tz::TimeZone::UTC);
    p.maintenance = vec![Maintenance {
        name: "week".into(),
        matches: Matcher::default(),
        when: When::Weekly {
            days: vec![begin.weekday()],
            at: begin.time().round(jiff::Unit::Second).unwrap(),
            zone: jiff::tz::TimeZone::UTC,
            long: Micros(300 * S),
        },
    }];
    let mut w = World::new(Arc::new(p));
    w.alert(notice(0, 0, true), at(10));
    w.run(10, 500);
    assert_eq!(w.told(), [(300, "a0".to_owned(), true)]);
}

#[test]
fn the_last_word_about_the_same_alerts_counts() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    let mut say = |id: &str, rule: &str, team: &str, until| {
        let silence = Silence {
            id: id.into(),
            tenant: "acme".into(),
            rule: rule.into(),
            alert: None,
            subject: [("team".to_owned(), team.to_owned())].into(),
            until,
        };
        w.desk.silenced(silence, ("s/0", 0));
    };
    say("a", "rule0", "t0", at(500));
    say("b", "rule1", "t1", at(500));
    // It ends the first, and not that of another rule or subject.
    say("c", "rule0", "t0", at(5));
    say("d", "rule1", "t0", at(5));
    w.alert(notice(0, 0, true), at(10));
    w.alert(notice(1, 0, true), at(10));
    w.run(10, 400);
    let told = w.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].1, "a0");
}

#[test]
fn what_is_silenced_or_maintained_is_told_afterwards_if_it_still_holds() {
    let mut p = Plan::clone(&plan(vec![route("all", &["x"])]));
    p.maintenance = vec![Maintenance {
        name: "night".into(),
        matches: Matcher([("team".to_owned(), vec!["t1".to_owned()])].into()),
        when: When::Once {
            from: at(0),
            until: at(300),
        },
    }];
    let mut w = World::new(Arc::new(p));
    let silence = |rule: &str, until| Silence {
        id: rule.into(),
        tenant: "acme".into(),
        rule: rule.into(),
        alert: None,
        subject: BTreeMap::new(),
        until,
    };
    w.desk.silenced(silence("rule0", at(200)), ("s/0", 0));
    w.alert(notice(0, 0, true), at(10));
    w.alert(notice(1, 0, true), at(10));
    w.alert(notice(2, 0, true), at(10));
    w.run(10, 100);
    w.alert(notice(2, 1, false), at(100));
    w.run(100, 500);
    let told = w.told();
    assert_eq!(
        told,
        [(200, "a0".to_owned(), true), (300, "a1".to_owned(), true)]
    );
}

#[test]
fn a_limit_holds_back_and_one_summary_tells_all_of_it() {
    let mut limited = route("all", &["x"]);
    limited.group_by = vec!["team".into(), "id".into(), "rule".into()];
    limited.limit = Some(Limit {
        messages: 2,
        per: Micros(600 * S),
    });
    let mut w = World::new(plan(vec![limited]));
    for n in 0..6 {
        w.alert(notice(n, 0, true), at(10 + i64::from(n)));
    }
    w.run(10, 700);
    let ids: BTreeSet<String> = w.told().into_iter().map(|t| t.1).collect();
    assert_eq!(ids.len(), 6, "nothing is lost");
    assert_eq!(w.sent.len(), 3);
    assert_eq!(w.sent[2].why, Why::Summary);
    assert_eq!(w.sent[2].parts.len(), 4);
}

#[test]
fn a_dead_receiver_is_told_to_the_others_and_gets_all_of_it_later() {
    let only_x = Route {
        matches: Matcher([("team".to_owned(), vec!["t0".to_owned()])].into()),
        ..route("x", &["x"])
    };
    let mut w = World::new(plan(vec![only_x, route("rest", &["y"])]));
    w.alert(notice(0, 0, true), at(10));
    for s in 10..200 {
        w.turn(at(s), |step| step.to != "x");
    }
    assert!(w.desk.receivers()["x"].dead);
    assert_eq!(w.sent.len(), 1);
    assert_eq!(
        (w.sent[0].to.as_str(), w.sent[0].route.as_str()),
        ("y", "rest")
    );
    assert_eq!(w.sent[0].alerts().next().unwrap().rule, DEAD);
    w.run(200, 1000);
    assert!(!w.desk.receivers()["x"].dead);
    let to_x = w.sent.iter().find(|s| s.to == "x").unwrap();
    assert!(to_x.tries > 3 && to_x.alerts().next().unwrap().id == "a0");
    let last = w.sent.last().unwrap().alerts().next().unwrap();
    assert!(last.rule == DEAD && !last.firing);
}

#[test]
fn what_was_over_before_the_first_start_is_not_told() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    w.desk
        .alert(notice(0, 0, true), at(-90), at(1), ("alerts/0", 1));
    w.desk
        .alert(notice(1, 0, true), at(-80), at(1), ("alerts/0", 2));
    w.desk
        .alert(notice(0, 1, false), at(-70), at(2), ("alerts/0", 3));
    w.run(2, 100);
    assert_eq!(w.told(), [(11, "a1".to_owned(), true)]);
}

#[test]
fn another_declaration_moves_what_is_open() {
    let mut w = World::new(plan(vec![route("all", &["x"])]));
    w.alert(notice(0, 0, true), at(10));
    w.run(10, 30);
    let mut by_rule = route("all", &["x", "y"]);
    by_rule.group_by = vec!["rule".into()];
    let mut desk = copy(&mut w.desk, plan(vec![by_rule]));
    assert!(desk.begin(at(40)).is_empty());
    w.desk = desk;
    w.run(40, 200);
    let told: Vec<(&str, usize)> = w
        .sent
        .iter()
        .map(|s| (s.to.as_str(), s.parts.len()))
        .collect();
    assert_eq!(told, [("x", 1), ("y", 1)], "only the new receiver is told");
}

/// As it comes back from the log.
fn copy(desk: &mut Desk, plan: Arc<Plan>) -> Desk {
    // All of it, not only what changed since.
    for id in desk.alerts.keys().cloned().collect::<Vec<_>>() {
        desk.touch(super::store::ALERT, &id);
    }
    for id in desk.groups.keys().cloned().collect::<Vec<_>>() {
        desk.touch(super::store::GROUP, &id);
    }
    for id in desk.steps.keys().cloned().collect::<Vec<_>>() {
        desk.touch(super::store::STEP, &id);
    }
    let entries = desk.changes();
    let there = entries
        .iter()
        .filter_map(|(k, v)| Some((k.as_bytes(), v.as_deref()?)));
    Desk::load(plan, there, |key| panic!("{key}"))
}

/// What happens in a second of an arbitrary history.
#[derive(Clone, Debug)]
enum Happens {
    Alert(u32, bool),
    Acknowledged(u32),
    Silenced(u32, i64),
    /// The process dies after what was written, and starts again.
    Dies,
    Nothing,
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0u32..8, any::<bool>()).prop_map(|(n, firing)| Happens::Alert(n, firing)),
        1 => (0u32..8).prop_map(Happens::Acknowledged),
        1 => (0u32..2, 1i64..120).prop_map(|(r, s)| Happens::Silenced(r, s)),
        1 => Just(Happens::Dies),
        4 => Just(Happens::Nothing),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens: every alert's last state is told once the receivers take something, under
    /// limits, one message of a group at a time, each under its own id, also over deaths.
    #[test]
    fn every_alert_ends_as_told(
        history in prop::collection::vec((happens(), any::<bool>()), 1..120),
        limited in any::<bool>(),
    ) {
        let mut of = route("all", &["x", "y"]);
        of.limit = limited.then_some(Limit { messages: 3, per: Micros(120 * S) });
        let plan = plan(vec![of]);
        let mut w = World::new(plan.clone());
        let first = w.desk.changes().into_iter();
        let mut log: BTreeMap<String, Vec<u8>> = first.filter_map(|(k, v)| Some((k, v?))).collect();
        let mut steps: BTreeMap<u32, u32> = BTreeMap::new();
        let mut last: BTreeMap<u32, bool> = BTreeMap::new();
        let (mut second, mut by_hand) = (10, 0);
        for (what, x_takes) in history {
            second += 7;
            let now = at(second);
            match what {
                Happens::Alert(n, firing) if last.get(&n).copied().unwrap_or(false) != firing => {
                    let step = steps.entry(n).and_modify(|s| *s += 1).or_insert(0);
                    let told = Notice { reopened: firing && *step > 0, ..notice(n, *step, firing) };
                    last.insert(n, firing);
                    w.alert(told, now);
                }
                Happens::Acknowledged(n) => {
                    by_hand += 1;
                    let id = format!("a{n}");
                    w.desk.acknowledged(("acme", &id), now, ("acks/0", by_hand));
                }
                Happens::Silenced(r, s) => {
                    by_hand += 1;
                    let silence = Silence {
                        id: format!("s{by_hand}"), tenant: "acme".into(), rule: format!("rule{r}"),
                        alert: None, subject: BTreeMap::new(), until: at(second + s),
                    };
                    w.desk.silenced(silence, ("s/0", by_hand));
                }
                Happens::Dies => {
                    let there = log.iter().map(|(k, v)| (k.as_bytes(), v.as_slice()));
                    let desk = Desk::load(plan.clone(), there, |key| panic!("{key}"));
                    let mut as_it_was = w.desk.clone();
                    as_it_was.swept = None;
                    as_it_was.changed.clear();
                    prop_assert_eq!(&desk, &as_it_was, "what was written is all there is");
                    w.desk = desk;
                    w.desk.begin(now);
                }
                _ => {}
            }
            w.turn(now, |step| step.to == "y" || x_takes);
            for (key, value) in w.desk.changes() {
                match value {
                    Some(value) => log.insert(key, value),
                    None => log.remove(&key),
                };
            }
            let mut busy = BTreeSet::new();
            for step in w.desk.pending() {
                for part in &step.parts {
                    prop_assert!(busy.insert(part.group.clone()), "two messages of one group");
                }
            }
        }
        for s in (second..second + 4000).step_by(5) {
            w.turn(at(s), |_| true);
        }
        prop_assert_eq!(w.desk.pending().count(), 0);
        let ids: BTreeSet<&String> = w.sent.iter().map(|s| &s.id).collect();
        prop_assert_eq!(ids.len(), w.sent.len(), "an id of its own for each message");
        for to in ["x", "y"] {
            let sent: Vec<&Step> = w.sent.iter().filter(|s| s.to == to).collect();
            if limited {
                let mut made: Vec<i64> = sent.iter().map(|s| s.made.0).collect();
                made.sort_unstable();
                prop_assert!(made.windows(4).all(|m| m[3] - m[0] >= 120 * S), "{:?}", made);
            }
            let mut ordered: Vec<&Step> = sent.clone();
            ordered.sort_by_key(|s| s.made);
            let mut told: BTreeMap<&str, bool> = BTreeMap::new();
            for a in ordered.iter().flat_map(|s| s.alerts()).filter(|a| a.rule != DEAD) {
                told.insert(&a.id, a.firing);
            }
            for (n, firing) in &last {
                // One that was over while it was silenced may never have been told.
                let as_told = told.get(format!("a{n}").as_str()).copied().unwrap_or(false);
                prop_assert_eq!(as_told, *firing, "a{} at {}", n, to);
            }
        }
    }
}
