//! Compiles `schemas/reports` in.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("reports", "yaml")])
}
