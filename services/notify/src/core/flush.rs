//! When a group is told of, and what.

use super::desk::{Desk, Held, acknowledged_alert};
use super::group::{Group, lane};
use super::notice::Notice;
use super::plan::Limit;
use super::step::{Part, Step, Why};
use super::store::{ACK, ALERT, GROUP, LANE, SILENCE, STEP};
use weir_model::{Micros, hash};

/// What is over and told, and what was delivered, is kept so long: a record that comes again is
/// known, and what was sent can be looked up.
const KEPT: Micros = Micros(7 * Micros::DAY.0);
/// How often it is looked for what need not be kept.
const SWEEP: Micros = Micros::MINUTE;
/// What is told holds for so many repeats, so that one that is late changes nothing.
const HOLDS: i64 = 3;
/// ... where nothing is repeated.
const HOLDS_ALONE: Micros = Micros::DAY;

/// What there is to say of a group.
#[derive(Default)]
struct Look {
    /// Opened, or over.
    news: Vec<String>,
    /// Told before, still so, and not acknowledged.
    again: Vec<String>,
    /// Need not be told.
    done: Vec<String>,
    /// Something may be told then.
    wake: Option<Micros>,
    /// Some alert holds.
    open: bool,
}

impl Desk {
    /// Plans what is due.
    pub fn tick(&mut self, now: Micros) {
        self.expire_early(now);
        let due: Vec<String> = self
            .groups
            .iter()
            .filter(|(_, g)| g.due.is_some_and(|due| due <= now))
            .map(|(key, _)| key.clone())
            .collect();
        for key in due {
            self.flush(&key, now);
        }
        if self.swept.is_none_or(|at| at.plus(SWEEP) <= now) {
            self.swept = Some(now);
            self.sweep(now);
        }
    }

    /// When the next thing is due.
    pub fn next_due(&self) -> Option<Micros> {
        self.groups.values().filter_map(|g| g.due).min()
    }

    fn look(&self, group: &Group, now: Micros) -> Look {
        let mut look = Look::default();
        let mut wake = |at: Micros| look.wake = Some(look.wake.map_or(at, |w: Micros| w.min(at)));
        let forgets = self.plan.forgetful.contains(&group.to);
        for (id, told) in &group.members {
            let Some(held) = self.alerts.get(id) else {
                look.done.push(id.clone());
                continue;
            };
            let firing = held.notice.firing;
            look.open |= firing;
            match (told, firing, self.muted(&held.notice, now)) {
                (Some(false), false, _) | (None, false, Some(_)) => look.done.push(id.clone()),
                (None | Some(true), false, _) => look.news.push(id.clone()),
                (None | Some(false), true, None) => look.news.push(id.clone()),
                (_, true, Some(until)) => wake(until),
                (Some(true), true, None) if forgets || !self.is_acknowledged(held) => {
                    look.again.push(id.clone());
                }
                (Some(true), true, None) => {}
            }
        }
        look
    }

    fn flush(&mut self, key: &str, now: Micros) {
        let plan = self.plan.clone();
        let Some(mut group) = self.groups.get(key).cloned() else {
            return;
        };
        let Some(route) = plan.route(&group.route) else {
            return;
        };
        let look = self.look(&group, now);
        for id in &look.done {
            group.members.remove(id);
        }
        let repeats = route.repeat.filter(|_| !look.again.is_empty());
        let again = group.sent.zip(repeats).map(|(sent, r)| sent.plus(r));
        let why = match (look.news.is_empty(), again) {
            // What is delivered looks again.
            _ if group.pending.is_some() => None,
            (false, _) => Some(Why::Change),
            (true, Some(at)) if at <= now => Some(Why::Repeat),
            _ => None,
        };
        group.due = match group.pending {
            Some(_) => None,
            None => [look.wake, again].into_iter().flatten().min(),
        };
        let free = why.and(route.limit).and_then(|l| self.free(&group, l, now));
        group.held &= !look.news.is_empty();
        if let (Some(why), Some(free)) = (why, free) {
            group.held |= why == Why::Change;
            group.due = Some(free);
        }
        let over = group.is_over();
        let (lane, held) = (group.lane(), group.held);
        self.groups.insert(key.to_owned(), group);
        self.touch(GROUP, key);
        if over {
            self.groups.remove(key);
        } else if let (Some(why), None) = (why, free) {
            let keys = match held {
                true => self.held(&lane, key),
                false => vec![key.to_owned()],
            };
            self.plan_step(&keys, if held { Why::Summary } else { why }, now);
        }
    }

    /// When a message may be sent again; none: now.
    fn free(&self, group: &Group, limit: Limit, now: Micros) -> Option<Micros> {
        let sent = self.lanes.get(&group.lane())?;
        let begin = now.minus(limit.per);
        let within = sent.iter().filter(|at| **at > begin).count();
        let oldest = sent.get(sent.len().checked_sub(limit.messages)?)?;
        (within >= limit.messages).then(|| oldest.plus(limit.per))
    }

    /// All groups of a route to a receiver that are held back, and this one.
    fn held(&self, lane: &str, key: &str) -> Vec<String> {
        let held = |(k, g): (&String, &Group)| {
            let also = g.held && g.pending.is_none() && g.lane() == lane;
            (also || k == key).then(|| k.clone())
        };
        self.groups.iter().filter_map(held).collect()
    }

    /// One message about groups of the same route and receiver.
    fn plan_step(&mut self, keys: &[String], why: Why, now: Micros) {
        let plan = self.plan.clone();
        let mut parts = Vec::new();
        let mut seed = vec![b"notify step".to_vec(), now.0.to_le_bytes().to_vec()];
        let mut of = None;
        for key in keys {
            let Some(mut group) = self.groups.get(key).cloned() else {
                continue;
            };
            let look = self.look(&group, now);
            let told = match why {
                Why::Repeat => look.again,
                _ => look.news,
            };
            let named = told.iter().filter_map(|id| self.alerts.get(id));
            let alerts: Vec<Notice> = named.map(|h| h.notice.clone()).collect();
            if alerts.is_empty() {
                continue;
            }
            seed.push(format!("{key}/{}", group.count).into_bytes());
            for a in &alerts {
                match a.firing {
                    true => group.members.insert(a.id.clone(), Some(true)),
                    false => group.members.remove(&a.id),
                };
            }
            (group.sent, group.due, group.held) = (Some(now), None, false);
            group.count += 1;
            parts.push(Part {
                group: key.clone(),
                labels: group.labels.clone(),
                open: look.open,
                alerts,
            });
            of.get_or_insert((group.route.clone(), group.to.clone()));
            self.groups.insert(key.clone(), group);
            self.touch(GROUP, key);
        }
        let Some((route, to)) = of else { return };
        let seed: Vec<&[u8]> = seed.iter().map(Vec::as_slice).collect();
        let id = format!("msg_{}", hash::id(&seed));
        for part in &parts {
            if let Some(group) = self.groups.get_mut(&part.group) {
                group.pending = Some(id.clone());
            }
        }
        let repeat = plan.route(&route).and_then(|r| r.repeat);
        let holds = repeat.map_or(HOLDS_ALONE, |r| Micros(r.0.saturating_mul(HOLDS)));
        self.count(&route, &to, now);
        let step = Step {
            id: id.clone(),
            route,
            to,
            why,
            made: now,
            until: now.plus(holds),
            parts,
            tries: 0,
            error: None,
            delivered: None,
        };
        self.touch(STEP, &id);
        self.steps.insert(id, step);
    }

    /// Counts a message for the limit of its route.
    fn count(&mut self, route: &str, to: &str, now: Micros) {
        let Some(limit) = self.plan.route(route).and_then(|r| r.limit) else {
            return;
        };
        let lane = lane(route, to);
        let begin = now.minus(limit.per);
        let sent = self.lanes.entry(lane.clone()).or_default();
        sent.retain(|at| *at > begin);
        sent.push(now);
        self.touch(LANE, &lane);
    }

    /// An early limit that its window did not confirm is over some time after it.
    fn expire_early(&mut self, now: Micros) {
        let over: Vec<Notice> = self
            .alerts
            .values()
            .filter(|h| h.notice.early && h.notice.firing && h.notice.at.plus(UNCONFIRMED) <= now)
            .map(|h| Notice {
                firing: false,
                step: h.notice.step + 1,
                ..h.notice.clone()
            })
            .collect();
        for notice in over {
            self.put(notice, now, now);
        }
    }

    fn sweep(&mut self, now: Micros) {
        let begin = now.minus(KEPT);
        let old = |h: &Held| !h.notice.firing && h.changed < begin;
        let in_group = |id: &String| self.groups.values().any(|g| g.members.contains_key(id));
        let alerts: Vec<String> = self
            .alerts
            .iter()
            .filter(|(id, h)| old(h) && !in_group(id))
            .map(|(id, _)| id.clone())
            .collect();
        for id in alerts {
            self.alerts.remove(&id);
            self.touch(ALERT, &id);
        }
        let held = |key: &str| self.alerts.contains_key(acknowledged_alert(key));
        let acks = self
            .acks
            .iter()
            .filter(|(key, at)| **at < begin && !held(key));
        for id in acks.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
            self.acks.remove(&id);
            self.touch(ACK, &id);
        }
        let steps = self.steps.values();
        let sent = steps.filter(|s| s.delivered.is_some_and(|at| at < begin));
        for id in sent.map(|s| s.id.clone()).collect::<Vec<_>>() {
            self.steps.remove(&id);
            self.touch(STEP, &id);
        }
        let silences = self.silences.values().filter(|s| s.until <= now);
        for id in silences.map(|s| s.id.clone()).collect::<Vec<_>>() {
            self.silences.remove(&id);
            self.touch(SILENCE, &id);
        }
    }
}

/// The final window comes after its end: by the disorder that its event type declares, and the ticks.
const UNCONFIRMED: Micros = Micros(15 * Micros::MINUTE.0);
