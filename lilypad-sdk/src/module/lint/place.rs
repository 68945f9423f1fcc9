//! Where members of a JSON text stand, for readers of other files of a module.

use super::scan::{Entry, scan};

/// The places in a text.
#[derive(Debug, Default)]
pub(in crate::module) struct Places(Vec<Entry>);

impl Places {
    pub(in crate::module) fn of(text: &[u8]) -> Self {
        Self(scan(text))
    }

    /// The byte at which the member of that path begins; that of what holds it, where it is left out.
    pub(in crate::module) fn find(&self, path: &[&str]) -> usize {
        let at =
            |path: &[&str]| self.0.iter().rfind(|entry| entry.path.iter().map(|name| &**name).eq(path.iter().copied()));
        let found = (1..=path.len()).rev().find_map(|length| at(path.get(..length)?));
        found.map_or(0, |entry| entry.at)
    }
}
