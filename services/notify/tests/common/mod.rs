//! A real Kafka, the service in a process of its own, and a receiver that behaves as it is told.
#![allow(clippy::unwrap_used, dead_code)]

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use weir_catalog::Catalog;
use weir_kafka::admin::{Admin, Partitions, standard};
use weir_kafka::registry::register_all;
use weir_kafka::{Appender, Brokers};
use weir_model::records::{Alert, AlertState, Subject};
use weir_model::{Micros, topics};
use weir_runtime::host::Running;
use weir_runtime::{Health, Shutdown};

pub const DEADLINE: Duration = Duration::from_secs(25);
pub const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

pub fn now() -> Micros {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    Micros(since.unwrap().as_micros() as i64)
}

pub fn until<T>(what: &str, mut f: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = f() {
            return found;
        }
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Mode {
    Takes,
    Fails,
    Hangs,
    Closes,
    /// Says 200 and talks nonsense.
    Lies,
}

/// A request that came.
#[derive(Clone, Debug)]
pub struct Came {
    pub at: Instant,
    pub mode: Mode,
    pub path: String,
    pub headers: HeaderMap,
    pub body: serde_json::Value,
    pub raw: String,
}

impl Came {
    pub fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }
    /// (id of an alert, firing)
    pub fn alerts(&self) -> Vec<(String, bool)> {
        let groups = self.body["data"]["groups"].as_array().unwrap();
        let alerts = groups.iter().flat_map(|g| g["alerts"].as_array().unwrap());
        let one = |a: &serde_json::Value| {
            (
                a["id"].as_str().unwrap().to_owned(),
                a["status"] == "firing",
            )
        };
        alerts.map(one).collect()
    }
}

#[derive(Clone)]
pub struct Hook {
    pub url: String,
    mode: Arc<Mutex<Mode>>,
    came: Arc<Mutex<Vec<Came>>>,
}

impl Hook {
    pub fn start() -> Hook {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let hook = Hook {
            url: format!("http://{}", listener.local_addr().unwrap()),
            mode: Arc::new(Mutex::new(Mode::Takes)),
            came: Arc::default(),
        };
        let state = hook.clone();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.unwrap().block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                let app = axum::Router::new().fallback(take).with_state(state);
                axum::serve(listener, app).await.unwrap();
            });
        });
        hook
    }

    pub fn set(&self, mode: Mode) {
        *self.mode.lock().unwrap() = mode;
    }

    pub fn came(&self) -> Vec<Came> {
        self.came.lock().unwrap().clone()
    }

    /// Requests that told of an alert in a state, the first that was taken last.
    pub fn about(&self, id: &str, firing: bool) -> Vec<Came> {
        let is = |c: &Came| c.alerts().contains(&(id.to_owned(), firing));
        self.came().into_iter().filter(is).collect()
    }

    pub fn taken(&self, id: &str, firing: bool) -> Came {
        until(&format!("{id} {firing} is told"), || {
            self.about(id, firing)
                .into_iter()
                .find(|c| c.mode == Mode::Takes)
        })
    }
}

async fn take(
    State(hook): State<Hook>,
    uri: axum::http::Uri,
    headers: HeaderMap,
    raw: String,
) -> impl IntoResponse {
    let mode = *hook.mode.lock().unwrap();
    hook.came.lock().unwrap().push(Came {
        at: Instant::now(),
        mode,
        path: uri.path().to_owned(),
        headers,
        body: serde_json::from_str(&raw).unwrap_or_default(),
        raw,
    });
    match mode {
        Mode::Takes => (StatusCode::OK, r#"{"status":"success"}"#),
        Mode::Fails => (StatusCode::INTERNAL_SERVER_ERROR, "no"),
        Mode::Lies => (StatusCode::OK, "<html>welcome to the proxy</html>"),
        Mode::Hangs => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            (StatusCode::OK, "")
        }
        // The connection ends without an answer.
        Mode::Closes => panic!("closed"),
    }
}

/// The topics and schemas of the shipped catalog.
pub fn log() -> (Brokers, Appender, Catalog) {
    let brokers = Brokers::new(weir_embedded::testing::kafka().address());
    let catalog = Catalog::embedded().unwrap();
    let names: Vec<&str> = catalog.events.iter().map(|e| e.name.as_str()).collect();
    let admin = Admin::new(&brokers, Duration::from_secs(20)).unwrap();
    admin
        .ensure(&standard(names, &Partitions::default()), 1)
        .unwrap();
    register_all(&brokers, &catalog.writer_schemas(), Duration::from_secs(20)).unwrap();
    let out = Appender::new(&brokers).unwrap();
    (brokers, out, catalog)
}

pub fn alert(id: &str, rule: &str, step: u32, state: AlertState) -> Alert {
    let subject = Subject {
        tenant: "acme".into(),
        dimensions: vec![("team".into(), "core".into())],
    };
    let at = now();
    Alert {
        id: id.into(),
        run: 1,
        catalog: 1,
        rule: rule.into(),
        version: 1,
        kind: "threshold".into(),
        severity: "high".into(),
        subject,
        state,
        step,
        opened: at,
        at,
        value: Some(7.5),
        threshold: Some(5.0),
        worst: Some(7.5),
        windows: 1,
        impact: "people wait <long> & leave".into(),
        action: "look at it".into(),
        reopenings: 0,
        r#type: "kpi_threshold".into(),
        priority: "P1".into(),
        metric: "errors".into(),
        unit: "percent".into(),
        component: "".into(),
        client: "".into(),
        group: "".into(),
        group_key: "".into(),
        conditions: vec![],
        failing: "".into(),
        revision: 1,
    }
}

pub fn tell(out: &Appender, alert: &Alert) {
    let mut bytes = Vec::new();
    alert.encode(&mut bytes);
    out.send(
        topics::ALERTS,
        None,
        Some(alert.id.as_bytes()),
        Some(&bytes),
        &[],
    )
    .unwrap();
    out.flush().unwrap();
}

/// The service, in a process that can be killed.
pub struct Served(Child);

impl Served {
    pub fn start(brokers: &Brokers, file: &Path) -> Served {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "the_service", "--ignored", "--nocapture"])
            .env("NOTIFY_TEST_BROKERS", &brokers.bootstrap)
            .env("NOTIFY_TEST_FILE", file)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        Served(child)
    }

    /// kill -9
    pub fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the child runs.
pub fn serve() {
    let (Ok(brokers), Ok(file)) = (
        std::env::var("NOTIFY_TEST_BROKERS"),
        std::env::var("NOTIFY_TEST_FILE"),
    ) else {
        return;
    };
    // It dies with the test.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    let declared = weir_notify::load(Path::new(&file)).unwrap();
    let catalog = Arc::new(Catalog::embedded().unwrap());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let running = Running::new(Health::new(), Shutdown::new(), runtime.handle().clone());
    let notify = weir_notify::Notify::new(Brokers::new(&brokers), declared, catalog);
    notify.run(&running).unwrap();
}
