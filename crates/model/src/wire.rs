//! Confluent wire format: magic byte 0, schema id (big endian), Avro binary.
