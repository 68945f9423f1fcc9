//! UnixFS over dag-pb, as an IPFS node hashes a file or a folder with its default settings.
//!
//! Chunks of 262,144 bytes, leaves wrapped as UnixFS files, balanced trees of at most 174 links, no mode, no time,
//! plain (unsharded) folders. Only what hashing needs is here: nothing is stored and nothing is read back.

use std::io::{self, Read};

use cid::{Cid, multihash::Multihash};
use sha2::{Digest, Sha256};

use crate::types::DataId;

/// Bytes in one leaf.
pub const CHUNK_BYTES: usize = 262_144;
/// Links in one inner node of a file.
pub const LINKS_PER_NODE: usize = 174;

/// Multicodec of SHA2-256.
const SHA2_256: u64 = 0x12;
const TYPE_FOLDER: u64 = 1;
const TYPE_FILE: u64 = 2;

/// One hashed node: its identifier and what its parent has to know about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// SHA2-256 of the node's encoding.
    pub digest: [u8; 32],
    /// Encoded bytes of the node and of everything below it (`Tsize`).
    pub cumulative_bytes: u64,
    /// Content bytes below the node; 0 for a folder.
    pub file_bytes: u64,
}

impl Node {
    /// The node's identifier: its CIDv0, such as `QmbCi3yoKzckff24rUJML1ZesVb35cd2LUNMiMYksEGkWv`.
    #[must_use]
    pub fn data_id(&self) -> DataId {
        let hash = Multihash::wrap(SHA2_256, &self.digest).ok();
        // A 32-byte SHA2-256 digest always makes a CIDv0.
        let cid = hash.and_then(|hash| Cid::new_v0(hash).ok());
        DataId::from_wire(cid.map(|cid| cid.to_string()).unwrap_or_default())
    }

    /// The digest as a multihash: code, length, digest.
    fn multihash(&self) -> [u8; 34] {
        let mut bytes = [0x20; 34];
        bytes[0] = 0x12;
        bytes[2..].copy_from_slice(&self.digest);
        bytes
    }
}

/// Hashes a file's content, reading it once.
///
/// # Errors
/// What `content` returns.
pub fn file(mut content: impl Read) -> io::Result<Node> {
    let mut levels: Vec<Vec<Node>> = Vec::new();
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    let mut is_empty = true;
    loop {
        chunk.clear();
        content.by_ref().take(CHUNK_BYTES as u64).read_to_end(&mut chunk)?;
        if chunk.is_empty() && !is_empty {
            break;
        }
        is_empty = false;
        push(&mut levels, 0, leaf(&chunk));
        if chunk.len() < CHUNK_BYTES {
            break;
        }
    }
    Ok(root(levels))
}

/// Hashes a folder from its entries' names and nodes, in any order.
///
/// Names that start with a dot are left out, as everywhere in a result folder (see [`is_hidden`]).
#[must_use]
pub fn folder(mut entries: Vec<(Vec<u8>, Node)>) -> Node {
    entries.retain(|(name, _)| !is_hidden(name));
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    let mut data = Vec::new();
    put_number(&mut data, 1, TYPE_FOLDER);
    node(entries.iter().map(|(name, node)| (name.as_slice(), node)), &data, 0)
}

/// Whether an entry of this name is left out of a folder's identifier.
#[must_use]
pub fn is_hidden(name: &[u8]) -> bool {
    name.first() == Some(&b'.')
}

/// Adds a node to a level. A full level is closed only when one more arrives, so a last full level stays the root.
fn push(levels: &mut Vec<Vec<Node>>, level: usize, child: Node) {
    if levels.len() <= level {
        levels.push(Vec::new());
    }
    if levels[level].len() == LINKS_PER_NODE {
        let full = std::mem::take(&mut levels[level]);
        push(levels, level + 1, inner(&full));
    }
    levels[level].push(child);
}

/// Closes the levels from the leaves up.
fn root(mut levels: Vec<Vec<Node>>) -> Node {
    let mut level = 0;
    loop {
        let is_top = level + 1 == levels.len();
        if is_top && levels[level].len() == 1 {
            return levels[level][0];
        }
        let open = std::mem::take(&mut levels[level]);
        push(&mut levels, level + 1, inner(&open));
        level += 1;
    }
}

fn leaf(chunk: &[u8]) -> Node {
    let mut data = Vec::with_capacity(chunk.len() + 16);
    put_number(&mut data, 1, TYPE_FILE);
    if !chunk.is_empty() {
        put_bytes(&mut data, 2, chunk);
    }
    put_number(&mut data, 3, chunk.len() as u64);
    node(std::iter::empty(), &data, chunk.len() as u64)
}

fn inner(children: &[Node]) -> Node {
    let file_bytes = children.iter().map(|child| child.file_bytes).sum();
    let mut data = Vec::new();
    put_number(&mut data, 1, TYPE_FILE);
    put_number(&mut data, 3, file_bytes);
    for child in children {
        put_number(&mut data, 4, child.file_bytes);
    }
    node(children.iter().map(|child| (&b""[..], child)), &data, file_bytes)
}

/// Encodes a dag-pb node (links before data, empty names written) and hashes it.
fn node<'a>(links: impl Iterator<Item = (&'a [u8], &'a Node)>, data: &[u8], file_bytes: u64) -> Node {
    let mut block = Vec::with_capacity(data.len() + 16);
    let mut below = 0;
    for (name, child) in links {
        let mut link = Vec::with_capacity(name.len() + 52);
        put_bytes(&mut link, 1, &child.multihash());
        put_bytes(&mut link, 2, name);
        put_number(&mut link, 3, child.cumulative_bytes);
        put_bytes(&mut block, 2, &link);
        below += child.cumulative_bytes;
    }
    put_bytes(&mut block, 1, data);
    Node { digest: Sha256::digest(&block).into(), cumulative_bytes: below + block.len() as u64, file_bytes }
}

fn put_number(out: &mut Vec<u8>, field: u8, value: u64) {
    out.push(field << 3);
    put_varint(out, value);
}

fn put_bytes(out: &mut Vec<u8>, field: u8, bytes: &[u8]) {
    out.push(field << 3 | 2);
    put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn hashes_the_two_files_everyone_knows() {
        let id = |content: &[u8]| file(content).unwrap().data_id().to_string();
        assert_eq!(id(b""), "QmbFMke1KXqnYyBBWxB74N4c5SBnJMVAiMNRcGu6x1AwQH");
        assert_eq!(id(b"hello world\n"), "QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o");
    }

    /// A reader that gives one byte at a time must not change the chunks.
    #[test]
    fn chunks_do_not_depend_on_how_the_reader_delivers() {
        struct Slow<'a>(&'a [u8]);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                let step = self.0.len().min(buffer.len()).min(1000);
                buffer[..step].copy_from_slice(&self.0[..step]);
                self.0 = &self.0[step..];
                Ok(step)
            }
        }
        let content = vec![7; CHUNK_BYTES * 2 + 1];
        assert_eq!(file(Slow(&content)).unwrap(), file(&content[..]).unwrap());
    }

    #[test]
    fn reports_a_read_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk gone"))
            }
        }
        assert_eq!(file(Broken).unwrap_err().to_string(), "disk gone");
    }
}
