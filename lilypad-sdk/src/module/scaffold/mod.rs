//! New modules from templates: `lilypad module new`.
//!
//! ```text
//! template + name ─handlebars─► files ─► a folder beside the target ─git init, one commit─► one rename
//! ```
//!
//! The files lie in `scaffold/` of this crate. They are rendered with handlebars, because a module's own template is full of
//! braces that mean something else; `\{{` in a file stays `{{` for the module.
//!
//! Invariants: nothing that exists is touched, and a new folder appears whole or not at all; in the folder `.`, which must be
//! empty, the repository's own data appears last. A new `wasm` module runs as it is, because its `.wasm` file is part of the
//! crate, built by its own `build.sh`. A crash leaves a folder whose name begins with `.lilypad-new-` beside the target; in the
//! folder `.` it leaves that folder inside, and perhaps some of the files.

mod files;

use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use handlebars::Handlebars;
use sha2::{Digest, Sha256};

use self::files::File;
use super::ModuleError;
use super::fetch::git::{Git, Setup, words};
use super::fetch::io;

/// What a new module is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Scaffold {
    /// A WebAssembly program in C; runs anywhere.
    Wasm,
    /// A static program in a container, its image built without a registry.
    DockerMinimal,
    /// A model of Hugging Face, in Python.
    HuggingFace,
    /// A model of Ollama.
    Ollama,
}

impl Scaffold {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Wasm, Self::DockerMinimal, Self::HuggingFace, Self::Ollama];

    /// The name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::DockerMinimal => "docker-minimal",
            Self::HuggingFace => "hugging-face",
            Self::Ollama => "ollama",
        }
    }

    /// The one of a name; `None` for a name that none has.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scaffold| scaffold.name() == name || scaffold.name().replace('-', "") == name)
    }

    /// The first command to try in the new folder.
    pub fn first_steps(self) -> &'static [&'static str] {
        match self {
            Self::Wasm => &["lilypad module run --local -i name=moo"],
            Self::DockerMinimal => &["./build-image.sh", "lilypad module run --local -i name=moo"],
            Self::HuggingFace | Self::Ollama => &["cat README.md"],
        }
    }

    fn files(self) -> &'static [File] {
        match self {
            Self::Wasm => files::WASM,
            Self::DockerMinimal => files::DOCKER_MINIMAL,
            Self::HuggingFace => files::HUGGING_FACE,
            Self::Ollama => files::OLLAMA,
        }
    }

    /// Makes the folder `dir` with a new module in it, as a git repository with one commit; gives the folder. Its last
    /// part is the module's name; `.` makes it in this folder, which must be empty, and names it after that. The person's own
    /// git identity signs the commit; without one a neutral one does.
    ///
    /// # Errors
    /// [`ModuleError::Folder`] when the name cannot be one or something is there already, [`ModuleError::Io`],
    /// [`ModuleError::NoGit`] and [`ModuleError::Git`].
    ///
    /// # Cancel safety
    /// The folder appears whole or not at all; `.` has all files or none.
    pub async fn create(self, dir: &Path) -> Result<PathBuf, ModuleError> {
        let shown = dir.display().to_string();
        let fail = |why| ModuleError::Folder { folder: shown.clone(), why };
        let target = std::path::absolute(dir).map_err(io("find", dir))?;
        let name = target.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !is_name(name) {
            return Err(fail(
                "has a name that no image and no repository can have: use a-z, 0-9, \".\", \"_\" and \"-\", 60 at most",
            ));
        }
        let in_place = dir.components().all(|part| part == Component::CurDir);
        if in_place {
            let mut entries = std::fs::read_dir(&target).map_err(io("read", &target))?;
            if entries.next().is_some() {
                return Err(fail("is not empty"));
            }
        } else if std::fs::symlink_metadata(&target).is_ok() {
            return Err(fail("already exists"));
        }
        let around = target.parent().ok_or_else(|| fail("has no folder around it"))?;
        let parent = if in_place { &target } else { around };
        std::fs::create_dir_all(parent).map_err(io("create", parent))?;
        let mut random = [0; 8];
        getrandom::fill(&mut random)
            .map_err(|error| io("name a folder in", parent)(std::io::Error::other(error.to_string())))?;
        let work = Unfinished(parent.join(format!(".lilypad-new-{}", hex::encode(random))));
        self.write(&work.0, name)?;
        commit(&work.0, name).await?;
        if in_place {
            move_out(&work.0, &target)?;
        } else {
            std::fs::rename(&work.0, &target).map_err(io("create", &target))?;
        }
        Ok(target)
    }

    fn write(self, dir: &Path, name: &str) -> Result<(), ModuleError> {
        let mut renderer = Handlebars::new();
        renderer.register_escape_fn(handlebars::no_escape);
        renderer.set_strict_mode(true);
        let sha256 = hex::encode(Sha256::digest(files::WASM_PROGRAM));
        let facts = serde_json::json!({
            "name": name,
            "image": format!("lilypad-{name}"),
            "sha256": sha256,
            "model": "llama3.1",
            "model_version": "8b",
        });
        for file in self.files() {
            let path = dir.join(file.path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(io("create", parent))?;
            }
            let rendered = match std::str::from_utf8(file.content).ok().filter(|_| file.is_rendered()) {
                Some(text) => renderer
                    .render_template(text, &facts)
                    .map_err(|error| io("render", &path)(std::io::Error::other(error.to_string())))?
                    .into_bytes(),
                None => file.content.to_vec(),
            };
            std::fs::write(&path, rendered).map_err(io("write", &path))?;
            #[cfg(unix)]
            if file.executable {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = std::fs::Permissions::from_mode(0o755);
                std::fs::set_permissions(&path, mode).map_err(io("write", &path))?;
            }
        }
        Ok(())
    }
}

/// Moves what a folder holds into another, the repository's own data last. The other one stays the same folder: a person's
/// shell is in it.
fn move_out(from: &Path, to: &Path) -> Result<(), ModuleError> {
    let entries = std::fs::read_dir(from).map_err(io("read", from))?;
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort_by_key(|name| name == ".git");
    for name in names {
        let target = to.join(&name);
        std::fs::rename(from.join(&name), &target).map_err(io("create", &target))?;
    }
    Ok(())
}

/// A folder that goes away unless it was moved to its place.
struct Unfinished(PathBuf);

impl Drop for Unfinished {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a name can be a folder's, an image's and a repository's alike.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=60).contains(&name.len())
        && name.bytes().next().is_some_and(plain)
        && name.bytes().last().is_some_and(plain)
        && name.bytes().all(|byte| plain(byte) || b"._-".contains(&byte))
        && !["..", "__", ".-", "-.", "._", "_.", "-_", "_-"].iter().any(|pair| name.contains(pair))
}

async fn commit(dir: &Path, name: &str) -> Result<(), ModuleError> {
    let git = || Git::new(dir, dir, Setup::Own, Duration::from_secs(30));
    git().args(words([&"init", &"--quiet", &"--initial-branch=main"])).run(name).await?;
    git().args(words([&"add", &"--all", &"--", &"."])).run(name).await?;
    let message = ["commit", "--quiet", "--message=New module"];
    if git().args(message).output(name).await?.ok {
        return Ok(());
    }
    // No name is set here, or commits must be signed by a key that does not answer.
    let neutral = ["user.name=Lilypad", "user.email=modules@lilypad.invalid", "commit.gpgSign=false"];
    neutral.into_iter().fold(git(), Git::config).args(message).run(name).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_folders_images_and_repositories() {
        for good in ["hello", "a", "a-b.c_d", "7up"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", ".", "..", "-x", "x-", "Hello", "a b", "a/b", "a..b", "ü", ".git", &"x".repeat(61)] {
            assert!(!is_name(bad), "{bad}");
        }
    }

    #[test]
    fn every_scaffold_has_a_name_of_its_own() {
        for scaffold in Scaffold::ALL {
            assert_eq!(Scaffold::named(scaffold.name()), Some(scaffold));
        }
        assert_eq!(Scaffold::named("huggingface"), Some(Scaffold::HuggingFace));
        assert_eq!(Scaffold::named("nosuch"), None);
    }
}
