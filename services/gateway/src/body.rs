//! Bodies: read within bounds of size, time and memory, and unpacked.

use crate::budget::Reserved;
use crate::config::GatewayConfig;
use axum::body::{Body, BodyDataStream, HttpBody};
use axum::http::{HeaderMap, StatusCode, header};
use futures_util::StreamExt;
use std::io::Read;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use weir_http::Problem;
use weir_model::codes;

/// Reserved for a body that does not say how large it is, to begin with.
const FIRST: usize = 64 << 10;
/// What is unpacked at a time.
const STEP: usize = 64 << 10;
/// Unpacked bytes refer at most so far back (as a power of two): a larger window would be memory
/// that no limit counts.
const WINDOW_LOG: u32 = 23;
/// The rest of a body is read this long after an early error, so that its sender sees the answer
/// and not a reset.
const DRAIN: Duration = Duration::from_secs(2);

/// How a body is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

impl Packing {
    /// By the header `Content-Encoding`.
    pub fn of(headers: &HeaderMap) -> Result<Packing, Problem> {
        let all: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().collect();
        let name = match all[..] {
            [] => return Ok(Packing::Plain),
            [one] => one.to_str().unwrap_or("?").trim().to_ascii_lowercase(),
            _ => "several".to_owned(),
        };
        match name.as_str() {
            "" | "identity" => Ok(Packing::Plain),
            "gzip" | "x-gzip" => Ok(Packing::Gzip),
            "zstd" => Ok(Packing::Zstd),
            other => Err(Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                codes::MEDIA_TYPE,
                format!("content encoding {other} is not read here: send identity, gzip or zstd"),
            )),
        }
    }
}

/// 413, with the limit.
pub(crate) fn too_large(what: &str) -> Problem {
    Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        codes::BODY_TOO_LARGE,
        format!("{what}: send less at a time"),
    )
}

fn larger_than(limit: usize) -> Problem {
    too_large(&format!("the body is larger than {limit} bytes"))
}

fn cut(why: impl std::fmt::Display) -> Problem {
    Problem::new(
        StatusCode::BAD_REQUEST,
        codes::BODY_CUT,
        format!("the body is not whole: {why}"),
    )
}

fn slow() -> Problem {
    Problem::new(
        StatusCode::REQUEST_TIMEOUT,
        codes::BODY_CUT,
        "the body came too slowly: send it faster, or in parts",
    )
}

/// Reads a body as it comes.
pub(crate) async fn read(
    config: &GatewayConfig,
    body: Body,
    reserved: &mut Reserved,
) -> Result<Vec<u8>, Problem> {
    let limit = config.body.bytes();
    let size = body.size_hint();
    let mut stream = body.into_data_stream();
    let read = async {
        if size.lower() > limit as u64 {
            return Err(larger_than(limit));
        }
        let expected = size.exact().map_or(FIRST.min(limit), |n| n as usize);
        reserved.up_to(expected).await?;
        pieces(config, &mut stream, reserved, expected).await
    };
    let read = read.await;
    if read.is_err() {
        drain(&mut stream).await;
    }
    read
}

async fn pieces(
    config: &GatewayConfig,
    stream: &mut BodyDataStream,
    reserved: &mut Reserved,
    expected: usize,
) -> Result<Vec<u8>, Problem> {
    let limit = config.body.bytes();
    let until = Instant::now() + config.whole;
    let mut out = Vec::with_capacity(expected.min(STEP));
    loop {
        let pause = until.min(Instant::now() + config.pause);
        let Some(piece) = timeout_at(pause, stream.next()).await.map_err(|_| slow())? else {
            return Ok(out);
        };
        let piece = piece.map_err(cut)?;
        if out.len() + piece.len() > limit {
            return Err(larger_than(limit));
        }
        reserved.up_to(out.len() + piece.len()).await?;
        out.extend_from_slice(&piece);
    }
}

async fn drain(body: &mut BodyDataStream) {
    let _ = timeout(DRAIN, async {
        while let Some(Ok(_)) = body.next().await {}
    })
    .await;
}

/// What a body says. `reserved` grows by what is unpacked.
pub(crate) fn unpack(
    packing: Packing,
    body: Vec<u8>,
    limit: usize,
    reserved: &mut Reserved,
) -> Result<Vec<u8>, Problem> {
    match packing {
        Packing::Plain => Ok(body),
        Packing::Gzip => {
            let reader = flate2::read::MultiGzDecoder::new(&body[..]);
            all_of(reader, body.len(), limit, reserved)
        }
        Packing::Zstd => {
            let mut reader = zstd::stream::read::Decoder::new(&body[..]).map_err(cut)?;
            reader.window_log_max(WINDOW_LOG).map_err(cut)?;
            all_of(reader, body.len(), limit, reserved)
        }
    }
}

fn all_of(
    mut reader: impl Read,
    packed: usize,
    limit: usize,
    reserved: &mut Reserved,
) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    loop {
        let begin = out.len();
        // The space that a growing vector takes is counted, not what is in it.
        reserved.at_once_up_to(packed + (begin + STEP).next_power_of_two().min(2 * limit))?;
        out.resize(begin + STEP, 0);
        let n = reader.read(&mut out[begin..]).map_err(cut)?;
        out.truncate(begin + n);
        if out.len() > limit {
            return Err(larger_than(limit));
        }
        if n == 0 {
            return Ok(out);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::budget::Budget;
    use std::io::Write;

    const LIMIT: usize = 1 << 20;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        out.write_all(bytes).unwrap();
        out.finish().unwrap()
    }

    fn unpacked(packing: Packing, body: Vec<u8>) -> Result<Vec<u8>, u16> {
        let budget = Budget::new(64 << 20, Duration::from_millis(1));
        let mut reserved = budget.nothing();
        unpack(packing, body, LIMIT, &mut reserved).map_err(|p| p.status.as_u16())
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let text = b"{\"type\": \"llm.call\"}".repeat(1000);
        assert_eq!(unpacked(Packing::Plain, text.clone()), Ok(text.clone()));
        assert_eq!(unpacked(Packing::Gzip, gzip(&text)), Ok(text.clone()));
        let packed = zstd::encode_all(&text[..], 3).unwrap();
        assert_eq!(unpacked(Packing::Zstd, packed), Ok(text));
    }

    #[test]
    fn a_bomb_is_refused_before_it_is_large() {
        let zeros = vec![0; 64 << 20];
        assert_eq!(unpacked(Packing::Gzip, gzip(&zeros)), Err(413));
        let packed = zstd::encode_all(&zeros[..], 19).unwrap();
        assert_eq!(unpacked(Packing::Zstd, packed), Err(413));
        // One that would need a window larger than any body.
        let mut wide = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
        wide.window_log(27).unwrap();
        wide.write_all(&zeros).unwrap();
        assert_eq!(unpacked(Packing::Zstd, wide.finish().unwrap()), Err(400));
    }

    #[test]
    fn what_is_cut_or_something_else_is_no_body() {
        let whole = gzip(&b"{}".repeat(1000));
        assert_eq!(unpacked(Packing::Gzip, whole[..9].to_vec()), Err(400));
        assert_eq!(unpacked(Packing::Gzip, b"{}".to_vec()), Err(400));
        assert_eq!(unpacked(Packing::Gzip, vec![]), Err(400));
        assert_eq!(unpacked(Packing::Zstd, b"{}".to_vec()), Err(400));
    }

    #[test]
    fn more_than_may_be_under_way_is_told_so() {
        let budget = Budget::new(300 << 10, Duration::from_millis(1));
        let mut reserved = budget.nothing();
        let packed = gzip(&vec![b' '; 1 << 20]);
        let told = unpack(Packing::Gzip, packed, LIMIT, &mut reserved).unwrap_err();
        assert_eq!(told.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
