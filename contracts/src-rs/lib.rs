//! Compiles the contracts.
