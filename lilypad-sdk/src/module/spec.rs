//! The decoded module file: catalogue data, machine, job. Source: modules.md §2.5.
//!
//! Names and values are read as existing nodes read them: members ignoring case, later ones overwriting, objects merging,
//! null leaving things as they are, unknown members skipped. Lists and maps that were never set are `None`.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::types::{InputFiles, MachineSpec, Node};

use super::decode::{choice, structure};

structure! {
    /// A module file after rendering.
    pub Module {
        /// Who made it. Catalogue only.
        "author" author: Author,
        /// What it does. Catalogue only.
        "description" description: String,
        /// URL of a picture. Catalogue only.
        "image" image: String,
        /// The model inside. Catalogue only.
        "model" model: Model,
        /// Files that the job reads below `/inputs`.
        "inputFiles" input_files: InputFiles,
        /// Seconds the run may take; 0 for the solver's default of 900.
        "executionTimeoutSeconds" execution_timeout_seconds: u64,
        /// What the machine must have; the offer's `spec`.
        "machine" machine: MachineSpec,
        /// What runs.
        "job" job: Job,
        /// How two results are compared; an addition of ours that existing nodes ignore.
        "verification" verification: Option<Verification>,
    }
}

structure! {
    /// Who made a module.
    pub Author {
        /// Name.
        "name" name: String,
        /// URL of a picture.
        "avatar" avatar: String,
        /// Wallet address, unchecked.
        "address" address: String,
    }
}

structure! {
    /// The model inside a module.
    pub Model {
        /// Name.
        "name" name: String,
        /// Kind, such as `text-to-image`.
        "type" kind: String,
        /// Size, as text.
        "size" size: String,
    }
}

structure! {
    /// How two results of a module are compared.
    pub Verification {
        /// `exact` or `tolerance`.
        "comparator" comparator: String,
        /// The files compared; `None` for the whole folder.
        "files" files: Option<Vec<String>>,
        /// Relative tolerance.
        "rtol" rtol: Option<Number>,
        /// Absolute tolerance.
        "atol" atol: Option<Number>,
    }
}

/// A JSON number, kept as it was written, so that hashing and comparing need no float.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Number(pub(super) String);

impl Number {
    /// The number as written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number as a float. `None` when it is too large for one.
    pub fn to_f64(&self) -> Option<f64> {
        self.0.parse().ok().filter(|value: &f64| value.is_finite())
    }
}

structure! {
    /// The job of a module, in the format of Bacalhau's V1beta1.
    pub Job {
        /// Version text, unchecked.
        "APIVersion" api_version: String,
        /// Who asked for it; unused.
        "Metadata" metadata: Metadata,
        /// What runs.
        "Spec" spec: JobSpec,
    }
}

structure! {
    /// Metadata of a job; must decode, is unused.
    pub Metadata {
        /// Id.
        "ID" id: String,
        /// When it was made.
        "CreatedAt" created_at: Time,
        /// Client.
        "ClientID" client_id: String,
        /// Requester.
        "Requester" requester: Requester,
    }
}

structure! {
    /// Requester of a job; must decode, is unused.
    pub Requester {
        /// Node.
        "RequesterNodeID" node_id: String,
        /// Its key.
        "RequesterPublicKey" public_key: Option<Bytes>,
    }
}

/// Bytes, written as base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Bytes(pub(super) String);

/// An RFC 3339 time, as written; empty when absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Time(pub(super) String);

structure! {
    /// What a job runs.
    pub JobSpec {
        /// Which engine; `None` when absent or unknown, which means Docker.
        "Engine" engine: Option<Engine>,
        /// A later format's engine; ignored, as existing nodes do.
        "EngineSpec" engine_spec: TypedParams,
        /// Where a result would be published; ignored.
        "Publisher" publisher: Option<Publisher>,
        /// A later format's publisher; ignored.
        "PublisherSpec" publisher_spec: PublisherSpec,
        /// The container, for [`Engine::Docker`].
        "Docker" docker: DockerSpec,
        /// The WebAssembly module, for [`Engine::Wasm`].
        "Wasm" wasm: WasmSpec,
        /// CPU, memory, disk and GPUs, as texts.
        "Resources" resources: ResourceTexts,
        /// Network access.
        "Network" network: NetworkSpec,
        /// Seconds the container may run; 0 for no limit of its own.
        "Timeout" timeout: i64,
        /// Data fetched beforehand; ignored by existing nodes.
        "Inputs" inputs: Option<Vec<StorageSpec>>,
        /// Folders that belong to the result.
        "Outputs" outputs: Option<Vec<StorageSpec>>,
        /// Selectors; ignored.
        "NodeSelectors" node_selectors: Option<Vec<NodeSelector>>,
        /// Annotations; ignored.
        "Annotations" annotations: Option<Vec<String>>,
        /// Ignored.
        "DoNotTrack" do_not_track: bool,
        /// Concurrency; ignored, there is always one run.
        "Deal" deal: DealSpec,
    }
}

choice! {
    /// The engine of a job; unknown texts read as none.
    pub Engine, lenient "engine" {
        /// Does nothing.
        Noop = "Noop",
        /// A container.
        Docker = "Docker",
        /// A WebAssembly module.
        Wasm = "Wasm",
    }
}

choice! {
    /// Where results would be published. Not used, but must be one of these.
    pub Publisher, strict "publisher" {
        /// Nowhere.
        Noop = "Noop",
        /// IPFS.
        Ipfs = "Ipfs",
        /// Estuary.
        Estuary = "Estuary",
        /// S3.
        S3 = "S3",
    }
}

choice! {
    /// Network access of a job.
    pub NetworkKind, strict "network type" {
        /// No network.
        None = "None",
        /// The host's network.
        Full = "Full",
        /// Only listed domains, through a filtering proxy.
        Http = "HTTP",
    }
}

choice! {
    /// Where data comes from.
    pub StorageSource, strict "storage source" {
        /// IPFS.
        Ipfs = "IPFS",
        /// A git repository.
        RepoClone = "RepoClone",
        /// A git repository with large files.
        RepoCloneLfs = "RepoCloneLFS",
        /// A URL.
        UrlDownload = "URLDownload",
        /// Estuary.
        Estuary = "Estuary",
        /// In the job itself.
        Inline = "Inline",
        /// A folder or file of the checkout.
        LocalDirectory = "LocalDirectory",
        /// S3.
        S3 = "S3",
    }
}

structure! {
    /// A later format's engine.
    pub TypedParams {
        /// Its name.
        "Type" kind: String,
        /// Its parameters, as they stand.
        "Params" params: Option<Params>,
    }
}

structure! {
    /// A later format's publisher.
    pub PublisherSpec {
        /// Its name.
        "Type" kind: Option<Publisher>,
        /// Its parameters, as they stand.
        "Params" params: Option<Params>,
    }
}

/// A JSON object of any content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Params(pub Vec<(String, Node)>);

structure! {
    /// A container.
    pub DockerSpec {
        /// Image name.
        "Image" image: String,
        /// Program and arguments; replaces the image's own entry point and command.
        "Entrypoint" entrypoint: Option<Vec<String>>,
        /// Arguments. Existing nodes drop them.
        "Parameters" parameters: Option<Vec<String>>,
        /// `NAME=value` texts.
        "EnvironmentVariables" environment: Option<Vec<String>>,
        /// Working directory. Existing nodes drop it.
        "WorkingDirectory" working_directory: String,
    }
}

structure! {
    /// A WebAssembly module.
    pub WasmSpec {
        /// The `.wasm` file.
        "EntryModule" entry_module: StorageSpec,
        /// Exported function; empty for `_start`.
        "EntryPoint" entry_point: String,
        /// Arguments behind the empty first one.
        "Parameters" parameters: Option<Vec<String>>,
        /// Environment.
        "EnvironmentVariables" environment: Option<BTreeMap<String, String>>,
        /// Modules whose exports the entry module imports.
        "ImportModules" import_modules: Option<Vec<StorageSpec>>,
    }
}

structure! {
    /// CPU, memory, disk and GPUs, as texts.
    pub ResourceTexts {
        /// CPU.
        "CPU" cpu: String,
        /// Memory.
        "Memory" memory: String,
        /// Disk.
        "Disk" disk: String,
        /// GPUs.
        "GPU" gpu: String,
    }
}

structure! {
    /// Network access.
    pub NetworkSpec {
        /// Which kind; `None` when absent, which means no network.
        "Type" kind: Option<NetworkKind>,
        /// Domains for [`NetworkKind::Http`].
        "Domains" domains: Option<Vec<String>>,
    }
}

structure! {
    /// Data: where it comes from and where it goes.
    pub StorageSpec {
        /// Where it comes from; `None` when absent.
        "StorageSource" source: Option<StorageSource>,
        /// Its name; of an output, the folder's name in the result.
        "Name" name: String,
        /// Content id.
        "CID" cid: String,
        /// URL.
        "URL" url: String,
        /// Object in S3.
        "S3" s3: Option<S3Spec>,
        /// Repository.
        "Repo" repo: String,
        /// Path at the source.
        "SourcePath" source_path: String,
        /// Whether the job may write there.
        "ReadWrite" read_write: bool,
        /// Path the job sees.
        "Path" path: String,
        /// More; `sha256` is the hash a file must have.
        "Metadata" metadata: Option<BTreeMap<String, String>>,
    }
}

structure! {
    /// An object in S3.
    pub S3Spec {
        /// Bucket.
        "Bucket" bucket: String,
        /// Key.
        "Key" key: String,
        /// Checksum.
        "Checksum" checksum: String,
        /// Version.
        "VersionID" version_id: String,
        /// Endpoint.
        "Endpoint" endpoint: String,
        /// Region.
        "Region" region: String,
    }
}

structure! {
    /// A selector; ignored.
    pub NodeSelector {
        /// Key.
        "Key" key: String,
        /// Operator.
        "Operator" operator: String,
        /// Values.
        "Values" values: Option<Vec<String>>,
    }
}

structure! {
    /// Concurrency; ignored.
    pub DealSpec {
        /// Ignored.
        "TargetingMode" targeting_mode: bool,
        /// Ignored.
        "Concurrency" concurrency: i64,
    }
}
