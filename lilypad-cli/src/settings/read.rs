//! Reading one value: where it comes from, what it means, and what to say when it means nothing.

use std::{ffi::OsStr, path::PathBuf};

use lilypad_sdk::types::Address;

use crate::{
    config_file::ConfigFile,
    env::{self, Environment, Variable},
    exit::Failure,
};

/// Where results and caches go unless said otherwise; the existing network's folder, which scripts look into.
const DEFAULT_DATA_DIR: &str = "/tmp/lilypad/data";
/// Longest part of a wrong value that is shown.
const SHOWN_CHARACTERS: usize = 60;

/// A text and where it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) text: String,
    pub(crate) origin: String,
}

impl Given {
    /// An error that names the origin, the text and what was expected.
    pub(crate) fn invalid(&self, expected: &str) -> Failure {
        let shown: String = self.text.chars().take(SHOWN_CHARACTERS).collect();
        Failure::usage(format!("invalid value for {}: {shown:?} is not {expected}", self.origin)).hint(format!(
            "give {} as {expected}, or leave it out for the default; --help tells which that is",
            self.origin
        ))
    }

    pub(crate) fn address(&self) -> Result<Address, Failure> {
        let error = || self.invalid("an address (0x and 40 hexadecimal characters)");
        let digits = self.text.trim();
        if digits.trim_start_matches("0x").len() != 40 {
            return Err(error());
        }
        digits.parse().map_err(|_| error())
    }
}

/// Everything that values are read from.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    pub(crate) environment: &'a Environment,
    pub(crate) file: ConfigFile,
}

impl Reader<'_> {
    /// The flag's text, else the variable's. An empty variable counts as unset.
    pub(crate) fn text(&self, flag: Option<&str>, variable: &Variable) -> Result<Option<Given>, Failure> {
        if let Some(text) = flag {
            let origin = variable.flag.unwrap_or(variable.name).to_owned();
            return Ok(Some(Given { text: text.to_owned(), origin }));
        }
        self.variable(variable)
    }

    /// The same, then the file's text under `key`.
    pub(crate) fn text_or_file(
        &self,
        flag: Option<&str>,
        variable: &Variable,
        file: Option<&String>,
        key: &str,
    ) -> Result<Option<Given>, Failure> {
        let from_file = || file.map(|text| Given { text: text.clone(), origin: format!("{key} of the config file") });
        Ok(self.text(flag, variable)?.or_else(from_file))
    }

    fn variable(&self, variable: &Variable) -> Result<Option<Given>, Failure> {
        let Some(value) = self.environment.get(variable) else { return Ok(None) };
        let origin = variable.name.to_owned();
        match value.to_str() {
            Some(text) => Ok(Some(Given { text: text.to_owned(), origin })),
            None => Err(Failure::usage(format!("invalid value for {origin}: it is not UTF-8"))
                .hint(format!("set {origin} again, or unset it"))),
        }
    }

    /// A path: taken as the system gives it.
    pub(crate) fn path(&self, flag: Option<&PathBuf>, variable: &Variable) -> Option<PathBuf> {
        flag.cloned().or_else(|| self.environment.get(variable).map(PathBuf::from))
    }

    /// The data folder.
    pub(crate) fn data_dir(&self, flag: Option<&PathBuf>) -> Result<PathBuf, Failure> {
        let path = self.path(flag, &env::DATA_DIR).unwrap_or_else(|| DEFAULT_DATA_DIR.into());
        if path.as_os_str() == OsStr::new("") {
            return Err(Failure::usage("invalid value for --data-dir: it is empty")
                .hint("name a folder of your own, or leave --data-dir out"));
        }
        if path.to_string_lossy().contains(char::is_control) {
            let origin = if flag.is_some() { "--data-dir" } else { env::DATA_DIR.name };
            return Err(Failure::usage(format!(
                "invalid value for {origin}: {path:?} has a line break or another control character in it"
            ))
            .hint(format!("set {origin} again, to a plain name such as /home/me/data")));
        }
        std::path::absolute(&path).map_err(|error| {
            Failure::usage(format!("data folder {}: {error}", path.display()))
                .hint("name it from the root, as /home/me/data")
        })
    }
}

/// A whole number in `range`.
pub(crate) fn integer<T>(given: &Given, range: std::ops::RangeInclusive<T>, unit: &str) -> Result<T, Failure>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let error = || given.invalid(&format!("a whole number{unit} between {} and {}", range.start(), range.end()));
    let value: T = given.text.trim().parse().map_err(|_| error())?;
    if range.contains(&value) { Ok(value) } else { Err(error()) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn given(text: &str) -> Given {
        Given { text: text.to_owned(), origin: "X".to_owned() }
    }

    #[test]
    fn flag_wins_over_variable_and_an_empty_variable_is_unset() {
        let environment = Environment::of(&[("TARGET", "env"), ("MODULE_NAME", "")]);
        let reader = Reader { environment: &environment, file: ConfigFile::default() };
        let target = |flag| reader.text(flag, &env::TARGET).unwrap().unwrap();
        assert_eq!(target(None), Given { text: "env".into(), origin: "TARGET".into() });
        assert_eq!(target(Some("flag")), Given { text: "flag".into(), origin: "--target".into() });
        assert_eq!(reader.text(None, &env::MODULE_NAME).unwrap(), None);
    }

    #[test]
    fn addresses_have_forty_digits() {
        assert!(given("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266").address().is_ok());
        assert!(given("f39fd6e51aad88f6f4ce6ab8827279cfffb92266").address().is_ok());
        for text in ["", "0x", "0xf39f", "0xg39Fd6e51aad88F6F4ce6aB8827279cffFb92266"] {
            let message = given(text).address().unwrap_err().message;
            assert!(message.starts_with("invalid value for X: "), "{message}");
        }
    }
}
