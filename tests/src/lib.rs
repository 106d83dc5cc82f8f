//! A whole system for the integration tests: `weir up` on a directory of its own, spoken to by the
//! command line alone, as its users do, and harmed from outside.

#![allow(clippy::unwrap_used)]

pub mod cases;
pub mod faults;
pub mod player;

use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Longest wait for a system to be ready, to end, or to have done what is asked of it.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// The binary under test: `WEIR_BINARY`, else the debug build, brought up to date once.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("WEIR_BINARY") {
            return PathBuf::from(path);
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--locked", "--package", "weir"])
            .current_dir(root())
            .status()
            .unwrap();
        assert!(built.success(), "weir does not build");
        let target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root().join("target"), PathBuf::from);
        target.join("debug/weir")
    })
}

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// What surrounds the processes of a system: variables that are set or unset, and the mask of new
/// files' rights.
#[derive(Default, Clone)]
pub struct Around {
    /// Name and value of each.
    pub set: Vec<(&'static str, String)>,
    /// Names.
    pub unset: Vec<&'static str>,
    /// As `umask` takes it.
    pub umask: Option<libc::mode_t>,
}

/// A running `weir up`. Dropped, it is killed with all that it started.
pub struct System {
    dir: PathBuf,
    /// Schemas in place of the built-in ones.
    schemas: Option<PathBuf>,
    flags: Vec<String>,
    around: Around,
    child: Child,
}

impl System {
    /// Starts on a directory, with further flags of `weir up`, and waits until it is ready.
    pub fn start(dir: &Path, schemas: Option<&Path>, flags: &[&str]) -> System {
        System::start_around(dir, schemas, flags, Around::default())
    }

    /// The same in other surroundings, which its commands have too.
    pub fn start_around(
        dir: &Path,
        schemas: Option<&Path>,
        flags: &[&str],
        around: Around,
    ) -> System {
        let mut system = System {
            dir: dir.to_owned(),
            schemas: schemas.map(Path::to_owned),
            flags: flags.iter().map(|&f| f.to_owned()).collect(),
            around,
            child: Command::new("true").spawn().unwrap(),
        };
        system.up();
        system
    }

    /// Starts it again, after it was stopped or killed.
    pub fn up(&mut self) {
        let _ = self.child.wait();
        let log = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("up.log"))
            .unwrap();
        self.child = self
            .command()
            .arg("up")
            .args(&self.flags)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let begun = Instant::now();
        let until = begun + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("weir up ended with {status}: {}", self.log());
            }
            if self.weir(&["status", "--json"]).status.success() {
                eprintln!("{:>8.2?} weir up", begun.elapsed());
                return;
            }
            assert!(Instant::now() < until, "not ready in time: {}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Waits until its health says ready.
    pub fn wait_ready(&mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let ready = self.http_address().and_then(|at| get(&at, "/readyz").ok());
            if ready.is_some_and(|(code, _)| code == 200) {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("weir up ended with {status}: {}", self.log());
            }
            assert!(Instant::now() < until, "not ready again: {}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Changes the flags of the next start.
    pub fn set_flags(&mut self, flags: &[&str]) {
        self.flags = flags.iter().map(|&f| f.to_owned()).collect();
    }

    /// The schemas that it runs with.
    pub fn schemas(&self) -> PathBuf {
        let own = || root().join("schemas");
        self.schemas.clone().unwrap_or_else(own)
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The process id of `weir up`.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What `weir up` has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("up.log")).unwrap_or_default()
    }

    /// A command of weir against this system, to be given its arguments.
    pub fn command(&self) -> Command {
        let mut c = Command::new(binary());
        c.env("WEIR_DATA_DIR", &self.dir).stdin(Stdio::null());
        match &self.schemas {
            Some(dir) => c.env("WEIR_SCHEMAS", dir),
            None => c.env_remove("WEIR_SCHEMAS"),
        };
        c.envs(self.around.set.iter().map(|(k, v)| (k, v)));
        self.around.unset.iter().for_each(|name| {
            c.env_remove(name);
        });
        if let Some(mask) = self.around.umask {
            use std::os::unix::process::CommandExt;
            // SAFETY: umask(2) touches nothing but the process's mask and may be called after a
            // fork.
            unsafe {
                c.pre_exec(move || {
                    libc::umask(mask);
                    Ok(())
                });
            }
        }
        c
    }

    /// Runs a command of weir against this system.
    pub fn weir(&self, args: &[&str]) -> Output {
        self.command().args(args).output().unwrap()
    }

    /// Begins one; its output is dropped.
    pub fn spawn(&self, args: &[&str]) -> Child {
        self.command()
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Runs one that must succeed and say something in JSON.
    pub fn json(&self, args: &[&str]) -> Json {
        let said = self.text(args);
        serde_json::from_str(&said)
            .unwrap_or_else(|e| panic!("weir {args:?} said no JSON ({e}): {said}"))
    }

    /// The same right after a part was killed: asked again until the part is back.
    pub fn json_once_back(&self, args: &[&str]) -> Json {
        let until = Instant::now() + PATIENCE;
        loop {
            let out = self.weir(&[args, &["--json"]].concat());
            if out.status.success() {
                return serde_json::from_slice(&out.stdout).unwrap();
            }
            let why = String::from_utf8_lossy(&out.stderr);
            assert!(
                Instant::now() < until,
                "weir {args:?}: {why}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// How Kafka's client opens the port of whoever is shown the secrets.
    pub fn own_kafka(&self) -> [(&'static str, String); 5] {
        let status = self.json(&["status", "--secrets"]);
        let own = |name: &str| {
            status["secrets"]["kafka"][name]
                .as_str()
                .unwrap()
                .to_owned()
        };
        [
            ("bootstrap.servers", own("brokers")),
            ("security.protocol", "sasl_plaintext".to_owned()),
            ("sasl.mechanisms", "PLAIN".to_owned()),
            ("sasl.username", own("user")),
            ("sasl.password", own("password")),
        ]
    }

    /// What a command that must succeed says with `--json`.
    fn text(&self, args: &[&str]) -> String {
        let begun = Instant::now();
        let out = self.weir(&[args, &["--json"]].concat());
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(
            out.status.success(),
            "weir {args:?} ended with {}: {}\n{said}\n{}",
            out.status,
            String::from_utf8_lossy(&out.stderr),
            self.log()
        );
        // Shown where a test fails, or with --nocapture.
        eprintln!("{:>8.2?} weir {}", begun.elapsed(), args.join(" "));
        said
    }

    /// Counts everything again from the log: it must be equal. What was compared, and what the log
    /// holds.
    pub fn verify(&self) -> Verified {
        self.settle();
        let said = self.json(&["verify"]);
        assert_eq!(said["equal"], true, "{said:#}");
        let compared = said["compared"].as_object().unwrap();
        Verified {
            compared: compared
                .iter()
                .map(|(k, v)| (k.clone(), v.as_u64().unwrap()))
                .collect(),
            log: said["log"].clone(),
        }
    }

    /// Waits until all that is in the log has reached ClickHouse.
    pub fn settle(&self) {
        let until = Instant::now() + PATIENCE;
        let mut quiet = 0;
        while quiet < 2 {
            let status = self.json(&["status"]);
            let lags = status["lag"].as_array().unwrap();
            let behind: i64 = lags.iter().map(|l| l["lag"].as_i64().unwrap()).sum();
            quiet = if behind == 0 { quiet + 1 } else { 0 };
            assert!(
                Instant::now() < until,
                "{behind} offsets behind: {status:#}"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// The digest through a time, with its parts for a message.
    pub fn digest(&self, through: &str) -> Json {
        self.json(&["digest", "--through", through])
    }

    /// Rows of a query.
    pub fn query(&self, sql: &str) -> Vec<Json> {
        // One row a line.
        self.text(&["query", sql])
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The one number that a query gives.
    pub fn number(&self, sql: &str) -> f64 {
        let rows = self.query(sql);
        let first = rows[0].as_object().unwrap().values().next().unwrap();
        match first {
            Json::String(s) => s.parse().unwrap(),
            v => v.as_f64().unwrap(),
        }
    }

    /// Where Kafka is.
    pub fn brokers(&self) -> String {
        let status = self.json(&["status"]);
        status["brokers"].as_str().unwrap().to_owned()
    }

    /// Offsets taken in the raw topic of an event type.
    pub fn events(&self, event: &str) -> u64 {
        let topics = self.json(&["topics"]);
        let topic = format!("weir.events.{event}");
        let all = topics.as_array().unwrap();
        let found = all.iter().find(|t| t["topic"] == topic.as_str()).unwrap();
        let partitions = found["partitions"].as_array().unwrap();
        partitions.iter().map(|p| p["end"].as_u64().unwrap()).sum()
    }

    /// Answer of weir's own HTTP: status code and body.
    pub fn http(&self, path: &str) -> (u16, String) {
        let status = self.json(&["status"]);
        get(status["http"].as_str().unwrap(), path).unwrap()
    }

    /// Asks it to end as an operator does; it must leave in order.
    pub fn stop(&mut self) {
        signal(self.child.id(), libc::SIGTERM);
        let until = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(Instant::now() < until, "does not stop: {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        };
        assert!(status.success(), "ended with {status}: {}", self.log());
    }

    /// kill -9 of the process with all services. Its children end with it.
    pub fn kill(&mut self) {
        let children = self.children();
        let _ = self.child.kill();
        let _ = self.child.wait();
        let until = Instant::now() + PATIENCE;
        for (pid, name) in children {
            while is_running(pid) {
                assert!(Instant::now() < until, "{name} outlives weir");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// kill -9 of a child whose command line holds `what` (`java`, `clickhouse`).
    pub fn kill_child(&self, what: &str) {
        signal(self.child(what), libc::SIGKILL);
    }

    /// The process id of a child whose command line holds `what`.
    pub fn child(&self, what: &str) -> u32 {
        let children = self.children();
        let found = children.iter().find(|(_, name)| name.contains(what));
        found.map_or_else(
            || panic!("no child {what}: {children:?} {}", self.log()),
            |(pid, _)| *pid,
        )
    }

    /// Where its health is served, as it says in its directory: also while `weir status` gets no
    /// answer from Kafka.
    fn http_address(&self) -> Option<String> {
        let text = fs::read_to_string(self.dir.join("weir.json")).ok()?;
        let running: Json = serde_json::from_str(&text).ok()?;
        Some(running["http"].as_str()?.to_owned())
    }

    /// Process ids and command lines of the children.
    pub fn children(&self) -> Vec<(u32, String)> {
        let me = self.child.id();
        let mut out = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else {
                continue;
            };
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            // `pid (name) state parent …`, and the name may hold anything.
            let parent = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.split(' ').nth(1))
                .and_then(|p| p.parse::<u32>().ok());
            if parent == Some(me) {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                let name = line.split(|b| *b == 0).next().unwrap_or_default();
                out.push((pid, String::from_utf8_lossy(name).into_owned()));
            }
        }
        out
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What `weir verify` said.
pub struct Verified {
    /// Rows compared, by kind.
    pub compared: BTreeMap<String, u64>,
    /// Totals of the log.
    pub log: Json,
}

impl Verified {
    /// A count of an event type: `events`, `late`, `duplicates`, `dead`, `counted_twice`.
    pub fn count(&self, event: &str, what: &str) -> u64 {
        self.log["by_event"][event][what].as_u64().unwrap()
    }
}

/// Answer of an HTTP address: status code and body.
pub fn get(address: &str, path: &str) -> std::io::Result<(u16, String)> {
    let address = address.trim_start_matches("http://");
    let mut to = TcpStream::connect(address)?;
    to.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        to,
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    to.read_to_string(&mut answer)?;
    let code = answer.split(' ').nth(1).and_then(|c| c.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, b)| b);
    Ok((code.unwrap_or(0), body.to_owned()))
}

fn signal(pid: u32, signal: libc::c_int) {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(pid as libc::pid_t, signal) };
}

fn is_running(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|s| !s.rsplit(") ").next().unwrap_or_default().starts_with('Z'))
}

/// Copies a folder with all below it.
pub fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy_dir(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}
