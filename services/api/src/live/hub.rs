//! Who listens, and what was told last. A reader that is too slow is let go: it comes back with its
//! place, and is told from there.

use super::place::{Log, Place};
use super::provisional::{Provisional, SoFar};
use crate::metric;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use weir_catalog::{Catalog, KpiDef};
use weir_http::Cut;

/// Records that are kept for who comes back.
const KEPT: usize = 2048;
/// Messages that a stream may be behind by: what is kept, and as many again.
const BEHIND: usize = 2 * KEPT;
/// Most provisional values that are kept for who comes.
const VALUES: usize = 4096;
/// One token has at most so many of the streams: one in this number.
const SHARE: usize = 4;

/// What can be listened to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Log(Log),
    Kpis,
}

/// A message, as it is told.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    /// Name of the event.
    pub event: &'static str,
    /// Where the stream is after it; none: it moves nothing.
    pub place: Option<String>,
    /// JSON.
    pub data: String,
}

/// Who listens to what.
#[derive(Clone, Debug)]
pub(super) struct Wants {
    pub token: String,
    pub tenant: String,
    pub topics: BTreeSet<Topic>,
    /// Names of KPIs; empty: all.
    pub kpis: Vec<String>,
    /// Where it was.
    pub last: Option<Place>,
}

impl Wants {
    fn kpi(&self, tenant: &str, name: &str) -> bool {
        self.topics.contains(&Topic::Kpis)
            && self.tenant == tenant
            && (self.kpis.is_empty() || self.kpis.iter().any(|k| k == name))
    }
}

/// Why nobody can listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// It has not read yet where the log is.
    Starting,
    /// As many listen as may.
    All,
    /// As many listen with this token as may.
    Token,
}

struct Listener {
    wants: Wants,
    to: mpsc::Sender<Arc<Told>>,
    cut: Cut,
}

struct Record {
    log: Log,
    partition: i32,
    offset: i64,
    tenant: String,
    told: Arc<Told>,
}

#[derive(Default)]
struct Inner {
    /// The log was read to what was its end.
    ready: bool,
    /// What comes next.
    place: Place,
    /// The first records that are kept: those from there on are.
    kept: Place,
    records: VecDeque<Record>,
    /// The last values of what concerns a tenant as a whole, by tenant and KPI.
    values: HashMap<(String, String), Arc<Told>>,
    listeners: HashMap<u64, Listener>,
    next: u64,
}

/// What happens, for who listens.
pub(crate) struct Hub {
    inner: Arc<Mutex<Inner>>,
    pub(super) provisional: Provisional,
    most: usize,
}

impl Hub {
    /// For at most so many streams.
    pub fn new(catalog: &Arc<Catalog>, most: usize) -> Hub {
        Hub {
            inner: Arc::default(),
            provisional: Provisional::new(catalog),
            most,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }

    /// Where reading goes on; nothing where it never began.
    pub(super) fn place(&self) -> Place {
        self.lock().place.clone()
    }

    /// A partition is read from this offset on: what was before is not kept.
    pub(super) fn begin(&self, log: Log, partition: i32, offset: i64) {
        let mut inner = self.lock();
        inner.place.set(log, partition, offset);
        inner.kept.set(log, partition, offset);
        inner
            .records
            .retain(|r| (r.log, r.partition) != (log, partition));
    }

    /// The log was read to what was its end when this began.
    pub(super) fn ready(&self) {
        self.lock().ready = true;
    }

    /// A record that says something of a tenant; without it that it was read.
    pub(super) fn record(&self, (log, partition, offset): (Log, i32, i64), said: Option<Said>) {
        let mut inner = self.lock();
        inner.place.set(log, partition, offset + 1);
        let Some(Said {
            tenant,
            event,
            data,
        }) = said
        else {
            return;
        };
        let told = Arc::new(Told {
            event,
            place: Some(inner.place.write()),
            data,
        });
        inner.tell(&told, |w| {
            w.tenant == tenant && w.topics.contains(&Topic::Log(log))
        });
        inner.records.push_back(Record {
            log,
            partition,
            offset,
            tenant,
            told,
        });
        if inner.records.len() > KEPT
            && let Some(r) = inner.records.pop_front()
        {
            inner.kept.set(r.log, r.partition, r.offset + 1);
        }
    }

    /// Whether somebody wants to know a KPI of a tenant. What concerns a tenant as a whole is kept
    /// for who comes.
    pub(super) fn wanted(&self) -> impl Fn(&str, &KpiDef) -> bool {
        let inner = self.lock();
        let all: Vec<Wants> = inner.listeners.values().map(|l| l.wants.clone()).collect();
        move |tenant, kpi| kpi.dimensions.is_empty() || all.iter().any(|w| w.kpi(tenant, &kpi.name))
    }

    /// What a KPI of a tenant is so far.
    pub(super) fn value(&self, tenant: &str, so_far: &SoFar) {
        let told = Arc::new(Told {
            event: "kpi",
            place: None,
            // Of texts and numbers: nothing can fail.
            data: serde_json::to_string(so_far).unwrap_or_default(),
        });
        let mut inner = self.lock();
        inner.tell(&told, |w| w.kpi(tenant, &so_far.kpi));
        let key = (tenant.to_owned(), so_far.kpi.clone());
        let room = inner.values.len() < VALUES || inner.values.contains_key(&key);
        if so_far.subject.is_empty() && room {
            inner.values.insert(key, told);
        }
    }

    /// Lets somebody listen: he is told what was kept from his place on, then all that comes.
    pub(super) fn listen(&self, wants: Wants, cut: Cut) -> Result<Listening, Full> {
        let mut inner = self.lock();
        let of_token = inner.listeners.values();
        let of_token = of_token.filter(|l| l.wants.token == wants.token).count();
        match () {
            () if !inner.ready => return Err(Full::Starting),
            () if inner.listeners.len() >= self.most => return Err(Full::All),
            () if of_token >= self.most.div_ceil(SHARE) => return Err(Full::Token),
            () => {}
        }
        let (to, from) = mpsc::channel(BEHIND + VALUES);
        for told in inner.before(&wants) {
            // There is room for all that is kept.
            let _ = to.try_send(told);
        }
        let id = inner.next;
        inner.next += 1;
        inner.listeners.insert(id, Listener { wants, to, cut });
        metrics::gauge!(metric::STREAMS).set(inner.listeners.len() as f64);
        drop(inner);
        let hub = self.inner.clone();
        Ok(Listening { hub, id, from })
    }

    /// Ends all streams, for good.
    pub(super) fn close(&self) {
        let mut inner = self.lock();
        inner.ready = false;
        inner.listeners.clear();
        metrics::gauge!(metric::STREAMS).set(0.0);
    }
}

fn lock(inner: &Mutex<Inner>) -> MutexGuard<'_, Inner> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a record says.
pub(super) struct Said {
    pub tenant: String,
    pub event: &'static str,
    pub data: String,
}

impl Inner {
    fn tell(&mut self, told: &Arc<Told>, wants: impl Fn(&Wants) -> bool) {
        self.listeners.retain(|_, l| {
            if !wants(&l.wants) {
                return true;
            }
            match l.to.try_send(told.clone()) {
                Ok(()) => true,
                Err(mpsc::error::TrySendError::Closed(_)) => false,
                Err(mpsc::error::TrySendError::Full(_)) => {
                    metrics::counter!(metric::STREAMS_CUT).increment(1);
                    l.cut.now();
                    false
                }
            }
        });
        metrics::gauge!(metric::STREAMS).set(self.listeners.len() as f64);
    }

    /// What a stream is told first: where it is; that it missed something, where that is no more
    /// kept; what it missed; what KPIs are.
    fn before(&self, wants: &Wants) -> Vec<Arc<Told>> {
        let mut all = vec![Arc::new(Told {
            event: "hello",
            place: Some(self.place.write()),
            data: "{}".to_owned(),
        })];
        if let Some(last) = &wants.last {
            let listens = |log: Log| wants.topics.contains(&Topic::Log(log));
            let gone = self.kept.all().any(|((log, partition), kept)| {
                let next = self.place.get(log, partition).unwrap_or(kept);
                let last = last.get(log, partition).unwrap_or(0);
                listens(log) && !(kept..=next).contains(&last)
            });
            if gone {
                all.push(Arc::new(Told {
                    event: "missed",
                    place: None,
                    data: "{}".to_owned(),
                }));
            }
            let missed = self.records.iter().filter(|r| {
                r.tenant == wants.tenant
                    && listens(r.log)
                    && r.offset >= last.get(r.log, r.partition).unwrap_or(0)
            });
            all.extend(missed.map(|r| r.told.clone()));
        }
        let values = self.values.iter();
        let values = values.filter(|((tenant, kpi), _)| wants.kpi(tenant, kpi));
        all.extend(values.map(|(_, told)| told.clone()));
        all
    }
}

/// A stream's end of what is told; it stops listening when it is dropped.
pub(super) struct Listening {
    hub: Arc<Mutex<Inner>>,
    id: u64,
    from: mpsc::Receiver<Arc<Told>>,
}

impl Listening {
    /// The next message; none: it is over.
    pub async fn next(&mut self) -> Option<Arc<Told>> {
        self.from.recv().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut inner = lock(&self.hub);
        inner.listeners.remove(&self.id);
        metrics::gauge!(metric::STREAMS).set(inner.listeners.len() as f64);
    }
}

#[cfg(test)]
mod tests;
