//! The texts in which modules ask for CPU, memory, disk and GPUs. Source: modules.md §4.4.

use super::template::parse_float;

/// What a job may use, with the defaults applied where the module says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resources {
    /// CPU in thousandths of a core. Default 500.
    pub cpu_milli: u64,
    /// Memory in bytes. Default 1,000,000,000.
    pub memory_bytes: u64,
    /// Disk in bytes. Default 0, which is no limit.
    pub disk_bytes: u64,
    /// Whole GPUs. Default 0.
    pub gpus: u64,
}

impl Default for Resources {
    fn default() -> Self {
        Self { cpu_milli: 500, memory_bytes: 1_000_000_000, disk_bytes: 0, gpus: 0 }
    }
}

/// A text without blanks and newlines, in lower case.
fn normalized(text: &str) -> String {
    text.chars().filter(|&c| c != ' ' && c != '\n').flat_map(char::to_lowercase).collect()
}

/// Thousandths of a core: `500m`, or cores such as `0.5`.
///
/// # Errors
/// The message that names the text.
pub(super) fn cpu_milli(text: &str) -> Result<u64, String> {
    let text = normalized(text);
    if text.is_empty() {
        return Ok(Resources::default().cpu_milli);
    }
    let invalid = || format!("invalid CPU value: {text}");
    if let Some(milli) = text.strip_suffix('m') {
        return milli.parse::<i64>().ok().and_then(|milli| u64::try_from(milli).ok()).ok_or_else(invalid);
    }
    let cores = parse_float(&text).ok_or_else(invalid)?;
    if cores < 0.0 {
        return Err(format!("invalid CPU value: {cores:.6}"));
    }
    let milli = cores * 1000.0;
    // A quarter of all 64-bit numbers is far beyond any machine and converts exactly.
    if milli >= 4e18 {
        return Err(invalid());
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range; cut on purpose"
    )]
    let milli = milli as u64;
    Ok(milli)
}

/// Bytes: a number and a unit, powers of 1000 (`k`, `mb`) or of 1024 (`ki`, `mib`).
fn bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == ',')).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number = number.replace(',', "");
    let (letter, base): (&str, u64) = match unit.strip_suffix('b').unwrap_or(unit) {
        unit if unit.ends_with('i') => (unit.strip_suffix('i')?, 1024),
        unit => (unit, 1000),
    };
    let power = match (letter, base) {
        ("", 1000) => 0,
        ("k", _) => 1,
        ("m", _) => 2,
        ("g", _) => 3,
        ("t", _) => 4,
        ("p", _) => 5,
        ("e", _) => 6,
        _ => return None,
    };
    let factor = base.checked_pow(power)?;
    #[expect(clippy::cast_precision_loss, reason = "fractions of a unit are read as existing nodes read them")]
    let value = number.parse::<f64>().ok()? * factor as f64;
    if !(0.0..18_446_744_073_709_551_615.0).contains(&value) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be in range; cut on purpose"
    )]
    let value = value as u64;
    Some(value)
}

/// Bytes of memory. Default 1 GB.
///
/// # Errors
/// The message that names the text.
pub(super) fn memory_bytes(text: &str) -> Result<u64, String> {
    let text = normalized(text);
    if text.is_empty() {
        return Ok(Resources::default().memory_bytes);
    }
    bytes(&text).ok_or_else(|| format!("invalid memory value: {text}"))
}

/// Bytes of disk. Default 0.
///
/// # Errors
/// The message that names the text.
pub(super) fn disk_bytes(text: &str) -> Result<u64, String> {
    let text = normalized(text);
    if text.is_empty() {
        return Ok(0);
    }
    bytes(&text).ok_or_else(|| format!("invalid disk value: {text}"))
}

/// Whole GPUs. Default 0.
///
/// # Errors
/// The message that names the text.
pub(super) fn gpus(text: &str) -> Result<u64, String> {
    let text = normalized(text);
    if text.is_empty() {
        return Ok(0);
    }
    let count = if text.starts_with('+') { None } else { text.parse().ok() };
    count.ok_or_else(|| format!("invalid GPU value: {text}"))
}
