//! Compiles `schemas/imports/agents` in, and the names of values that `schemas/otlp` declares.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("imports/agents", "yaml"), ("otlp/default.yaml", "yaml")])
}
