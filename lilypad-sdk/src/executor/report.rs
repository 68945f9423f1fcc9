//! What a run left behind.

use std::{path::PathBuf, time::Duration};

use crate::types::DataId;

/// A run that ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunReport {
    /// What the program returned; 128 + signal when a signal ended it.
    pub exit_code: i64,
    /// What the network's pricing counts: 1 for Docker, fuel in units of 10^6 rounded up (at least 1) for WASM.
    pub instruction_count: u64,
    /// Fuel used; WASM only. Comparable between equal [`engine_id`](RunReport::engine_id)s only.
    pub fuel: Option<u64>,
    /// Engine and version that ran it, such as `wasmtime-48.0.8+1` or `docker-20.10.24`.
    pub engine_id: String,
    /// Identifier of the result folder.
    pub data_id: DataId,
    /// Identifier (`sha256:…`) of the image that ran; Docker only.
    pub image_digest: Option<String>,
    /// The result folder.
    pub result_dir: PathBuf,
    /// What the run used.
    pub used: ResourcesUsed,
}

/// What a run used, as far as its engine measures it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResourcesUsed {
    /// Wall time, preparation included.
    pub duration: Duration,
    /// Highest linear memory in bytes; WASM only.
    pub peak_memory_bytes: Option<u64>,
    /// Bytes of the result folder's files.
    pub output_bytes: u64,
    /// Files and folders in the result folder.
    pub output_files: u64,
}

/// Fuel in one unit of the network's instruction count (design.md §7).
#[cfg(feature = "wasm")]
pub(crate) const FUEL_PER_INSTRUCTION_UNIT: u64 = 1_000_000;

/// Fuel as the network's pricing counts it.
#[cfg(feature = "wasm")]
pub(crate) fn instruction_count(fuel: u64) -> u64 {
    fuel.div_ceil(FUEL_PER_INSTRUCTION_UNIT).max(1)
}

#[cfg(all(test, feature = "wasm"))]
mod tests {
    use super::*;

    #[test]
    fn fuel_is_charged_by_the_started_million() {
        let counts = [0, 1, 999_999, 1_000_000, 1_000_001].map(instruction_count);
        assert_eq!(counts, [1, 1, 1, 1, 2]);
    }
}
