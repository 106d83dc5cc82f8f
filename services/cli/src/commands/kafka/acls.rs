//! What each service has to be allowed at the brokers, and nothing more. `weir kafka acls` prints
//! it, docs/security.md quotes it, and a test runs a whole system on a broker that has nothing
//! else.

use weir_model::topics;
use weir_processor::StageName;
use weir_runtime::acl::{Acl, Operation, Pattern, Resource};
use weir_runtime::names;

use Operation::{Create, Delete, Describe, Read, Write};
use Pattern::{Literal, Prefixed};
use Resource::{Group, Topic, TransactionalId};

/// Where in a principal the name of the service goes.
pub const PLACE: &str = "{service}";
/// What the names of all topics begin with.
const TOPICS: &str = "weir.";
/// What the names of all groups begin with.
const GROUPS: &str = "weir-";
/// What the client library looks for when offsets are asked for, and when records are read without
/// a group: nothing is ever committed under these names.
const NO_GROUPS: [&str; 2] = ["weir-admin", "weir-reader"];

/// Who comes to the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// `weir gateway`
    Gateway,
    /// `weir processor`, whatever stages it runs.
    Processor,
    /// `weir sink`
    Sink,
    /// `weir api`
    Api,
    /// `weir notify`
    Notify,
    /// Commands that publish: `weir import`, `simulate`, `replay`, `baseline capture`.
    Importer,
    /// Commands that only ask: `weir status`, `topics`, `verify`, `explain`, `record`, `dlq list`.
    Reader,
    /// Commands that change: `weir token`, `reprocess`, `dlq replay`.
    Admin,
}

impl Service {
    /// All, in the order of the data.
    pub const ALL: [Service; 8] = [
        Service::Gateway,
        Service::Processor,
        Service::Sink,
        Service::Api,
        Service::Notify,
        Service::Importer,
        Service::Reader,
        Service::Admin,
    ];

    /// In principals.
    pub const fn label(self) -> &'static str {
        match self {
            Service::Gateway => "gateway",
            Service::Processor => "processor",
            Service::Sink => "sink",
            Service::Api => "api",
            Service::Notify => "notify",
            Service::Importer => "importer",
            Service::Reader => "reader",
            Service::Admin => "admin",
        }
    }

    /// What it may do.
    pub fn grants(self) -> Vec<Grant> {
        match self {
            Service::Gateway => gateway(),
            Service::Processor => processor(),
            Service::Sink => sink(),
            Service::Api => api(),
            Service::Notify => notify(),
            Service::Importer => importer(),
            Service::Reader => reader(),
            Service::Admin => admin(),
        }
    }
}

/// Something that is allowed, of whom is said elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Kind of what is opened.
    pub resource: Resource,
    /// Its name, or what names begin with.
    pub name: String,
    /// How the name is meant.
    pub pattern: Pattern,
    /// What is allowed.
    pub operations: &'static [Operation],
}

fn grant(
    resource: Resource,
    pattern: Pattern,
    name: impl Into<String>,
    operations: &'static [Operation],
) -> Grant {
    Grant {
        resource,
        name: name.into(),
        pattern,
        operations,
    }
}

fn topic(name: &str, operations: &'static [Operation]) -> Grant {
    grant(Topic, Literal, name, operations)
}

fn events(operations: &'static [Operation]) -> Grant {
    grant(Topic, Prefixed, topics::EVENTS_PREFIX, operations)
}

fn no_groups() -> impl Iterator<Item = Grant> {
    let describe: &[Operation] = &[Describe];
    NO_GROUPS
        .map(|g| grant(Group, Literal, g, describe))
        .into_iter()
}

/// What groups and transactional ids of a stage begin with, in every run.
fn of_stage(stage: StageName) -> String {
    let run = 0;
    let group = names::stage_group(stage.label(), run);
    group.trim_end_matches(&run.to_string()).to_owned()
}

/// Takes events, and answers for tokens and schemas.
fn gateway() -> Vec<Grant> {
    let own = [
        events(&[Write]),
        topic(topics::DLQ, &[Write]),
        topic(topics::PEOPLE, &[Write]),
        topic(topics::SCHEMAS, &[Read, Write]),
        topic(topics::TOKENS, &[Read]),
        topic(topics::LOGGED, &[Read]),
    ];
    own.into_iter().chain(no_groups()).collect()
}

/// Makes the topics, begins runs, and folds; it writes to raw topics where silence has to end a
/// window.
fn processor() -> Vec<Grant> {
    let mut all = vec![
        grant(Topic, Prefixed, TOPICS, &[Describe, Create]),
        events(&[Read, Write]),
    ];
    for both in [topics::SCHEMAS, topics::CATALOG, topics::STATE] {
        all.push(topic(both, &[Read, Write]));
    }
    // What snapshots cover is deleted.
    for between in [topics::PARTIALS, topics::TERMS] {
        all.push(topic(between, &[Read, Write, Delete]));
    }
    for result in [
        topics::AGGREGATES,
        topics::ANOMALIES,
        topics::KPIS,
        topics::ALERTS,
        topics::LIVE,
        topics::LATE,
        topics::DLQ,
    ] {
        all.push(topic(result, &[Write]));
    }
    for stage in StageName::ALL {
        all.push(grant(Group, Prefixed, of_stage(stage), &[Read]));
        all.push(grant(TransactionalId, Prefixed, of_stage(stage), &[Write]));
    }
    all.extend(no_groups());
    all
}

/// Reads what it stores, and what it needs to read it. It writes nothing.
fn sink() -> Vec<Grant> {
    let mut all = vec![events(&[Read])];
    for read in [
        topics::AGGREGATES,
        topics::ANOMALIES,
        topics::KPIS,
        topics::ALERTS,
        topics::LATE,
        topics::DLQ,
        topics::SCHEMAS,
        topics::CATALOG,
        topics::PEOPLE,
    ] {
        all.push(topic(read, &[Read]));
    }
    all.push(grant(Group, Literal, names::SINK_GROUP, &[Read]));
    all.extend(no_groups());
    all
}

/// Knows tokens and the catalog, and how far groups are; tells what happens; writes commands about
/// alerts and who gave them; keeps what was sent of scheduled reports.
fn api() -> Vec<Grant> {
    let own = [
        grant(Topic, Prefixed, TOPICS, &[Describe]),
        grant(Topic, Prefixed, topics::events("alert."), &[Write]),
        topic(&topics::events("audit.recorded"), &[Write]),
        topic(topics::PEOPLE, &[Write]),
        topic(topics::TOKENS, &[Read]),
        topic(topics::CATALOG, &[Read]),
        topic(topics::ALERTS, &[Read]),
        topic(topics::ANOMALIES, &[Read]),
        topic(topics::LIVE, &[Read]),
        topic(topics::REPORTS, &[Read, Write, Create]),
        grant(Group, Prefixed, GROUPS, &[Describe]),
        grant(Group, Literal, names::REPORTS_GROUP, &[Read]),
        grant(TransactionalId, Prefixed, names::REPORTS_GROUP, &[Write]),
    ];
    own.into()
}

/// Reads alerts and what people say of them, and keeps what it planned and sent.
fn notify() -> Vec<Grant> {
    let mut all = vec![events(&[Read])];
    for read in [topics::ALERTS, topics::ANOMALIES, topics::SCHEMAS] {
        all.push(topic(read, &[Read]));
    }
    all.push(topic(topics::NOTIFY, &[Read, Write, Create]));
    all.push(grant(Group, Literal, names::NOTIFY_GROUP, &[Read]));
    all.push(grant(
        TransactionalId,
        Prefixed,
        names::NOTIFY_GROUP,
        &[Write],
    ));
    all.extend(no_groups());
    all
}

/// Publishes in transactions, remembers what it has published, and asks how far it was read.
fn importer() -> Vec<Grant> {
    let own = [
        events(&[Read, Write]),
        topic(topics::SCHEMAS, &[Read, Write]),
        topic(topics::IMPORTS, &[Read, Write]),
        topic(topics::LOGGED, &[Write]),
        topic(topics::PEOPLE, &[Write]),
        topic(topics::CATALOG, &[Read]),
        grant(Group, Prefixed, of_stage(StageName::Combine), &[Describe]),
        grant(TransactionalId, Prefixed, names::IMPORTS, &[Write]),
    ];
    own.into_iter().chain(no_groups()).collect()
}

/// Reads all but tokens, and how far groups are; `weir status` tells how receivers do.
fn reader() -> Vec<Grant> {
    let mut all = vec![grant(Topic, Prefixed, TOPICS, &[Describe]), events(&[Read])];
    for read in [
        topics::SCHEMAS,
        topics::CATALOG,
        topics::LATE,
        topics::DLQ,
        topics::IMPORTS,
        topics::NOTIFY,
    ] {
        all.push(topic(read, &[Read]));
    }
    all.push(grant(Group, Prefixed, GROUPS, &[Describe]));
    all
}

/// What a reader may, and tokens, runs and dead letters; what was changed is published as imports
/// are, and so are dead letters.
fn admin() -> Vec<Grant> {
    let mut all = reader();
    all.extend([
        events(&[Write]),
        topic(topics::TOKENS, &[Read, Write]),
        topic(topics::PEOPLE, &[Read, Write]),
        topic(topics::CATALOG, &[Write]),
        topic(topics::IMPORTS, &[Write]),
        grant(TransactionalId, Prefixed, names::IMPORTS, &[Write]),
    ]);
    all
}

/// One ACL for each operation, for principals made from a text with [`PLACE`] in it.
pub fn all(principal: &str) -> Vec<Acl> {
    let mut all = Vec::new();
    for service in Service::ALL {
        let principal = principal.replace(PLACE, service.label());
        for g in service.grants() {
            all.extend(g.operations.iter().map(|&operation| Acl {
                principal: principal.clone(),
                resource: g.resource,
                name: g.name.clone(),
                pattern: g.pattern,
                operation,
            }));
        }
    }
    all
}
