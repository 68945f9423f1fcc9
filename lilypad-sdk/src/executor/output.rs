//! The result folder: made before a run, bounded during it, cleaned and identified after it.

use std::{
    fs,
    io::{self, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use super::{EXIT_CODE_FILE, FailureKind, Limits, OutputSpec, RunRequest, STDERR_FILE, STDOUT_FILE};
use crate::types::DataId;
use crate::verify::{self, Entry, MAX_FOLDER_DEPTH, NamedEntry, Tree};

/// Pause between two looks at the size of the outputs.
#[cfg(any(feature = "docker", feature = "wasm"))]
const WATCH_INTERVAL: std::time::Duration = std::time::Duration::from_millis(200);

/// The result folder of one run.
#[derive(Debug)]
pub(crate) struct ResultFolder {
    dir: PathBuf,
    outputs: Vec<OutputSpec>,
    budget: Arc<Budget>,
}

/// What the finished folder is.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) data_id: DataId,
    pub(crate) bytes: u64,
    pub(crate) files: u64,
}

impl ResultFolder {
    /// Makes the folder with empty `stdout` and `stderr` and one folder an output.
    ///
    /// Its mode is 0700: what lies in it is the node's alone until it is handed on, so an output may be open to a
    /// container's user without being open to the machine's.
    pub(crate) fn create(request: &RunRequest) -> Result<Self, FailureKind> {
        let dir = request.result_dir.clone();
        match fs::create_dir(&dir) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let mut entries = fs::read_dir(&dir).map_err(failed("list", &dir))?;
                if entries.next().is_some() {
                    let source = io::ErrorKind::DirectoryNotEmpty.into();
                    return Err(failed("use", &dir)(source));
                }
            }
            other => other.map_err(failed("create", &dir))?,
        }
        set_mode(&dir, 0o700)?;
        for name in [STDOUT_FILE, STDERR_FILE] {
            fs::File::create_new(dir.join(name)).map_err(failed("create", &dir.join(name)))?;
        }
        for output in &request.outputs {
            let path = dir.join(&output.name);
            fs::create_dir(&path).map_err(failed("create", &path))?;
        }
        let budget = Arc::new(Budget::new(&request.limits));
        Ok(Self { dir, outputs: request.outputs.clone(), budget })
    }

    /// Outputs with the folders that hold them.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (&OutputSpec, PathBuf)> {
        self.outputs.iter().map(|output| (output, self.dir.join(&output.name)))
    }

    /// Lets every user write into the outputs, for a container whose user is not the node's.
    #[cfg(feature = "docker")]
    pub(crate) fn open_outputs(&self) -> Result<(), FailureKind> {
        self.outputs().try_for_each(|(_, path)| set_mode(&path, 0o777))
    }

    /// Opens `stdout` or `stderr` for writing.
    pub(crate) fn log(&self, name: &'static str) -> Result<LogFile, FailureKind> {
        let path = self.dir.join(name);
        let file = fs::OpenOptions::new().append(true).open(&path).map_err(failed("open", &path))?;
        Ok(LogFile { file, path, budget: self.budget.clone() })
    }

    /// Ends when the outputs have outgrown their limit; never when they stay within it.
    #[cfg(any(feature = "docker", feature = "wasm"))]
    pub(crate) fn watch(&self) -> impl Future<Output = FailureKind> + Send + 'static {
        let folders: Vec<_> = self.outputs().map(|(_, path)| path).collect();
        let budget = self.budget.clone();
        async move {
            if folders.is_empty() {
                return std::future::pending().await;
            }
            let folders = Arc::new(folders);
            loop {
                tokio::time::sleep(WATCH_INTERVAL).await;
                let (folders, budget) = (folders.clone(), budget.clone());
                let size = tokio::task::spawn_blocking(move || {
                    let mut size = Size::default();
                    let look = |folder: &PathBuf| size.add_running(folder, 0, &budget);
                    folders.iter().try_for_each(look).err()
                });
                if let Ok(Some(kind)) = size.await {
                    return kind;
                }
            }
        }
    }

    /// Writes the exit code, removes what is neither file nor folder, checks the limits and identifies the result.
    pub(crate) fn finish(&self, exit_code: i64) -> Result<Finished, FailureKind> {
        let path = self.dir.join(EXIT_CODE_FILE);
        let code = exit_code.to_string();
        fs::write(&path, &code).map_err(failed("write", &path))?;
        let mut size = Size { bytes: self.budget.used(), files: 0 };
        for (_, folder) in self.outputs() {
            set_mode(&folder, 0o755)?;
            size.clean(&folder, 0, &self.budget)?;
        }
        let files = size.files + 3 + self.outputs.len() as u64;
        let bytes = size.bytes + code.len() as u64;
        let data_id = verify::data_id(&mut FolderTree, &self.dir).map_err(failed("identify", &self.dir))?;
        Ok(Finished { data_id, bytes, files })
    }
}

/// Bytes that the result may have, and how many its logs have used.
#[derive(Debug)]
struct Budget {
    bytes: u64,
    files: u64,
    logged: AtomicU64,
    exceeded: AtomicBool,
}

impl Budget {
    fn new(limits: &Limits) -> Self {
        let (bytes, files) = (limits.output_bytes, limits.output_files);
        Self { bytes, files, logged: AtomicU64::new(0), exceeded: AtomicBool::new(false) }
    }

    fn used(&self) -> u64 {
        self.logged.load(Ordering::Relaxed).min(self.bytes)
    }

    fn check(&self, size: &Size) -> Result<(), FailureKind> {
        if size.bytes > self.bytes {
            return Err(FailureKind::OutputLimit { what: "bytes", limit: self.bytes });
        }
        if size.files > self.files {
            return Err(FailureKind::OutputLimit { what: "files", limit: self.files });
        }
        Ok(())
    }
}

/// `stdout` or `stderr`, which together may fill the run's byte limit and not one byte more.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: fs::File,
    path: PathBuf,
    budget: Arc<Budget>,
}

impl LogFile {
    /// Appends as much as the limit leaves; less than everything is the error.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), FailureKind> {
        let length = bytes.len() as u64;
        let before = self.budget.logged.fetch_add(length, Ordering::Relaxed);
        let room = self.budget.bytes.saturating_sub(before).min(length);
        let fits = usize::try_from(room).unwrap_or(bytes.len());
        self.file.write_all(&bytes[..fits]).map_err(failed("write", &self.path))?;
        if room < length {
            self.budget.exceeded.store(true, Ordering::Relaxed);
            return Err(FailureKind::OutputLimit { what: "bytes", limit: self.budget.bytes });
        }
        Ok(())
    }

    /// The limit, if this log or its sibling was refused a byte.
    #[cfg(feature = "wasm")]
    pub(crate) fn exceeded(&self) -> Option<FailureKind> {
        let limit = self.budget.bytes;
        let is_exceeded = self.budget.exceeded.load(Ordering::Relaxed);
        is_exceeded.then_some(FailureKind::OutputLimit { what: "bytes", limit })
    }
}

/// What lies in the outputs. Every name counts with its full length, so links and holes cannot grow on the way.
#[derive(Debug, Default)]
struct Size {
    bytes: u64,
    files: u64,
}

impl Size {
    /// Counts a folder that a job still writes to: entries may vanish between two calls.
    #[cfg(any(feature = "docker", feature = "wasm"))]
    fn add_running(&mut self, dir: &Path, depth: usize, budget: &Budget) -> Result<(), FailureKind> {
        let Ok(entries) = fs::read_dir(dir) else {
            return Ok(());
        };
        for entry in entries.flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            self.files += 1;
            if meta.is_dir() && depth < MAX_FOLDER_DEPTH {
                self.add_running(&entry.path(), depth + 1, budget)?;
            } else if meta.is_file() {
                self.bytes = self.bytes.saturating_add(meta.len());
            }
            let logged = Size { bytes: self.bytes.saturating_add(budget.used()), files: self.files };
            budget.check(&logged)?;
        }
        Ok(())
    }

    /// Counts a folder that nobody writes to any more, and removes links, devices, pipes and sockets from it.
    fn clean(&mut self, dir: &Path, depth: usize, budget: &Budget) -> Result<(), FailureKind> {
        if depth > MAX_FOLDER_DEPTH {
            let limit = MAX_FOLDER_DEPTH as u64;
            return Err(FailureKind::OutputLimit { what: "folders inside each other", limit });
        }
        for entry in fs::read_dir(dir).map_err(failed("list", dir))? {
            let entry = entry.map_err(failed("list", dir))?;
            let path = entry.path();
            let meta = entry.metadata().map_err(failed("read", &path))?;
            if meta.is_dir() {
                self.files += 1;
                self.clean(&path, depth + 1, budget)?;
            } else if meta.is_file() {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(meta.len());
            } else {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
            budget.check(self)?;
        }
        Ok(())
    }
}

/// A folder of this machine as [`Tree`]. Anything but files and folders is refused, nothing is followed.
struct FolderTree;

impl Tree for FolderTree {
    type Folder = PathBuf;
    type File = PathBuf;

    fn list(&mut self, folder: &PathBuf) -> io::Result<Vec<NamedEntry<Self>>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = entry.path();
            let found = if kind.is_dir() {
                Entry::Folder(path)
            } else if kind.is_file() {
                Entry::File(path)
            } else {
                let text = format!("'{}' is neither file nor folder", path.display());
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            };
            entries.push((entry.file_name().into_encoded_bytes(), found));
        }
        Ok(entries)
    }

    fn open(&mut self, file: &PathBuf) -> io::Result<impl Read> {
        fs::File::open(file)
    }
}

/// The end of a file as text, at most `bytes` of it.
pub(super) fn tail(path: &Path, bytes: usize) -> Option<String> {
    let mut file = fs::File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes as u64))).ok()?;
    let mut end = Vec::new();
    file.take(bytes as u64).read_to_end(&mut end).ok()?;
    Some(String::from_utf8_lossy(&end).into_owned())
}

/// Names the file and the action of an I/O error.
pub(crate) fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FailureKind {
    let path = path.to_owned();
    move |source| FailureKind::Io { action, path, source }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<(), FailureKind> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed("open", path))
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<(), FailureKind> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::executor::{WasmWorkload, Workload};

    fn folder(limit: u64, files: u64) -> (tempfile::TempDir, ResultFolder) {
        let dir = tempfile::tempdir().unwrap();
        let workload = Workload::Wasm(WasmWorkload::new("unused"));
        let mut request = RunRequest::new("deal", workload, dir.path().join("result"));
        request.outputs = vec![OutputSpec::new("outputs", "/outputs")];
        request.limits.output_bytes = limit;
        request.limits.output_files = files;
        let folder = ResultFolder::create(&request).unwrap();
        (dir, folder)
    }

    #[test]
    fn an_empty_run_has_the_id_of_the_vectors() {
        let (_dir, folder) = folder(100, 10);
        let finished = folder.finish(0).unwrap();
        // spec vector "outputs-empty-dir"
        let id = "QmWUXBndMuq2G6B6ndQCmkRHjZ6CvyJ8qLxXBG3YsSFzQG";
        assert_eq!(finished.data_id.to_string(), id);
        assert_eq!(fs::read(folder.dir.join("exitCode")).unwrap(), b"0");
    }

    #[test]
    fn logs_share_one_limit_and_keep_what_fits() {
        let (_dir, folder) = folder(10, 10);
        let mut stdout = folder.log(STDOUT_FILE).unwrap();
        let mut stderr = folder.log(STDERR_FILE).unwrap();
        stdout.append(b"123456").unwrap();
        let error = stderr.append(b"abcdef").unwrap_err();
        assert!(matches!(error, FailureKind::OutputLimit { limit: 10, .. }), "{error}");
        assert_eq!(fs::read(folder.dir.join("stderr")).unwrap(), b"abcd");
        assert!(stdout.append(b"x").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_removed_and_never_followed() {
        let (dir, folder) = folder(100, 10);
        let secret = dir.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        let outputs = folder.dir.join("outputs");
        std::os::unix::fs::symlink(&secret, outputs.join("link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), outputs.join("folder")).unwrap();
        std::os::unix::net::UnixListener::bind(outputs.join("socket")).unwrap();
        fs::write(outputs.join("kept"), "1").unwrap();
        folder.finish(0).unwrap();
        let names: Vec<_> = fs::read_dir(&outputs).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["kept"]);
        assert!(secret.exists());
    }

    #[test]
    fn outputs_count_against_the_limits() {
        let (_dir, folder_) = folder(10, 10);
        fs::write(folder_.dir.join("outputs/big"), [0; 11]).unwrap();
        let error = folder_.finish(0).unwrap_err();
        assert!(matches!(error, FailureKind::OutputLimit { what: "bytes", .. }), "{error}");
        let (_dir, folder_) = folder(10, 2);
        for name in ["a", "b", "c"] {
            fs::create_dir(folder_.dir.join("outputs").join(name)).unwrap();
        }
        let error = folder_.finish(0).unwrap_err();
        assert!(matches!(error, FailureKind::OutputLimit { what: "files", .. }), "{error}");
    }

    #[test]
    fn a_used_folder_is_refused() {
        let (_dir, folder) = folder(10, 2);
        let workload = Workload::Wasm(WasmWorkload::new("unused"));
        let request = RunRequest::new("deal", workload, &folder.dir);
        assert!(ResultFolder::create(&request).is_err());
    }

    #[test]
    fn tail_keeps_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        fs::write(&path, "0123456789").unwrap();
        assert_eq!(tail(&path, 4).unwrap(), "6789");
        assert_eq!(tail(&path, 40).unwrap(), "0123456789");
        assert!(tail(&dir.path().join("none"), 4).is_none());
    }
}
