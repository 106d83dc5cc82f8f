//! The C interface of libchdb, opened at run time: building weir needs neither header nor library.
//!
//! Everything unsafe about the engine is in this file. What holds for its C functions: a connection
//! runs one statement at a time and may move between threads; results and streams belong to the
//! caller and are destroyed once.

use super::exception::Exception;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr;

type Handle = *mut c_void;
type ResultPtr = *mut c_void;
type InsertPtr = *mut c_void;
type Names = *const *const c_char;
type Lengths = *const usize;
type QueryFn = unsafe extern "C" fn(
    Handle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    Names,
    Lengths,
    Names,
    Lengths,
    usize,
) -> ResultPtr;

macro_rules! functions {
    ($($field:ident = $symbol:literal: $type:ty;)*) => {
        /// The functions in use, with the library that holds them.
        pub struct Api {
            $($field: $type,)*
            _library: Library,
        }

        impl Api {
            fn load(path: &Path) -> Result<Api, libloading::Error> {
                // SAFETY: the initialisers of libchdb set up its own allocator and statics and
                // nothing of ours.
                let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }?;
                Ok(Api {
                    // SAFETY: the signatures are those of chdb.h of the pinned version.
                    $($field: unsafe { *library.get::<$type>(concat!($symbol, "\0").as_bytes())? },)*
                    _library: library,
                })
            }
        }
    };
}

functions! {
    version = "chdb_version": unsafe extern "C" fn() -> *const c_char;
    signal_handlers = "chdb_set_signal_handlers_enabled": unsafe extern "C" fn(c_int);
    connect = "chdb_connect": unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle;
    close = "chdb_close_conn": unsafe extern "C" fn(*mut Handle);
    query = "chdb_query_with_params_n": QueryFn;
    stream = "chdb_stream_query_with_params_n": QueryFn;
    stream_next = "chdb_stream_fetch_result": unsafe extern "C" fn(Handle, ResultPtr) -> ResultPtr;
    stream_cancel = "chdb_stream_cancel_query": unsafe extern "C" fn(Handle, ResultPtr);
    insert = "chdb_stream_insert_n":
        unsafe extern "C" fn(Handle, *const c_char, usize, *const c_char, usize) -> InsertPtr;
    insert_append = "chdb_stream_append": unsafe extern "C" fn(InsertPtr, *const c_void, usize) -> c_int;
    insert_done = "chdb_stream_done": unsafe extern "C" fn(InsertPtr) -> ResultPtr;
    insert_cancel = "chdb_stream_cancel_insert": unsafe extern "C" fn(InsertPtr);
    insert_error = "chdb_stream_insert_error": unsafe extern "C" fn(InsertPtr) -> *const c_char;
    insert_destroy = "chdb_destroy_insert_stream": unsafe extern "C" fn(InsertPtr);
    result_destroy = "chdb_destroy_query_result": unsafe extern "C" fn(ResultPtr);
    result_buffer = "chdb_result_buffer": unsafe extern "C" fn(ResultPtr) -> *mut c_char;
    result_length = "chdb_result_length": unsafe extern "C" fn(ResultPtr) -> usize;
    result_error = "chdb_result_error": unsafe extern "C" fn(ResultPtr) -> *const c_char;
    result_elapsed = "chdb_result_elapsed": unsafe extern "C" fn(ResultPtr) -> f64;
    result_rows = "chdb_result_rows_read": unsafe extern "C" fn(ResultPtr) -> u64;
    rows_read = "chdb_result_storage_rows_read": unsafe extern "C" fn(ResultPtr) -> u64;
    bytes_read = "chdb_result_storage_bytes_read": unsafe extern "C" fn(ResultPtr) -> u64;
    rows_written = "chdb_result_rows_written": unsafe extern "C" fn(ResultPtr) -> u64;
    bytes_written = "chdb_result_bytes_written": unsafe extern "C" fn(ResultPtr) -> u64;
}

/// The engine on one data path; there is one per process, for the life of the process.
pub struct Engine {
    api: &'static Api,
    version: String,
    arguments: Vec<CString>,
}

impl Engine {
    /// Opens the library and starts the engine on its data.
    pub fn start(library: &Path, arguments: &[String]) -> anyhow::Result<Engine> {
        // Never closed again: its threads run until the process ends.
        let api: &'static Api = Box::leak(Box::new(Api::load(library)?));
        // SAFETY: a plain switch, before any connection. SIGTERM is for us to handle.
        unsafe { (api.signal_handlers)(0) };
        // SAFETY: a static text.
        let version = unsafe { text((api.version)()) }.unwrap_or_default();
        let arguments = std::iter::once("clickhouse")
            .chain(arguments.iter().map(String::as_str))
            .map(CString::new)
            .collect::<Result<Vec<CString>, _>>()?;
        let engine = Engine {
            api,
            version,
            arguments,
        };
        // The engine shuts down with its last connection, so one stays open.
        let anchor = engine
            .connect()
            .map_err(|e| anyhow::anyhow!("{}", e.message()))?;
        std::mem::forget(anchor);
        Ok(engine)
    }

    /// Version of the engine.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// A new connection: cheap (0.1 ms), and nothing of another statement's settings sticks to it.
    pub fn connect(&self) -> Result<Connection, Exception> {
        let mut argv: Vec<*mut c_char> = self
            .arguments
            .iter()
            .map(|a| a.as_ptr().cast_mut())
            .collect();
        // SAFETY: argv holds argc texts that outlive the call; the engine copies them.
        let slot = unsafe { (self.api.connect)(argv.len() as c_int, argv.as_mut_ptr()) };
        // SAFETY: where it is not null it points to the connection's handle.
        if slot.is_null() || unsafe { (*slot).is_null() } {
            return Err(Exception::new(
                1001,
                "STD_EXCEPTION",
                &refused(std::env::var("TZ").ok().as_deref()),
            ));
        }
        Ok(Connection {
            api: self.api,
            slot,
        })
    }
}

/// Why it may be: the engine itself tells nothing.
fn refused(zone: Option<&str>) -> String {
    match zone {
        None | Some("" | "UTC") => {
            "the engine refused a connection: its data is damaged or in use".to_owned()
        }
        Some(zone) => format!(
            "the engine refused a connection: it may not know the time zone TZ={zone} (set TZ=UTC), or its data is \
             damaged or in use"
        ),
    }
}

/// What a statement cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub seconds: f64,
    pub result_rows: u64,
    pub read_rows: u64,
    pub read_bytes: u64,
    pub written_rows: u64,
    pub written_bytes: u64,
}

/// A result, or one chunk of it.
pub struct Output {
    api: &'static Api,
    result: ResultPtr,
}

// SAFETY: a result is plain memory that only its owner reads and destroys.
unsafe impl Send for Output {}
// SAFETY: the shared calls only read.
unsafe impl Sync for Output {}

impl Output {
    fn new(api: &'static Api, result: ResultPtr) -> Result<Output, Exception> {
        if result.is_null() {
            return Err(Exception::new(
                1001,
                "STD_EXCEPTION",
                "the engine returned no result",
            ));
        }
        let output = Output { api, result };
        // SAFETY: the result is alive; the error text lives as long as it.
        match unsafe { text((api.result_error)(result)) } {
            Some(error) => Err(Exception::from_engine(&error)),
            None => Ok(output),
        }
    }

    pub fn stats(&self) -> Stats {
        let (api, result) = (self.api, self.result);
        // SAFETY: the result is alive.
        unsafe {
            Stats {
                seconds: (api.result_elapsed)(result),
                result_rows: (api.result_rows)(result),
                read_rows: (api.rows_read)(result),
                read_bytes: (api.bytes_read)(result),
                written_rows: (api.rows_written)(result),
                written_bytes: (api.bytes_written)(result),
            }
        }
    }
}

impl AsRef<[u8]> for Output {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: buffer and length describe memory that lives as long as the result.
        unsafe {
            let length = (self.api.result_length)(self.result);
            let buffer = (self.api.result_buffer)(self.result);
            if length == 0 || buffer.is_null() {
                &[]
            } else {
                std::slice::from_raw_parts(buffer.cast(), length)
            }
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: destroyed once, here.
        unsafe { (self.api.result_destroy)(self.result) }
    }
}

/// A connection: one statement at a time, on whatever thread.
pub struct Connection {
    api: &'static Api,
    slot: *mut Handle,
}

// SAFETY: the engine binds nothing of a connection to a thread; `&mut self` keeps statements apart.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&self) -> Handle {
        // SAFETY: the slot is valid until the connection is closed, in drop.
        unsafe { *self.slot }
    }

    fn call(
        &mut self,
        f: QueryFn,
        sql: &[u8],
        format: &str,
        params: &[(String, String)],
    ) -> Result<Output, Exception> {
        let names: Vec<*const c_char> = params
            .iter()
            .map(|(name, _)| name.as_ptr().cast())
            .collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params
            .iter()
            .map(|(_, value)| value.as_ptr().cast())
            .collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: all texts go with their lengths and outlive the call; the four arrays have
        // `params.len()` entries.
        let result = unsafe {
            f(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        };
        Output::new(self.api, result)
    }

    /// Runs a statement to its end.
    pub fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[(String, String)],
    ) -> Result<Output, Exception> {
        self.call(self.api.query, sql, format, params)
    }

    /// Starts a query whose result is fetched chunk by chunk.
    pub fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        params: &[(String, String)],
    ) -> Result<Chunks<'_>, Exception> {
        let head = self.call(self.api.stream, sql, format, params)?;
        Ok(Chunks {
            connection: self,
            head,
            done: false,
        })
    }

    /// Starts an insert whose data is appended in pieces; pieces need not end where rows do.
    pub fn insert(&mut self, sql: &str, format: &str) -> Result<Insert<'_>, Exception> {
        // SAFETY: both texts go with their lengths and outlive the call.
        let stream = unsafe {
            (self.api.insert)(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
            )
        };
        if stream.is_null() {
            return Err(Exception::new(
                1001,
                "STD_EXCEPTION",
                "the engine refused an insert",
            ));
        }
        let insert = Insert {
            connection: self,
            stream,
            done: false,
        };
        match insert.error() {
            Some(error) => Err(error),
            None => Ok(insert),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: closed once, here; streams borrow the connection, so none is left.
        unsafe { (self.api.close)(self.slot) }
    }
}

/// The chunks of a running query; dropped before its end it is cancelled.
pub struct Chunks<'a> {
    connection: &'a mut Connection,
    head: Output,
    done: bool,
}

impl Chunks<'_> {
    /// The next chunk, none at the end.
    pub fn next(&mut self) -> Result<Option<Output>, Exception> {
        if self.done {
            return Ok(None);
        }
        let api = self.connection.api;
        // SAFETY: the query runs on this connection and is not over.
        let chunk = unsafe { (api.stream_next)(self.connection.handle(), self.head.result) };
        let chunk = Output::new(api, chunk).inspect_err(|_| self.done = true)?;
        self.done = chunk.as_ref().is_empty();
        Ok(if self.done { None } else { Some(chunk) })
    }
}

impl Drop for Chunks<'_> {
    fn drop(&mut self) {
        if !self.done {
            // SAFETY: the query runs on this connection and is not over.
            unsafe {
                (self.connection.api.stream_cancel)(self.connection.handle(), self.head.result)
            }
        }
    }
}

/// A running insert; dropped before [`Insert::finish`] it is cancelled.
pub struct Insert<'a> {
    connection: &'a mut Connection,
    stream: InsertPtr,
    done: bool,
}

impl Insert<'_> {
    fn error(&self) -> Option<Exception> {
        // SAFETY: the stream is alive; the error text lives as long as it.
        unsafe { text((self.connection.api.insert_error)(self.stream)) }
            .map(|e| Exception::from_engine(&e))
    }

    /// Hands over a piece of the data.
    pub fn append(&mut self, piece: &[u8]) -> Result<(), Exception> {
        // SAFETY: the piece outlives the call.
        let appended = piece.is_empty()
            || unsafe {
                (self.connection.api.insert_append)(self.stream, piece.as_ptr().cast(), piece.len())
            } == 0;
        if appended {
            return Ok(());
        }
        Err(self.error().unwrap_or_else(|| {
            Exception::new(1001, "STD_EXCEPTION", "the engine took no more data")
        }))
    }

    /// Waits until everything is written.
    pub fn finish(mut self) -> Result<Stats, Exception> {
        self.done = true;
        // SAFETY: called once, at the end of the stream.
        let result = unsafe { (self.connection.api.insert_done)(self.stream) };
        Output::new(self.connection.api, result).map(|output| output.stats())
    }
}

impl Drop for Insert<'_> {
    fn drop(&mut self) {
        // SAFETY: cancelled only where not done, destroyed once.
        unsafe {
            if !self.done {
                (self.connection.api.insert_cancel)(self.stream);
            }
            (self.connection.api.insert_destroy)(self.stream);
        }
    }
}

/// Copies a C text.
///
/// # Safety
/// `pointer` is null or points to a text that ends with NUL.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    if ptr::eq(pointer, ptr::null()) {
        return None;
    }
    // SAFETY: as asked of the caller.
    Some(
        unsafe { CStr::from_ptr(pointer) }
            .to_string_lossy()
            .into_owned(),
    )
}
