//! The body of a request: taken as a whole within bounds of size and time, before a statement gets
//! a slot for it.

use super::codec::BlockReader;
use super::exception::Exception;
use axum::body::{Body, BodyDataStream, HttpBody};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// Largest body, as it comes and again after decompression, in bytes.
pub const LARGEST_BODY: usize = 1 << 30;
/// Largest statement without the rows that it brings, and largest form, in bytes.
pub const LARGEST_STATEMENT: usize = 16 << 20;
/// Longest pause between two pieces of a body.
const PAUSE: Duration = Duration::from_secs(10);
/// Longest time from the first piece to the last.
const WHOLE: Duration = Duration::from_secs(300);
/// Pieces are gathered to this size: a sender of single bytes must not cost more than what he
/// sends.
const PIECE: usize = 1 << 20;
/// The rest of a body is read this long after an early error, so that its sender sees the answer
/// and not a reset.
const DRAIN: Duration = Duration::from_secs(2);

/// A whole body in pieces, compressed where the request says so.
#[derive(Default)]
pub struct Whole {
    pieces: Vec<Vec<u8>>,
    length: usize,
    compressed: bool,
    /// So large it may be, as it comes and again after decompression.
    largest: usize,
}

pub fn too_large(bound: usize) -> Exception {
    let text = format!("the body is larger than {} MiB", bound >> 20);
    Exception::new(307, "TOO_MANY_BYTES", &text)
}

impl Whole {
    /// Reads a body to its end, of at most so many bytes.
    pub async fn read(body: Body, compressed: bool, largest: usize) -> Result<Whole, Exception> {
        let announced = body.size_hint().lower();
        let mut stream = body.into_data_stream();
        if announced > largest as u64 {
            drain(&mut stream).await;
            return Err(too_large(largest));
        }
        let mut whole = Whole {
            compressed,
            largest,
            ..Whole::default()
        };
        let slow = |_| {
            let text = "the body came too slowly: send it within 5 minutes, without pauses of more than 10 s";
            Exception::new(209, "SOCKET_TIMEOUT", text)
        };
        let until = Instant::now() + WHOLE;
        loop {
            let pause = until.min(Instant::now() + PAUSE);
            let Some(piece) = timeout_at(pause, stream.next()).await.map_err(slow)? else {
                return Ok(whole);
            };
            let piece = piece.map_err(|e| {
                Exception::new(210, "NETWORK_ERROR", &format!("the body was cut: {e}"))
            })?;
            if whole.length + piece.len() > largest {
                drain(&mut stream).await;
                return Err(too_large(largest));
            }
            whole.add(&piece);
        }
    }

    fn add(&mut self, piece: &[u8]) {
        self.length += piece.len();
        match self.pieces.last_mut() {
            Some(last) if last.len() + piece.len() <= PIECE => last.extend_from_slice(piece),
            _ => self.pieces.push(piece.to_vec()),
        }
    }

    /// Hands on what the body says, piece by piece, and frees what was handed on.
    pub fn drain(
        self,
        mut sink: impl FnMut(&[u8]) -> Result<(), Exception>,
    ) -> Result<(), Exception> {
        if !self.compressed {
            return self.pieces.into_iter().try_for_each(|piece| sink(&piece));
        }
        let mut blocks = BlockReader::new(self.largest);
        for piece in self.pieces {
            blocks.push(&piece, &mut sink)?;
        }
        blocks.finish()
    }

    /// What the body says, in one piece.
    pub fn text(mut self) -> Result<Vec<u8>, Exception> {
        if !self.compressed && self.pieces.len() <= 1 {
            return Ok(self.pieces.pop().unwrap_or_default());
        }
        let mut text = Vec::new();
        self.drain(|piece| {
            text.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(text)
    }
}

/// Lets the sender come to its end, for a while.
pub async fn drain(body: &mut BodyDataStream) {
    let _ = timeout(DRAIN, async {
        while let Some(Ok(_)) = body.next().await {}
    })
    .await;
}
