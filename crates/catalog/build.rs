//! Compiles `schemas/events` and `schemas/catalog` in.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("events", "avsc"), ("catalog", "yaml")])
}
