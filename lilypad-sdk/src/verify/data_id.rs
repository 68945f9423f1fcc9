//! The identifier of a result folder.

use std::{io, io::Read};

use super::unixfs;
use crate::types::DataId;

/// Folders below the root that are followed; deeper trees are refused.
pub const MAX_FOLDER_DEPTH: usize = 128;

/// An entry of a folder, named by whatever the tree finds it with again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry<Folder, File> {
    /// A folder below.
    Folder(Folder),
    /// A regular file.
    File(File),
}

/// An entry's name and kind, as [`Tree::list`] gives them.
pub type NamedEntry<T> = (Vec<u8>, Entry<<T as Tree>::Folder, <T as Tree>::File>);

/// Something shaped like a folder, so that this room opens no file itself.
pub trait Tree {
    /// How the tree finds a folder again.
    type Folder;
    /// How the tree finds a file again.
    type File;

    /// Names and kinds of what lies directly in `folder`, in any order. Hidden names may be given, they are skipped.
    ///
    /// # Errors
    /// What reading the folder returns.
    fn list(&mut self, folder: &Self::Folder) -> io::Result<Vec<NamedEntry<Self>>>
    where
        Self: Sized;

    /// Opens a file's content.
    ///
    /// # Errors
    /// What opening the file returns.
    fn open(&mut self, file: &Self::File) -> io::Result<impl Read>;
}

/// Computes the `data_id` of everything below `root`. Entries whose name starts with a dot are not even opened.
///
/// # Errors
/// What the tree returns, and [`io::ErrorKind::InvalidData`] below [`MAX_FOLDER_DEPTH`] folders.
pub fn data_id<T: Tree>(tree: &mut T, root: &T::Folder) -> io::Result<DataId> {
    Ok(folder_node(tree, root, 0)?.data_id())
}

/// As [`data_id`], with the sizes of the root node.
///
/// # Errors
/// As [`data_id`].
pub fn folder_node<T: Tree>(tree: &mut T, folder: &T::Folder, depth: usize) -> io::Result<unixfs::Node> {
    if depth > MAX_FOLDER_DEPTH {
        let text = format!("more than {MAX_FOLDER_DEPTH} folders inside each other");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let mut nodes = Vec::new();
    for (name, entry) in tree.list(folder)? {
        if unixfs::is_hidden(&name) {
            continue;
        }
        let node = match entry {
            Entry::Folder(folder) => folder_node(tree, &folder, depth + 1)?,
            Entry::File(file) => unixfs::file(tree.open(&file)?)?,
        };
        nodes.push((name, node));
    }
    Ok(unixfs::folder(nodes))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    /// A tree without an end: every folder holds another one.
    #[test]
    fn refuses_a_tree_that_is_too_deep() {
        struct Endless;
        impl Tree for Endless {
            type Folder = ();
            type File = ();
            fn list(&mut self, (): &()) -> io::Result<Vec<NamedEntry<Self>>> {
                Ok(vec![(b"d".to_vec(), Entry::Folder(()))])
            }
            fn open(&mut self, (): &()) -> io::Result<impl Read> {
                Ok(io::empty())
            }
        }
        assert_eq!(data_id(&mut Endless, &()).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
