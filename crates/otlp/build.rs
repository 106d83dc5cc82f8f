//! Compiles `schemas/events` and `schemas/otlp` in.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("events", "avsc"), ("otlp", "yaml")])
}
