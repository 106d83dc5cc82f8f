//! Short runs of bytes, a word at a time: the library's functions are made for long ones.

/// The high bit of each byte of a word.
pub(crate) const HIGH: u64 = u64::MAX / 255 * 0x80;

/// The varint that bytes begin with, and its length: one of at most eight bytes, where there are so
/// many. Its bits are taken together and not byte by byte: how long it is cannot be foreseen.
#[inline(always)]
pub fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let word = u64::from_le_bytes(*bytes.first_chunk()?);
    let ends = !word & HIGH;
    if ends == 0 {
        return None;
    }
    let bits = ends.trailing_zeros() + 1;
    // Seven bits of each byte, then closed up: two bytes to 14 bits, two of these to 28, two of
    // these to 56.
    let v = word & (u64::MAX >> (64 - bits)) & !HIGH;
    let v = v & 0x007f_007f_007f_007f | (v & 0x7f00_7f00_7f00_7f00) >> 1;
    let v = v & 0x0000_3fff_0000_3fff | (v & 0x3fff_0000_3fff_0000) >> 2;
    let v = v & 0x0fff_ffff | (v & 0x0fff_ffff_0000_0000) >> 4;
    Some((v, bits as usize / 8))
}

/// Whether all bytes are printable ASCII: a word at a time, the last ones again where they do not
/// fill one.
#[inline(never)]
pub fn is_plain(bytes: &[u8]) -> bool {
    if let Some(last) = bytes.last_chunk() {
        let chunks = bytes.as_chunks().0;
        !chunks
            .iter()
            .fold(odd_of::<16>(last), |all, chunk| all | odd_of::<16>(chunk))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        !(odd(u64::from_le_bytes(*first)) | odd(u64::from_le_bytes(*last)))
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        !odd(u64::from(first) << 32 | u64::from(last))
    } else {
        bytes.iter().all(|b| (0x20..0x80).contains(b))
    }
}

/// Ones to keep the bytes of a text, zeros for those behind it: from `16 - n` on the mask for a
/// text of `n` bytes.
static MASK: [u8; 32] = {
    let mut mask = [0; 32];
    let mut i = 0;
    while i < 16 {
        mask[i] = 0xff;
        i += 1;
    }
    mask
};

/// Whether the first `n` bytes are printable ASCII, where there are so many and no more than 64.
/// What follows them may be anything; most short texts are followed by enough to be looked at in
/// one step.
#[inline(always)]
pub(crate) fn begins_plain(bytes: &[u8], n: usize) -> bool {
    let Some(text) = bytes.get(..n) else {
        return false;
    };
    // What is looked at twice costs less than to see what need not be.
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return n <= 64 && !(odd_of::<32>(first) | odd_of::<32>(last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return !(odd_of::<16>(first) | odd_of::<16>(last));
    }
    match (
        bytes.first_chunk::<16>(),
        MASK[16 - n..].first_chunk::<16>(),
    ) {
        (Some(chunk), Some(mask)) => {
            let odd = |(b, mask): (&u8, &u8)| if (*b as i8) < 0x20 { *mask } else { 0 };
            chunk.iter().zip(mask).map(odd).fold(0, |all, b| all | b) == 0
        }
        _ => is_plain(text),
    }
}

/// Bytes outside of ASCII are negative.
#[inline(always)]
fn odd_of<const N: usize>(chunk: &[u8; N]) -> bool {
    chunk.iter().fold(false, |all, b| all | ((*b as i8) < 0x20))
}

/// No high bit is set where none was and no byte is below 0x20 (only such a one borrows from the
/// next).
#[inline(always)]
fn odd(word: u64) -> bool {
    (word.wrapping_sub(u64::MAX / 255 * 0x20) | word) & HIGH != 0
}

/// Whether two runs of bytes are the same.
#[inline(never)]
pub fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    if let (Some(x), Some(y)) = (a.last_chunk::<8>(), b.last_chunk::<8>()) {
        let mut differ = u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        for (x, y) in a.as_chunks::<8>().0.iter().zip(b.as_chunks::<8>().0) {
            differ |= u64::from_le_bytes(*x) ^ u64::from_le_bytes(*y);
        }
        return differ == 0;
    }
    if let (Some(x), Some(y)) = (a.last_chunk::<4>(), b.last_chunk::<4>()) {
        return x == y && a.first_chunk::<4>() == b.first_chunk::<4>();
    }
    a.iter().zip(b).all(|(x, y)| x == y)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_byte_makes_the_difference(a in "[ -~]{0,70}", at in any::<prop::sample::Index>(), byte: u8) {
            let a = a.into_bytes();
            prop_assert!(is_plain(&a));
            prop_assert!(same(&a, &a.clone()));
            if a.is_empty() {
                return Ok(());
            }
            let mut b = a.clone();
            let i = at.index(b.len());
            b[i] = byte;
            prop_assert_eq!(same(&a, &b), a == b);
            prop_assert_eq!(is_plain(&b), (0x20..0x80).contains(&byte));
            prop_assert!(!same(&a, &a[1..]));
            for n in 0..=b.len() {
                prop_assert_eq!(begins_plain(&b, n), n <= 64 && is_plain(&b[..n]));
            }
            prop_assert!(!begins_plain(&a, a.len() + 1));
        }
    }
}
