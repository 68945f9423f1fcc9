//! What a run may use.

use std::time::Duration;

/// Hard limits of one run. The defaults are those of a template that names none (spec/modules.md §4.4).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Wall time from the start of preparation (image pull included) to the end. Default 900 s.
    pub time: Duration,
    /// Memory in bytes, without swap. Default 1,000,000,000.
    pub memory_bytes: u64,
    /// Processor time in thousandths of a core; Docker only, a WASM job has one thread. Default 500.
    pub cpu_milli: u64,
    /// Processes and threads at once; Docker only. Default 512.
    pub pids: u32,
    /// Size of `/dev/shm` in bytes, inside the memory limit; Docker only. Default 64 MiB.
    pub shm_bytes: u64,
    /// Bytes of the result folder: stdout, stderr and outputs together. Default 1 GiB.
    pub output_bytes: u64,
    /// Files and folders in the outputs. Default 10,000.
    pub output_files: u64,
    /// Fuel (executed WASM instructions, weighted); WASM only. Default: time is the only bound.
    pub fuel: Option<u64>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(900),
            memory_bytes: 1_000_000_000,
            cpu_milli: 500,
            pids: 512,
            shm_bytes: 64 << 20,
            output_bytes: 1 << 30,
            output_files: 10_000,
            fuel: None,
        }
    }
}
