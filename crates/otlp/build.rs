//! Compiles `schemas/otlp`, `schemas/connect` and `schemas/events` in, so that one binary works
//! anywhere.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("connect", "yaml"), ("events", "avsc"), ("otlp", "yaml")])
}
