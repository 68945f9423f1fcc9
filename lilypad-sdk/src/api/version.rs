//! The version header and what it is compared with.

use std::cmp::Ordering;

/// What our nodes send as `X-Lilypad-Version`: the release of the existing network whose wire we speak, not our own
/// version (design.md §11, ruling 25).
pub const WIRE_VERSION: &str = "v2.23.0";

/// Whether `version` is a semantic version with leading `v` that is not below `minimum`.
///
/// `v2` and `v2.1` are short forms, a pre-release comes before its release, build metadata plays no part. A version that
/// is missing or malformed is below everything. Source: network.md §3.4.
pub fn is_version_at_least(version: &str, minimum: &str) -> bool {
    match (Version::parse(version), Version::parse(minimum)) {
        (Some(version), Some(minimum)) => version.compare(&minimum) != Ordering::Less,
        _ => false,
    }
}

struct Version<'a> {
    numbers: [u64; 3],
    pre_release: &'a str,
}

impl<'a> Version<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let text = text.strip_prefix('v')?;
        let text = match text.split_once('+') {
            Some((text, build)) => is_identifiers(build).then_some(text)?,
            None => text,
        };
        let (core, pre_release) = match text.split_once('-') {
            Some((core, pre)) => (core, is_identifiers(pre).then_some(pre)?),
            None => (text, ""),
        };
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 || (parts.len() < 3 && text != core) {
            return None;
        }
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(&parts) {
            *number = parse_number(part)?;
        }
        Some(Self { numbers, pre_release })
    }

    fn compare(&self, other: &Self) -> Ordering {
        let rest = || match (self.pre_release, other.pre_release) {
            ("", "") => Ordering::Equal,
            ("", _) => Ordering::Greater,
            (_, "") => Ordering::Less,
            (a, b) => compare_pre_release(a, b),
        };
        self.numbers.cmp(&other.numbers).then_with(rest)
    }
}

fn parse_number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

fn is_identifiers(text: &str) -> bool {
    text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
}

fn compare_pre_release(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = match (a.next(), b.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) => (x, y),
        };
        let order = match (parse_number(x), parse_number(y)) {
            (Some(x), Some(y)) => x.cmp(&y),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => x.cmp(y),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_versions() {
        for (version, minimum, accepted) in [
            (WIRE_VERSION, "v2", true),
            ("v2", "v2.0.0", true),
            ("v2.0.0-rc.1", "v2", false),
            ("v2.0.0-rc.2", "v2.0.0-rc.1", true),
            ("v2.0.0-rc.10", "v2.0.0-rc.2", true),
            ("v2.0.0-1", "v2.0.0-rc", false),
            ("v2.1.0+build", "v2.1.0", true),
            ("v1.99.99", "v2", false),
            ("v10.0.0", "v9.0.0", true),
            ("2.23.0", "v2", false),
            ("", "v2", false),
            ("v2.x", "v2", false),
            ("v02", "v2", false),
        ] {
            assert_eq!(is_version_at_least(version, minimum), accepted, "{version} >= {minimum}");
        }
    }
}
