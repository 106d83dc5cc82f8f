//! Calls out of the session logs of coding agents into the log.
//!
//! What the ledger has is not published again. The rest is claimed first (`weir.logged`): gateways
//! that know a claim take the same call for a double when it comes over OTLP. Then the archive is
//! asked for what they took before: a call that came over OTLP is noted in the ledger as if it had
//! been published, so that the archive need not keep it for ever. The note stands in the same
//! transaction as what is published beside it; an import that ends before has noted nothing, and
//! asks again.

use super::published::Published;
use super::{OnProgress, Report};
use crate::Outgoing;
use crate::git::printable;
use crate::ledger::identities::{self, Identity, Known};
use crate::map::{plausible, target};
use anyhow::{Context, Result};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use uuid::Uuid;
use weir_agents::{Agents, Call, Claim, Kept, There, Tokens, Tool, joined};
use weir_catalog::EventDef;
use weir_events::{Engineer, Event, LlmCall, Map, ToolCalled};
use weir_kafka::Brokers;
use weir_model::{Micros, codes};
use weir_privacy::{Met, Privacy};

/// `weir.import` of the resource of what comes this way.
pub const IMPORT: &str = "agents";
/// Calls of which the archive is asked at once.
const ASKED: usize = 2_000;
/// Said where the archive did not come to what was taken before.
const BEHIND: &str = "ClickHouse is behind the log by more than a minute: a call that came over \
    OTLP within that time may be there twice; look at `weir status`";
/// Event types.
const CALL: &str = "llm.call";
const TOOL: &str = "tool.called";

/// What came over OTLP.
pub trait Archive {
    /// Waits until gateways know the claims that were written, and until the archive has what they
    /// took of an event type before. False where it is still behind after a minute.
    fn settle(&mut self, event: &str) -> Result<bool>;
    /// Calls that may be the same as some of these: of their ids and their sessions.
    fn calls(&mut self, of: &[&Call]) -> Result<Vec<There>>;
    /// Of each of these calls of tools whether it is there.
    fn tools(&mut self, of: &[&Tool]) -> Result<Vec<bool>>;
}

/// What is to be imported.
pub struct Batch<'a> {
    /// Declarations.
    pub agents: &'a Agents,
    /// Calls, one of each identity, in the order of time.
    pub calls: &'a [Call],
    /// Calls of tools, in the order of time.
    pub tools: &'a [Tool],
    /// Tenant of the events.
    pub tenant: &'a str,
    /// Address of the person whose logs they are.
    pub engineer: &'a str,
    /// Team.
    pub team: &'a str,
    /// Event types.
    pub events: &'a [EventDef],
    /// Time of the import.
    pub now: Micros,
    /// Writes pseudonyms in place of names.
    pub privacy: Option<Arc<Privacy>>,
}

/// Imports calls of models and of tools.
pub fn agents(
    brokers: &Brokers,
    batch: &Batch,
    archive: &mut dyn Archive,
    on: OnProgress,
) -> Result<Report> {
    let begun = Instant::now();
    let mut report = Report::default();
    let mut calls = Kind::new(batch, CALL)?;
    for call in batch.calls {
        let claim = Claim::of_call(batch.agents, batch.tenant, call);
        calls.take(call.at, &batch.call(call), claim, &mut report)?;
    }
    let mut ask = |some: &[usize], archive: &mut dyn Archive| -> Result<Vec<bool>> {
        let some: Vec<&Call> = some.iter().map(|i| &batch.calls[*i]).collect();
        Ok(joined(batch.agents, &some, &archive.calls(&some)?))
    };
    let writing = Instant::now();
    calls.publish(brokers, batch.tenant, &mut report, archive, &mut ask, on)?;
    let mut tools = Kind::new(batch, TOOL)?;
    let kept: Vec<&Tool> = batch.tools.iter().filter(|t| batch.keeps(t)).collect();
    for tool in &kept {
        let claim = Claim::of_tool(batch.agents, batch.tenant, tool);
        tools.take(tool.at, &batch.tool(tool), claim, &mut report)?;
    }
    let mut ask = |some: &[usize], archive: &mut dyn Archive| -> Result<Vec<bool>> {
        let some: Vec<&Tool> = some.iter().map(|i| kept[*i]).collect();
        archive.tools(&some)
    };
    tools.publish(brokers, batch.tenant, &mut report, archive, &mut ask, on)?;
    report.timed(begun, writing);
    Ok(report)
}

type Ask<'a> = &'a mut dyn FnMut(&[usize], &mut dyn Archive) -> Result<Vec<bool>>;

/// Events of one type on their way.
struct Kind<'a> {
    event: &'a EventDef,
    tenant: &'a str,
    now: Micros,
    privacy: Option<&'a Arc<Privacy>>,
    met: Met,
    all: Vec<Taken>,
    taken: usize,
}

/// An event that is to be published.
struct Taken {
    /// Among those that came.
    place: usize,
    identity: Identity,
    record: Outgoing,
    claim: Option<Claim>,
}

impl<'a> Kind<'a> {
    fn new(batch: &'a Batch, name: &str) -> Result<Kind<'a>> {
        let event = batch.events.iter().find(|e| e.name == name);
        Ok(Kind {
            event: event.with_context(|| {
                format!(
                    "{}: the catalog has no event type {name}; add it, or leave --schemas out",
                    codes::MAPPING
                )
            })?,
            tenant: batch.tenant,
            now: batch.now,
            privacy: batch.privacy.as_ref(),
            met: Met::default(),
            all: Vec::new(),
            taken: 0,
        })
    }

    /// Takes an event, or says why it would be a dead letter.
    fn take<'e>(
        &mut self,
        at: i64,
        (identity, event): &(&str, impl Event<'e>),
        claim: Option<Claim>,
        report: &mut Report,
    ) -> Result<()> {
        let place = self.taken;
        self.taken += 1;
        let json = event.to_json()?;
        let fields = json.as_object().context("an event is no object")?;
        let checked = match plausible(Micros(at), self.now) {
            true => target::check(fields, self.event),
            false => Err(anyhow::anyhow!(
                "{}: its time is not between 1990 and tomorrow",
                codes::IMPORT_TIME
            )),
        };
        if let Err(e) = checked {
            report.refused += 1;
            report.reason(|| format!("{identity}: {e:#}"));
            return Ok(());
        }
        let known = target::identity(fields, self.event).unwrap_or(identity);
        let numbers = target::numbers(fields);
        let identity = identities::of(self.tenant, &self.event.name, known, numbers.as_bytes());
        let privacy = self.privacy.map(AsRef::as_ref);
        let record = Outgoing::hiding(event, privacy, &mut self.met)?;
        self.all.push(Taken {
            place,
            identity,
            record,
            claim,
        });
        Ok(())
    }

    /// Publishes what is neither in the ledger nor in the archive, in the order of time.
    fn publish(
        mut self,
        brokers: &Brokers,
        tenant: &str,
        report: &mut Report,
        archive: &mut dyn Archive,
        ask: Ask,
        on: OnProgress,
    ) -> Result<()> {
        if self.all.is_empty() {
            return Ok(());
        }
        let (mut published, mut known, _) =
            Published::take_over(brokers, (tenant, &self.event.name), self.privacy, report)?;
        published.meet(&self.met)?;
        self.leave_out_known(&mut known, report)?;
        if self.all.is_empty() {
            return published.end();
        }
        let claims = self.all.iter().filter_map(|t| t.claim.as_ref());
        published.claim(claims)?;
        if !archive.settle(&self.event.name)? {
            report.notes.push(BEHIND.to_owned());
        }
        let total = report.written + self.all.len() as u64;
        let mut rest = self.all.into_iter().peekable();
        while rest.peek().is_some() {
            let some: Vec<_> = rest.by_ref().take(ASKED).collect();
            let places: Vec<usize> = some.iter().map(|t| t.place).collect();
            let there = ask(&places, archive)?;
            for (taken, there) in some.into_iter().zip(there) {
                if there {
                    report.elsewhere += 1;
                    published.add(taken.identity, |_| Ok(()))?;
                } else {
                    report.written += 1;
                    published.add(taken.identity, |p| p.record(&taken.record))?;
                }
                on(report.written, Some(total));
            }
        }
        published.end()
    }

    /// The ledger answers in the order of identities.
    fn leave_out_known(&mut self, known: &mut Known, report: &mut Report) -> Result<()> {
        self.all.sort_by_key(|t| t.identity);
        let mut new = Vec::with_capacity(self.all.len());
        for one in std::mem::take(&mut self.all) {
            match known.find(&one.identity)? {
                Some(differs) => {
                    report.already += 1;
                    report.differing += u64::from(differs);
                }
                None => new.push(one),
            }
        }
        // They were taken in the order of time.
        new.sort_by_key(|t| t.place);
        self.all = new;
        Ok(())
    }
}

impl Batch<'_> {
    fn keeps(&self, tool: &Tool) -> bool {
        let agent = self.agents.agent(&tool.agent);
        agent.is_some_and(|a| a.keeps(Kept::Tools))
    }

    fn engineer(&self) -> Engineer<'_> {
        Engineer {
            email: self.engineer.into(),
            team: self.team.into(),
        }
    }

    fn resource(
        &self,
        agent: &str,
        version: &str,
        project: &str,
    ) -> Map<'static, weir_events::Text<'static>> {
        let mut out: Map<'static, weir_events::Text<'static>> = Map::new();
        let mut put = |key: &'static str, value: String| {
            if !value.is_empty() {
                out.insert(key.into(), value.into());
            }
        };
        put("weir.import", IMPORT.to_owned());
        put("weir.emitter", agent.to_owned());
        put("weir.emitter.version", printable(version));
        let declared = self.agents.agent(agent);
        if declared.is_some_and(|a| a.keeps(Kept::Project)) {
            put("weir.project", project_name(project));
        }
        out
    }

    fn call<'c>(&'c self, c: &'c Call) -> (&'c str, LlmCall<'c>) {
        let Tokens {
            input,
            cache_read,
            cache_write,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
        } = c.tokens;
        let event = LlmCall {
            event_id: id(CALL, &c.otlp_id, c.at, &c.identity),
            event_time: Micros(c.at),
            tenant: self.tenant.into(),
            source: source(&c.agent, &c.session).into(),
            resource: self.resource(&c.agent, &c.version, &c.project),
            request_id: c.request_id.as_deref().map(Into::into),
            engineer: self.engineer(),
            session_id: Some((&*c.session).into()),
            provider: (&*c.provider).into(),
            model: (&*c.model).into(),
            category: "coding".into(),
            tokens_input: input,
            tokens_cache_read: cache_read,
            tokens_cache_write: cache_write,
            tokens_cache_write_5m: cache_write_5m,
            tokens_cache_write_1h: cache_write_1h,
            tokens_output: output,
            tokens_reasoning: reasoning,
            cost_usd: c.cost_usd,
            latency_ms: c.latency_ms,
            first_token_ms: c.first_token_ms,
            success: c.error.is_none(),
            error_type: c.error.as_deref().map(Into::into),
            stop_reason: c.stop_reason.as_deref().map(Into::into),
            service_tier: c.service_tier.as_str().into(),
            usage_complete: c.complete,
        };
        (&c.identity, event)
    }

    fn tool<'c>(&'c self, t: &'c Tool) -> (&'c str, ToolCalled<'c>) {
        let event = ToolCalled {
            event_id: id(TOOL, &t.otlp_id, t.at, &t.call_id),
            event_time: Micros(t.at),
            tenant: self.tenant.into(),
            source: source(&t.agent, &t.session).into(),
            resource: self.resource(&t.agent, &t.version, &t.project),
            call_id: Some(t.call_id.as_str().into()),
            engineer: self.engineer(),
            session_id: Some((&*t.session).into()),
            agent: (&*t.agent).into(),
            tool: t.tool.as_str().into(),
            success: t.success,
            exit_code: t.exit_code,
            decision: t.decision.as_str().into(),
            decided_by: t.decided_by.as_str().into(),
            duration_ms: t.duration_ms,
            ..ToolCalled::default()
        };
        (&t.call_id, event)
    }
}

/// The id that the event of the same call's OTLP record has, where both know what it is made of.
fn id(event: &str, otlp: &[String], at: i64, identity: &str) -> Uuid {
    match otlp {
        [] => weir_events::event_id(Micros(at), identity.as_bytes()),
        parts => weir_otlp::event_id(event, parts),
    }
}

/// Record key: a session stays in order, and no agent is all in one partition.
fn source(agent: &str, session: &str) -> String {
    printable(&format!("{agent}/{session}"))
}

/// The last part of a folder's name: what lies above it may tell who somebody is.
fn project_name(project: &str) -> String {
    let name = Path::new(project).file_name().unwrap_or_default();
    printable(&name.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_the_last_part_of_its_folder() {
        assert_eq!(project_name("/home/ada/src/shop"), "shop");
        assert_eq!(project_name("/home/ada/src/shop/"), "shop");
        assert_eq!(project_name("/"), "");
        assert_eq!(project_name(""), "");
    }
}
