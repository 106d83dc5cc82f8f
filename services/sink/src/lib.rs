//! weir-sink
