//! A request, record by record.

mod points;

use crate::compile::{Action, Emitter, Mappings, Rule, numbers};
use crate::event;
use crate::join::{Index, holds};
use crate::overlap::{self, Call, Tree};
use crate::proto::collector::logs::v1::ExportLogsServiceRequest;
use crate::proto::collector::trace::v1::ExportTraceServiceRequest;
use crate::proto::common::v1::{InstrumentationScope, KeyValue};
use crate::proto::logs::v1::LogRecord;
use crate::proto::resource::v1::Resource;
use crate::read::{ERROR, Record, Val, What, find};
use crate::unmapped::Counts;
use crate::{Mapped, Request, Signal};
use std::collections::HashSet;

/// Maps all records of a request.
pub(crate) fn map(mappings: &Mappings, request: &Request, received_micros: i64) -> Mapped {
    let mut pass = Pass {
        mappings,
        received_micros,
        out: Mapped::default(),
        unmapped: Counts::default(),
    };
    match request {
        Request::Logs(r) => pass.logs(r),
        Request::Traces(r) => pass.traces(r),
        Request::Metrics(r) => pass.metrics(r),
    }
    pass.out.unmapped = pass.unmapped.all;
    pass.out
}

struct Pass<'m> {
    mappings: &'m Mappings,
    received_micros: i64,
    out: Mapped,
    unmapped: Counts,
}

/// What became of one record.
enum Became<'m> {
    /// Index of the event, and what it was made by.
    Event(usize, &'m crate::compile::Event),
    Repeated,
    /// Nothing that is counted, or nothing that is known.
    Nothing,
}

/// Resource and scope of a record, both possibly left out.
#[derive(Clone, Copy)]
struct Around<'a> {
    resource: &'a [KeyValue],
    scope: &'a str,
    scope_version: &'a str,
}

impl<'a> Around<'a> {
    fn new(resource: Option<&'a Resource>, scope: Option<&'a InstrumentationScope>) -> Self {
        Around {
            resource: resource.map_or(&[], |r| &r.attributes),
            scope: scope.map_or("", |s| &s.name),
            scope_version: scope.map_or("", |s| &s.version),
        }
    }

    fn record(&self, what: What<'a>, name: &'a str, attributes: &'a [KeyValue]) -> Record<'a> {
        Record {
            what,
            name,
            attributes,
            resource: self.resource,
            scope: self.scope,
            scope_version: self.scope_version,
            with: None,
        }
    }

    /// A log record, by the name that its emitter gives it.
    fn log(&self, emitter: &Emitter, log: &'a LogRecord) -> Record<'a> {
        let mut record = self.record(What::Log(log), &log.event_name, &log.attributes);
        if let Some(Val::Text(std::borrow::Cow::Borrowed(name))) = record.first(&emitter.names) {
            record.name = name;
        }
        record
    }
}

impl<'m> Pass<'m> {
    fn logs(&mut self, request: &ExportLogsServiceRequest) {
        let index = self.index(request);
        for of_resource in &request.resource_logs {
            for of_scope in &of_resource.scope_logs {
                let around = Around::new(of_resource.resource.as_ref(), of_scope.scope.as_ref());
                let emitter = self.mappings.emitter(around.scope);
                for log in &of_scope.log_records {
                    let record = around.log(emitter.1, log);
                    self.record(Signal::Logs, emitter, record, Some(&index));
                }
            }
        }
    }

    /// The records of the request that complete others.
    fn index<'r>(&self, request: &'r ExportLogsServiceRequest) -> Index<'r> {
        let mut index = Index::default();
        for of_resource in &request.resource_logs {
            for of_scope in &of_resource.scope_logs {
                let around = Around::new(of_resource.resource.as_ref(), of_scope.scope.as_ref());
                let emitter = self.mappings.emitter(around.scope);
                if !emitter.1.joins {
                    continue;
                }
                for log in &of_scope.log_records {
                    let record = around.log(emitter.1, log);
                    let at = event::time(emitter.1, &record, self.received_micros);
                    index.add(emitter, &record, at);
                }
            }
        }
        index
    }

    fn traces(&mut self, request: &ExportTraceServiceRequest) {
        let mut calls: Vec<Call> = Vec::new();
        let mut tree = Tree::default();
        for of_resource in &request.resource_spans {
            for of_scope in &of_resource.scope_spans {
                let around = Around::new(of_resource.resource.as_ref(), of_scope.scope.as_ref());
                let emitter = self.mappings.emitter(around.scope);
                for span in &of_scope.spans {
                    let record = around.record(What::Span(span), &span.name, &span.attributes);
                    let became = self.record(Signal::Traces, emitter, record, None);
                    tree.add(span, is_wall(&became));
                    if let Became::Event(event, by) = became
                        && !by.tokens.is_empty()
                    {
                        calls.push(self.call(event, by, span, around));
                    }
                }
            }
        }
        if calls.len() > 1 {
            self.leave_out(&overlap::repeated(&calls, &tree));
        }
    }

    fn call<'r>(
        &self,
        event: usize,
        by: &'m crate::compile::Event,
        span: &'r crate::proto::trace::v1::Span,
        around: Around<'r>,
    ) -> Call<'r>
    where
        'm: 'r,
    {
        let id = self.out.events[event].get("request_id");
        Call {
            event,
            span,
            scope: around.scope,
            yields_to: &by.yields_to,
            service: service(around.resource),
            request_id: id.and_then(|v| v.as_str()).map(str::to_owned),
            failed: span.status.as_ref().is_some_and(|s| s.code == ERROR),
        }
    }

    fn leave_out(&mut self, repeated: &HashSet<usize>) {
        self.out.repeated += repeated.len() as u64;
        let mut at = 0;
        self.out.events.retain(|_| {
            at += 1;
            !repeated.contains(&(at - 1))
        });
    }

    /// Maps one record and counts it.
    fn record<'r>(
        &mut self,
        signal: Signal,
        (index, emitter): (usize, &'m Emitter),
        mut record: Record<'r>,
        joined: Option<&Index<'r>>,
    ) -> Became<'m> {
        let fits = |rule: &Rule| of_version(emitter, rule, &record) && holds(&rule.when, &record);
        let mut rules = emitter.rules(signal, record.name);
        let found = rules.find(|(_, rule)| fits(rule));
        let Some((at, rule)) = found else {
            self.unknown(signal, index, emitter, &record);
            return Became::Nothing;
        };
        let by = match &rule.action {
            Action::Repeats => {
                self.out.repeated += 1;
                return Became::Repeated;
            }
            Action::Ignore => {
                self.out.ignored += 1;
                return Became::Nothing;
            }
            Action::Event(by) => by,
        };
        if let (Some(with), Some(joined)) = (&rule.with, joined) {
            record.with = joined.find((index, at), with, &record);
        }
        let made = event::make(self.mappings, emitter, by, &record, self.received_micros);
        let message = |m: &str| format!("{} of {}: {m}", record.name, emitter.name);
        match made {
            Ok(made) => {
                if let Some(warning) = made.warning {
                    self.tell(message(&warning));
                }
                self.out.events.push(made.event);
                Became::Event(self.out.events.len() - 1, by)
            }
            Err(e) => {
                self.out.rejected += 1;
                self.tell(message(&e));
                Became::Nothing
            }
        }
    }

    /// The first message stands for all.
    fn tell(&mut self, message: String) {
        if self.out.message.is_empty() {
            self.out.message = message;
        }
    }

    fn unknown(&mut self, signal: Signal, index: usize, emitter: &Emitter, record: &Record) {
        let version = record.first(&emitter.version);
        let version = version.as_ref().map(|v| v.text()).unwrap_or_default();
        if self.mappings.is_default(index) {
            let service = service(record.resource);
            let name = if service.is_empty() {
                record.scope
            } else {
                &service
            };
            self.unmapped.add(name, &version, signal, record);
        } else {
            self.unmapped.add(&emitter.name, &version, signal, record);
        }
    }
}

/// Agents, tools and what sums up others: what stands within them is no part of a call around them.
fn is_wall(became: &Became) -> bool {
    match became {
        Became::Event(_, by) => by.tokens.is_empty(),
        Became::Repeated => true,
        Became::Nothing => false,
    }
}

fn service(resource: &[KeyValue]) -> String {
    let name = find(resource, "service.name");
    name.map(|v| v.text().into_owned()).unwrap_or_default()
}

/// Whether the emitter's version is one that a rule is about. Where no version is told, the rules
/// for the newest are taken: those without an end.
fn of_version(emitter: &Emitter, rule: &Rule, record: &Record) -> bool {
    if rule.since.is_none() && rule.until.is_none() {
        return true;
    }
    let told = record.first(&emitter.version);
    let Some(version) = told.and_then(|v| numbers(&v.text())) else {
        return rule.until.is_none();
    };
    rule.since.as_ref().is_none_or(|s| version >= *s)
        && rule.until.as_ref().is_none_or(|u| version < *u)
}
