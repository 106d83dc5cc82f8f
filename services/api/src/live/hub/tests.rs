#![allow(clippy::unwrap_used)]
use super::*;

const ALERTS: Topic = Topic::Log(Log::Alerts);

fn hub(most: usize) -> Hub {
    let hub = Hub::new(&Arc::new(Catalog::embedded().unwrap()), most);
    hub.begin(Log::Alerts, 0, 0);
    hub.begin(Log::Alerts, 1, 0);
    hub.ready();
    hub
}

fn wants(token: &str, tenant: &str, last: Option<&str>) -> Wants {
    Wants {
        token: token.into(),
        tenant: tenant.into(),
        topics: [ALERTS, Topic::Kpis].into(),
        kpis: Vec::new(),
        last: last.map(|l| Place::read(l).unwrap()),
    }
}

fn say(hub: &Hub, tenant: &str, partition: i32, offset: i64) {
    let said = Said {
        tenant: tenant.into(),
        event: "alert",
        data: format!("{partition}/{offset}"),
    };
    hub.record((Log::Alerts, partition, offset), Some(said));
}

/// What has been told, without waiting.
fn told(of: &mut Listening) -> Vec<Arc<Told>> {
    std::iter::from_fn(|| of.from.try_recv().ok()).collect()
}

fn data(of: &mut Listening) -> Vec<String> {
    let all = told(of).into_iter();
    all.filter(|t| t.event != "hello")
        .map(|t| format!("{} {}", t.event, t.data))
        .collect()
}

#[test]
fn a_stream_is_told_of_its_tenant_and_goes_on_where_it_was() {
    let hub = hub(64);
    let mut acme = hub
        .listen(wants("t", "acme", None), Cut::default())
        .unwrap();
    let mut zeta = hub
        .listen(wants("t", "zeta", None), Cut::default())
        .unwrap();
    say(&hub, "acme", 0, 0);
    say(&hub, "zeta", 1, 0);
    say(&hub, "acme", 1, 3);
    let all = told(&mut acme);
    assert_eq!(all.len(), 3, "{all:?}");
    assert_eq!(data(&mut zeta), ["alert 1/0"]);
    // After the first alert: the other one is told again, and nothing of others.
    let place = all[1].place.clone().unwrap();
    let mut again = hub
        .listen(wants("t", "acme", Some(&place)), Cut::default())
        .unwrap();
    assert_eq!(data(&mut again), ["alert 1/3"]);
    let place = all[2].place.clone().unwrap();
    let mut again = hub
        .listen(wants("t", "acme", Some(&place)), Cut::default())
        .unwrap();
    assert!(data(&mut again).is_empty());
    say(&hub, "acme", 0, 1);
    assert_eq!(data(&mut again), ["alert 0/1"]);
}

#[test]
fn what_is_no_more_kept_is_said_to_be_missed() {
    let hub = hub(64);
    let mut first = hub
        .listen(wants("t", "acme", None), Cut::default())
        .unwrap();
    let begun = told(&mut first)[0].place.clone().unwrap();
    for offset in 0..KEPT as i64 + 1 {
        say(&hub, "acme", 0, offset);
    }
    let mut again = hub
        .listen(wants("t", "acme", Some(&begun)), Cut::default())
        .unwrap();
    let all = data(&mut again);
    assert_eq!(all[0], "missed {}");
    assert_eq!(all.len(), KEPT + 1);
    // A place of another log lies ahead of this one.
    let mut other = hub
        .listen(wants("t", "acme", Some("a0-99999999")), Cut::default())
        .unwrap();
    assert_eq!(data(&mut other), ["missed {}"]);
}

#[test]
fn a_slow_reader_is_let_go_and_others_are_not() {
    let hub = hub(64);
    let _slow = hub
        .listen(wants("t", "acme", None), Cut::default())
        .unwrap();
    let mut fast = hub
        .listen(wants("t", "acme", None), Cut::default())
        .unwrap();
    let most = (BEHIND + VALUES) as i64;
    for offset in 0..most + 1 {
        say(&hub, "acme", 0, offset);
        told(&mut fast);
    }
    assert_eq!(hub.lock().listeners.len(), 1);
    say(&hub, "acme", 0, most + 1);
    assert_eq!(told(&mut fast).len(), 1);
}

#[test]
fn streams_are_so_many_and_one_token_has_not_all() {
    let hub = hub(8);
    let listen = |token: &str| hub.listen(wants(token, "acme", None), Cut::default());
    let a = [listen("a").unwrap(), listen("a").unwrap()];
    assert_eq!(listen("a").err(), Some(Full::Token));
    let others: Vec<Listening> = ["b", "b", "c", "c", "d", "d"]
        .map(|t| listen(t).unwrap())
        .into();
    assert_eq!(listen("e").err(), Some(Full::All));
    drop(a);
    assert!(listen("a").is_ok());
    drop(others);
    hub.close();
    assert_eq!(listen("a").err(), Some(Full::Starting));
}

#[test]
fn who_comes_is_told_what_kpis_are_so_far() {
    let hub = hub(64);
    let so_far = |value| SoFar {
        kpi: "spend_per_hour".into(),
        subject: Default::default(),
        window_start: String::new(),
        window_end: String::new(),
        value: Some(value),
        score: None,
        status: "near",
        sample: None,
        provisional: true,
    };
    hub.value("acme", &so_far(1.0));
    hub.value("acme", &so_far(2.0));
    hub.value("zeta", &so_far(3.0));
    let mut acme = hub
        .listen(wants("t", "acme", None), Cut::default())
        .unwrap();
    let all = data(&mut acme);
    assert_eq!(all.len(), 1);
    assert!(all[0].contains("\"value\":2.0"), "{all:?}");
    hub.value("acme", &so_far(4.0));
    assert_eq!(data(&mut acme).len(), 1);
    let other = Wants {
        kpis: vec!["cost_per_call".into()],
        ..wants("t", "acme", None)
    };
    let mut other = hub.listen(other, Cut::default()).unwrap();
    assert!(data(&mut other).is_empty());
}
