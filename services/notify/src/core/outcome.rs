//! What became of messages.

use super::desk::{DEAD, Desk};
use super::notice::Notice;
use super::step::Step;
use super::store::{GROUP, RECEIVER, STEP};
use std::collections::{BTreeMap, BTreeSet};
use weir_model::{Micros, hash};

/// Messages under way to one receiver.
const AT_ONCE: usize = 4;

impl Desk {
    /// Messages to be tried now, beside those that are under way. A receiver that fails is tried
    /// with one.
    pub fn ready(&self, now: Micros, under_way: &BTreeSet<String>) -> Vec<Step> {
        let mut steps: Vec<&Step> = self.pending().collect();
        steps.sort_by_key(|s| (s.made, &s.id));
        let mut busy: BTreeMap<&str, usize> = BTreeMap::new();
        for step in steps.iter().filter(|s| under_way.contains(&s.id)) {
            *busy.entry(&step.to).or_default() += 1;
        }
        let mut out = Vec::new();
        for step in steps {
            let health = self.receivers.get(&step.to);
            let fails = health.is_some_and(|h| h.failures > 0);
            let rests = health.and_then(|h| h.next).is_some_and(|next| next > now);
            let most = if fails { 1 } else { AT_ONCE };
            let busy = busy.entry(&step.to).or_default();
            if !under_way.contains(&step.id) && !rests && *busy < most {
                *busy += 1;
                out.push(step.clone());
            }
        }
        out
    }

    /// The receiver took a message.
    pub fn delivered(&mut self, id: &str, now: Micros) {
        let Some(step) = self.steps.get_mut(id).filter(|s| s.delivered.is_none()) else {
            return;
        };
        (step.delivered, step.error) = (Some(now), None);
        let step = step.clone();
        self.touch(STEP, id);
        for part in &step.parts {
            let Some(group) = self.groups.get_mut(&part.group) else {
                continue;
            };
            if group.pending.as_deref() == Some(id) {
                group.pending = None;
                let route = self.plan.route(&group.route);
                let next = group.sent.zip(route).map(|(sent, r)| sent.plus(r.interval));
                group.wake(next.map_or(now, |next| Micros(next.0.max(now.0))));
                self.touch(GROUP, &part.group);
            }
        }
        let health = self.receivers.entry(step.to.clone()).or_default();
        let revived = health.dead.then_some(health.since).flatten();
        health.took(now);
        self.touch(RECEIVER, &step.to);
        if let Some(since) = revived {
            self.put(dead(&step.to, since, now, None), now, now);
        }
    }

    /// A try failed: it is tried again later. True where the receiver counts as dead from now on.
    pub fn failed(&mut self, id: &str, error: &str, now: Micros) -> bool {
        let Some(step) = self.steps.get_mut(id).filter(|s| s.delivered.is_none()) else {
            return false;
        };
        step.tries += 1;
        step.error = Some(error.to_owned());
        let to = step.to.clone();
        self.touch(STEP, id);
        let health = self.receivers.entry(to.clone()).or_default();
        health.failed(error, now);
        let since = health.since.unwrap_or(now);
        let dies = !health.dead && since.plus(self.plan.dead_after) <= now;
        health.dead |= dies;
        self.touch(RECEIVER, &to);
        if dies {
            self.put(dead(&to, since, now, Some(error)), now, now);
        }
        dies
    }
}

/// The alert about a receiver: it holds while there is an error.
fn dead(to: &str, since: Micros, now: Micros, error: Option<&str>) -> Notice {
    Notice {
        id: hash::id(&[DEAD.as_bytes(), to.as_bytes(), &since.0.to_le_bytes()]),
        step: u32::from(error.is_none()),
        firing: error.is_some(),
        rule: DEAD.to_owned(),
        kind: "notify".to_owned(),
        severity: "high".to_owned(),
        priority: "P1".to_owned(),
        tenant: "weir".to_owned(),
        component: "notify".to_owned(),
        dimensions: [("receiver".to_owned(), to.to_owned())].into(),
        metric: "weir_notify_receiver_dead".to_owned(),
        impact: match error {
            Some(error) => format!("nothing reaches the receiver {to}: {error}"),
            None => format!("the receiver {to} takes messages again"),
        },
        action: "look at the receiver and its declaration; what is planned is sent once it answers"
            .to_owned(),
        opened: since,
        at: now,
        ..Notice::default()
    }
}
