//! The folder of a job's input files, checked before anything is sent (modules.md §2.7).

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{Error, module::Module, types::InputFiles};

/// Checks that `folder` holds the required files and nothing that is not named.
///
/// What the files contain is not judged: sandboxes, not file types, protect providers. Blocking.
///
/// # Errors
/// The existing network's words, which name the file.
pub(super) fn check(folder: &Path, files: &InputFiles) -> Result<(), String> {
    let mut listed = BTreeSet::new();
    for name in files.required.iter().chain(&files.optional).flatten() {
        if !listed.insert(name.as_str()) {
            return Err(format!("duplicate file {name} in input files definition"));
        }
    }
    let unreadable = |e: std::io::Error| format!("error reading inputs path {}: {e}", folder.display());
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if fs::metadata(entry.path()).map_err(unreadable)?.is_dir() {
            return Err(format!("subdirectory {name} found, but subdirectories are not allowed in inputs directory"));
        }
        if !listed.contains(name.as_str()) {
            return Err(format!("file {name} found but not listed in required or optional files"));
        }
        found.insert(name);
    }
    match files.required.iter().flatten().find(|name| !found.contains(*name)) {
        Some(missing) => Err(format!("required file {missing} not found in inputs directory")),
        None => Ok(()),
    }
}

/// Checks a folder of input files against what the module `shown` declares; gives the folder when it takes any.
///
/// # Errors
/// [`Error::Usage`] when one of the two is missing, and for a file that is not as declared.
pub(crate) fn check_declared(shown: &str, module: &Module, folder: Option<&Path>) -> Result<Option<PathBuf>, Error> {
    if !module.input_files.is_declared() {
        return match folder {
            None => Ok(None),
            Some(folder) => Err(Error::Usage {
                what: format!("module {shown} takes no input files, but {} was given", folder.display()),
                hint: "leave --inputs-path out".to_owned(),
            }),
        };
    }
    let Some(folder) = folder else {
        let required = module.input_files.required.clone().unwrap_or_default().join(", ");
        return Err(Error::Usage {
            what: format!("module {shown} needs input files: {required}"),
            hint: "put them into a folder and give it with --inputs-path".to_owned(),
        });
    };
    check(folder, &module.input_files).map_err(|what| Error::Usage {
        what: format!("error reading input files: {what}"),
        hint: format!("module {shown} names its input files; --inputs-path must hold exactly those"),
    })?;
    Ok(Some(folder.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_the_file_that_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let files = InputFiles { required: Some(vec!["a.txt".into()]), optional: Some(vec!["b.txt".into()]) };
        let why = |folder: &Path| check(folder, &files).unwrap_err();
        assert_eq!(why(folder.path()), "required file a.txt not found in inputs directory");
        fs::write(folder.path().join("a.txt"), "a").unwrap();
        assert_eq!(check(folder.path(), &files), Ok(()));
        fs::write(folder.path().join("c.txt"), "c").unwrap();
        assert_eq!(why(folder.path()), "file c.txt found but not listed in required or optional files");
        fs::remove_file(folder.path().join("c.txt")).unwrap();
        fs::create_dir(folder.path().join("b.txt")).unwrap();
        assert!(why(folder.path()).contains("subdirectory b.txt found"));
        assert!(why(&folder.path().join("none")).starts_with("error reading inputs path"));
    }
}
