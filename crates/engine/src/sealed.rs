//! Bytes with a check sum behind them: what is kept for later is known to be what was written.

use crate::EngineError;
use xxhash_rust::xxh3::xxh3_64;

const CHECK: usize = 8;

/// Appends the check sum of all that is there.
pub(crate) fn seal(value: &mut Vec<u8>) {
    let check = xxh3_64(value);
    value.extend_from_slice(&check.to_le_bytes());
}

/// What was sealed.
pub(crate) fn open<'a>(what: &'static str, value: &'a [u8]) -> Result<&'a [u8], EngineError> {
    match value.split_last_chunk::<CHECK>() {
        Some((bytes, check)) if xxh3_64(bytes).to_le_bytes() == *check => Ok(bytes),
        _ => Err(EngineError::corrupt(
            what,
            "it does not match its check sum",
        )),
    }
}
