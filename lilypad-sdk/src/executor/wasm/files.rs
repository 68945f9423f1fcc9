//! Folder listings and metadata that are the same on every machine.
//!
//! WASI's own functions answer from the machine: listings in the order of its file system, times of its clock, the space
//! that a folder takes. A guest that prints these would give another result elsewhere. Ours ask the same functions and then
//! sort, renumber and overwrite. What stays the machine's: inode and device numbers in a file's metadata, which guests need
//! to tell whether two names are one file.

use std::collections::HashMap;

use wasmtime::{Caller, Linker, format_err};
use wasmtime_wasi::{p1::wasi_snapshot_preview1 as original, runtime::in_tokio};
use wiggle::GuestMemory;

use super::host::{CLOCK_START_SECONDS, FAULT, Host, SUCCESS, WASI, memory_of, number, range};

/// Bytes before each name in a listing: next cookie, inode, length of the name, type.
const ENTRY_BYTES: usize = 24;
/// Where a scratch listing starts, after the word that holds its length.
const SCRATCH_START: u8 = 8;
/// Bytes of one scratch listing. A name of the longest kind fits many times.
const SCRATCH_BYTES: usize = 64 * 1024;
/// Bytes of the metadata that WASI gives of a file.
const STAT_BYTES: usize = 64;
const TYPE_FOLDER: u8 = 3;

/// Listings that guests have begun to read, by file descriptor.
pub(super) type Listings = HashMap<i32, Vec<Entry>>;

/// A name in a folder.
pub(super) struct Entry {
    name: Vec<u8>,
    kind: u8,
}

pub(super) fn add_to_linker(linker: &mut Linker<Host>) -> wasmtime::Result<()> {
    linker.func_wrap(WASI, "fd_readdir", fd_readdir)?;
    linker.func_wrap(WASI, "fd_filestat_get", fd_filestat_get)?;
    linker.func_wrap(WASI, "path_filestat_get", path_filestat_get)?;
    Ok(())
}

/// A listing in byte order of the names, read at cookie 0 and given from memory afterwards.
fn fd_readdir(
    mut caller: Caller<'_, Host>,
    fd: i32,
    buffer: i32,
    length: i32,
    cookie: i64,
    used: i32,
) -> wasmtime::Result<i32> {
    let (memory, host) = memory_of(&mut caller)?;
    if cookie == 0 || !host.listings.contains_key(&fd) {
        match list(host, fd)? {
            Ok(entries) => host.listings.insert(fd, entries),
            Err(errno) => return Ok(errno),
        };
    }
    let length = usize::try_from(length.cast_unsigned()).unwrap_or(usize::MAX);
    let Some(out) = memory.get_mut(range(buffer, length)) else { return Ok(FAULT) };
    let entries = host.listings.get(&fd).map(Vec::as_slice).unwrap_or_default();
    let written = write(entries, cookie.cast_unsigned(), out);
    let Some(out) = memory.get_mut(range(used, 4)) else { return Ok(FAULT) };
    out.copy_from_slice(&u32::try_from(written).unwrap_or(u32::MAX).to_le_bytes());
    Ok(SUCCESS)
}

/// Reads a whole folder with the original function, into memory of our own.
fn list(host: &mut Host, fd: i32) -> wasmtime::Result<Result<Vec<Entry>, i32>> {
    let mut scratch = vec![0; SCRATCH_BYTES];
    let start = usize::from(SCRATCH_START);
    let room = i32::try_from(SCRATCH_BYTES - start)?;
    let mut entries = Vec::new();
    let mut cookie: u64 = 0;
    loop {
        host.stop.check()?;
        let memory = &mut GuestMemory::Unshared(&mut scratch);
        let from = i32::from(SCRATCH_START);
        let asked = original::fd_readdir(&mut host.wasi, memory, fd, from, room, cookie.cast_signed(), 0);
        let errno = in_tokio(asked)?;
        if errno != SUCCESS {
            return Ok(Err(errno));
        }
        let used = usize::try_from(u32::from_le_bytes([scratch[0], scratch[1], scratch[2], scratch[3]]))?;
        let mut rest = &scratch[start..start + used.min(SCRATCH_BYTES - start)];
        let before = cookie;
        while let Some((next, entry, after)) = parse(rest) {
            entries.push(entry);
            cookie = next;
            rest = after;
        }
        if start + used < SCRATCH_BYTES {
            break;
        }
        if cookie == before {
            return Err(format_err!("a name in the folder is too long"));
        }
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(Ok(entries))
}

/// The first whole entry of a listing, its cookie, and what comes after it.
fn parse(bytes: &[u8]) -> Option<(u64, Entry, &[u8])> {
    let head = bytes.get(..ENTRY_BYTES)?;
    let length = usize::try_from(u32::from_le_bytes([head[16], head[17], head[18], head[19]])).ok()?;
    let name = bytes.get(ENTRY_BYTES..ENTRY_BYTES.checked_add(length)?)?;
    let entry = Entry { name: name.to_vec(), kind: head[20] };
    Some((number(head, 0), entry, &bytes[ENTRY_BYTES + length..]))
}

/// Writes entries from a cookie on, the last one cut where the buffer ends, as WASI wants it.
fn write(entries: &[Entry], cookie: u64, out: &mut [u8]) -> usize {
    let mut written = 0;
    for (next, entry) in (1_u64..).zip(entries).skip(usize::try_from(cookie).unwrap_or(usize::MAX)) {
        let mut bytes = vec![0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&next.to_le_bytes());
        bytes[8..16].copy_from_slice(&inode(&entry.name).to_le_bytes());
        bytes[16..20].copy_from_slice(&u32::try_from(entry.name.len()).unwrap_or(u32::MAX).to_le_bytes());
        bytes[20] = entry.kind;
        bytes.extend_from_slice(&entry.name);
        let fits = bytes.len().min(out.len() - written);
        out[written..written + fits].copy_from_slice(&bytes[..fits]);
        written += fits;
        if written == out.len() {
            break;
        }
    }
    written
}

/// A number for a name, never 0 (which would mean "unknown"): FNV-1a.
fn inode(name: &[u8]) -> u64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    name.iter().fold(0xcbf2_9ce4_8422_2325, hash) | 1
}

fn fd_filestat_get(mut caller: Caller<'_, Host>, fd: i32, out: i32) -> wasmtime::Result<i32> {
    let (memory, host) = memory_of(&mut caller)?;
    let guest = &mut GuestMemory::Unshared(memory);
    let errno = in_tokio(original::fd_filestat_get(&mut host.wasi, guest, fd, out))?;
    Ok(level(memory, errno, out))
}

fn path_filestat_get(
    mut caller: Caller<'_, Host>,
    fd: i32,
    flags: i32,
    path: i32,
    length: i32,
    out: i32,
) -> wasmtime::Result<i32> {
    let (memory, host) = memory_of(&mut caller)?;
    let guest = &mut GuestMemory::Unshared(memory);
    let asked = original::path_filestat_get(&mut host.wasi, guest, fd, flags, path, length, out);
    let errno = in_tokio(asked)?;
    Ok(level(memory, errno, out))
}

/// Overwrites what the machine alone decides: the three times, and the size and link count of a folder.
fn level(memory: &mut [u8], errno: i32, out: i32) -> i32 {
    if errno != SUCCESS {
        return errno;
    }
    let Some(stat) = memory.get_mut(range(out, STAT_BYTES)) else { return FAULT };
    if stat[16] == TYPE_FOLDER {
        stat[24..32].copy_from_slice(&1_u64.to_le_bytes());
        stat[32..40].fill(0);
    }
    for time in stat[40..].chunks_exact_mut(8) {
        time.copy_from_slice(&(CLOCK_START_SECONDS * 1_000_000_000).to_le_bytes());
    }
    SUCCESS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[&str]) -> Vec<Entry> {
        names.iter().map(|name| Entry { name: name.as_bytes().to_vec(), kind: 4 }).collect()
    }

    #[test]
    fn a_listing_is_read_back_in_pieces_of_any_size() {
        let names = ["a", "bb", "a much longer name than the others"];
        for size in [ENTRY_BYTES + 34, 100, 4096] {
            let (mut seen, mut cookie) = (Vec::new(), 0);
            loop {
                let mut out = vec![0xff; size];
                let written = write(&entries(&names), cookie, &mut out);
                let mut rest = &out[..written];
                while let Some((next, entry, after)) = parse(rest) {
                    seen.push(String::from_utf8_lossy(&entry.name).into_owned());
                    (cookie, rest) = (next, after);
                }
                if written < size {
                    break;
                }
            }
            assert_eq!(seen, names, "{size}");
        }
    }

    #[test]
    fn a_cookie_beyond_the_end_gives_nothing() {
        assert_eq!(write(&entries(&["a"]), 7, &mut [0; 100]), 0);
        assert_eq!(write(&entries(&["a"]), u64::MAX, &mut [0; 100]), 0);
        assert_eq!(write(&entries(&["abc"]), 0, &mut [0; 10]), 10);
    }
}
