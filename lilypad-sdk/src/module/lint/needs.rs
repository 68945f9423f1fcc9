//! What a module needs of a GPU, wherever its author wrote it.

use serde::Serialize;

use super::scan::Entry;
use crate::module::Module;

/// What a module needs of a GPU. Authors write it in many places; existing nodes read some of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GpuNeeds {
    /// GPUs, from `machine.gpu` or `job.Spec.Resources.GPU` or wherever else a member is called so, the largest.
    pub gpus: u64,
    /// Memory of the largest GPU in MiB, wherever it is written; 0 when nowhere.
    pub vram_mib: u64,
    /// The same as existing nodes read it: the largest `vram` in `machine.gpus`; 0 when there is none.
    pub vram_mib_on_existing: u64,
}

impl GpuNeeds {
    /// From the members of a rendered text, also of one that is no JSON, and from the module when it is one.
    pub(super) fn of(entries: &[Entry], module: Option<&Module>) -> Self {
        let number = |entry: &Entry| entry.scalar.as_deref().and_then(|text| text.trim().parse::<u64>().ok());
        let largest = |is: &dyn Fn(&Entry) -> bool| {
            entries.iter().filter(|entry| is(entry)).filter_map(number).max().unwrap_or_default()
        };
        let gpus = largest(&|entry| entry.name().eq_ignore_ascii_case("gpu"));
        let vram_mib = largest(&|entry| entry.name().eq_ignore_ascii_case("vram"));
        let listed = module.and_then(|module| module.machine.gpus.as_deref()).unwrap_or_default();
        let read = listed.iter().filter_map(|gpu| u64::try_from(gpu.vram_mib).ok()).max().unwrap_or_default();
        Self { gpus, vram_mib, vram_mib_on_existing: read }
    }

    /// Whether the module wants a GPU at all.
    pub fn wants_gpu(&self) -> bool {
        self.gpus > 0
    }
}
