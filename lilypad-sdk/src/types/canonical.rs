//! The JSON text that is hashed, and the id made of it.

use std::io;

use cid::Cid;
use multihash::Multihash;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter};
use sha2::{Digest, Sha256};

/// Writes JSON with the escapes of network.md §2.2: HTML characters and U+2028/9 as `\u`, no white space.
struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut from = 0;
        for (at, char) in fragment.char_indices() {
            let escape: &[u8] = match char {
                '<' => b"\\u003c",
                '>' => b"\\u003e",
                '&' => b"\\u0026",
                '\u{2028}' => b"\\u2028",
                '\u{2029}' => b"\\u2029",
                _ => continue,
            };
            writer.write_all(&fragment.as_bytes()[from..at])?;
            writer.write_all(escape)?;
            from = at + char.len_utf8();
        }
        writer.write_all(&fragment.as_bytes()[from..])
    }

    fn write_char_escape<W: ?Sized + io::Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        match escape {
            CharEscape::Quote => writer.write_all(b"\\\""),
            CharEscape::ReverseSolidus => writer.write_all(b"\\\\"),
            CharEscape::Solidus => writer.write_all(b"/"),
            CharEscape::Backspace => writer.write_all(b"\\b"),
            CharEscape::FormFeed => writer.write_all(b"\\f"),
            CharEscape::LineFeed => writer.write_all(b"\\n"),
            CharEscape::CarriageReturn => writer.write_all(b"\\r"),
            CharEscape::Tab => writer.write_all(b"\\t"),
            CharEscape::AsciiControl(byte) => write!(writer, "\\u{byte:04x}"),
        }
    }
}

/// The text of `value` exactly as an existing node writes it: members in order, all present, no white space.
///
/// Shape: JSON, UTF-8, no final newline. Source: network.md §2.2; vectors `cids.json` and `samples.json`.
///
/// # Panics
/// Never for the records of this room: they hold no map with keys that are not texts.
pub fn to_canonical_json<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::with_capacity(512);
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, GoFormatter);
    #[expect(clippy::expect_used, reason = "records serialize to JSON and a Vec takes every byte")]
    value.serialize(&mut serializer).expect("a record is JSON");
    #[expect(clippy::expect_used, reason = "serde_json writes UTF-8 only")]
    String::from_utf8(out).expect("JSON is UTF-8")
}

/// The CIDv0 of a record's canonical text, wrapped in a dag-pb node that has only a Data member.
///
/// Shape: 46 characters, `Qm…`. Source: network.md §2.1. The caller blanks the record's own id first.
pub fn cid_of_record<T: Serialize + ?Sized>(value: &T) -> String {
    let text = to_canonical_json(value);
    let mut hash = Sha256::new();
    hash.update([0x0a]);
    let mut length = text.len();
    loop {
        let low = u8::try_from(length & 0x7f).unwrap_or(0);
        length >>= 7;
        if length == 0 {
            hash.update([low]);
            break;
        }
        hash.update([low | 0x80]);
    }
    hash.update(text.as_bytes());
    cid_v0(&hash.finalize().into())
}

fn cid_v0(digest: &[u8; 32]) -> String {
    #[expect(clippy::expect_used, reason = "32 bytes fit into a multihash of 64, and SHA-256 is what CIDv0 takes")]
    let cid = Multihash::wrap(0x12, digest).ok().and_then(|hash| Cid::new_v0(hash).ok()).expect("a SHA-256 digest");
    cid.to_string()
}
