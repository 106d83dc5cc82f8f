//! The ClickHouse engine as a child process.

use crate::secrets::closed_dir;
use crate::supervise::{Spec, Status, Supervised};
use crate::{Error, Secrets, deps, http, ports};
use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Which program runs [`crate::engine::serve`]. It is called with `--listen ADDR --path DIR
/// --library FILE --secrets FILE --parent PID`.
#[derive(Clone, Debug)]
pub struct EngineProgram {
    /// The program.
    pub program: PathBuf,
    /// What comes before the engine's own arguments.
    pub arguments: Vec<OsString>,
    /// Variables to set.
    pub environment: Vec<(OsString, OsString)>,
}

impl EngineProgram {
    /// The running program itself with its hidden subcommand `clickhouse-engine`.
    ///
    /// # Errors
    /// Where the running program's path is unknown.
    pub fn this_program() -> Result<EngineProgram, Error> {
        let program =
            std::env::current_exe().map_err(Error::io("looking for the running program"))?;
        Ok(EngineProgram {
            program,
            arguments: vec!["clickhouse-engine".into()],
            environment: Vec::new(),
        })
    }
}

/// How to run the engine. Only the directory must be chosen.
#[derive(Clone, Debug)]
pub struct ClickHouseOptions {
    /// Everything of this engine lies in `<data_dir>/clickhouse`.
    pub data_dir: PathBuf,
    /// The library; see [`crate::find_libchdb`].
    pub library: Option<PathBuf>,
    /// Port on 127.0.0.1. Without one: that of the last start, else a free one.
    pub port: Option<u16>,
    /// The program to start; without one, [`EngineProgram::this_program`].
    pub program: Option<EngineProgram>,
    /// Longest time from start to the first answer.
    pub ready_within: Duration,
}

impl ClickHouseOptions {
    /// The defaults for this directory.
    pub fn new(data_dir: impl Into<PathBuf>) -> ClickHouseOptions {
        ClickHouseOptions {
            data_dir: data_dir.into(),
            library: None,
            port: None,
            program: None,
            ready_within: Duration::from_secs(60),
        }
    }
}

/// A running engine, stopped when dropped.
pub struct ClickHouse {
    url: String,
    secrets: Secrets,
    child: Supervised,
}

impl ClickHouse {
    /// Starts the engine on its data and waits until it answers.
    ///
    /// # Errors
    /// Without its library, where its port is taken, and where it does not answer in time.
    pub fn start(options: &ClickHouseOptions) -> Result<ClickHouse, Error> {
        let library = deps::find_libchdb(options.library.as_deref())?;
        let program = match &options.program {
            Some(program) => program.clone(),
            None => EngineProgram::this_program()?,
        };
        let secrets = Secrets::open_or_create(&options.data_dir)?;
        let whole = |path: &Path| {
            let opening = Error::io(format!("opening {}", path.display()));
            path.canonicalize().map_err(opening)
        };
        let (data_dir, library) = (whole(&options.data_dir)?, whole(&library)?);
        let secrets_file = Secrets::file(&data_dir);
        let dir = data_dir.join("clickhouse");
        closed_dir(&dir)?;
        let data = dir.join("data");
        fs::create_dir_all(&data).map_err(Error::io(format!("creating {}", data.display())))?;
        let port = choose_port(&dir, options.port)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let log = dir.join("engine.log");
        let written = log.clone();
        let child = Supervised::start(Spec {
            name: "clickhouse",
            logs: vec![log],
            ready_within: options.ready_within,
            stop_within: Duration::from_secs(10),
            command: Box::new(move || {
                let output = File::create(&written)
                    .map_err(Error::io(format!("writing {}", written.display())))?;
                let errors = output
                    .try_clone()
                    .map_err(Error::io("opening the engine's log"))?;
                let mut command = Command::new(&program.program);
                command
                    // Names of files without a path mean nothing of its owner's.
                    .current_dir(&data)
                    .args(&program.arguments)
                    .envs(
                        program
                            .environment
                            .iter()
                            .map(|(name, value)| (name, value)),
                    )
                    .arg("--listen")
                    .arg(address.to_string())
                    .arg("--path")
                    .arg(&data)
                    .arg("--library")
                    .arg(&library)
                    .arg("--secrets")
                    .arg(&secrets_file)
                    .arg("--parent")
                    .arg(std::process::id().to_string())
                    // Without these it takes the zone and language of whoever starts it.
                    .envs([("TZ", "UTC"), ("LC_ALL", "C.UTF-8")])
                    .stdin(Stdio::null())
                    .stdout(output)
                    .stderr(errors);
                Ok(command)
            }),
            probe: Box::new(move |pid| probe(address, pid)),
            stopped: Box::new(|| {}),
        })?;
        Ok(ClickHouse {
            url: format!("http://{address}"),
            secrets,
            child,
        })
    }

    /// `http://host:port`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What opens it.
    pub fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// The process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.status().pid
    }

    /// What it does, and how often it was started again.
    pub fn status(&self) -> Status {
        self.child.status()
    }

    /// Stops it in order, or kills it when it does not stop within 10 s.
    pub fn stop(&self) {
        self.child.stop();
    }
}

/// Ready means: the process that was started answers, not another one that has the port.
fn probe(address: SocketAddr, pid: u32) -> Result<(), String> {
    let answer = http::get(address, "/ping").map_err(|e| e.to_string())?;
    let expected = format!("{}: {pid}", crate::engine::PID_HEADER);
    let is_ours = answer
        .lines()
        .any(|line| line.trim_end().eq_ignore_ascii_case(&expected));
    if is_ours {
        Ok(())
    } else {
        Err(format!("{address} is answered by another process"))
    }
}

fn choose_port(dir: &Path, wanted: Option<u16>) -> Result<u16, Error> {
    let file = dir.join("port");
    let remembered = fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.trim().parse().ok());
    let port = match wanted {
        Some(port) if ports::is_free(port) => port,
        Some(port) => return Err(Error::PortTaken { port }),
        None => ports::remembered_or_free(remembered)?,
    };
    fs::write(&file, port.to_string()).map_err(Error::io(format!("writing {}", file.display())))?;
    Ok(port)
}
