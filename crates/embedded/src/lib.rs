//! weir-embedded
