//! From items to what is in Kafka, the same for every form in which events come.

use crate::State;
use crate::answer::{Item, Outcome, Refusal};
use crate::budget::Reserved;
use crate::confirm::confirmed;
use crate::metric;
use crate::types::{Made, Sender};
use axum::http::StatusCode;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use weir_http::{Bearer, Problem};
use weir_kafka::dead::{Place, bury};
use weir_kafka::{Error, Parcel};
use weir_model::{Code, Micros, codes, topics};
use weir_privacy::Met;

/// What the client library holds of a record beside its bytes.
const OVERHEAD: usize = 512;
/// When to come again after Kafka did not acknowledge.
const AGAIN: Duration = Duration::from_secs(5);
/// A request waits so much longer than its records are tried for.
const GRACE: Duration = Duration::from_secs(2);
/// Header of a dead letter: the client that sent it.
const AGENT: &str = "user-agent";

/// One item of a request.
pub(crate) struct Candidate<'a> {
    /// As it came, for a dead letter.
    pub raw: &'a [u8],
    /// The item as `POST /v1/events` has it, or why it is none.
    pub item: Result<Map<String, Value>, Refusal>,
}

/// What becomes of the items of a request.
#[derive(Default)]
pub(crate) struct Batch {
    events: Vec<Made>,
    /// Who is to be entered in the directory.
    met: Met,
    refused: Vec<(usize, Refusal, Vec<u8>)>,
}

/// Who sent a request, and with what.
pub(crate) struct From {
    pub bearer: Bearer,
    pub emitter: String,
    pub now: Micros,
}

impl State {
    /// Checks items and writes them down in bytes.
    pub(crate) fn judge<'a>(
        &self,
        from: &From,
        candidates: impl Iterator<Item = Candidate<'a>>,
    ) -> Batch {
        let sender = Sender {
            tenant: &from.bearer.tenant,
            name: &from.bearer.name,
            now: from.now,
        };
        let mut batch = Batch::default();
        for (index, candidate) in candidates.enumerate() {
            let made = candidate
                .item
                .and_then(|item| self.types.make(item, sender, &mut batch.met));
            match made {
                Ok(made) => batch.events.push(made),
                Err(refusal) => {
                    let raw = self.kept(candidate.raw).to_vec();
                    batch.refused.push((index, refusal, raw));
                }
            }
        }
        batch
    }

    /// Writes events and dead letters; returns once Kafka has acknowledged all of them.
    pub(crate) async fn deliver(
        &self,
        from: &From,
        batch: &Batch,
        mut reserved: Reserved,
    ) -> Result<(), Problem> {
        let events = batch.events.iter();
        let events = events.map(|e| e.value.len() + e.key.len() + OVERHEAD);
        let letters = batch
            .refused
            .iter()
            .map(|(_, _, raw)| raw.len() + 2 * OVERHEAD);
        let met = batch.met.entries();
        let met = met.map(|(k, v)| k.len() + v.len() + OVERHEAD);
        reserved
            .up_to(events.chain(letters).chain(met).sum())
            .await?;
        let limit = self.config.acknowledged + GRACE;
        let send = |parcel: &std::sync::Arc<Parcel>| {
            for event in &batch.events {
                let (key, value) = (Some(event.key.as_bytes()), Some(&event.value[..]));
                self.courier.send(parcel, &event.topic, key, value, &[])?;
            }
            self.bury(from, &batch.refused, parcel)
        };
        let result = confirmed(&self.courier, &batch.met, limit, reserved, send).await;
        result.map_err(|why| {
            tracing::warn!("events were not acknowledged: {why}");
            Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                codes::NOT_ACKNOWLEDGED,
                "Kafka did not acknowledge in time: send the same again, with the same event ids",
            )
            .again_after(AGAIN)
        })?;
        if let Some(privacy) = &self.privacy {
            privacy.people().entered(&batch.met);
        }
        self.count(from, batch);
        Ok(())
    }

    /// Dead letters, with the bytes of what was refused.
    fn bury(
        &self,
        from: &From,
        refused: &[(usize, Refusal, Vec<u8>)],
        parcel: &std::sync::Arc<Parcel>,
    ) -> Result<(), Error> {
        if refused.is_empty() {
            return Ok(());
        }
        // What stands in place of an offset: no two requests have the same.
        let request = (uuid::Uuid::new_v4().as_u128() >> 65) as i64;
        let own = [(AGENT, from.emitter.as_bytes())];
        for (index, refusal, raw) in refused {
            let place = Place {
                topic: topics::GATEWAY,
                partition: i32::try_from(*index).unwrap_or(i32::MAX),
                offset: request,
            };
            bury(
                place,
                (None, Some(self.kept(raw))),
                refusal.code,
                (&from.bearer.tenant, self.kept_message(refusal)),
                &own,
                &mut |topic, key, value, headers| {
                    self.courier.send(parcel, topic, key, value, headers)
                },
            )?;
        }
        Ok(())
    }

    /// What a dead letter keeps of bytes: nothing, where names are replaced. They may stand
    /// anywhere in what does not fit.
    fn kept<'a>(&self, raw: &'a [u8]) -> &'a [u8] {
        match self.privacy {
            Some(_) => &[],
            None => raw,
        }
    }

    /// What it says: the message, which may quote what was sent; the meaning of the code, where
    /// that is not to be kept.
    fn kept_message<'a>(&self, refusal: &'a Refusal) -> &'a str {
        match self.privacy {
            Some(_) => meaning(refusal.code),
            None => &refusal.message,
        }
    }

    fn count(&self, from: &From, batch: &Batch) {
        let mut by_type: BTreeMap<&str, u64> = BTreeMap::new();
        for event in &batch.events {
            *by_type.entry(&event.event_type).or_default() += 1;
        }
        for (event, n) in by_type {
            metrics::counter!(metric::EVENTS, "event" => event.to_owned()).increment(n);
        }
        for (_, refusal, _) in &batch.refused {
            self.count_refused(from, refusal);
        }
    }

    fn count_refused(&self, from: &From, refusal: &Refusal) {
        let (code, emitter) = (refusal.code.to_string(), self.emitters.label(&from.emitter));
        metrics::counter!(metric::REFUSED, "code" => code, "emitter" => emitter).increment(1);
    }

    /// A body that is none as a whole: kept as a dead letter too.
    pub(crate) async fn refuse_whole(
        &self,
        from: &From,
        problem: Problem,
        raw: Vec<u8>,
        reserved: Reserved,
    ) -> Problem {
        let refusal = Refusal::new(problem.code, problem.detail.clone());
        let batch = Batch {
            events: Vec::new(),
            met: Met::default(),
            refused: vec![(0, refusal, raw)],
        };
        match self.deliver(from, &batch, reserved).await {
            Ok(()) => problem,
            Err(unavailable) => unavailable,
        }
    }
}

/// What a code means, in one line.
fn meaning(code: Code) -> &'static str {
    let known = codes::ALL.iter().find(|(c, _)| *c == code);
    known.map_or("", |(_, meaning)| meaning.trim())
}

impl Batch {
    /// How many are taken, and why the others are not.
    pub fn outcome(&self) -> Outcome {
        let refused = self.refused.iter();
        Outcome {
            accepted: self.events.len(),
            refused: refused.map(|(i, r, _)| Item::of(*i, r)).collect(),
        }
    }

    /// Nothing to be written.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.refused.is_empty()
    }
}
