//! Benchmarks; one file per room.
