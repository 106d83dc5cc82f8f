//! weir-oracle
