//! Compiles `schemas/privacy.yaml` in, so that one binary works anywhere.

fn main() -> std::io::Result<()> {
    weir_avsc::embed::schemas(&[("privacy.yaml", "yaml")])
}
