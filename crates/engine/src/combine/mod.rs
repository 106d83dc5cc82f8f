//! Stage 1: raw events to partial aggregates.
