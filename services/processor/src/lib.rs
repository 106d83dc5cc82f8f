//! weir-processor
