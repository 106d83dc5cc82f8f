//! Formats the storage of a new Kafka, once.

use super::{Jvm, Layout, config};
use crate::Error;
use std::fs;
use std::path::Path;

/// The cluster id of the storage, which is formatted first where it is new.
pub(super) fn ensure_formatted(layout: &Layout, jvm: &Jvm) -> Result<String, Error> {
    let data = layout.data();
    if let Some(id) = cluster_id(&data) {
        return Ok(id);
    }
    // Formatted beside its place and moved there, so that a crash leaves no half of it.
    let fresh = layout.dir().join("data.new");
    let _ = fs::remove_dir_all(&fresh);
    let configuration = layout.dir().join("format.properties");
    config::write(&configuration, &layout.server(&fresh, &[]))?;
    let output = jvm
        .command(layout)
        .args(["-XX:+UseSerialGC", "-Xmx128m"])
        .args(["-XX:TieredStopAtLevel=1", "-cp"])
        .arg(jvm.class_path())
        .args(["kafka.tools.StorageTool", "format", "-c"])
        .arg(&configuration)
        .args(["-t", &new_cluster_id()])
        .output()
        .map_err(Error::io("starting Java to format Kafka's storage"))?;
    let _ = fs::remove_file(&configuration);
    let Some(id) = cluster_id(&fresh).filter(|_| output.status.success()) else {
        return Err(Error::NotReady {
            name: "kafka",
            detail: format!(
                "formatting its storage failed: {}{}",
                String::from_utf8_lossy(&output.stdout).trim(),
                String::from_utf8_lossy(&output.stderr).trim()
            ),
            log: layout.log(),
        });
    };
    fs::rename(&fresh, &data).map_err(Error::io(format!("creating {}", data.display())))?;
    Ok(id)
}

fn cluster_id(data: &Path) -> Option<String> {
    let text = fs::read_to_string(data.join("meta.properties")).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("cluster.id="))
        .map(|id| id.trim().to_owned())
}

/// Sixteen random bytes in base64 for URLs, without padding: the form that Kafka asks for.
fn new_cluster_id() -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    // The version bits of the id are of no matter here; a leading `-` would be taken for an option.
    let random = uuid::Uuid::new_v4().as_u128() >> 2;
    // 22 digits of 6 bits for 128 bits: the last four bits are zero.
    (0..22)
        .map(|digit| {
            let low = 122 - 6 * digit;
            let bits = if low >= 0 {
                random >> low
            } else {
                random << -low
            };
            char::from(ALPHABET[(bits & 63) as usize])
        })
        .collect()
}
