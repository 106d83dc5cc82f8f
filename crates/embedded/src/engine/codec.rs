//! Compression on the wire: ClickHouse's own blocks in requests, LZ4 frames in responses.

use super::body::too_large;
use super::exception::Exception;
use bytes::{Buf, Bytes, BytesMut};
use lz4_flex::frame::{BlockSize, FrameEncoder, FrameInfo};
use std::io::Write;

/// Checksum (16), method (1), compressed size with these nine bytes (4), raw size (4).
const CHECKSUM: usize = 16;
const HEADER: usize = 9;
const LARGEST_BLOCK: usize = 1 << 30;
const LZ4: u8 = 0x82;
const NONE: u8 = 0x02;

/// What LZ4 makes of one byte at most; a few more come from the last ones.
const LZ4_RATIO: usize = 255;
const LZ4_REST: usize = 64;

/// Takes compressed blocks in whatever pieces they come.
pub struct BlockReader {
    pending: BytesMut,
    /// So many bytes may still come out.
    left: usize,
    largest: usize,
}

impl BlockReader {
    /// For data that is at most so large after decompression, in bytes.
    pub fn new(largest: usize) -> BlockReader {
        BlockReader {
            pending: BytesMut::new(),
            left: largest,
            largest,
        }
    }

    /// Adds a piece and hands on every block that is complete with it.
    pub fn push(
        &mut self,
        piece: &[u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), Exception>,
    ) -> Result<(), Exception> {
        self.pending.extend_from_slice(piece);
        while let Some((size, raw_size)) = self.next_sizes()? {
            if self.pending.len() < CHECKSUM + size {
                break;
            }
            let mut block = self.pending.split_to(CHECKSUM + size);
            let expected = block.get_u128_le();
            // Clients write the halves of the checksum in the engine's order.
            if cityhash_rs::cityhash_102_128(&block).rotate_left(64) != expected {
                return Err(Exception::new(
                    40,
                    "CHECKSUM_DOESNT_MATCH",
                    "a compressed block does not match its checksum",
                ));
            }
            let data = &block[HEADER..];
            // Bounded by what is there before memory is taken for what it says.
            let raw_size = match block[0] {
                LZ4 => raw_size,
                _ => data.len(),
            };
            self.left = self
                .left
                .checked_sub(raw_size)
                .ok_or_else(|| too_large(self.largest))?;
            match block[0] {
                NONE => sink(data)?,
                LZ4 if raw_size > data.len() * LZ4_RATIO + LZ4_REST => {
                    return Err(cannot_decompress(
                        "a compressed block is too short for what it says to hold",
                    ));
                }
                LZ4 => {
                    let raw = lz4_flex::block::decompress(data, raw_size)
                        .map_err(|e| cannot_decompress(&e.to_string()))?;
                    sink(&raw)?;
                }
                method => {
                    let text =
                        format!("compression method {method} is not known here: use LZ4 or none");
                    return Err(Exception::new(89, "UNKNOWN_COMPRESSION_METHOD", &text));
                }
            }
        }
        Ok(())
    }

    /// Where the data ends within a block it was cut.
    pub fn finish(self) -> Result<(), Exception> {
        if self.pending.is_empty() {
            return Ok(());
        }
        Err(Exception::new(
            33,
            "CANNOT_READ_ALL_DATA",
            "the data ends within a compressed block",
        ))
    }

    fn next_sizes(&self) -> Result<Option<(usize, usize)>, Exception> {
        if self.pending.len() < CHECKSUM + HEADER {
            return Ok(None);
        }
        let mut header = &self.pending[CHECKSUM + 1..];
        let (size, raw_size) = (header.get_u32_le() as usize, header.get_u32_le() as usize);
        if !(HEADER..=LARGEST_BLOCK).contains(&size) || raw_size > LARGEST_BLOCK {
            return Err(cannot_decompress(
                "a compressed block has an impossible size",
            ));
        }
        Ok(Some((size, raw_size)))
    }
}

fn cannot_decompress(text: &str) -> Exception {
    Exception::new(271, "CANNOT_DECOMPRESS", text)
}

/// The body of a response: plain, or one LZ4 frame that is flushed with each piece.
pub struct BodyWriter {
    frame: Option<FrameEncoder<Vec<u8>>>,
}

impl BodyWriter {
    /// Compresses where the client can read it.
    pub fn new(lz4: bool) -> BodyWriter {
        let frame = || {
            let info = FrameInfo::new().block_size(BlockSize::Max256KB);
            FrameEncoder::with_frame_info(info, Vec::new())
        };
        BodyWriter {
            frame: lz4.then(frame),
        }
    }

    /// What to send for this piece.
    pub fn piece(&mut self, data: Bytes) -> std::io::Result<Bytes> {
        let Some(frame) = &mut self.frame else {
            return Ok(data);
        };
        frame.write_all(&data)?;
        frame.flush()?;
        Ok(std::mem::take(frame.get_mut()).into())
    }

    /// What to send at the end.
    pub fn end(self) -> std::io::Result<Bytes> {
        match self.frame {
            Some(frame) => Ok(frame.finish().map_err(std::io::Error::other)?.into()),
            None => Ok(Bytes::new()),
        }
    }
}

/// The length of the names and types in front of rows in `RowBinaryWithNamesAndTypes`, none where
/// they are cut.
pub fn names_and_types(data: &[u8]) -> Option<usize> {
    let mut at = 0;
    let columns = varint(data, &mut at)?;
    for _ in 0..columns.checked_mul(2)? {
        let length = varint(data, &mut at)?;
        at = at.checked_add(length).filter(|end| *end <= data.len())?;
    }
    Some(at)
}

fn varint(data: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0usize;
    for shift in (0..63).step_by(7) {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn block(raw: &[u8], lz4: bool) -> Vec<u8> {
        let data = if lz4 {
            lz4_flex::block::compress(raw)
        } else {
            raw.to_vec()
        };
        let mut body = vec![if lz4 { LZ4 } else { NONE }];
        body.extend_from_slice(&((data.len() + HEADER) as u32).to_le_bytes());
        body.extend_from_slice(&(raw.len() as u32).to_le_bytes());
        body.extend_from_slice(&data);
        let checksum = cityhash_rs::cityhash_102_128(&body).rotate_left(64);
        [&checksum.to_le_bytes()[..], &body].concat()
    }

    #[test]
    fn what_blocks_become_is_bounded() {
        let wire = block(&[0; 1000], true);
        let mut reader = BlockReader::new(2500);
        let mut push = || reader.push(&wire, |_| Ok(())).map_err(|e| e.code());
        assert_eq!([push(), push(), push()], [Ok(()), Ok(()), Err(307)]);
        // A block that says more than it can hold.
        let mut lying = wire.clone();
        lying[CHECKSUM + 5..CHECKSUM + 9].copy_from_slice(&(1u32 << 29).to_le_bytes());
        let checksum = cityhash_rs::cityhash_102_128(&lying[CHECKSUM..]).rotate_left(64);
        lying[..CHECKSUM].copy_from_slice(&checksum.to_le_bytes());
        let error = BlockReader::new(LARGEST_BLOCK).push(&lying, |_| Ok(()));
        assert_eq!(error.unwrap_err().code(), 271);
    }

    proptest! {
        #[test]
        fn blocks_survive_any_cut(
            blocks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..300), any::<bool>()), 0..6),
            step in 1usize..64,
        ) {
            let wire: Vec<u8> = blocks.iter().flat_map(|(raw, lz4)| block(raw, *lz4)).collect();
            let (mut reader, mut got) = (BlockReader::new(10_000), Vec::new());
            for piece in wire.chunks(step) {
                reader.push(piece, |data| { got.extend_from_slice(data); Ok(()) }).unwrap();
            }
            reader.finish().unwrap();
            prop_assert_eq!(got, blocks.into_iter().flat_map(|(raw, _)| raw).collect::<Vec<u8>>());
        }

        #[test]
        fn a_changed_byte_is_refused(raw in prop::collection::vec(any::<u8>(), 1..200), at in any::<prop::sample::Index>()) {
            let mut wire = block(&raw, true);
            let at = at.index(wire.len());
            wire[at] ^= 1;
            let mut reader = BlockReader::new(10_000);
            let taken = reader.push(&wire, |_| Ok(())).and_then(|()| reader.finish());
            prop_assert!(taken.is_err());
        }

        #[test]
        fn header_of_any_bytes(data in prop::collection::vec(any::<u8>(), 0..100)) {
            if let Some(length) = names_and_types(&data) {
                prop_assert!(length <= data.len());
            }
        }
    }
}
