//! Connections to the engine: one per request, or one per session.

use super::door::Access;
use super::exception::Exception;
use super::ffi::{Connection, Engine};
use super::guard::{CONDITIONS, Guard};
use super::request::{Arguments, Session};
use super::sql;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

/// The engine with its open sessions.
pub struct Connections {
    engine: Engine,
    guard: Guard,
    sessions: Mutex<HashMap<(Access, String), Open>>,
}

struct Open {
    /// A reader's session has none: it keeps nothing that could outlive a request.
    connection: Shared,
    expires: Instant,
}

type Shared = Arc<Mutex<Option<Connection>>>;

impl Connections {
    pub fn new(engine: Engine, distributed: bool) -> Result<Connections, Exception> {
        let guard = Guard::load(&mut engine.connect()?, distributed)?;
        Ok(Connections {
            engine,
            guard,
            sessions: Mutex::default(),
        })
    }

    pub fn version(&self) -> &str {
        self.engine.version()
    }

    /// The rules for statements.
    pub fn guard(&self) -> &Guard {
        &self.guard
    }

    /// Refuses a statement that this access does not cover.
    pub fn check(
        &self,
        statement: &[u8],
        params: &[(String, String)],
        access: Access,
    ) -> Result<(), Exception> {
        let mut connection = self.engine.connect()?;
        self.guard
            .statement(&mut connection, statement, params, access)
    }

    /// Runs `work` on a connection with the request's database and settings. What a reader gets
    /// only reads, whatever session or setting he names.
    pub fn with<R>(
        &self,
        arguments: &Arguments,
        access: Access,
        work: impl FnOnce(&mut Connection) -> Result<R, Exception>,
    ) -> Result<R, Exception> {
        let session = arguments.named_session();
        let shared = session.map(|s| self.session(s, access)).transpose()?;
        let mut kept = match &shared {
            None => None,
            Some(shared) => Some(shared.try_lock().map_err(|_| locked())?),
        };
        let mut fresh = None;
        let connection = match (&mut kept, access) {
            (Some(kept), Access::Write) => &mut **kept,
            _ => &mut fresh,
        };
        let connection = match connection {
            Some(connection) => connection,
            none => none.insert(self.engine.connect()?),
        };
        self.prepare(connection, arguments, access)?;
        work(connection)
    }

    /// Closes what nobody uses any more.
    pub fn close_expired(&self) {
        let now = Instant::now();
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, open| open.expires > now || Arc::strong_count(&open.connection) > 1);
    }

    /// The session of this name; those of readers and writers are not the same.
    fn session(&self, session: &Session, access: Access) -> Result<Shared, Exception> {
        self.close_expired();
        let expires = Instant::now() + session.timeout.unwrap_or(DEFAULT_TIMEOUT);
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (access, session.id.clone());
        if session.check && !sessions.contains_key(&key) {
            return Err(Exception::new(
                372,
                "SESSION_NOT_FOUND",
                "the session does not exist or has expired",
            ));
        }
        let open = sessions.entry(key).or_insert_with(|| Open {
            connection: Shared::default(),
            expires,
        });
        open.expires = expires;
        Ok(open.connection.clone())
    }

    fn prepare(
        &self,
        connection: &mut Connection,
        arguments: &Arguments,
        access: Access,
    ) -> Result<(), Exception> {
        let mut run = |statement: String| {
            connection
                .query(statement.as_bytes(), "Null", &[])
                .map(drop)
        };
        if let Some(database) = &arguments.database {
            run(format!("USE {}", sql::identifier(database)))?;
        }
        let mut settings = Vec::new();
        for (name, value) in &arguments.settings {
            // A reader's connection is read-only in any case, and then takes no other word for it.
            if access == Access::Read && name == "readonly" {
                continue;
            }
            match name.as_str() {
                CONDITIONS => self.guard.conditions(&mut self.engine.connect()?, value)?,
                _ => self.guard.setting(name)?,
            }
            settings.push(format!("{}={}", sql::identifier(name), sql::literal(value)));
        }
        if !settings.is_empty() {
            run(format!("SET {}", settings.join(", ")))?;
        }
        if access == Access::Read {
            // With 1 the statement itself cannot change settings, and table functions that reach
            // out are refused.
            run("SET readonly=1".to_owned())?;
        }
        Ok(())
    }
}

fn locked() -> Exception {
    Exception::new(
        373,
        "SESSION_IS_LOCKED",
        "the session is in use by another request",
    )
}
