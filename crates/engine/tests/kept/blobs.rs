//! Files of byte strings: the length of each as four bytes (little-endian), then the bytes.

use std::path::Path;

pub fn write(dir: &Path, file: &str, values: &[Vec<u8>]) {
    let mut out = Vec::new();
    for value in values {
        out.extend_from_slice(&u32::try_from(value.len()).unwrap().to_le_bytes());
        out.extend_from_slice(value);
    }
    std::fs::write(dir.join(file), out).unwrap();
}

pub fn read(dir: &Path, file: &str) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(dir.join(file)).unwrap();
    let (mut rest, mut all) = (bytes.as_slice(), Vec::new());
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (value, after) = after.split_at(u32::from_le_bytes(*length) as usize);
        all.push(value.to_vec());
        rest = after;
    }
    assert!(rest.is_empty() && !all.is_empty(), "{file}");
    all
}
