//! Why a module could not be used.

use super::template::{Limit, TemplateError};

/// What can go wrong between a module reference and the job it stands for.
///
/// `Display` is one line that names the thing; [`ModuleError::hint`] says the way out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModuleError {
    /// The text is no module reference.
    #[error("invalid module reference {:?}: {why}", short(reference))]
    Reference {
        /// The text.
        reference: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The text is no input.
    #[error("invalid input {:?}: {why}", short(input))]
    Input {
        /// The text, values cut off.
        input: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A folder that was to be run as a module is none.
    #[error("module folder {} {why}", short(folder))]
    Folder {
        /// The folder, as it was given.
        folder: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The template cannot be read or run.
    #[error("module {module} does not render: {}", long(source))]
    Template {
        /// Module, as in error texts.
        module: String,
        /// Names the template asks for that were not given.
        missing: Vec<String>,
        /// Line and reason.
        #[source]
        source: TemplateError,
    },
    /// The rendered text is no JSON.
    #[error("module {module} renders to no JSON: line {line}, column {column} of the rendered text: {what}")]
    NoJson {
        /// Module, as in error texts.
        module: String,
        /// Line of the rendered text, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
        /// The line and a caret below the place.
        excerpt: Box<str>,
        /// Names the template asks for that were not given.
        missing: Vec<String>,
        /// What is most likely at fault.
        blame: Blame,
    },
    /// A value leaves no JSON: the module's template writes it without making it safe.
    #[error(
        "input {:?} breaks module {module}: {} at line {line}, column {column} of its template: {what}",
        short(input),
        short(action)
    )]
    InputBreaks {
        /// Module, as in error texts.
        module: Box<str>,
        /// The input.
        input: String,
        /// The action that writes it.
        action: Box<str>,
        /// Line of the template, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// What is wrong with the rendered text.
        what: Box<str>,
        /// Characters in the value that templates break on, as people call them; may be empty.
        characters: Box<str>,
    },
    /// A value changes members that are not its own: the module's template writes it without making it safe.
    #[error(
        "input {:?} changes {} of module {module}: {} at line {line}, column {column} of its template lets it",
        short(input),
        short(member),
        short(action)
    )]
    InputInjects {
        /// Module, as in error texts.
        module: String,
        /// The input.
        input: String,
        /// The action that writes it.
        action: Box<str>,
        /// Line of the template, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// Path of the first member that differs.
        member: String,
    },
    /// A value would reach the program as another text: the module's template escapes it for another language, or not at all.
    #[error(
        "input {:?} does not reach module {module} as it was typed: {} at line {line}, column {column} of its template \
         changes it in {}",
        short(input),
        short(action),
        short(member)
    )]
    InputAlters {
        /// Module, as in error texts.
        module: Box<str>,
        /// The input.
        input: String,
        /// The action that writes it.
        action: Box<str>,
        /// Line of the template, from 1.
        line: usize,
        /// Character of the line, from 1.
        column: usize,
        /// Path of the member that holds another text.
        member: Box<str>,
        /// Characters in the value that templates change, as people call them; may be empty.
        characters: Box<str>,
    },
    /// Looking whether the template corrupts a value would take too long.
    #[error("module {module} takes too long to render: whether it corrupts an input was not found out")]
    InputsUnchecked {
        /// Module, as in error texts.
        module: String,
    },
    /// The module's file of typed inputs cannot be used.
    #[error("lilypad_inputs.json of module {module}: line {line}, column {column}: {}", long(what))]
    InputsFile {
        /// Module, as in error texts.
        module: String,
        /// Line of the file, from 1.
        line: usize,
        /// Column of the line, from 1.
        column: usize,
        /// What is wrong there.
        what: String,
    },
    /// An input is not what the module's file of typed inputs says.
    #[error("input {:?} {}", short(input), long(what))]
    InputValue {
        /// The input.
        input: String,
        /// What it must be; not the value.
        what: String,
        /// The way out.
        hint: String,
    },
    /// The rendered text is JSON, but a member has a value it cannot have.
    #[error("module {module}: {} {}", short(member), long(what))]
    Member {
        /// Module, as in error texts.
        module: String,
        /// Path of the member.
        member: String,
        /// What is wrong with it.
        what: String,
        /// Whether the value is not among those allowed, rather than of another type.
        bad_value: bool,
    },
    /// The job names no Docker image and no WASM module.
    #[error("{}job has no engine: neither job.Spec.Docker.Image nor job.Spec.Wasm.EntryModule is set", prefix(module))]
    NoEngine {
        /// Module, as in error texts; empty until [`ModuleError::in_module`] names it.
        module: String,
    },
    /// The job cannot run as it is written.
    #[error("{}job cannot run: {}", prefix(module), long(problems.join("; ")))]
    Job {
        /// Module, as in error texts; empty until [`ModuleError::in_module`] names it.
        module: String,
        /// What is wrong, one text each.
        problems: Vec<String>,
    },
    /// The repository does not exist or cannot be reached.
    #[error("unknown module {}: {}", short(repo), why.replace(repo.as_str(), &short(repo)))]
    UnknownModule {
        /// URL of the repository.
        repo: String,
        /// Last words of `git`.
        why: String,
        /// Whether the host could not be reached, rather than the repository found.
        unreachable: bool,
    },
    /// The repository has no such tag, branch or commit.
    #[error("module {} has no tag, branch or commit {:?}", short(repo), short(reference))]
    UnknownRef {
        /// URL of the repository.
        repo: String,
        /// The reference.
        reference: String,
        /// Tags that look alike, or the last ones.
        near: Vec<String>,
    },
    /// The policy forbids this repository.
    #[error("module {repo} is not allowed: {why}")]
    Forbidden {
        /// URL of the repository.
        repo: String,
        /// Why.
        why: &'static str,
    },
    /// A file of the module cannot be used.
    #[error("file {:?} of module {}: {why}", short(path), short(module))]
    File {
        /// The module's repository or folder.
        module: String,
        /// Path inside it.
        path: String,
        /// Why.
        why: String,
    },
    /// The `git` program cannot be started.
    #[error("cannot start git: {source}")]
    NoGit {
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// `git` took too long.
    #[error("git took longer than {seconds} s for {repo}")]
    GitTimeout {
        /// URL of the repository.
        repo: String,
        /// The limit.
        seconds: u64,
    },
    /// The repository is larger than the policy allows.
    #[error("module {repo} is too large: {what}, the limit is {limit}")]
    TooLarge {
        /// URL of the repository.
        repo: String,
        /// What was found.
        what: String,
        /// The limit, with its unit.
        limit: String,
    },
    /// `git` failed at something that should not fail.
    #[error("git {command} failed: {why}")]
    Git {
        /// What it was to do.
        command: String,
        /// Its last words.
        why: String,
    },
    /// The data folder cannot be used.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was to be done.
        action: &'static str,
        /// Where.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// What is most likely at fault when a template renders to no JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Blame {
    /// The template: it got no inputs that could have broken it.
    #[default]
    Template,
    /// The template, which renders to nothing at all.
    Blank,
    /// An input that the template puts into the text as it is.
    Inputs,
}

/// How the reason begins when a file is larger than what is read of it.
pub(super) const TOO_LARGE: &str = "it is larger than";
const SMALLER: &str = "make it smaller: a template is what renders to one JSON object, and models and data belong into the image or \
     into input files";

/// Most characters of a reference that an error shows.
const SHOWN_CHARACTERS: usize = 120;

/// Most characters of a message that quotes a template which an error shows.
const LONGEST: usize = 2000;
/// Most names that a hint lists.
const MOST_NAMES: usize = 10;

/// The beginning of a text that may be of any length.
fn short(text: &str) -> String {
    beginning(text, SHOWN_CHARACTERS)
}

/// The beginning of a message that quotes what may be of any length.
fn long(message: impl ToString) -> String {
    beginning(&message.to_string(), LONGEST)
}

fn beginning(text: &str, longest: usize) -> String {
    let mut shown: String = text.chars().take(longest).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown
}

/// The first of some names, each written by `write`.
fn few(names: &[String], write: impl Fn(&str) -> String, between: &str) -> String {
    let mut shown: Vec<String> = names.iter().take(MOST_NAMES).map(|name| write(&short(name))).collect();
    if names.len() > MOST_NAMES {
        shown.push(format!("… and {} more", names.len() - MOST_NAMES));
    }
    shown.join(between)
}

fn prefix(module: &str) -> String {
    if module.is_empty() { String::new() } else { format!("module {}: ", short(module)) }
}

/// Whether a module is a folder of the person's own, whose author is at hand. References have a colon; a folder that has one
/// begins as a path does.
fn is_folder(module: &str) -> bool {
    !module.is_empty() && (module.starts_with(['.', '/']) || !module.contains(':'))
}

/// How an action is written that no value breaks.
fn safe(input: &str) -> String {
    format!("write {{{{.{}}}}} where a whole JSON text stands", short(input))
}

/// Whose turn it is to mend `module`.
fn mend(module: &str, own: &str) -> String {
    mend_or(module, own, "this is a fault of the module; tell its author, or use another tag")
}

fn mend_or(module: &str, own: &str, other: &str) -> String {
    if is_folder(module) { own.to_owned() } else { other.to_owned() }
}

impl ModuleError {
    /// The same fault, of a module that is called `shown`, as the person named it; that of a job or a file in its repository.
    #[must_use]
    pub fn in_module(self, shown: &str) -> Self {
        let module = shown.to_owned();
        match self {
            Self::NoEngine { .. } => Self::NoEngine { module },
            Self::Job { problems, .. } => Self::Job { module, problems },
            Self::File { path, why, .. } => Self::File { module, path, why },
            other => other,
        }
    }

    /// What the person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } => Some(format!(
                "name a folder that holds {}, the template of a module",
                super::TEMPLATE_PATH.trim_start_matches('/')
            )),
            Self::Reference { .. } => Some("write NAME:TAG or HOST/OWNER/REPO:REF, for example cowsay:v0.0.4".to_owned()),
            Self::Input { .. } => Some("write inputs as -i NAME=VALUE".to_owned()),
            Self::Template { missing, .. } | Self::NoJson { missing, .. } if !missing.is_empty() => {
                let flags = few(missing, |name| format!("-i {name}=…"), " ");
                Some(format!("the template asks for inputs that were not given: {flags}"))
            }
            Self::Template { module, source, .. } if source.reached_limit() == Some(Limit::TemplateBytes) => {
                Some(mend(module, SMALLER))
            }
            Self::Template { module, .. } => Some(mend(module, "correct the template at that line")),
            Self::NoJson { blame: Blame::Inputs, .. } => Some(
                "an input with quotes, apostrophes, backslashes or line breaks may break this template; try a plain value"
                    .to_owned(),
            ),
            Self::NoJson { module, blame: Blame::Blank, .. } => Some(mend(
                module,
                "the template is empty: write the machine and the job into it, as JSON",
            )),
            Self::NoJson { module, blame: Blame::Template, excerpt, .. } => {
                let line = excerpt.lines().next().unwrap_or_default().trim();
                Some(mend(module, &format!("correct the template; the line reads {line:?}")))
            }
            Self::Member { module, .. } => Some(mend(module, "correct that member in the template")),
            Self::InputBreaks { module, input, characters, .. } => {
                let first = match characters.is_empty() {
                    true => format!("try another value for -i {}=…", short(input)),
                    false => format!("leave {characters} out of -i {}=…", short(input)),
                };
                let other = if characters.is_empty() { ". This is a fault of the module" } else { "" };
                let own = format!(". Or correct the template: {}", safe(input));
                Some(format!("{first}; nothing was paid{}", mend_or(module, &own, other)))
            }
            Self::InputInjects { module, input, .. } => {
                let (own, other) = ("Or correct the template:", "The module's author can");
                Some(format!(
                    "leave quotes and commas out of -i {}=…; nothing was paid. {} {}",
                    short(input),
                    mend_or(module, own, other),
                    safe(input)
                ))
            }
            Self::InputAlters { module, input, characters, .. } => {
                let what = if characters.is_empty() { "that part" } else { characters };
                let own = format!(". Or correct the template: {}", safe(input));
                Some(format!(
                    "leave {what} out of -i {}=…, or let it be changed with --allow-altered-inputs; nothing was paid{}",
                    short(input),
                    mend_or(module, &own, "")
                ))
            }
            Self::InputsUnchecked { .. } => Some("give fewer inputs, or use a module with a smaller template".to_owned()),
            Self::InputsFile { module, .. } => Some(mend(module, "correct the file; docs/modules.md has its format")),
            Self::InputValue { hint, .. } => Some(hint.clone()),
            Self::NoEngine { module } => Some(mend_or(
                module,
                "set job.Spec.Docker.Image in the template, or Engine Wasm with an EntryModule",
                "the module's author must set Docker.Image, or Engine Wasm with an EntryModule",
            )),
            Self::Job { module, .. } => Some(mend_or(
                module,
                "correct job.Spec in the template; `lilypad module lint` tells where",
                "the module's author must correct job.Spec",
            )),
            Self::UnknownModule { unreachable: true, .. } => {
                Some("check the network connection and the host name".to_owned())
            }
            Self::UnknownModule { .. } => Some(
                "check the spelling; a short name stands for https://github.com/Lilypad-Tech/lilypad-module-NAME".to_owned(),
            ),
            Self::UnknownRef { near, .. } if near.is_empty() => {
                Some("the repository has no tags; give a branch or a full commit".to_owned())
            }
            Self::UnknownRef { near, .. } => Some(format!("tags there: {}", few(near, str::to_owned, ", "))),
            Self::Forbidden { .. } => Some("use an https:// repository of a public host".to_owned()),
            Self::NoGit { .. } => Some("install git and make sure that it is on the PATH".to_owned()),
            Self::TooLarge { .. } => Some(
                "a module is a template and what it needs at hand; keep models and data in the image or in input files"
                    .to_owned(),
            ),
            Self::GitTimeout { .. } => Some("try again, or check the network connection".to_owned()),
            Self::File { module, why, .. } if why.starts_with(TOO_LARGE) => Some(mend(module, SMALLER)),
            Self::File { module, .. } => Some(mend(module, "put the file where the template says")),
            Self::Git { .. } => Some("see whether git works on this machine: git --version".to_owned()),
            Self::Io { .. } => Some("see whether the data folder can be written to and has room".to_owned()),
        }
    }

    /// The broken line of the rendered text with a caret below the place, when there is one.
    pub fn excerpt(&self) -> Option<&str> {
        match self {
            Self::NoJson { excerpt, .. } => Some(excerpt),
            _ => None,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::GitTimeout { .. } | Self::UnknownModule { unreachable: true, .. } => true,
            Self::Reference { .. }
            | Self::Input { .. }
            | Self::Folder { .. }
            | Self::Template { .. }
            | Self::NoJson { .. }
            | Self::InputBreaks { .. }
            | Self::InputInjects { .. }
            | Self::InputAlters { .. }
            | Self::InputsUnchecked { .. }
            | Self::InputsFile { .. }
            | Self::InputValue { .. }
            | Self::Member { .. }
            | Self::NoEngine { .. }
            | Self::Job { .. }
            | Self::UnknownModule { .. }
            | Self::UnknownRef { .. }
            | Self::Forbidden { .. }
            | Self::File { .. }
            | Self::NoGit { .. }
            | Self::TooLarge { .. }
            | Self::Git { .. }
            | Self::Io { .. } => false,
        }
    }

    /// Whether the person's own words (reference, inputs) are at fault, rather than module or surroundings.
    pub fn is_caller_fault(&self) -> bool {
        match self {
            Self::Reference { .. }
            | Self::Input { .. }
            | Self::Folder { .. }
            | Self::InputBreaks { .. }
            | Self::InputInjects { .. }
            | Self::InputAlters { .. }
            | Self::InputValue { .. }
            | Self::UnknownRef { .. }
            | Self::Forbidden { .. } => true,
            Self::UnknownModule { unreachable, .. } => !unreachable,
            Self::Template { missing, .. } | Self::NoJson { missing, .. } => !missing.is_empty(),
            Self::Member { .. }
            | Self::InputsFile { .. }
            | Self::InputsUnchecked { .. }
            | Self::NoEngine { .. }
            | Self::Job { .. }
            | Self::File { .. }
            | Self::NoGit { .. }
            | Self::GitTimeout { .. }
            | Self::TooLarge { .. }
            | Self::Git { .. }
            | Self::Io { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every fault of a module, with whom the module belongs to.
    fn faults(module: &str) -> Vec<ModuleError> {
        let (module, text) = (module.to_owned(), String::new);
        let breaks = |characters: &str| ModuleError::InputBreaks {
            module: module.clone().into(),
            input: "A".to_owned(),
            action: "".into(),
            line: 1,
            column: 1,
            what: "".into(),
            characters: characters.into(),
        };
        vec![
            ModuleError::Member { module: module.clone(), member: text(), what: text(), bad_value: false },
            breaks(""),
            breaks("a tab"),
            ModuleError::InputInjects {
                module: module.clone(),
                input: "A".to_owned(),
                action: "".into(),
                line: 1,
                column: 1,
                member: text(),
            },
            ModuleError::InputAlters {
                module: module.clone().into(),
                input: "A".to_owned(),
                action: "".into(),
                line: 1,
                column: 1,
                member: "".into(),
                characters: "".into(),
            },
            ModuleError::InputsUnchecked { module: module.clone() },
            ModuleError::InputsFile { module: module.clone(), line: 1, column: 1, what: text() },
            ModuleError::NoEngine { module: module.clone() },
            ModuleError::Job { module: module.clone(), problems: Vec::new() },
            ModuleError::File { module: module.clone(), path: text(), why: text() },
            ModuleError::File { module, path: text(), why: format!("{TOO_LARGE} 7 bytes") },
        ]
    }

    #[test]
    fn nobody_is_sent_to_an_author_that_they_are_themselves() {
        for folder in [".", "./dir", "../dir", "/srv/dir", "dir", "a/b", "./a:b"] {
            for fault in faults(folder) {
                let hint = fault.hint().unwrap_or_default();
                assert!(
                    !hint.is_empty() && !hint.contains("author") && !hint.contains("fault of the module"),
                    "{hint}"
                );
            }
        }
        for reference in ["cowsay:v0.0.4", "github.com/o/r:main", "https://github.com/o/r-/x.tmpl-v1"] {
            let hints: Vec<String> = faults(reference).iter().filter_map(ModuleError::hint).collect();
            let sent = hints.iter().filter(|hint| hint.contains("author") || hint.contains("fault of the module"));
            // All but those that the person can do something about: the characters of a value, the number of inputs.
            assert_eq!(sent.count(), hints.len() - 3, "{hints:#?}");
            assert!(!hints.iter().any(|hint| hint.contains("correct the template")), "{hints:#?}");
        }
    }
}
