//! What a decoded module asks an executor to run.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use super::ModuleError;
use super::reference::is_plain_part;
use super::resources::{self, Resources};
use super::spec::{Engine, Module, NetworkKind, StorageSource, StorageSpec};

/// Names in a result folder that no output may take.
const TAKEN: [&str; 3] = ["stdout", "stderr", "exitCode"];

/// A job, checked and with defaults applied, ready for an executor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Workload {
    /// What runs.
    pub program: Program,
    /// What it may use.
    pub resources: Resources,
    /// Which network it sees.
    pub network: Network,
    /// Folders that belong to the result.
    pub outputs: Vec<Output>,
    /// Longest run the module itself allows; `None` for no limit of its own.
    pub timeout: Option<Duration>,
    /// Whether the input folder is mounted at `/inputs`.
    pub mounts_inputs: bool,
}

/// A container or a WebAssembly module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Program {
    /// A container.
    Docker(DockerProgram),
    /// A WebAssembly module.
    Wasm(WasmProgram),
}

/// A container.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DockerProgram {
    /// Image name.
    pub image: String,
    /// Program and arguments that replace the image's entry point and command; empty for the image's own.
    pub entrypoint: Vec<String>,
    /// `NAME=value`, in order.
    pub env: Vec<String>,
    /// Arguments; existing nodes drop them, so an executor honours them only when told to.
    pub parameters: Vec<String>,
    /// Working directory; existing nodes drop it, so an executor honours it only when told to.
    pub working_dir: Option<String>,
}

/// A WebAssembly module.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WasmProgram {
    /// The `.wasm` file.
    pub entry_module: WasmFile,
    /// Exported function to call.
    pub entry_point: String,
    /// Arguments behind the empty first one.
    pub parameters: Vec<String>,
    /// Environment.
    pub env: BTreeMap<String, String>,
    /// Modules to link first, by the name they are imported under.
    pub imports: Vec<(String, WasmFile)>,
}

/// Where a `.wasm` file lies.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WasmFile {
    /// Its place.
    pub location: WasmLocation,
    /// SHA-256 its bytes must have; always there except in the checkout, which the commit pins.
    pub sha256: Option<[u8; 32]>,
}

/// The place of a `.wasm` file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WasmLocation {
    /// A file of the module's checkout: relative path, no `..`.
    Checkout(String),
    /// A URL.
    Url(String),
    /// A content id in IPFS.
    Cid(String),
}

/// Network access.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Network {
    /// None.
    None,
    /// All of the host's.
    Full,
    /// HTTP to these domains only, lower case.
    Http(Vec<String>),
}

/// A folder that belongs to the result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Output {
    /// Its name in the result folder.
    pub name: String,
    /// Where the job sees it: an absolute path.
    pub path: String,
}

impl Module {
    /// What the job runs. `Engine: Wasm` in any case means WebAssembly; anything else means Docker, as existing nodes have it.
    ///
    /// # Errors
    /// [`ModuleError::NoEngine`] without image or entry module; [`ModuleError::Job`] with everything else that is wrong.
    pub fn workload(&self) -> Result<Workload, ModuleError> {
        let mut problems = Problems::default();
        let spec = &self.job.spec;
        let texts = &spec.resources;
        let default = Resources::default();
        let resources = Resources {
            cpu_milli: problems.or(resources::cpu_milli(&texts.cpu), default.cpu_milli),
            memory_bytes: problems.or(resources::memory_bytes(&texts.memory), default.memory_bytes),
            disk_bytes: problems.or(resources::disk_bytes(&texts.disk), default.disk_bytes),
            gpus: problems.or(resources::gpus(&texts.gpu), default.gpus),
        };
        let timeout = match u64::try_from(spec.timeout) {
            Ok(0) => None,
            Ok(seconds) => Some(Duration::from_secs(seconds)),
            Err(_) => {
                problems.add(format!("invalid execution timeout value: {}s", spec.timeout));
                None
            }
        };
        let outputs = outputs(spec.outputs.as_deref().unwrap_or_default(), &mut problems);
        let network = match spec.network.kind {
            None | Some(NetworkKind::None) => Network::None,
            Some(NetworkKind::Full) => Network::Full,
            Some(NetworkKind::Http) => Network::Http(domains(spec.network.domains.as_deref(), &mut problems)),
        };
        let program = if spec.engine == Some(Engine::Wasm) { self.wasm(&mut problems)? } else { self.docker()? };
        if !problems.0.is_empty() {
            return Err(ModuleError::Job { module: String::new(), problems: problems.0 });
        }
        Ok(Workload { program, resources, network, outputs, timeout, mounts_inputs: self.input_files.is_declared() })
    }

    fn docker(&self) -> Result<Program, ModuleError> {
        let docker = &self.job.spec.docker;
        if docker.image.is_empty() {
            return Err(ModuleError::NoEngine { module: String::new() });
        }
        Ok(Program::Docker(DockerProgram {
            image: docker.image.clone(),
            entrypoint: docker.entrypoint.clone().unwrap_or_default(),
            env: docker.environment.clone().unwrap_or_default(),
            parameters: docker.parameters.clone().unwrap_or_default(),
            working_dir: (!docker.working_directory.is_empty()).then(|| docker.working_directory.clone()),
        }))
    }

    fn wasm(&self, problems: &mut Problems) -> Result<Program, ModuleError> {
        let wasm = &self.job.spec.wasm;
        if wasm.entry_module == StorageSpec::default() {
            return Err(ModuleError::NoEngine { module: String::new() });
        }
        let mut imports = Vec::new();
        for import in wasm.import_modules.as_deref().unwrap_or_default() {
            if import.name.is_empty() {
                problems.add("import module: missing name".to_owned());
            }
            imports.push((import.name.clone(), wasm_file(import, "import module", problems)));
        }
        Ok(Program::Wasm(WasmProgram {
            entry_module: wasm_file(&wasm.entry_module, "entry module", problems),
            entry_point: if wasm.entry_point.is_empty() { "_start".to_owned() } else { wasm.entry_point.clone() },
            parameters: wasm.parameters.clone().unwrap_or_default(),
            env: wasm.environment.clone().unwrap_or_default(),
            imports,
        }))
    }
}

#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, text: String) {
        self.0.push(text);
    }

    fn or<T>(&mut self, result: Result<T, String>, default: T) -> T {
        result.unwrap_or_else(|text| {
            self.add(text);
            default
        })
    }
}

fn outputs(specs: &[StorageSpec], problems: &mut Problems) -> Vec<Output> {
    let (mut names, mut paths) = (BTreeSet::new(), BTreeSet::new());
    let mut outputs = Vec::new();
    for spec in specs {
        let output = Output { name: spec.name.trim().to_owned(), path: spec.path.trim().to_owned() };
        if output.name.is_empty() {
            problems.add("missing name".to_owned());
        } else if output.name.contains(['/', '\\', '\0']) || output.name.starts_with('.') {
            problems.add(format!("result path name '{}' is no folder name", output.name));
        } else if TAKEN.contains(&output.name.as_str()) {
            problems.add(format!("result path name '{}' is taken by the run itself", output.name));
        } else if !names.insert(output.name.clone()) {
            problems.add(format!("result path with name '{}' already exists", output.name));
        }
        if output.path.is_empty() {
            problems.add("missing path".to_owned());
        } else if !output.path.starts_with('/') {
            problems.add(format!("result path `{}` must be absolute", output.path));
        } else if output.path.split('/').any(|part| part == "..") || output.path.trim_matches('/').is_empty() {
            problems.add(format!("result path `{}` is no folder of its own", output.path));
        } else if !paths.insert(output.path.clone()) {
            problems.add(format!("result path '{}' already exists", output.path));
        }
        outputs.push(output);
    }
    outputs
}

fn domains(domains: Option<&[String]>, problems: &mut Problems) -> Vec<String> {
    let domains: Vec<String> = domains
        .unwrap_or_default()
        .iter()
        .map(|domain| domain.trim().to_lowercase())
        .filter(|domain| !domain.is_empty())
        .collect();
    if domains.is_empty() {
        problems.add("network type HTTP needs at least one domain".to_owned());
    }
    domains
}

/// A relative path inside a checkout, without `./` and empty parts; `None` when it leads out, is hidden or not plain.
pub(super) fn checkout_path(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    let inside = !path.starts_with('/') && !parts.is_empty() && parts.iter().all(|part| is_plain_part(part));
    inside.then(|| parts.join("/"))
}

fn wasm_file(spec: &StorageSpec, what: &str, problems: &mut Problems) -> WasmFile {
    let metadata = spec.metadata.as_ref();
    let text = metadata.and_then(|map| map.iter().find(|(name, _)| name.eq_ignore_ascii_case("sha256")));
    let sha256 = text.and_then(|(_, text)| {
        let parsed = hex::decode(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        if parsed.is_none() {
            problems.add(format!("{what}: Metadata.sha256 is not 64 hexadecimal digits"));
        }
        parsed
    });
    let location = match spec.source {
        Some(StorageSource::LocalDirectory) => match checkout_path(&spec.source_path) {
            Some(path) => Some(WasmLocation::Checkout(path)),
            None => {
                problems.add(format!(
                    "{what}: SourcePath {:?} is no path inside the module's repository",
                    spec.source_path
                ));
                None
            }
        },
        Some(StorageSource::UrlDownload) => Some(WasmLocation::Url(spec.url.clone())),
        Some(StorageSource::Ipfs) => Some(WasmLocation::Cid(spec.cid.clone())),
        Some(other) => {
            problems.add(format!("{what}: storage source {} cannot give a WASM module", other.as_str()));
            None
        }
        None => {
            problems.add(format!("{what}: missing StorageSource"));
            None
        }
    };
    if sha256.is_none() && text.is_none() && matches!(location, Some(WasmLocation::Url(_) | WasmLocation::Cid(_))) {
        problems.add(format!("{what}: Metadata.sha256 is required for a module from a URL or IPFS"));
    }
    WasmFile { location: location.unwrap_or(WasmLocation::Checkout(String::new())), sha256 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkout_paths_stay_inside() {
        assert_eq!(checkout_path("cowsay.wasm").as_deref(), Some("cowsay.wasm"));
        assert_eq!(checkout_path("./bin//cow.wasm").as_deref(), Some("bin/cow.wasm"));
        for bad in ["", "/cow.wasm", "../cow.wasm", "a/../../b", ".git/config", "a/.git/x", "-x", "a\\b", "a b"] {
            assert_eq!(checkout_path(bad), None, "{bad}");
        }
    }
}
