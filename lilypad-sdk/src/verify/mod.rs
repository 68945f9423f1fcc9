//! How results are identified and compared. Pure: readers come in, identifiers go out, no file is opened here.
//!
//! ```text
//! result folder ─► Tree (whoever owns the folder) ─► unixfs::file / unixfs::folder ─► DataId ─► Result.data_id
//! ```
//!
//! Invariants:
//! - A [`DataId`](crate::types::DataId) is exactly what an IPFS node prints for a recursive, hash-only add with default settings
//!   (spec/network.md §2.5): a mediator compares these texts for equality.
//! - Names that start with a dot do not count, at any depth; an empty folder counts; order of listing does not.
//! - A file is read once, in chunks; memory stays at one chunk whatever its size.
//!
//! Deliberately absent: sharded folders. An IPFS node shards a folder whose names and identifiers exceed 256 KiB (about
//! 5,000 entries in one folder); here it keeps the plain form, so parties running this code agree with each other.

mod data_id;
pub mod unixfs;

pub use data_id::{Entry, MAX_FOLDER_DEPTH, NamedEntry, Tree, data_id, folder_node};
