//! What a machine has or a job needs, which module it runs, and the input files it names.

use super::record::record;

record! {
    /// One GPU. Source: network.md §1.2.
    pub GpuSpec {
        /// Model name.
        "name" name: String,
        /// Vendor, such as `NVIDIA`.
        "vendor" vendor: String,
        /// Memory in MiB.
        "vram" vram_mib: i64,
    }
}

record! {
    /// A machine: what it has (resource offer) or at least needs (job offer). Source: network.md §1.3.
    ///
    /// The wire's numbers carry mixed units: `ram` and `disk` are bytes in resource offers of existing nodes, whatever the
    /// author wrote in modules; they are compared as raw numbers.
    pub MachineSpec {
        /// Number of GPUs.
        "gpu" gpu: i64,
        /// One entry per GPU; `None` when unset.
        "gpus" gpus: Option<Vec<GpuSpec>>,
        /// CPU in thousandths of a core.
        "cpu" cpu_milli: i64,
        /// Memory; see the type's docs for units.
        "ram" ram: i64,
        /// Disk; see the type's docs for units.
        "disk" disk: i64,
    }
}

record! {
    /// Which module a job runs. Source: network.md §1.4. A filled `name` means: expand it and ignore the rest.
    pub ModuleConfig {
        /// Shortcut such as `cowsay:v0.0.4`, or empty.
        "name" name: String,
        /// URL of the git repository.
        "repo" repo: String,
        /// Tag, branch or commit; ours always sends the commit.
        "hash" hash: String,
        /// Path of the template inside the repository.
        "path" path: String,
    }
}

record! {
    /// Names of input files. Source: network.md §1.5.
    pub InputFiles {
        /// Files that must be there.
        "required" required: Option<Vec<String>>,
        /// Files that may be there.
        "optional" optional: Option<Vec<String>>,
    }
}

impl InputFiles {
    /// Whether a job names any input file, so that files travel with its offer.
    pub fn is_declared(&self) -> bool {
        [&self.required, &self.optional].into_iter().flatten().any(|names| !names.is_empty())
    }
}
