//! One Kafka and one ClickHouse engine per test binary, started when first asked for, on a
//! directory that is removed by the next test run. They die with the test binary, however it ends.
//!
//! ```no_run
//! let brokers = weir_embedded::testing::kafka().address();
//! let url = weir_embedded::testing::clickhouse().url();
//! ```

use crate::{ClickHouse, ClickHouseOptions, EngineProgram, Kafka, KafkaOptions, engine};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// The Kafka of this test binary. Tests share it: they name their own topics and groups.
///
/// # Panics
/// Where it cannot be started: a test cannot go on without it.
pub fn kafka() -> &'static Kafka {
    static KAFKA: OnceLock<Kafka> = OnceLock::new();
    KAFKA.get_or_init(|| match Kafka::start(&KafkaOptions::new(directory())) {
        Ok(kafka) => kafka,
        Err(error) => panic!("{error}"),
    })
}

/// The ClickHouse engine of this test binary. Tests share it: they create their own databases.
///
/// # Panics
/// Where it cannot be started: a test cannot go on without it.
pub fn clickhouse() -> &'static TestClickHouse {
    static CLICKHOUSE: OnceLock<TestClickHouse> = OnceLock::new();
    CLICKHOUSE.get_or_init(
        || match ClickHouse::start(&clickhouse_options(directory())) {
            Ok(engine) => TestClickHouse {
                url: with_password(engine.url(), engine.secrets().write.expose()),
                engine,
            },
            Err(error) => panic!("{error}"),
        },
    )
}

/// The engine of a test binary, with what opens it.
pub struct TestClickHouse {
    url: String,
    engine: ClickHouse,
}

impl TestClickHouse {
    /// `http://user:password@host:port`, for writing too.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The engine itself; its own URL has no password.
    pub fn engine(&self) -> &ClickHouse {
        &self.engine
    }
}

impl std::ops::Deref for TestClickHouse {
    type Target = ClickHouse;

    fn deref(&self) -> &ClickHouse {
        &self.engine
    }
}

/// A URL with weir's user and a secret in it.
pub fn with_password(url: &str, secret: &str) -> String {
    url.replacen("://", &format!("://{}:{secret}@", crate::USER), 1)
}

/// Options that run the engine in this test binary itself, started a second time, so that no other
/// program has to be built first.
pub fn clickhouse_options(data_dir: impl Into<PathBuf>) -> ClickHouseOptions {
    let program = std::env::current_exe().unwrap_or_default();
    let environment = vec![(OsString::from(ENGINE), OsString::from("1"))];
    ClickHouseOptions {
        program: Some(EngineProgram {
            program,
            arguments: Vec::new(),
            environment,
        }),
        ..ClickHouseOptions::new(data_dir)
    }
}

/// The directory of this test binary; those of test runs that are over are removed on the way.
fn directory() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let parent = std::env::temp_dir().join("weir-tests");
        for entry in std::fs::read_dir(&parent).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let is_running = Path::new("/proc").join(&name).exists();
            if !is_running {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        parent.join(std::process::id().to_string())
    })
}

const ENGINE: &str = "WEIR_TEST_BINARY_IS_CLICKHOUSE_ENGINE";

/// Runs before `main` of every binary that links this module: where the variable says so, the
/// binary is the engine.
#[used]
#[unsafe(link_section = ".init_array")]
static START: extern "C" fn() = {
    extern "C" fn start() {
        if std::env::var_os(ENGINE).is_none() {
            return;
        }
        // SAFETY: no other thread exists yet. The engine's own children must not become engines.
        unsafe { std::env::remove_var(ENGINE) };
        let outcome = engine::Options::from_arguments(std::env::args().skip(1))
            .and_then(|o| engine::serve(&o));
        if let Err(error) = outcome {
            eprintln!("{error:#}");
            std::process::exit(1);
        }
        std::process::exit(0);
    }
    start
};
