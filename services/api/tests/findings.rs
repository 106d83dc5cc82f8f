//! What is computed once a day is over: the same rows however often, nothing of what broke off,
//! each tenant its own; and how it is read.
#![allow(clippy::unwrap_used)]

mod common;

use common::data::{TENANTS, filled, value};
use common::{Served, catalog, token};
use jiff::civil::{Date, date};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use weir_api::findings::{Analyst, Ended, Plan};
use weir_http::token::Scope;
use weir_model::Micros;
use weir_store::findings::Issue;
use weir_store::reader::Limits;
use weir_store::{Store, StoreConfig};

/// The last day of the made data.
const LAST: Date = date(2026, 3, 31);
/// Tables with the columns that say what a row says, whoever wrote it when.
const SAID: [(&str, &str); 3] = [
    ("forecasts_log", "* EXCEPT (issued_at)"),
    ("trends_log", "* EXCEPT (issued_at)"),
    ("findings_log", "* EXCEPT (issued_at)"),
];

struct Over {
    runtime: tokio::runtime::Runtime,
    store: Store,
}

impl Over {
    fn new(config: &StoreConfig) -> Over {
        Over {
            runtime: tokio::runtime::Runtime::new().unwrap(),
            store: Store::new(config),
        }
    }

    /// Computes all of a tenant; asks to stop after so many questions whether to.
    fn analyse(&self, tenant: &str, day: Date, issued: i64, stop_after: u32) -> Ended {
        let plan = Plan::shipped().unwrap();
        let (catalog, limits) = (catalog(), Limits::default());
        let analyst = Analyst {
            store: &self.store,
            catalog: &catalog,
            plan: &plan,
            limits: &limits,
        };
        let issue = Issue {
            run: 1,
            tenant: tenant.to_owned(),
            data_through: day,
            issued_at: Micros(issued),
        };
        let asked = AtomicU32::new(0);
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= stop_after;
        self.runtime
            .block_on(analyst.analyse(issue, &stop))
            .unwrap()
    }

    fn rows(&self, sql: &str) -> Vec<Vec<Value>> {
        self.runtime
            .block_on(self.store.rows(sql, &[]))
            .unwrap()
            .rows
    }

    fn number(&self, sql: &str) -> u64 {
        let told = self.runtime.block_on(self.store.scalar(sql, &[])).unwrap();
        told.unwrap().parse().unwrap()
    }

    /// All that is said, merged.
    fn said(&self) -> Vec<Vec<Vec<Value>>> {
        let of = |(table, columns): (&str, &str)| {
            self.rows(&format!(
                "SELECT {columns} FROM {table} FINAL ORDER BY tenant, data_through, id"
            ))
        };
        SAID.map(of).into()
    }
}

const NEVER: u32 = u32::MAX;

#[test]
fn the_same_day_gives_the_same_rows_and_each_tenant_its_own() {
    let config = filled("findings_same");
    let over = Over::new(&config);
    for tenant in TENANTS {
        assert_eq!(over.analyse(tenant, LAST, 1_000_000, NEVER), Ended::Done);
    }
    let first = over.said();
    for (rows, (table, _)) in first.iter().zip(SAID) {
        assert!(!rows.is_empty(), "{table}");
    }
    // Once more, and by two at the same time.
    assert_eq!(over.analyse("acme", LAST, 2_000_000, NEVER), Ended::Done);
    let others: Vec<Over> = (0..2).map(|_| Over::new(&config)).collect();
    std::thread::scope(|scope| {
        for (i, other) in others.iter().enumerate() {
            scope.spawn(move || other.analyse("acme", LAST, 3_000_000 + i as i64, NEVER));
        }
    });
    assert!(over.said() == first, "rows are others than before");
    assert_eq!(over.number("SELECT count() FROM analyses"), 2);
    // Nobody is shown what belongs to somebody else.
    for (tenant, other) in [(TENANTS[0], TENANTS[1]), (TENANTS[1], TENANTS[0])] {
        for view in ["forecasts", "trends", "findings"] {
            let of = |whose: &str, what: &str| {
                over.number(&format!(
                    "SELECT countIf(has(mapValues(dimensions), '{what}')) FROM {view} WHERE tenant = '{whose}'"
                ))
            };
            assert_eq!(of(tenant, &value(other)), 0, "{view} of {tenant}");
            assert!(
                view == "findings" || of(tenant, &value(tenant)) > 0,
                "{view} of {tenant}"
            );
        }
    }
    let worse = "SELECT countIf(backtest_mae > naive_mae) FROM forecasts";
    assert_eq!(
        over.number(worse),
        0,
        "a forecast that is worse than the naive one is shown"
    );
}

#[test]
fn what_broke_off_is_not_seen_and_made_again() {
    let over = Over::new(&filled("findings_broken"));
    assert_eq!(over.analyse("acme", LAST, 1_000_000, 5), Ended::Stopped);
    assert_eq!(over.number("SELECT count() FROM analyses"), 0);
    for view in ["forecasts", "trends", "findings"] {
        assert_eq!(
            over.number(&format!("SELECT count() FROM {view}")),
            0,
            "{view}"
        );
    }
    // A row that a broken attempt left, and that is not said any more.
    let left = "INSERT INTO findings_log (run, tenant, data_through, issued_at, id, kind) \
                SELECT 1, 'acme', '2026-03-31', fromUnixTimestamp64Micro(toInt64(1000001), 'UTC'), 'left', 'trend'";
    over.runtime.block_on(over.store.execute(left)).unwrap();
    assert_eq!(over.analyse("acme", LAST, 2_000_000, NEVER), Ended::Done);
    assert_eq!(
        over.number("SELECT count() FROM findings WHERE id = 'left'"),
        0
    );
    assert!(over.number("SELECT count() FROM forecasts") > 0);
    // A later attempt that breaks off takes nothing away.
    let shown = over.number("SELECT count() FROM trends");
    assert_eq!(over.analyse("acme", LAST, 3_000_000, 10), Ended::Stopped);
    assert_eq!(over.number("SELECT count() FROM trends"), shown);
    // Of two days the later one is the newest.
    let before = date(2026, 3, 20);
    assert_eq!(over.analyse("acme", before, 4_000_000, NEVER), Ended::Done);
    let newest = "SELECT count(DISTINCT data_through), toString(any(data_through)) FROM forecasts WHERE newest";
    assert_eq!(over.rows(newest)[0][1], "2026-03-31");
    assert_eq!(
        over.number("SELECT count(DISTINCT data_through) FROM forecasts"),
        2
    );
}

#[test]
fn they_are_listed_page_by_page() {
    let config = filled("findings_listed");
    let over = Over::new(&config);
    for tenant in TENANTS {
        over.analyse(tenant, LAST, 1_000_000, NEVER);
        over.analyse(tenant, date(2026, 3, 20), 1_000_000, NEVER);
    }
    let api = Served::start(config, |c| c.analysis.enabled = false);
    let acme = token("acme", Scope::Read);
    api.knows(&acme);
    for (path, view) in [
        (
            "/v1/forecasts?limit=7&kpi=cost_per_call",
            "forecasts WHERE kpi = 'cost_per_call' AND",
        ),
        ("/v1/trends?limit=2", "trends WHERE"),
        ("/v1/findings?limit=1", "findings WHERE"),
    ] {
        for (since, condition) in [("", "newest"), ("&since=2026-03-01", "1")] {
            let want = format!("SELECT count() FROM {view} tenant = 'acme' AND {condition}");
            let mut seen = BTreeSet::new();
            let mut after = String::new();
            loop {
                let answer = api.get(&format!("{path}{since}{after}"), &acme);
                for row in answer.rows() {
                    let id = row["id"].as_str().unwrap().to_owned();
                    assert!(seen.insert(id), "{path}: a row twice: {row}");
                }
                match answer.body["next"].as_str() {
                    Some(next) => after = format!("&after={next}"),
                    None => break,
                }
            }
            assert_eq!(seen.len() as u64, over.number(&want), "{path}{since}");
            assert!(!seen.is_empty(), "{path}{since}");
        }
    }
    let of = |what: &str| api.get(what, &acme);
    let model = value("acme");
    let told = of(&format!(
        "/v1/trends?kpi=cost_per_call&subject[model]={model}"
    ));
    assert_eq!(told.rows().len(), 1, "{}", told.text());
    assert_eq!(told.rows()[0]["data_through"], "2026-03-31");
    assert!(told.rows()[0]["p"].is_f64() || told.rows()[0]["p"].is_u64());
    let other = value("zeta");
    let told = of(&format!("/v1/trends?subject[model]={other}"));
    assert_eq!(told.rows().len(), 0, "{}", told.text());
    assert!(
        of("/v1/findings?kind=budget")
            .rows()
            .iter()
            .all(|r| r["kind"] == "budget")
    );
    for wrong in [
        "/v1/findings?since=soon",
        "/v1/trends?kid=x",
        "/v1/forecasts?limit=0",
    ] {
        assert_eq!(of(wrong).status, 400, "{wrong}");
    }
}
