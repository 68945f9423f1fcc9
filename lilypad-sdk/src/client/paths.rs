//! The folders of this machine: results and caches, and what must outlive them.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::Error;

/// Where the existing network keeps its data, and ours too (spec/cli.md §6).
const DEFAULT_DATA: &str = "/tmp/lilypad/data";

/// The two roots (design.md §11, ruling 23).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// Results and caches: `DATA_DIR`, else `/tmp/lilypad/data`.
    pub data: PathBuf,
    /// Stores, locks and the devnet's file: `$XDG_STATE_HOME/lilypad`, else `~/.local/state/lilypad`.
    pub state: PathBuf,
}

impl Paths {
    /// The roots that the environment names.
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let data = set("DATA_DIR").unwrap_or_else(|| DEFAULT_DATA.into());
        let state = set("XDG_STATE_HOME").or_else(|| set("HOME").map(|home| home.join(".local/state")));
        let state = state.map_or_else(|| data.join("state"), |root| root.join("lilypad"));
        Self { data, state }
    }

    /// Makes both roots, readable by their owner only, and refuses ones that belong to somebody else, that others may write
    /// to, that others could replace, or that nothing can be written to.
    ///
    /// # Errors
    /// [`Error::Usage`] with the folder and the way out.
    pub fn prepare(&self) -> Result<(), Error> {
        for (folder, name) in [(&self.data, "DATA_DIR"), (&self.state, "XDG_STATE_HOME")] {
            private_dir(folder).and_then(|()| probe(folder)).map_err(|error| Error::Usage {
                what: format!("{name}: folder {} can't be used: {error}", folder.display()),
                hint: format!("set {name} to a folder of your own: export {name}=\"$HOME/lilypad\""),
            })?;
        }
        Ok(())
    }

    /// Where results are unpacked.
    pub fn downloads(&self) -> PathBuf {
        self.data.join("downloaded-files")
    }

    /// Where receipts are kept.
    pub fn receipts(&self) -> PathBuf {
        self.data.join("receipts")
    }

    /// Where transactions of one key take turns between processes.
    pub fn locks(&self) -> PathBuf {
        self.state.join("locks")
    }
}

/// Whether a file can be made in `folder`. Modes alone don't say: a whole file system may be closed or full.
fn probe(folder: &Path) -> io::Result<()> {
    let path = folder.join(format!(".probe-{}-{:?}", std::process::id(), std::thread::current().id()));
    fs::File::create(&path)?;
    fs::remove_file(path)
}

/// Makes a folder for its owner only; one that is there must be the owner's and nobody else may write to it.
///
/// Below a folder that everybody may write to, such as `/tmp`, nothing on the way may belong to another user, who could put
/// something else in its place later, and what is ours is closed to others.
pub(crate) fn private_dir(folder: &Path) -> io::Result<()> {
    let me = fs::metadata("/proc/self").map(|process| process.uid()).ok();
    let parent = folder.parent().unwrap_or(Path::new("/"));
    let is_shared = check_way(parent, me)?;
    fs::DirBuilder::new().recursive(true).mode(if is_shared { 0o700 } else { 0o777 }).create(parent)?;
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => made?,
    }
    let is_shared = check_way(parent, me)?;
    let found = if is_shared { fs::symlink_metadata(folder)? } else { fs::metadata(folder)? };
    if !found.is_dir() {
        return Err(io::Error::new(io::ErrorKind::NotADirectory, "it is no folder"));
    }
    if me.is_some_and(|me| me != found.uid()) {
        return Err(refused("it belongs to another user".to_owned()));
    }
    if found.mode() & 0o022 != 0 {
        let way_out = "others may write to it; see what is in it, then chmod 700 it";
        return Err(refused(way_out.to_owned()));
    }
    if is_shared && found.mode() & 0o077 != 0 {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Whether `path` leads through a folder that everybody may write to; an error when another user could then turn it aside.
fn check_way(path: &Path, me: Option<u32>) -> io::Result<bool> {
    let (mut way, mut is_shared) = (PathBuf::new(), false);
    for part in std::path::absolute(path)?.components() {
        way.push(part);
        let found = match fs::symlink_metadata(&way) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => break,
            found => found?,
        };
        if is_shared && found.uid() != 0 && me.is_some_and(|me| me != found.uid()) {
            return Err(refused(format!("{} belongs to another user", way.display())));
        }
        if is_shared && found.is_symlink() {
            return Err(refused(format!("{} is a link in a folder that everybody may write to", way.display())));
        }
        let target = if found.is_symlink() { fs::metadata(&way)? } else { found };
        let is_open = target.mode() & 0o002 != 0;
        if is_open && target.mode() & 0o1000 == 0 {
            return Err(refused(format!("everybody may rename what is in {}", way.display())));
        }
        is_shared |= is_open;
    }
    Ok(is_shared)
}

fn refused(why: String) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::os::unix::fs::symlink;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// A folder that everybody may write to, like `/tmp`.
    fn shared() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o1777);
        dir
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let dir = shared();
        let folder = dir.path().join("lilypad/data");
        private_dir(&folder).unwrap();
        private_dir(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&dir.path().join("lilypad"))), (0o700, 0o700));
    }

    #[test]
    fn a_folder_that_others_may_read_is_closed_and_one_they_may_write_to_is_refused() {
        let dir = shared();
        let folder = dir.path().join("data");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o755);
        private_dir(&folder).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for open in [0o777, 0o1777, 0o770] {
            set_mode(&folder, open);
            let error = private_dir(&folder).unwrap_err();
            assert!(error.to_string().contains("chmod 700"), "{open:o}: {error}");
            assert_eq!(mode(&folder), open, "what may hold strangers' files is not taken over silently");
        }
        let own = tempfile::tempdir().unwrap();
        let folder = own.path().join("data");
        fs::create_dir(&folder).unwrap();
        set_mode(&folder, 0o777);
        assert!(private_dir(&folder).is_err());
    }

    #[test]
    fn a_link_below_a_shared_folder_leads_nowhere() {
        let (dir, own) = (shared(), tempfile::tempdir().unwrap());
        symlink(own.path(), dir.path().join("lilypad")).unwrap();
        assert!(private_dir(&dir.path().join("lilypad/data")).unwrap_err().to_string().contains("link"));
        symlink(own.path(), dir.path().join("data")).unwrap();
        assert!(private_dir(&dir.path().join("data")).is_err());
        assert_eq!(fs::read_dir(own.path()).unwrap().count(), 0, "nothing was made at the other end");
        // In a folder of one's own a link is one's own choice.
        fs::create_dir(own.path().join("there")).unwrap();
        symlink(own.path().join("there"), own.path().join("here")).unwrap();
        let state = own.path().join("here");
        // Unless that folder itself lies below a shared one, as temporary folders do.
        assert_eq!(private_dir(&state).is_ok(), !check_way(own.path(), None).unwrap());
    }

    #[test]
    fn a_folder_of_another_user_on_the_way_is_refused() {
        let dir = shared();
        let between = dir.path().join("lilypad");
        fs::create_dir(&between).unwrap();
        // Seen by a user that is neither its owner nor root.
        let owner = fs::metadata(&between).unwrap().uid();
        if owner == 0 {
            if std::os::unix::fs::chown(&between, Some(54_321), None).is_err() {
                return;
            }
            assert!(private_dir(&between.join("data")).unwrap_err().to_string().contains("another user"));
        } else {
            assert!(check_way(&between, Some(owner + 1)).is_err());
        }
        assert!(!between.join("data").exists());
    }

    #[test]
    fn a_shared_folder_without_sticky_bit_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        set_mode(dir.path(), 0o777);
        assert!(private_dir(&dir.path().join("data")).unwrap_err().to_string().contains("rename"));
    }
}
