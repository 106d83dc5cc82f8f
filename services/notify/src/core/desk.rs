//! What is known, and what comes in.

use super::group::Group;
use super::health::Health;
use super::mute::{Silence, muted};
use super::notice::Notice;
use super::plan::{Plan, Route};
use super::step::Step;
use super::store::{ACK, ALERT, BEGAN, GROUP, READ, RECEIVER, SILENCE, STEP};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use weir_model::Micros;

/// Rule of the alert that a receiver takes nothing any more.
pub const DEAD: &str = "notify_receiver_dead";
/// What was there before the first start is read to its end before any of it is told.
const SETTLE: Micros = Micros(5_000_000);

/// An alert that is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Held {
    /// As it was last told by the log.
    pub notice: Notice,
    /// When the log took the record that opened it (again).
    pub since: Micros,
    /// When the log took the last one.
    pub changed: Micros,
}

/// What is known, and what is to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Desk {
    pub(super) plan: Arc<Plan>,
    pub(super) alerts: BTreeMap<String, Held>,
    pub(super) acks: BTreeMap<String, Micros>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) steps: BTreeMap<String, Step>,
    pub(super) silences: BTreeMap<String, Silence>,
    /// When messages of a route to a receiver were planned, within its limit's time.
    pub(super) lanes: BTreeMap<String, Vec<Micros>>,
    pub(super) receivers: BTreeMap<String, Health>,
    /// Offset after the last record that counted, by partition.
    pub(super) read: BTreeMap<String, i64>,
    /// When the first start was.
    pub(super) began: Option<Micros>,
    pub(super) changed: BTreeSet<String>,
    pub(super) swept: Option<Micros>,
}

impl Desk {
    /// Nothing is known.
    pub fn new(plan: Arc<Plan>) -> Desk {
        Desk {
            plan,
            alerts: BTreeMap::new(),
            acks: BTreeMap::new(),
            groups: BTreeMap::new(),
            steps: BTreeMap::new(),
            silences: BTreeMap::new(),
            lanes: BTreeMap::new(),
            receivers: BTreeMap::new(),
            read: BTreeMap::new(),
            began: None,
            changed: BTreeSet::new(),
            swept: None,
        }
    }

    pub(super) fn touch(&mut self, prefix: &str, id: &str) {
        self.changed.insert(format!("{prefix}{id}"));
    }

    /// Begins, or goes on under a plan that may be another: what no route leads to any more is
    /// forgotten, and open alerts are told where they were not. Returns the messages that were
    /// under way to receivers that are not declared any more.
    pub fn begin(&mut self, now: Micros) -> Vec<Step> {
        if self.began.is_none() {
            self.began = Some(now);
            self.changed.insert(BEGAN.to_owned());
        }
        let plan = self.plan.clone();
        let gone: Vec<Step> = self
            .steps
            .values()
            .filter(|s| s.delivered.is_none() && !plan.leads(&s.route, &s.to))
            .cloned()
            .collect();
        for step in &gone {
            self.steps.remove(&step.id);
            self.touch(STEP, &step.id);
        }
        let declared = |to: &String| plan.routes.iter().any(|r| r.to.contains(to));
        let unknown: Vec<String> = self.receivers.keys().cloned().collect();
        for name in unknown.iter().filter(|name| !declared(name)) {
            self.receivers.remove(name);
            self.touch(RECEIVER, name);
        }
        self.regroup();
        let open: Vec<Notice> = self
            .alerts
            .values()
            .filter(|h| h.notice.firing)
            .map(|h| h.notice.clone())
            .collect();
        for notice in open {
            self.enlist(&notice, now, None);
        }
        gone
    }

    /// Takes groups apart that the plan makes otherwise.
    fn regroup(&mut self) {
        let plan = self.plan.clone();
        let other: Vec<String> = self
            .groups
            .iter()
            .filter(|(_, g)| {
                let same = |r: &Route| g.labels.keys().eq(sorted(&r.group_by));
                !plan.leads(&g.route, &g.to)
                    || g.pending.is_none() && !plan.route(&g.route).is_some_and(same)
            })
            .map(|(key, _)| key.clone())
            .collect();
        for key in other {
            self.touch(GROUP, &key);
            let Some(old) = self.groups.remove(&key) else {
                continue;
            };
            let Some(route) = plan.route(&old.route).filter(|r| r.to.contains(&old.to)) else {
                continue;
            };
            for (id, told) in old.members {
                if let Some(held) = self.alerts.get(&id) {
                    let labels = labels_of(route, &held.notice);
                    let key = Group::key(&route.name, &old.to, &labels);
                    let new = || Group::new(&route.name, &old.to, labels);
                    let group = self.groups.entry(key.clone()).or_insert_with(new);
                    group.members.insert(id, told);
                    (group.due, group.sent) = (old.due.or(old.sent), old.sent);
                    self.changed.insert(format!("{GROUP}{key}"));
                }
            }
        }
    }

    /// Whether a record was taken in before; `place` names its partition.
    pub fn has_read(&self, place: &str, offset: i64) -> bool {
        self.read.get(place).is_some_and(|next| offset < *next)
    }

    fn mark(&mut self, place: &str, offset: i64) {
        self.read.insert(place.to_owned(), offset + 1);
        self.touch(READ, place);
    }

    /// A step of an alert, from the record at a place in the log.
    pub fn alert(&mut self, notice: Notice, appended: Micros, now: Micros, at: (&str, i64)) {
        self.mark(at.0, at.1);
        self.put(notice, appended, now);
    }

    pub(super) fn put(&mut self, notice: Notice, appended: Micros, now: Micros) {
        let known = self.alerts.get(&notice.id);
        let confirms = known.is_some_and(|k| k.notice.early) && !notice.early;
        if known.is_some_and(|k| !confirms && k.notice.step >= notice.step) {
            return;
        }
        let opens = known.is_none() || notice.reopened;
        let since = match known {
            Some(known) if !opens => known.since,
            _ => appended,
        };
        let moved = known.is_none_or(|k| k.notice.firing != notice.firing) || opens;
        let held = Held {
            since,
            changed: appended,
            notice,
        };
        let (id, notice) = (held.notice.id.clone(), held.notice.clone());
        self.touch(ALERT, &id);
        self.alerts.insert(id.clone(), held);
        let old = self.began.is_some_and(|began| appended < began);
        if old && !notice.firing && self.never_told(&id) {
            self.forget(&id);
        } else if moved {
            self.enlist(&notice, now, old.then_some(SETTLE));
        }
    }

    fn never_told(&self, id: &str) -> bool {
        self.groups
            .values()
            .filter_map(|g| g.members.get(id))
            .all(Option::is_none)
    }

    fn forget(&mut self, id: &str) {
        self.alerts.remove(id);
        self.touch(ALERT, id);
        for (key, group) in &mut self.groups {
            if group.members.remove(id).is_some() {
                self.changed.insert(format!("{GROUP}{key}"));
            }
        }
    }

    /// Where an alert goes: routes with receivers.
    fn lanes_of(&self, notice: &Notice) -> Vec<(Route, String)> {
        if notice.rule == DEAD {
            let others = self.plan.others(notice.label("receiver"));
            return others
                .into_iter()
                .map(|(to, route)| (route.clone(), to.to_owned()))
                .collect();
        }
        let each = |route: &Route| {
            let to = route.to.clone();
            let route = route.clone();
            to.into_iter().map(move |to| (route.clone(), to))
        };
        self.plan.routes_of(notice).flat_map(each).collect()
    }

    /// Whether any route leads an alert somewhere.
    pub fn is_routed(&self, notice: &Notice) -> bool {
        self.plan.routes_of(notice).next().is_some()
    }

    /// Puts an alert into its groups and wakes them; `settle`: they wait at least so long.
    fn enlist(&mut self, notice: &Notice, now: Micros, settle: Option<Micros>) {
        for (route, to) in self.lanes_of(notice) {
            let labels = labels_of(&route, notice);
            let key = Group::key(&route.name, &to, &labels);
            if !notice.firing && !self.is_member(&key, &notice.id) {
                // It was told as over, or never concerned anybody.
                continue;
            }
            let new = || Group::new(&route.name, &to, labels);
            let group = self.groups.entry(key.clone()).or_insert_with(new);
            group.members.entry(notice.id.clone()).or_insert(None);
            let wait = match notice.early || notice.rule == DEAD {
                true => Micros(0),
                false => route.wait,
            };
            let wait = settle.map_or(wait, |s| wait.plus(s));
            let due = match group.sent {
                None => now.plus(wait),
                Some(sent) => Micros(now.0.max(sent.plus(route.interval).0)),
            };
            group.wake(due);
            self.touch(GROUP, &key);
        }
    }

    fn is_member(&self, key: &str, id: &str) -> bool {
        let group = self.groups.get(key);
        group.is_some_and(|g| g.members.contains_key(id))
    }

    /// Somebody of a tenant takes care of an alert; of another tenant's that means nothing.
    pub fn acknowledged(
        &mut self,
        (tenant, alert): (&str, &str),
        appended: Micros,
        at: (&str, i64),
    ) {
        self.mark(at.0, at.1);
        let key = ack_key(tenant, alert);
        self.touch(ACK, &key);
        self.acks.insert(key, appended);
    }

    /// Somebody wants no word for a while. The last word about the same alerts counts.
    pub fn silenced(&mut self, silence: Silence, at: (&str, i64)) {
        self.mark(at.0, at.1);
        let earlier = self.silences.values().filter(|s| s.is_about(&silence));
        for id in earlier.map(|s| s.id.clone()).collect::<Vec<_>>() {
            self.silences.remove(&id);
            self.touch(SILENCE, &id);
        }
        self.touch(SILENCE, &silence.id);
        self.silences.insert(silence.id.clone(), silence);
    }

    /// Until when nothing is told of an alert, where that is so.
    pub(super) fn muted(&self, notice: &Notice, now: Micros) -> Option<Micros> {
        match notice.rule == DEAD {
            true => None,
            false => muted(&self.plan, self.silences.values(), notice, now),
        }
    }

    /// Somebody has acknowledged it since it opened.
    pub(super) fn is_acknowledged(&self, held: &Held) -> bool {
        let Notice { id, tenant, .. } = &held.notice;
        // Earlier versions kept the id alone; it is still so written where they took it.
        let at = self.acks.get(&ack_key(tenant, id)).or(self.acks.get(id));
        at.is_some_and(|at| *at >= held.since)
    }

    /// How each receiver does.
    pub fn receivers(&self) -> &BTreeMap<String, Health> {
        &self.receivers
    }

    /// Messages that are planned and not there yet.
    pub fn pending(&self) -> impl Iterator<Item = &Step> {
        self.steps.values().filter(|s| s.delivered.is_none())
    }
}

/// Under what an acknowledgement is kept. Whoever makes up ids and tenants does not make up those of
/// somebody else: the length says where one ends.
fn ack_key(tenant: &str, alert: &str) -> String {
    format!("{}:{tenant}{alert}", tenant.len())
}

/// The alert that such a key is about.
pub(super) fn acknowledged_alert(key: &str) -> &str {
    let alert = || {
        let (length, rest) = key.split_once(':')?;
        rest.get(length.parse().ok()?..)
    };
    alert().unwrap_or(key)
}

fn sorted(names: &[String]) -> BTreeSet<&String> {
    names.iter().collect()
}

/// What a route groups an alert by.
fn labels_of(route: &Route, notice: &Notice) -> BTreeMap<String, String> {
    let label = |name: &String| (name.clone(), notice.label(name).to_owned());
    route.group_by.iter().map(label).collect()
}
