//! A module's files on this machine.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use sha2::{Digest, Sha256};

use super::io;
use crate::module::{
    Module, ModuleError, ModuleSource, Program, WasmFile, WasmLocation, Workload,
    error::TOO_LARGE,
    render::{render_for, template_name},
    template::Limits,
};

/// Largest `.wasm` file read from a checkout, in bytes.
const WASM_MAX: u64 = 256 << 20;

/// How every WebAssembly module begins.
const WASM_MAGIC: &[u8] = b"\0asm";

/// A module at a commit, complete on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    source: ModuleSource,
    dir: PathBuf,
}

impl Checkout {
    pub(super) fn new(source: ModuleSource, dir: PathBuf) -> Self {
        Self { source, dir }
    }

    /// The source; its `hash` is the commit.
    pub fn source(&self) -> &ModuleSource {
        &self.source
    }

    /// The folder. Other processes use it too: read only.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A file of the module by its path inside the repository; a leading `/` means the repository's root.
    ///
    /// # Errors
    /// [`ModuleError::File`] when it is missing, no regular file, or outside: by `..`, by `.git`, by a symbolic link.
    pub fn file(&self, path: &str) -> Result<PathBuf, ModuleError> {
        let fail = |why: &str| ModuleError::File {
            module: self.source.repo.clone(),
            path: path.to_owned(),
            why: why.to_owned(),
        };
        let relative = Path::new(path.trim_start_matches('/'));
        let plain = relative.components().all(|part| match part {
            Component::Normal(name) => !name.eq_ignore_ascii_case(".git") && !name.to_string_lossy().contains('\\'),
            Component::CurDir => true,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => false,
        });
        if !plain || relative.as_os_str().is_empty() || path.contains('\0') {
            return Err(fail("the path leads out of the module's repository"));
        }
        let root = self.dir.canonicalize().map_err(io("read", &self.dir))?;
        let found = root.join(relative).canonicalize().map_err(|_| fail("there is no such file"))?;
        let inside =
            found.strip_prefix(&root).map_err(|_| fail("it is a link that leads out of the module's repository"))?;
        if inside.components().any(|part| part.as_os_str().eq_ignore_ascii_case(".git")) {
            return Err(fail("it is a link into the repository's own data"));
        }
        if !found.is_file() {
            return Err(fail("it is no regular file"));
        }
        Ok(found)
    }

    /// Reads a file of at most `most` bytes.
    ///
    /// # Errors
    /// As [`Checkout::file`], and when it is larger.
    pub fn read(&self, path: &str, most: u64) -> Result<Vec<u8>, ModuleError> {
        let found = self.file(path)?;
        let mut bytes = Vec::new();
        let file = std::fs::File::open(&found).map_err(io("read", &found))?;
        file.take(most.saturating_add(1)).read_to_end(&mut bytes).map_err(io("read", &found))?;
        if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > most {
            return Err(ModuleError::File {
                module: self.source.repo.clone(),
                path: path.to_owned(),
                why: format!("{TOO_LARGE} {most} bytes"),
            });
        }
        Ok(bytes)
    }

    /// The text of the template.
    ///
    /// # Errors
    /// As [`Checkout::read`].
    pub fn template(&self) -> Result<Vec<u8>, ModuleError> {
        self.read(&self.source.path, u64::try_from(Limits::default().template_bytes).unwrap_or(u64::MAX))
    }

    /// Renders and decodes the module with inputs, under the name that existing nodes use in error texts.
    ///
    /// # Errors
    /// As [`Checkout::template`] and [`render`](crate::module::render).
    pub fn render(&self, inputs: &BTreeMap<String, String>) -> Result<Module, ModuleError> {
        let name = template_name(&self.source);
        render_for(&self.template()?, &name, &name, inputs)
    }

    /// As [`Checkout::render`], with errors that call the module `shown`, as the person does, and name its file.
    ///
    /// # Errors
    /// As [`Checkout::render`].
    pub fn render_as(&self, shown: &str, inputs: &BTreeMap<String, String>) -> Result<Module, ModuleError> {
        let file = self.source.path.trim_start_matches('/');
        render_for(&self.template()?, shown, file, inputs)
    }

    /// Looks at the `.wasm` files of the repository that a job names, so that nobody pays for one that is missing or is none.
    ///
    /// # Errors
    /// As [`Checkout::wasm`], and [`ModuleError::File`] for a file that does not begin as WebAssembly does. Files from
    /// elsewhere are not looked at.
    pub fn check_files(&self, job: &Workload) -> Result<(), ModuleError> {
        let Program::Wasm(program) = &job.program else { return Ok(()) };
        for file in std::iter::once(&program.entry_module).chain(program.imports.iter().map(|(_, file)| file)) {
            let WasmLocation::Checkout(path) = &file.location else { continue };
            if !self.wasm(file)?.starts_with(WASM_MAGIC) {
                return Err(ModuleError::File {
                    module: self.source.repo.clone(),
                    path: path.clone(),
                    why: "it is no WebAssembly module".to_owned(),
                });
            }
        }
        Ok(())
    }

    /// The bytes of a `.wasm` file that lies in the checkout, their hash checked when the job names one.
    ///
    /// # Errors
    /// As [`Checkout::read`]; when the hash differs; when the file lies elsewhere.
    pub fn wasm(&self, file: &WasmFile) -> Result<Vec<u8>, ModuleError> {
        let fail = |path: &str, why: String| ModuleError::File {
            module: self.source.repo.clone(),
            path: path.to_owned(),
            why,
        };
        let path = match &file.location {
            WasmLocation::Checkout(path) => path,
            WasmLocation::Url(place) | WasmLocation::Cid(place) => {
                return Err(fail(place, "it does not lie in the module's repository".to_owned()));
            }
        };
        let bytes = self.read(path, WASM_MAX)?;
        if let Some(wanted) = file.sha256 {
            let found: [u8; 32] = Sha256::digest(&bytes).into();
            if found != wanted {
                let why = format!("its SHA-256 is {}, the job names {}", hex::encode(found), hex::encode(wanted));
                return Err(fail(path, why));
            }
        }
        Ok(bytes)
    }
}
