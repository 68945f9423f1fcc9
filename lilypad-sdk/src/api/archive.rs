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
    let mut count = 0;
    for entry in archive.entries().map_err(malformed)? {
        let mut entry = entry.map_err(malformed)?;
        count += 1;
        if count > limits.entries {
            return Err(ArchiveError::TooManyEntries { limit: limits.entries });
        }
        let kind = entry.header().entry_type();
        if kind == tar::EntryType::XGlobalHeader {
            continue;
        }
        let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        let inside = safe_path(&entry.path().map_err(malformed)?, &name)?;
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
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// One entry with a name that no writer would let through.
    fn entry(name: &[u8], kind: tar::EntryType, content: &[u8]) -> Vec<u8> {
        let mut header = tar::Header::new_ustar();
        header.as_ustar_mut().unwrap().name[..name.len()].copy_from_slice(name);
        header.set_entry_type(kind);
        header.set_mode(0o777);
        header.set_size(content.len() as u64);
        if kind.is_symlink() || kind.is_hard_link() {
            header.set_link_name("/etc/passwd").unwrap();
        }
        header.set_cksum();
        let mut bytes = header.as_bytes().to_vec();
        bytes.extend_from_slice(content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
        bytes
    }

    fn archive(entries: &[Vec<u8>]) -> Vec<u8> {
        let mut bytes = entries.concat();
        bytes.extend_from_slice(&[0; 1024]);
        bytes
    }

    fn file(name: &str, content: &str) -> Vec<u8> {
        entry(name.as_bytes(), tar::EntryType::Regular, content.as_bytes())
    }

    fn folder(name: &str) -> Vec<u8> {
        entry(name.as_bytes(), tar::EntryType::Directory, b"")
    }

    fn try_unpack(bytes: &[u8]) -> (tempfile::TempDir, Result<Unpacked, ArchiveError>) {
        let dir = tempfile::tempdir().unwrap();
        let done = unpack(bytes, &dir.path().join("target"), &ArchiveLimits::default());
        (dir, done)
    }

    #[test]
    fn a_folder_survives_the_journey_and_packs_to_equal_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        let long = "long".repeat(40);
        for folder in ["outputs/a/b", "empty", &long] {
            fs::create_dir_all(source.join(folder)).unwrap();
        }
        for (name, content) in [("stdout", "moo"), ("outputs/a/b/c", ""), ("exitCode", "0"), ("é", "u")] {
            fs::write(source.join(name), content).unwrap();
        }
        fs::write(source.join(&long).join(&long), "deep").unwrap();
        let packed = pack_to_vec(&source).unwrap();
        let target = dir.path().join("target");
        let done = unpack(&packed[..], &target, &ArchiveLimits::default()).unwrap();
        assert_eq!((done.files, done.bytes), (5, 9));
        assert_eq!(data_id_of_folder(&source).unwrap(), data_id_of_folder(&target).unwrap());
        assert_eq!(pack_to_vec(&target).unwrap(), packed);
    }

    #[test]
    fn reads_what_existing_nodes_write() {
        let mut bytes = archive(&[folder("."), file("exitCode", "0"), folder("outputs"), file("outputs/x", "1")]);
        bytes.extend_from_slice(b"{}\n");
        let (dir, done) = try_unpack(&bytes);
        assert_eq!(done.unwrap().files, 2);
        assert_eq!(fs::read(dir.path().join("target/outputs/x")).unwrap(), b"1");
        // Folders may be left out.
        let (dir, done) = try_unpack(&archive(&[file("a/b/c", "1")]));
        done.unwrap();
        assert_eq!(fs::read(dir.path().join("target/a/b/c")).unwrap(), b"1");
    }

    #[test]
    fn refuses_names_that_leave_the_target() {
        for name in ["/etc/x", "../x", "a/../../x", "..", "//x", "a/..", "./../x"] {
            let (dir, done) = try_unpack(&archive(&[file(name, "x")]));
            assert!(matches!(done, Err(ArchiveError::UnsafeName { .. })), "{name}: {done:?}");
            assert_eq!(fs::read_dir(dir.path().join("target")).unwrap().count(), 0, "{name}");
            assert!(!dir.path().join("x").exists());
        }
        for name in [".", "./"] {
            assert!(try_unpack(&archive(&[file(name, "x")])).1.is_err(), "{name}");
        }
    }

    #[test]
    fn refuses_links_and_devices() {
        use tar::EntryType as Kind;
        for kind in [Kind::Symlink, Kind::Link, Kind::Char, Kind::Block, Kind::Fifo, Kind::new(b'V')] {
            let (dir, done) = try_unpack(&archive(&[entry(b"x", kind, b"")]));
            assert!(matches!(done, Err(ArchiveError::NotAFile { .. })), "{kind:?}: {done:?}");
            assert!(!dir.path().join("target/x").exists());
        }
    }

    #[cfg(unix)]
    #[test]
    fn does_not_write_through_a_link_in_the_target() {
        let dir = tempfile::tempdir().unwrap();
        let (target, outside) = (dir.path().join("target"), dir.path().join("outside"));
        fs::create_dir(&target).unwrap();
        fs::create_dir(&outside).unwrap();
        std::os::unix::fs::symlink(&outside, target.join("a")).unwrap();
        let done = unpack(&archive(&[file("a/b", "x")])[..], &target, &ArchiveLimits::default());
        assert!(matches!(done, Err(ArchiveError::Exists { .. })));
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
    }

    #[test]
    fn refuses_a_second_entry_of_a_name_and_a_file_as_folder() {
        for second in ["a", "a/b"] {
            let (_dir, done) = try_unpack(&archive(&[file("a", "1"), file(second, "2")]));
            assert!(matches!(done, Err(ArchiveError::Exists { .. })), "{done:?}");
        }
        try_unpack(&archive(&[folder("a"), folder("a"), folder("a/")])).1.unwrap();
    }

    #[test]
    fn limits_hold_at_their_edges() {
        let bytes = archive(&[file("a", "12345"), file("b", "67890")]);
        let run = |limits: ArchiveLimits| {
            let dir = tempfile::tempdir().unwrap();
            unpack(&bytes[..], &dir.path().join("target"), &limits)
        };
        assert!(run(ArchiveLimits { bytes: 10, entries: 2 }).is_ok());
        let error = run(ArchiveLimits { bytes: 9, entries: 2 }).unwrap_err();
        assert!(matches!(error, ArchiveError::TooLarge { limit: 9 }));
        let error = run(ArchiveLimits { bytes: 10, entries: 1 }).unwrap_err();
        assert!(matches!(error, ArchiveError::TooManyEntries { limit: 1 }));
        let deep = "d/".repeat(40);
        assert!(try_unpack(&archive(&[folder(&deep)])).1.is_ok());
    }

    #[test]
    fn refuses_what_ends_too_early_or_is_no_archive() {
        let whole = archive(&[file("a", &"x".repeat(2000))]);
        for bytes in [&whole[..700], b"hello, this is no archive at all", &[7; 2048]] {
            let (_dir, done) = try_unpack(bytes);
            assert!(matches!(done, Err(ArchiveError::Malformed { .. })), "{done:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn packing_refuses_a_link() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        assert!(matches!(pack_to_vec(dir.path()), Err(ArchiveError::NotAFile { .. })));
        assert!(data_id_of_folder(dir.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn keeps_that_a_file_is_executable() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        fs::create_dir(&source).unwrap();
        fs::write(source.join("tool"), "x").unwrap();
        fs::set_permissions(source.join("tool"), fs::Permissions::from_mode(0o4755)).unwrap();
        let target = dir.path().join("target");
        unpack(&pack_to_vec(&source).unwrap()[..], &target, &ArchiveLimits::default()).unwrap();
        let mode = fs::metadata(target.join("tool")).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o755);
    }
}
