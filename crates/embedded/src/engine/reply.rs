//! The side of a response that the statement's thread writes.

use super::codec::BodyWriter;
use super::exception::Exception;
use super::ffi::{Output, Stats};
use bytes::Bytes;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Results that are not fetched in chunks go out in pieces of this size.
const PIECE: usize = 1 << 20;
/// A client that takes no piece for so long is gone: its statement must not keep a slot.
const PATIENCE: Duration = Duration::from_secs(300);

/// What is known before the body of a response begins.
pub struct Opening {
    pub stats: Stats,
    /// None where rows were written: nothing follows.
    pub format: Option<String>,
}

type Head = Result<Opening, Exception>;

/// A response under way.
pub struct Reply {
    head: Option<oneshot::Sender<Head>>,
    sender: mpsc::Sender<Bytes>,
    body: BodyWriter,
    tag: String,
    gone: bool,
}

impl Reply {
    /// With the ends where its head and its pieces come out. To be made on the runtime.
    pub fn new(lz4: bool) -> (Reply, oneshot::Receiver<Head>, mpsc::Receiver<Bytes>) {
        let (head, got_head) = oneshot::channel();
        let (sender, pieces) = mpsc::channel(4);
        let mut tag = uuid::Uuid::new_v4().simple().to_string();
        tag.truncate(16);
        let reply = Reply {
            head: Some(head),
            sender,
            body: BodyWriter::new(lz4),
            tag,
            gone: false,
        };
        (reply, got_head, pieces)
    }

    /// Marks an error in the body.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    pub fn has_started(&self) -> bool {
        self.head.is_none()
    }

    pub fn start(&mut self, opening: Opening) {
        if let Some(head) = self.head.take() {
            let _ = head.send(Ok(opening));
        }
    }

    /// False once the client is gone.
    pub fn send(&mut self, data: Bytes) -> bool {
        let sent = match self.body.piece(data) {
            Ok(piece) => piece.is_empty() || self.put(piece),
            Err(_) => false,
        };
        self.gone |= !sent;
        sent
    }

    fn put(&self, piece: Bytes) -> bool {
        Handle::current()
            .block_on(self.sender.send_timeout(piece, PATIENCE))
            .is_ok()
    }

    /// A whole result.
    pub fn whole(&mut self, output: Output, format: &str) {
        self.start(Opening {
            stats: output.stats(),
            format: Some(format.to_owned()),
        });
        let data = Bytes::from_owner(output);
        for start in (0..data.len()).step_by(PIECE) {
            if !self.send(data.slice(start..data.len().min(start + PIECE))) {
                return;
            }
        }
    }

    /// A text that is no result of the engine.
    pub fn text(&mut self, text: &'static str) {
        self.start(Opening {
            stats: Stats::default(),
            format: Some("TabSeparated".to_owned()),
        });
        self.send(Bytes::from_static(text.as_bytes()));
    }

    pub fn end(mut self, outcome: Result<(), Exception>, version: &str) {
        if let Err(exception) = outcome {
            if let Some(head) = self.head.take() {
                let _ = head.send(Err(exception));
                return;
            }
            // The status has gone out: the error follows in the body, between marks that carry the
            // response's tag.
            let (tag, message) = (self.tag.clone(), exception.body(version));
            let block = format!(
                "\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n",
                message.len()
            );
            self.send(block.into());
        }
        if !self.gone
            && let Ok(last) = self.body.end()
            && !last.is_empty()
        {
            let _ = self.sender.blocking_send(last);
        }
    }
}

/// The media type of a format.
pub fn content_type(format: &str) -> &'static str {
    match format {
        "JSON" | "JSONCompact" | "JSONStrings" | "JSONCompactStrings" | "JSONColumns" => {
            "application/json; charset=UTF-8"
        }
        "JSONEachRow" | "JSONCompactEachRow" | "JSONStringsEachRow" => {
            "application/x-ndjson; charset=UTF-8"
        }
        "CSV" | "CSVWithNames" | "CSVWithNamesAndTypes" => "text/csv; charset=UTF-8",
        "TabSeparated" | "TSV" | "TabSeparatedWithNames" | "TSVWithNames" => {
            "text/tab-separated-values; charset=UTF-8"
        }
        _ if format.starts_with("Pretty") => "text/plain; charset=UTF-8",
        _ => "application/octet-stream",
    }
}
