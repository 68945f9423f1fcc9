//! Folders as tar archives, in the form in which inputs and results travel (spec/network.md §7.4).
//!
//! Written: USTAR without compression, entries in byte order of their names, folders before their content, no entry for
//! the root, fixed owner, time and modes; so equal folders give equal archives. Read: that, and what the existing nodes
//! write (an entry `.`, their modes and times, bytes after the archive's end). Nothing read can leave the target folder.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Component, Path, PathBuf},
};

use crate::types::DataId;
use crate::verify::{self, Entry, MAX_FOLDER_DEPTH, NamedEntry, Tree};

/// Bytes after an archive's end that are read and ignored: a node of the existing network adds `{}`.
const MAX_TRAILING_BYTES: u64 = 64 * 1024;

/// Longest name, or list of extensions, that an entry may carry before it. They are read into memory.
const MAX_EXTENSION_BYTES: u64 = 64 * 1024;

/// How large an archive may be once unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ArchiveLimits {
    /// Bytes of all files together. Default 1 GiB.
    pub bytes: u64,
    /// Entries, files and folders. Default 20,000.
    pub entries: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { bytes: 1 << 30, entries: 20_000 }
    }
}

/// What an archive held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unpacked {
    /// Bytes of all files together.
    pub bytes: u64,
    /// Regular files.
    pub files: u64,
}

/// Why a folder cannot be packed or an archive not be unpacked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// The name would leave the target folder, or is no name.
    #[error("unsafe name '{name}' in the archive")]
    UnsafeName {
        /// The entry's name, invalid UTF-8 replaced.
        name: String,
    },
    /// Neither a regular file nor a folder.
    #[error("'{name}' is neither a file nor a folder")]
    NotAFile {
        /// The entry's name.
        name: String,
    },
    /// A name appears twice, or the file was there before.
    #[error("'{name}' exists already")]
    Exists {
        /// The entry's name.
        name: String,
    },
    /// Too many bytes.
    #[error("the archive holds more than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// Too many entries.
    #[error("the archive holds more than {limit} entries")]
    TooManyEntries {
        /// The limit.
        limit: u64,
    },
    /// Folders too deep inside each other.
    #[error("'{name}' lies more than {MAX_FOLDER_DEPTH} folders deep")]
    TooDeep {
        /// The entry's name.
        name: String,
    },
    /// The bytes are no tar archive, or end too early.
    #[error("malformed archive: {source}")]
    Malformed {
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A file could not be used.
    #[error("cannot {action} '{}': {source}", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
}

impl ArchiveError {
    /// Whether the archive is to blame, not this machine.
    #[must_use]
    pub fn is_sender_fault(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}

/// Writes everything below `folder` as a tar archive and returns the writer.
///
/// # Errors
/// [`ArchiveError::NotAFile`] for links, devices and pipes (they are never followed), [`ArchiveError::Io`].
pub fn pack<W: Write>(folder: &Path, out: W) -> Result<W, ArchiveError> {
    let mut builder = tar::Builder::new(out);
    pack_folder(&mut builder, folder, Path::new(""), 0)?;
    builder.into_inner().map_err(failed("write the archive of", folder))
}

/// [`pack`] into memory.
///
/// # Errors
/// As [`pack`].
pub fn pack_to_vec(folder: &Path) -> Result<Vec<u8>, ArchiveError> {
    pack(folder, Vec::new())
}

fn pack_folder<W: Write>(
    builder: &mut tar::Builder<W>,
    root: &Path,
    inside: &Path,
    depth: usize,
) -> Result<(), ArchiveError> {
    if depth > MAX_FOLDER_DEPTH {
        return Err(ArchiveError::TooDeep { name: inside.display().to_string() });
    }
    let folder = root.join(inside);
    let entries = fs::read_dir(&folder).map_err(failed("list", &folder))?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(failed("list", &folder))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), inside.join(entry.file_name()));
        let kind = entry.file_type().map_err(failed("read", &path))?;
        let mut header = tar::Header::new_ustar();
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        if kind.is_dir() {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_mode(0o755);
            header.set_size(0);
            builder.append_data(&mut header, &name, io::empty()).map_err(failed("pack", &path))?;
            pack_folder(builder, root, &name, depth + 1)?;
        } else if kind.is_file() {
            let file = fs::File::open(&path).map_err(failed("open", &path))?;
            let meta = file.metadata().map_err(failed("read", &path))?;
            header.set_mode(if is_executable(&meta) { 0o755 } else { 0o644 });
            header.set_size(meta.len());
            // A file that shrinks or grows meanwhile must not shift the entries after it.
            let mut exact = file.take(meta.len());
            builder.append_data(&mut header, &name, &mut exact).map_err(failed("pack", &path))?;
            if exact.limit() > 0 {
                return Err(failed("pack", &path)(io::ErrorKind::UnexpectedEof.into()));
            }
        } else {
            return Err(ArchiveError::NotAFile { name: name.display().to_string() });
        }
    }
    Ok(())
}

/// Unpacks a tar archive into `target`, which is made if it is absent (its parent must exist).
///
/// Only files and folders are accepted; an entry with another type, an absolute name or `..` in it ends the unpacking, and
/// so does a file that exists. Owners and times are not taken over, of the modes only "executable". After an error the
/// target holds what came before it: unpack beside the final place and rename.
///
/// # Errors
/// See [`ArchiveError`].
pub fn unpack(archive: impl Read, target: &Path, limits: &ArchiveLimits) -> Result<Unpacked, ArchiveError> {
    make_folder(target)?;
    let mut done = Unpacked::default();
    let mut archive = tar::Archive::new(archive);
    let (mut count, mut entries) = (0, 0);
    let mut long_name = None;
    // Raw: the library would read an extension of any size into memory.
    for entry in archive.entries().map_err(malformed)?.raw(true) {
        let mut entry = entry.map_err(malformed)?;
        count += 1;
        // An entry may have a long name before it.
        if count > limits.entries.saturating_mul(2) {
            return Err(ArchiveError::TooManyEntries { limit: limits.entries });
        }
        let kind = entry.header().entry_type();
        if kind == tar::EntryType::XGlobalHeader {
            continue;
        }
        if kind.is_gnu_longname() || kind.is_pax_local_extensions() {
            if let Some(found) = read_long_name(&mut entry)? {
                long_name = Some(found);
            }
            continue;
        }
        entries += 1;
        if entries > limits.entries {
            return Err(ArchiveError::TooManyEntries { limit: limits.entries });
        }
        let bytes = long_name.take().unwrap_or_else(|| entry.path_bytes().into_owned());
        let name = String::from_utf8_lossy(&bytes).into_owned();
        let inside = safe_path(&path_of(bytes, &name)?, &name)?;
        if kind.is_dir() {
            make_folders(target, &inside)?;
        } else if kind.is_file() && inside.as_os_str().is_empty() {
            return Err(ArchiveError::UnsafeName { name });
        } else if kind.is_file() {
            done.bytes = done.bytes.saturating_add(entry.size());
            done.files += 1;
            if done.bytes > limits.bytes {
                return Err(ArchiveError::TooLarge { limit: limits.bytes });
            }
            make_folders(target, inside.parent().unwrap_or(Path::new("")))?;
            write_file(&mut entry, &target.join(&inside), &name)?;
        } else {
            return Err(ArchiveError::NotAFile { name });
        }
    }
    let mut rest = archive.into_inner().take(MAX_TRAILING_BYTES);
    io::copy(&mut rest, &mut io::sink()).map_err(malformed)?;
    Ok(done)
}

/// The name that a GNU or PAX extension gives the next entry.
fn read_long_name<R: Read>(entry: &mut tar::Entry<'_, R>) -> Result<Option<Vec<u8>>, ArchiveError> {
    if entry.size() > MAX_EXTENSION_BYTES {
        return Err(malformed(io::Error::other("an extension header is too large")));
    }
    let is_name = entry.header().entry_type().is_gnu_longname();
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).map_err(malformed)?;
    if is_name {
        bytes.truncate(bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len()));
        return Ok(Some(bytes));
    }
    let mut name = None;
    for extension in tar::PaxExtensions::new(&bytes) {
        let extension = extension.map_err(malformed)?;
        match extension.key_bytes() {
            b"path" => name = Some(extension.value_bytes().to_vec()),
            // Another size than the header's makes one archive two, depending on who reads it.
            b"size" => return Err(malformed(io::Error::other("an extension header changes a file's size"))),
            _ => {}
        }
    }
    Ok(name)
}

#[cfg(unix)]
fn path_of(bytes: Vec<u8>, _: &str) -> Result<PathBuf, ArchiveError> {
    use std::os::unix::ffi::OsStringExt;
    Ok(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of(bytes: Vec<u8>, name: &str) -> Result<PathBuf, ArchiveError> {
    String::from_utf8(bytes).map(PathBuf::from).map_err(|_| ArchiveError::UnsafeName { name: name.to_owned() })
}

/// The name's plain parts; anything that leads elsewhere is refused. `.` and `./` give the empty path.
fn safe_path(path: &Path, name: &str) -> Result<PathBuf, ArchiveError> {
    let mut inside = PathBuf::new();
    let unsafe_name = || ArchiveError::UnsafeName { name: name.to_owned() };
    if name.is_empty() || name.contains('\0') || name.contains('\\') && cfg!(windows) {
        return Err(unsafe_name());
    }
    for part in path.components() {
        match part {
            Component::Normal(part) => inside.push(part),
            Component::CurDir => {}
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => {
                return Err(unsafe_name());
            }
        }
    }
    if inside.components().count() > MAX_FOLDER_DEPTH {
        return Err(ArchiveError::TooDeep { name: name.to_owned() });
    }
    Ok(inside)
}

fn make_folders(target: &Path, inside: &Path) -> Result<(), ArchiveError> {
    let mut path = target.to_owned();
    for part in inside.components() {
        path.push(part);
        make_folder(&path)?;
    }
    Ok(())
}

/// Makes one folder, or accepts it when it is a real one (no link).
fn make_folder(path: &Path) -> Result<(), ArchiveError> {
    match fs::create_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let meta = fs::symlink_metadata(path).map_err(failed("read", path))?;
            if !meta.is_dir() {
                return Err(ArchiveError::Exists { name: path.display().to_string() });
            }
            Ok(())
        }
        other => other.map_err(failed("create", path)),
    }
}

fn write_file<R: Read>(entry: &mut tar::Entry<'_, R>, path: &Path, name: &str) -> Result<(), ArchiveError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        let is_executable = entry.header().mode().is_ok_and(|mode| mode & 0o100 != 0);
        options.mode(if is_executable { 0o755 } else { 0o644 });
    }
    let mut file = options.open(path).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => ArchiveError::Exists { name: name.to_owned() },
        _ => failed("create", path)(error),
    })?;
    let size = entry.size();
    let mut buffer = vec![0; 64 * 1024];
    let mut written = 0;
    loop {
        let read = entry.read(&mut buffer).map_err(malformed)?;
        if read == 0 {
            break;
        }
        file.write_all(&buffer[..read]).map_err(failed("write", path))?;
        written += read as u64;
    }
    if written != size {
        return Err(malformed(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// The `data_id` of a folder on this machine; hidden entries are left out.
///
/// # Errors
/// What reading the folder returns, and [`io::ErrorKind::InvalidData`] for a link, device or pipe: nothing is followed.
pub fn data_id_of_folder(folder: &Path) -> io::Result<DataId> {
    verify::data_id(&mut FolderTree, &folder.to_owned())
}

struct FolderTree;

impl Tree for FolderTree {
    type Folder = PathBuf;
    type File = PathBuf;

    fn list(&mut self, folder: &PathBuf) -> io::Result<Vec<NamedEntry<Self>>> {
        let named = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            let (path, kind) = (entry.path(), entry.file_type()?);
            let found = match () {
                () if kind.is_dir() => Entry::Folder(path),
                () if kind.is_file() => Entry::File(path),
                () => {
                    let text = format!("'{}' is neither a file nor a folder", path.display());
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            };
            Ok((entry.file_name().into_encoded_bytes(), found))
        };
        fs::read_dir(folder)?.map(named).collect()
    }

    fn open(&mut self, file: &PathBuf) -> io::Result<impl Read> {
        fs::File::open(file)
    }
}

#[cfg(unix)]
fn is_executable(meta: &fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    meta.permissions().mode() & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &fs::Metadata) -> bool {
    false
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ArchiveError {
    let path = path.to_owned();
    move |source| ArchiveError::Io { action, path, source }
}

fn malformed(source: io::Error) -> ArchiveError {
    ArchiveError::Malformed { source }
}

#[cfg(test)]
#[path = "archive_tests.rs"]
mod tests;
