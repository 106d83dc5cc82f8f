//! KPIs over periods: one value whoever is asked, ratios of sums, weeks and months cut to the
//! period.

use super::*;
use weir_catalog::{JudgedWindow, KpiDef};

type Row = BTreeMap<String, Json>;

/// The view of a KPI.
fn view(kpi: &str, from: &str, to: &str, step: &str) -> String {
    format!("SELECT * FROM kpi_{kpi}(from = '{from}', to = '{to}', step = '{step}')")
}

/// What `{kpi NAME}` is in a question.
async fn asked(store: &Store, catalog: &Catalog, kpi: &str, given: &[(&str, &str)]) -> Vec<Row> {
    let text = format!("-- title: T\n-- period 7\nSELECT * FROM {{kpi {kpi}}} WHERE {{tenant}}");
    let question = Question::parse("q", &text).unwrap();
    let given: Vec<Param> = given
        .iter()
        .map(|(n, v)| (n.to_string(), v.to_string()))
        .collect();
    let (sql, params) = question.sql(&given, catalog, now()).unwrap();
    rows(store, &sql, &params).await
}

/// Subjects with all that is said of them, but for when.
fn cells(rows: &[Row]) -> BTreeSet<String> {
    let when = |name: &str| {
        [
            "from",
            "to",
            "window_start",
            "window_end",
            "day",
            "days_ago",
        ]
        .contains(&name)
    };
    let cell = |row: &Row| {
        let said = row.iter().filter(|(name, _)| !when(name));
        said.map(|(n, v)| format!("{n} = {v}, "))
            .collect::<String>()
    };
    rows.iter().map(cell).collect()
}

fn of_a_day(catalog: &Catalog) -> Vec<&KpiDef> {
    let day = |k: &&KpiDef| k.mix.is_none() && k.window == JudgedWindow::Tumbling(WindowSize::Day);
    catalog.kpis.iter().filter(day).collect()
}

#[tokio::test]
async fn a_kpi_of_a_day_has_one_value_whoever_is_asked() {
    let catalog = catalog();
    let store = prepared("one_value", &catalog).await;
    fill(&store, &catalog, utc("2026-03-01T00:00:00Z"), 24 * 3).await;
    let mut with_value = 0;
    let kpis = of_a_day(&catalog);
    assert!(kpis.len() > 10);
    for kpi in &kpis {
        let name = &kpi.name;
        for day in ["2026-03-02", "2026-03-03"] {
            let current = format!("SELECT * FROM kpi_{name}_current WHERE day = '{day}'");
            let current = rows(&store, &current, &[]).await;
            let want = cells(&current);
            let over = rows(&store, &view(name, day, day, "all"), &[]).await;
            assert_eq!(cells(&over), want, "{name} on {day}");
            assert!(over.iter().all(|r| r["from"] == day && r["to"] == day));
            let given = [("from", day), ("to", day)];
            let question = asked(&store, &catalog, name, &given).await;
            assert_eq!(cells(&question), want, "{name} on {day}");
            let mine: Vec<Row> = current
                .into_iter()
                .filter(|r| r["tenant"] == "odd")
                .collect();
            let given = [given[0], given[1], ("tenant", "odd")];
            let question = asked(&store, &catalog, name, &given).await;
            assert_eq!(cells(&question), cells(&mine), "{name} on {day}");
            with_value += mine.iter().filter(|r| !r["value"].is_null()).count();
        }
    }
    assert!(with_value > kpis.len(), "{with_value} of {}", kpis.len());
}

#[tokio::test]
async fn every_kpi_has_a_view_of_a_period() {
    let catalog = catalog();
    let store = prepared("periods", &catalog).await;
    fill(&store, &catalog, utc("2026-02-27T00:00:00Z"), 24 * 4).await;
    let mut with_rows = 0;
    for kpi in catalog.kpis.iter().filter(|k| k.mix.is_none()) {
        let sql = view(&kpi.name, "2026-02-20", "2026-03-10", "month");
        let found = rows(&store, &sql, &[]).await;
        // February and March of each tenant.
        let months: BTreeSet<_> = found
            .iter()
            .map(|r| format!("{} to {}", r["from"], r["to"]))
            .collect();
        let cut = [
            "\"2026-02-20\" to \"2026-02-28\"",
            "\"2026-03-01\" to \"2026-03-10\"",
        ];
        if !found.is_empty() {
            assert_eq!(months, cut.map(String::from).into(), "{}", kpi.name);
            with_rows += 1;
        }
    }
    assert!(with_rows > 20, "{with_rows}");
    let calls = async |step: &str| {
        let sql = view("llm_error_rate", "2026-02-20", "2026-03-10", step);
        let found = rows(&store, &sql, &[]).await;
        let mut spans: Vec<(String, String)> = found
            .iter()
            .filter(|r| r["tenant"] == "odd")
            .map(|r| {
                (
                    r["from"].as_str().unwrap().into(),
                    r["to"].as_str().unwrap().into(),
                )
            })
            .collect();
        spans.sort();
        (
            found.iter().map(|r| number(&r["term_calls"])).sum::<u64>(),
            spans,
        )
    };
    let all = 24 * 4 * 3 * TENANTS.len() as u64;
    let span = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let one = vec![span("2026-02-20", "2026-03-10")];
    assert_eq!(calls("all").await, (all, one));
    let weeks = vec![
        span("2026-02-23", "2026-03-01"),
        span("2026-03-02", "2026-03-08"),
    ];
    assert_eq!(calls("week").await, (all, weeks));
    let (sum, days) = calls("day").await;
    assert_eq!((sum, days.len()), (all, 5));
    assert!(days.iter().all(|(from, to)| from == to));
    let sql = view("llm_error_rate", "1970-01-01", "2149-06-06", "all");
    let ever = rows(&store, &sql, &[]).await;
    assert_eq!(
        ever.iter().map(|r| number(&r["term_calls"])).sum::<u64>(),
        all
    );
    let unknown = view("llm_error_rate", "2026-02-20", "2026-03-10", "year");
    assert!(store.rows(&unknown, &[]).await.is_err());
    // Scores have none.
    for score in catalog.kpis.iter().filter(|k| k.mix.is_some()) {
        assert!(weir_store::kpi_period_sql(score, &catalog).is_err());
        let sql = view(&score.name, "2026-02-20", "2026-03-10", "all");
        assert!(store.rows(&sql, &[]).await.is_err());
    }
}

/// A day of calls of one model, some of which failed.
fn calls(event: &EventDef, day: &str, calls: u64, failures: u64) -> Aggregate {
    let start = utc(&format!("{day}T10:00:00Z"));
    let n = |name: &str| match name {
        "calls" => calls,
        "failures" => failures,
        _ => 0,
    };
    let one = |m: &weir_catalog::MeasureDef| {
        let mut value = m.kind.accumulator().empty();
        for _ in 0..n(&m.name) {
            value.add(&Sample {
                at: start,
                id: 1,
                value: 1.0,
                exact: Fixed::from_int(1),
                hash: 7,
            });
        }
        value
    };
    let name = |d: &str| (d.to_owned(), "x".to_owned());
    Aggregate {
        subject: Subject {
            tenant: "plain".into(),
            dimensions: vec![name("model"), name("provider")],
        },
        window: WindowSize::Hour,
        start,
        end: start.plus(Micros::HOUR),
        part: Part::OnTime,
        values: event.measures.iter().map(one).collect(),
    }
}

#[tokio::test]
async fn a_ratio_over_days_is_the_ratio_of_sums() {
    let catalog = catalog();
    let store = prepared("ratios", &catalog).await;
    let event = catalog
        .events
        .iter()
        .find(|e| e.name == "llm.call")
        .unwrap();
    let days = [
        calls(event, "2026-03-02", 300, 3),
        calls(event, "2026-03-03", 100, 50),
    ];
    write(&store, event, days.into()).await;
    let percent = async |from: &str, to: &str| {
        let sql = view("llm_error_rate", from, to, "all");
        let found = rows(&store, &sql, &[]).await;
        assert_eq!(found.len(), 1, "{found:?}");
        found[0]["value"].as_f64()
    };
    assert_eq!(percent("2026-03-02", "2026-03-02").await, Some(1.0));
    assert_eq!(percent("2026-03-03", "2026-03-03").await, Some(50.0));
    // The mean of both is 25.5.
    assert_eq!(percent("2026-03-02", "2026-03-03").await, Some(13.25));
    let given = [("from", "2026-03-02"), ("to", "2026-03-03")];
    let errors = ask(&store, &catalog, "errors", &given).await;
    assert_eq!(errors[0]["percent"].as_f64(), Some(13.25));
    let unknown = Question::parse("q", "-- title: T\n-- period 7\nSELECT * FROM {kpi nothing}");
    let refused = unknown.unwrap().sql(&[], &catalog, now()).unwrap_err();
    assert!(
        refused.to_string().contains("no KPI named nothing"),
        "{refused}"
    );
}
