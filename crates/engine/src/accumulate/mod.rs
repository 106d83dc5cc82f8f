//! Rows of measure values, encoded.
