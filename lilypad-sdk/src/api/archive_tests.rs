//! Archives: the journey, and every way to abuse one.
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

/// One record of a PAX header, with its length.
fn pax(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len() + 1;
    while length.to_string().len() + rest.len() != length {
        length += 1;
    }
    format!("{length}{rest}").into_bytes()
}

#[test]
fn long_names_of_both_kinds_are_read_and_judged_like_short_ones() {
    use tar::EntryType as Kind;
    let long = format!("{}/{}", "d".repeat(120), "f".repeat(120));
    let named = |kind, name: &[u8]| archive(&[entry(b"x", kind, name), file("short", "1")]);
    for bytes in [
        named(Kind::GNULongName, format!("{long}\0").as_bytes()),
        named(Kind::XHeader, &[pax("mtime", "1.5"), pax("path", &long)].concat()),
    ] {
        let (dir, done) = try_unpack(&bytes);
        assert_eq!(done.unwrap().files, 1);
        assert_eq!(fs::read(dir.path().join("target").join(&long)).unwrap(), b"1");
    }
    for bytes in [named(Kind::GNULongName, b"../x"), named(Kind::XHeader, &pax("path", "/x"))] {
        assert!(matches!(try_unpack(&bytes).1, Err(ArchiveError::UnsafeName { .. })));
    }
    let sized = named(Kind::XHeader, &pax("size", "0"));
    assert!(matches!(try_unpack(&sized).1, Err(ArchiveError::Malformed { .. })));
}

#[test]
fn an_extension_of_any_size_is_not_read_into_memory() {
    /// An extension header that claims a gigabyte, then zeros for ever; counts what is read.
    struct Endless(io::Cursor<Vec<u8>>, u64);
    impl Read for Endless {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let read = self.0.read(out)?;
            let read = if read == 0 { out.len() } else { read };
            self.1 += read as u64;
            Ok(read)
        }
    }
    for kind in [tar::EntryType::XHeader, tar::EntryType::GNULongName] {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_size(1 << 30);
        header.set_cksum();
        let mut input = Endless(io::Cursor::new(header.as_bytes().to_vec()), 0);
        let dir = tempfile::tempdir().unwrap();
        let done = unpack(&mut input, &dir.path().join("target"), &ArchiveLimits::default());
        assert!(matches!(done, Err(ArchiveError::Malformed { .. })), "{done:?}");
        assert!(input.1 < 1 << 20, "{}", input.1);
    }
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
