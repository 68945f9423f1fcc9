//! Module references: what a person types, and what an offer carries.

use std::fmt;
use std::path::{Path, PathBuf};

use super::ModuleError;
use crate::types::ModuleConfig;

/// Where a template lies in a module's repository unless said otherwise.
pub const TEMPLATE_PATH: &str = "/lilypad_module.json.tmpl";

/// Repositories of short names begin with this.
const SHORTCUT_PREFIX: &str = "https://github.com/Lilypad-Tech/lilypad-module-";

/// A template in a repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModuleSource {
    /// URL of the repository.
    pub repo: String,
    /// Tag, branch, or commit; offers of ours carry the commit.
    pub hash: String,
    /// Path of the template inside the repository.
    pub path: String,
}

impl ModuleSource {
    /// Whether `hash` is a full commit id, which needs no resolving.
    pub fn is_pinned(&self) -> bool {
        is_commit(&self.hash)
    }

    /// The same template at a commit.
    pub fn at(&self, commit: &str) -> Self {
        Self { hash: commit.to_owned(), ..self.clone() }
    }

    /// As an offer carries it.
    pub fn to_config(&self) -> ModuleConfig {
        ModuleConfig { name: String::new(), repo: self.repo.clone(), hash: self.hash.clone(), path: self.path.clone() }
    }

    /// From what an offer carries; a filled `name` is expanded and replaces the rest. Source: modules.md §1.1.
    ///
    /// # Errors
    /// [`ModuleError::Reference`] for a name that is no shortcut, or for missing members.
    pub fn from_config(config: &ModuleConfig) -> Result<Self, ModuleError> {
        if !config.name.is_empty() {
            return Self::expand(&config.name)
                .map_err(|why| ModuleError::Reference { reference: config.name.clone(), why });
        }
        let source = Self { repo: config.repo.clone(), hash: config.hash.clone(), path: config.path.clone() };
        let fail = |why| Err(ModuleError::Reference { reference: source.to_string(), why });
        if source.repo.is_empty() {
            return fail("MODULE_REPO is required");
        }
        if source.hash.is_empty() {
            return fail("MODULE_HASH is required");
        }
        if source.path.is_empty() {
            return fail("MODULE_PATH is required");
        }
        Ok(source)
    }

    /// The short form as existing nodes expand it: `name:tag`, or `host/owner/repo:ref` when there is a `/` anywhere.
    fn expand(name: &str) -> Result<Self, &'static str> {
        if name.is_empty() {
            return Err("module name is empty");
        }
        let mut pieces = name.split(':');
        let (Some(left), Some(right), None) = (pieces.next(), pieces.next(), pieces.next()) else {
            return Err("invalid module name format");
        };
        let prefix = if name.contains('/') { "https://" } else { SHORTCUT_PREFIX };
        Ok(Self { repo: format!("{prefix}{left}"), hash: right.to_owned(), path: TEMPLATE_PATH.to_owned() })
    }

    /// Expands a short form exactly as existing nodes do, empty tags and odd hosts included. Ours is
    /// [`ModuleReference::parse`].
    ///
    /// # Errors
    /// The existing nodes' message.
    pub fn expand_compat(name: &str) -> Result<Self, String> {
        Self::expand(name).map_err(|why| if name.is_empty() { why.to_owned() } else { format!("{why}: {name}") })
    }
}

impl fmt::Display for ModuleSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repo, self.hash)
    }
}

/// Whether a text is a full commit id: 40 hexadecimal digits, lower case.
pub fn is_commit(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// What a person names on the command line.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ModuleReference {
    /// `name:tag`: the repository of that short name.
    Shortcut {
        /// The short name.
        name: String,
        /// Where it stands for, tag included.
        source: ModuleSource,
    },
    /// `host/owner/repo:ref` or `https://host/owner/repo[:@]ref`.
    Repository(ModuleSource),
    /// `./dir`: a folder of this machine, for development; networks other than `local` refuse it.
    Directory {
        /// The folder.
        dir: PathBuf,
        /// Path of the template inside the folder.
        path: String,
    },
}

impl ModuleReference {
    /// Reads a reference.
    ///
    /// # Errors
    /// [`ModuleError::Reference`] with what is wrong: no tag, other schemes than https, user names, odd characters.
    pub fn parse(text: &str) -> Result<Self, ModuleError> {
        let fail = |why| ModuleError::Reference { reference: text.to_owned(), why };
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(fail("it is empty"));
        }
        if trimmed == "."
            || trimmed == ".."
            || trimmed.starts_with(['/'])
            || trimmed.starts_with("./")
            || trimmed.starts_with("../")
        {
            return Ok(Self::folder(trimmed));
        }
        if let Some((scheme, rest)) = trimmed.split_once("://") {
            if !scheme.eq_ignore_ascii_case("https") {
                return Err(fail("only https:// repositories can be used"));
            }
            return Self::repository(rest, true).map_err(fail);
        }
        if trimmed.contains('/') && trimmed.split_once(':').is_none_or(|(name, _)| name.contains('/')) {
            return Self::repository(trimmed, false).map_err(fail);
        }
        let (name, tag) = trimmed.split_once(':').ok_or_else(|| fail("there is no tag after a colon"))?;
        if name.is_empty() {
            return Err(fail("there is no name before the colon"));
        }
        if !name.bytes().all(is_name_byte) || name.starts_with('.') {
            return Err(fail("a short name has only letters, digits, \".\", \"_\" and \"-\""));
        }
        check_revision(tag).map_err(fail)?;
        let source = ModuleSource {
            repo: format!("{SHORTCUT_PREFIX}{name}"),
            hash: tag.to_owned(),
            path: TEMPLATE_PATH.to_owned(),
        };
        Ok(Self::Shortcut { name: name.to_owned(), source })
    }

    /// A folder with its template at the usual place.
    pub fn folder(dir: impl Into<PathBuf>) -> Self {
        Self::Directory { dir: dir.into(), path: TEMPLATE_PATH.to_owned() }
    }

    /// `host/owner/repo` with a revision behind the last `:` or, with `at`, `@`.
    fn repository(text: &str, at: bool) -> Result<Self, &'static str> {
        let (host, path) = text.split_once('/').ok_or("a repository is HOST/OWNER/REPO")?;
        let split =
            path.find(|c| c == ':' || (at && c == '@')).ok_or("there is no tag, branch or commit after a colon")?;
        let (path, revision) = path.split_at(split);
        let revision = revision.get(1..).unwrap_or_default();
        let path = path.trim_end_matches('/');
        let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
        if port.is_some() && !at {
            return Err("a host with a port needs https:// before it");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return Err("the port is no number");
        }
        if host.contains('@') {
            return Err("a user name in the host is not allowed");
        }
        if name.is_empty()
            || name.starts_with(['.', '-'])
            || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        {
            return Err("the host has characters that no host has");
        }
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() < 2 {
            return Err("a repository is HOST/OWNER/REPO");
        }
        if !parts.iter().all(|part| is_plain_part(part)) {
            return Err("owner and repository have only letters, digits, \".\", \"_\" and \"-\"");
        }
        check_revision(revision)?;
        Ok(Self::Repository(ModuleSource {
            repo: format!("https://{host}/{path}"),
            hash: revision.to_owned(),
            path: TEMPLATE_PATH.to_owned(),
        }))
    }

    /// The same module with its template elsewhere in the repository or folder; offers carry the path.
    ///
    /// # Errors
    /// [`ModuleError::Reference`] for a path that leads out of it.
    pub fn with_path(mut self, path: &str) -> Result<Self, ModuleError> {
        let checked = check_template_path(path);
        let found = checked.map_err(|why| ModuleError::Reference { reference: path.to_owned(), why })?;
        match &mut self {
            Self::Shortcut { source, .. } | Self::Repository(source) => source.path = found,
            Self::Directory { path, .. } => *path = found,
        }
        Ok(self)
    }

    /// The source in a repository; `None` for a folder.
    pub fn source(&self) -> Option<&ModuleSource> {
        match self {
            Self::Shortcut { source, .. } | Self::Repository(source) => Some(source),
            Self::Directory { .. } => None,
        }
    }

    /// The folder; `None` for anything else.
    pub fn directory(&self) -> Option<&Path> {
        match self {
            Self::Directory { dir, .. } => Some(dir),
            Self::Shortcut { .. } | Self::Repository(_) => None,
        }
    }
}

impl fmt::Display for ModuleReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shortcut { name, source } => write!(f, "{name}:{}", source.hash),
            Self::Repository(source) => write!(f, "{}:{}", source.repo.trim_start_matches("https://"), source.hash),
            Self::Directory { dir, .. } => write!(f, "{}", dir.display()),
        }
    }
}

impl std::str::FromStr for ModuleReference {
    type Err = ModuleError;

    fn from_str(text: &str) -> Result<Self, ModuleError> {
        Self::parse(text)
    }
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

/// Whether a part of a path is a plain name that no shell, URL or file system reads as something else.
pub(super) fn is_plain_part(part: &str) -> bool {
    !part.is_empty() && !part.starts_with(['.', '-']) && part.bytes().all(is_name_byte)
}

/// A template's path from the root of its repository, `/` in front.
fn check_template_path(path: &str) -> Result<String, &'static str> {
    let relative = path.strip_prefix('/').unwrap_or(path);
    let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.eq_ignore_ascii_case(".git");
    if relative.is_empty() || relative.len() > 500 || relative.contains('\\') || relative.contains(char::is_control) {
        return Err("this is no path of a file in a repository");
    }
    if !relative.split('/').all(plain) {
        return Err("the path leads out of the module's repository");
    }
    Ok(format!("/{relative}"))
}

/// Whether a text can name a tag, branch or commit. Rules of `git check-ref-format`, without revision expressions.
pub(super) fn check_revision(text: &str) -> Result<(), &'static str> {
    if text.is_empty() {
        return Err("the tag after the colon is empty");
    }
    let odd = |c: char| c.is_control() || c == ' ' || "~^:?*[\\".contains(c);
    if text.len() > 250
        || text.starts_with(['-', '/', '.'])
        || text.ends_with(['/', '.'])
        || text.ends_with(".lock")
        || text.contains("..")
        || text.contains("@{")
        || text.contains("//")
        || text.contains("/.")
        || text.contains(odd)
    {
        return Err("this is no name of a tag, branch or commit");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn reads_every_form() {
        let cases = [
            ("cowsay:v0.0.4", "https://github.com/Lilypad-Tech/lilypad-module-cowsay", "v0.0.4"),
            ("cowsay:feature/x", "https://github.com/Lilypad-Tech/lilypad-module-cowsay", "feature/x"),
            ("github.com/o/r:main", "https://github.com/o/r", "main"),
            ("github.com/o/r.git:v1", "https://github.com/o/r.git", "v1"),
            ("https://github.com/o/r:main", "https://github.com/o/r", "main"),
            ("https://github.com/o/r@main", "https://github.com/o/r", "main"),
            ("https://git.example.org:8443/g/s/r@v1", "https://git.example.org:8443/g/s/r", "v1"),
        ];
        for (text, repo, hash) in cases {
            let reference = ModuleReference::parse(text).unwrap();
            let source = reference.source().unwrap();
            assert_eq!((source.repo.as_str(), source.hash.as_str()), (repo, hash), "{text}");
            assert_eq!(source.path, TEMPLATE_PATH);
        }
        for text in ["./module", "../module", ".", "/srv/module"] {
            assert_eq!(ModuleReference::parse(text).unwrap().directory(), Some(Path::new(text)));
        }
    }

    #[test]
    fn refuses_what_could_mean_something_else() {
        let bad = [
            "",
            "cowsay",
            "cowsay:",
            ":v1",
            "cowsay:v1:x",
            "cow say:v1",
            "cowsay:-x",
            "cowsay:a..b",
            "cowsay:HEAD~1",
            "http://github.com/o/r:v1",
            "file:///etc/x:v1",
            "git@github.com:o/r:v1",
            "user:pw@github.com/o/r:v1",
            "https://user@github.com/o/r:v1",
            "github.com/o:v1",
            "github.com/../../x:v1",
            "github.com//r:v1",
            "github.com/o/r",
            "localhost:3000/o/r:v1",
            "github.com/o/r?x=1:v1",
            "github.com/%zz/r:v1",
            "--upload-pack=x/y/z:v",
        ];
        for text in bad {
            let error = ModuleReference::parse(text).unwrap_err();
            assert!(error.is_caller_fault() && error.hint().is_some(), "{text}");
        }
    }

    #[test]
    fn a_template_may_lie_elsewhere_in_the_repository() {
        let reference = || ModuleReference::parse("cowsay:v0.0.4").unwrap();
        for (path, expected) in [("sub/x.tmpl", "/sub/x.tmpl"), ("/sub/x y.json", "/sub/x y.json")] {
            assert_eq!(reference().with_path(path).unwrap().source().unwrap().path, expected);
        }
        for bad in
            ["", "/", "../x", "a/../b", "a//b", "./a", ".git/config", "a\\b", "a\nb", "//etc/passwd", &"x".repeat(501)]
        {
            assert!(reference().with_path(bad).is_err(), "{bad}");
        }
        let folder = ModuleReference::parse("./m").unwrap().with_path("sub/other").unwrap();
        assert_eq!(folder, ModuleReference::Directory { dir: "./m".into(), path: "/sub/other".to_owned() });
        assert!(folder.with_path("../x").is_err());
    }

    #[test]
    fn only_full_lower_case_commits_are_pinned() {
        let commit = "cb8b670805b06206bd63603a8ba582638a619fe5";
        assert!(is_commit(commit));
        assert!(!is_commit(&commit[1..]) && !is_commit(&commit.to_uppercase()) && !is_commit("v0.0.4"));
    }
}
