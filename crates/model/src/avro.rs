//! Avro binary, decoded once, borrowed, only the fields that are asked for.
