//! Connections to the engine: one per request, or one per session.

use super::exception::Exception;
use super::ffi::{Connection, Engine};
use super::request::{Arguments, Session};
use super::sql;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The engine with its open sessions.
pub struct Connections {
    engine: Engine,
    sessions: Mutex<HashMap<String, Open>>,
}

struct Open {
    connection: Arc<Mutex<Connection>>,
    expires: Instant,
}

impl Connections {
    pub fn new(engine: Engine) -> Connections {
        Connections {
            engine,
            sessions: Mutex::default(),
        }
    }

    pub fn version(&self) -> &str {
        self.engine.version()
    }

    /// Runs `work` on a connection with the request's database and settings.
    pub fn with<R>(
        &self,
        arguments: &Arguments,
        read_only: bool,
        work: impl FnOnce(&mut Connection) -> Result<R, Exception>,
    ) -> Result<R, Exception> {
        let Some(session) = arguments.named_session() else {
            let mut connection = self.engine.connect()?;
            prepare(&mut connection, arguments, read_only)?;
            return work(&mut connection);
        };
        let shared = self.session(session)?;
        let Ok(mut connection) = shared.try_lock() else {
            return Err(Exception::new(
                373,
                "SESSION_IS_LOCKED",
                "the session is in use by another request",
            ));
        };
        prepare(&mut connection, arguments, false)?;
        work(&mut connection)
    }

    /// Closes what nobody uses any more.
    pub fn close_expired(&self) {
        let now = Instant::now();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, open| open.expires > now || Arc::strong_count(&open.connection) > 1);
    }

    fn session(&self, session: &Session) -> Result<Arc<Mutex<Connection>>, Exception> {
        self.close_expired();
        let expires = Instant::now() + session.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = sessions.get_mut(&session.id) {
            open.expires = expires;
            return Ok(open.connection.clone());
        }
        if session.check {
            return Err(Exception::new(
                372,
                "SESSION_NOT_FOUND",
                "the session does not exist or has expired",
            ));
        }
        let connection = Arc::new(Mutex::new(self.engine.connect()?));
        sessions.insert(
            session.id.clone(),
            Open {
                connection: connection.clone(),
                expires,
            },
        );
        Ok(connection)
    }
}

fn prepare(
    connection: &mut Connection,
    arguments: &Arguments,
    read_only: bool,
) -> Result<(), Exception> {
    let mut run = |statement: String| {
        connection
            .query(statement.as_bytes(), "Null", &[])
            .map(drop)
    };
    if let Some(database) = &arguments.database {
        run(format!("USE {}", sql::identifier(database)))?;
    }
    if !arguments.settings.is_empty() {
        let settings = arguments.settings.iter();
        let settings = settings
            .map(|(name, value)| format!("{}={}", sql::identifier(name), sql::literal(value)));
        run(format!("SET {}", settings.collect::<Vec<_>>().join(", ")))?;
    }
    if read_only {
        // As a server does for GET: a link must not be able to write.
        run("SET readonly=2".to_owned())?;
    }
    Ok(())
}
