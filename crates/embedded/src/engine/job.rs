//! One request from its whole body to its result: on a thread that may take its time.

use super::body::{LARGEST_STATEMENT, Whole, too_large};
use super::codec::names_and_types;
use super::door::Access;
use super::exception::Exception;
use super::ffi::Connection;
use super::reply::{Opening, Reply};
use super::request::{Arguments, form_fields};
use super::sessions::Connections;
use super::sql::{self, DataInsert, Statement};
use bytes::Bytes;

/// A request whose body is there.
pub struct Job {
    pub arguments: Arguments,
    pub access: Access,
    /// Where the body is a form.
    pub boundary: Option<String>,
    pub body: Whole,
    /// Asked for nothing, it says that all is well.
    pub is_probe: bool,
}

/// The format that a request gets which names none.
const DEFAULT_FORMAT: &str = "TabSeparated";

impl Job {
    /// Runs it; what fails before the head of the answer is out becomes its status.
    pub fn run(self, connections: &Connections, reply: &mut Reply) -> Result<(), Exception> {
        let Job {
            mut arguments,
            access,
            boundary,
            mut body,
            is_probe,
        } = self;
        if let Some(boundary) = boundary {
            let form = std::mem::take(&mut body).text()?;
            if form.len() > LARGEST_STATEMENT {
                return Err(too_large(LARGEST_STATEMENT));
            }
            for (name, value) in form_fields(&form, &boundary) {
                arguments.set(&name, String::from_utf8_lossy(value).into_owned());
            }
        }
        let statement = match arguments.query.take() {
            Some(query) => match sql::kind(&query) {
                Statement::Insert(insert) => {
                    let rows = query.as_bytes()[insert.data..].to_vec();
                    return write(
                        connections,
                        &arguments,
                        access,
                        &insert,
                        Rows(&rows, body),
                        reply,
                    );
                }
                _ => {
                    let text = body.text()?;
                    let line: &[u8] = if text.is_empty() { b"" } else { b"\n" };
                    [query.as_bytes(), line, &text].concat()
                }
            },
            None => body.text()?,
        };
        let beginning = beginning(&statement);
        if beginning.trim().is_empty() && statement.len() == beginning.len() {
            if is_probe {
                reply.text("Ok.\n");
                return Ok(());
            }
            return Err(Exception::new(62, "SYNTAX_ERROR", "empty query"));
        }
        match sql::kind(beginning) {
            Statement::Insert(insert) => {
                let rows = Rows(&statement[insert.data..], Whole::default());
                write(connections, &arguments, access, &insert, rows, reply)
            }
            kind => ask(connections, &arguments, access, &statement, &kind, reply),
        }
    }
}

/// As much of a statement as is text and may be SQL.
fn beginning(statement: &[u8]) -> &str {
    let bytes = &statement[..statement.len().min(LARGEST_STATEMENT)];
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(e) => std::str::from_utf8(&bytes[..e.valid_up_to()]).unwrap_or_default(),
    }
}

/// The rows of an INSERT: behind its statement, then in the body.
struct Rows<'a>(&'a [u8], Whole);

fn write(
    connections: &Connections,
    arguments: &Arguments,
    access: Access,
    insert: &DataInsert,
    Rows(behind, body): Rows<'_>,
    reply: &mut Reply,
) -> Result<(), Exception> {
    let statement = format!("{} FORMAT {}", insert.statement, insert.format);
    connections.check(statement.as_bytes(), &[], access)?;
    let takes_expressions = insert.format.eq_ignore_ascii_case("values");
    let stats = connections.with(arguments, access, |connection| {
        let mut rows = connection.insert(&insert.statement, &insert.format)?;
        let mut append = |data: &[u8]| rows.append(data);
        if takes_expressions {
            // Looked at as a whole: a call can stand on both sides of a cut.
            let mut values = behind.to_vec();
            values.extend_from_slice(&body.text()?);
            connections
                .guard()
                .values(&String::from_utf8_lossy(&values))?;
            append(&values)?;
        } else {
            append(behind)?;
            // Where it breaks off, `rows` is dropped unfinished: the insert is cancelled.
            body.drain(append)?;
        }
        rows.finish()
    })?;
    reply.start(Opening {
        stats,
        format: None,
    });
    Ok(())
}

fn ask(
    connections: &Connections,
    arguments: &Arguments,
    access: Access,
    statement: &[u8],
    kind: &Statement,
    reply: &mut Reply,
) -> Result<(), Exception> {
    connections.check(statement, &arguments.params, access)?;
    let (is_select, own_format) = match kind {
        Statement::Select { format } => (true, format.clone()),
        Statement::Insert(_) | Statement::Other => (false, None),
    };
    let format = own_format
        .or_else(|| arguments.default_format.clone())
        .unwrap_or_else(|| DEFAULT_FORMAT.to_owned());
    let params = &arguments.params;
    let in_chunks = is_select && !arguments.wait_for_end && can_be_cut(&format);
    connections.with(arguments, access, |connection| {
        if in_chunks && chunks(connection, statement, &format, params, reply)? {
            return Ok(());
        }
        let output = connection.query(statement, &format, params)?;
        reply.whole(output, &format);
        Ok(())
    })
}

/// Formats whose chunks, one behind the other, are the whole result. Every chunk has the header of
/// its format again: that of `RowBinaryWithNamesAndTypes` is cut off here, others with one are
/// fetched as a whole.
fn can_be_cut(format: &str) -> bool {
    matches!(
        format,
        "RowBinaryWithNamesAndTypes"
            | "RowBinary"
            | "Native"
            | "JSONEachRow"
            | "TabSeparated"
            | "TSV"
            | "CSV"
    )
}

/// Sends a result chunk by chunk. False where there is no chunk: a result without rows has none,
/// and so no header.
fn chunks(
    connection: &mut Connection,
    statement: &[u8],
    format: &str,
    params: &[(String, String)],
    reply: &mut Reply,
) -> Result<bool, Exception> {
    let mut first_header: Option<Bytes> = None;
    let mut rows = connection.stream(statement, format, params)?;
    while let Some(output) = rows.next()? {
        reply.start(Opening {
            stats: output.stats(),
            format: Some(format.to_owned()),
        });
        let mut data = Bytes::from_owner(output);
        if format == "RowBinaryWithNamesAndTypes" {
            match &first_header {
                None => {
                    let length = names_and_types(&data).ok_or_else(|| {
                        Exception::new(
                            1001,
                            "STD_EXCEPTION",
                            "the engine's first chunk has no header",
                        )
                    })?;
                    first_header = Some(data.slice(..length));
                }
                Some(header) if data.starts_with(header) => data = data.slice(header.len()..),
                Some(_) => {}
            }
        }
        if !reply.send(data) {
            // The client is gone: `rows` is dropped, which cancels the query.
            return Ok(true);
        }
    }
    Ok(reply.has_started())
}
