//! What is wrong with a module, before anybody pays to find out.
//!
//! ```text
//! template ─parse─► ─render with plain values─► JSON? ─scan─► members ─► rules on shape (unknown, misplaced, twice)
//!    │                     │                      └─decode─► module  ─► rules on the job (image, GPU, sizes, outputs, time)
//!    │                     └─ again without each optional input, and with each hostile value ─► which input breaks what, where
//!    └─ typed inputs, when there is a file: do the two agree
//! ```
//!
//! A [`Diagnostic`] says what is wrong and where in the template, what nodes of the existing network do with it, what ours do,
//! and how to mend it. A *fault* means that the module does not run as it stands, whatever a person gives it; a *warning* that
//! it does other than its author thinks, or breaks for some values; a *note* is worth knowing.
//!
//! Invariants: pure, and as bounded as rendering is; the same module always gives the same report, in the order of the
//! template. A module that the existing network refuses for every value always has a fault, one that it runs never has
//! (checked over all published modules, `tests/it/module/published.rs`). Not done here: nothing is pulled or fetched, so an
//! image's platforms are guessed from its name only, and the files of a checkout are looked at by [`Checkout::lint`].
//!
//! [`Checkout::lint`]: super::Checkout::lint

mod format;
mod job;
mod known;
mod needs;
mod place;
mod scan;
mod shape;
mod typed;
mod values;

use std::collections::BTreeMap;

use serde::Serialize;

pub use self::needs::GpuNeeds;
pub(in crate::module) use self::place::Places;
use super::ModuleError;
use super::asked::{TemplateInput, asked};
use super::render;
use super::safety::{Shot, Stop};
use super::template::{Phase, Template, TemplateError};

/// Most diagnostics of one rule that a report tells.
const MOST_OF_A_RULE: usize = 40;
/// Longest text of a diagnostic, in characters.
const LONGEST: usize = 1000;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// It does other than its author thinks, or breaks for some values.
    Warning,
    /// It does not run.
    Fault,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

macro_rules! rules {
    ($( $(#[$meta:meta])* $variant:ident = $id:literal ),* $(,)?) => {
        /// What a diagnostic is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[non_exhaustive]
        pub enum Rule { $( $(#[$meta])* #[serde(rename = $id)] $variant, )* }

        impl Rule {
            /// Every rule.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name: lower case, words joined by hyphens.
            pub fn id(self) -> &'static str {
                match self { $( Self::$variant => $id, )* }
            }
        }
    };
}

rules! {
    /// The template's syntax.
    TemplateSyntax = "template-syntax",
    /// The template stops while it runs.
    TemplateRun = "template-run",
    /// The rendered text is no JSON, whatever is given.
    NotJson = "not-json",
    /// A member has a value that it cannot have.
    MemberValue = "member-value",
    /// Leaving out an optional input breaks the module.
    InputCombination = "input-combination",
    /// A format of `printf` or `subst` that does not fit its values.
    PrintfFormat = "printf-format",
    /// A value breaks the module: every value, or one with certain characters.
    InputBreaks = "input-breaks",
    /// A value can change members that are not its own.
    InputInjects = "input-injects",
    /// The program gets another text than the person typed.
    InputAltered = "input-altered",
    /// Inputs without which the job is refused.
    InputRequired = "input-required",
    /// The file of typed inputs is no such file.
    InputsFile = "inputs-file",
    /// The file of typed inputs and the template disagree.
    InputsDiffer = "inputs-differ",
    /// A member that no node reads.
    UnknownMember = "unknown-member",
    /// A member that is read elsewhere.
    MisplacedMember = "misplaced-member",
    /// A member written twice in one object.
    DuplicateMember = "duplicate-member",
    /// A member in other upper and lower case.
    MemberCase = "member-case",
    /// Neither image nor WASM module.
    NoEngine = "no-engine",
    /// An engine that existing nodes do not run.
    Engine = "engine",
    /// An image without tag and digest, or `latest`.
    ImageTag = "image-tag",
    /// An image with a tag, without a digest.
    ImageDigest = "image-digest",
    /// An image for other machines than `linux/amd64`.
    ImagePlatform = "image-platform",
    /// A GPU is asked for in one place only.
    GpuPlace = "gpu-place",
    /// A GPU is asked for, but not how much memory it needs.
    VramUnknown = "vram-unknown",
    /// `machine` asks for more than `Resources` gives the program.
    Resources = "resources",
    /// Sizes and numbers that are none, or that no container can have.
    JobSpec = "job-spec",
    /// Members that existing nodes drop.
    Dropped = "dropped",
    /// A network that most providers refuse.
    Network = "network",
    /// Two time limits that disagree.
    TimeLimit = "time-limit",
    /// No folder for results.
    NoOutputs = "no-outputs",
    /// Names of input files that are none.
    InputFiles = "input-files",
    /// A file of the module is missing or another one.
    ModuleFile = "module-file",
    /// The module is so large that not all of it was looked at.
    Partial = "partial",
}

/// One thing that is wrong, or worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Diagnostic {
    /// What it is about.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// Line of the template, from 1; `None` when it is about the whole.
    pub line: Option<usize>,
    /// Character of the line, from 1.
    pub column: Option<usize>,
    /// The input it is about.
    pub input: Option<String>,
    /// The action it is about.
    pub action: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What nodes of the existing network do.
    pub existing: String,
    /// What ours do.
    pub ours: String,
    /// How to mend it.
    pub mend: String,
}

impl Diagnostic {
    pub(in crate::module) fn new(rule: Rule, severity: Severity, message: impl Into<String>) -> Self {
        let (line, column, input, action) = (None, None, None, None);
        let (existing, ours, mend) = (String::new(), String::new(), String::new());
        Self { rule, severity, line, column, input, action, message: message.into(), existing, ours, mend }
    }

    pub(super) fn at(mut self, place: (usize, usize)) -> Self {
        (self.line, self.column) = (Some(place.0), Some(place.1));
        self
    }

    pub(super) fn about(mut self, input: &str, action: &str) -> Self {
        self.input = Some(input.to_owned());
        self.action = (!action.is_empty()).then(|| action.to_owned());
        self
    }

    /// With texts of bounded length: they quote the module.
    fn cut(mut self) -> Self {
        for text in [&mut self.message, &mut self.mend].into_iter().chain(&mut self.action) {
            if let Some((at, _)) = text.char_indices().nth(LONGEST) {
                text.truncate(at);
                text.push('…');
            }
        }
        self
    }

    /// What the existing network does, what ours does, how to mend it.
    pub(in crate::module) fn says(mut self, existing: &str, ours: &str, mend: impl Into<String>) -> Self {
        self.existing = existing.to_owned();
        self.ours = ours.to_owned();
        self.mend = mend.into();
        self
    }
}

/// What there is to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Subject<'a> {
    /// The template.
    pub template: &'a [u8],
    /// Its name in error texts.
    pub name: &'a str,
    /// Values to render with; plain ones stand in for the rest.
    pub inputs: BTreeMap<String, String>,
    /// The file of typed inputs, when there is one.
    pub inputs_file: Option<&'a [u8]>,
}

impl<'a> Subject<'a> {
    /// A template alone.
    pub fn new(template: &'a [u8], name: &'a str) -> Self {
        Self { template, name, inputs: BTreeMap::new(), inputs_file: None }
    }
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Report {
    /// In the order of the template; what is about the whole comes first.
    pub diagnostics: Vec<Diagnostic>,
    /// What the module needs of a GPU, wherever that is written.
    pub gpu: GpuNeeds,
    /// The inputs that the template reads.
    pub inputs: Vec<TemplateInput>,
    /// How many there are beyond the first 40 of a rule, which are not told.
    pub left_out: u64,
}

impl Report {
    /// Whether there is a fault.
    pub fn has_faults(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Fault)
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }

    pub(in crate::module) fn add(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.contains(&diagnostic) {
            return;
        }
        let others = self.diagnostics.iter().filter(|other| other.rule == diagnostic.rule).count();
        if others >= MOST_OF_A_RULE {
            self.left_out += 1;
        } else {
            self.diagnostics.push(diagnostic.cut());
        }
    }

    pub(in crate::module) fn sort(&mut self) {
        self.diagnostics.sort_by_key(|found| (found.line, found.column, std::cmp::Reverse(found.severity)));
    }
}

/// What the job creator of the existing network does with a module that it cannot load.
const REFUSED: &str = "the client stops with \"error loading module\" before anything is offered";
const REFUSED_OURS: &str = "refused before anything is offered, with the place";

/// Looks at a module.
pub fn lint(subject: &Subject<'_>) -> Report {
    let mut report = Report::default();
    match Template::parse(subject.name, subject.template) {
        Ok(template) => {
            look(subject, &template, &mut report);
            forgive_what_is_not_followed(&template, &mut report);
        }
        Err(error) => {
            report.add(template_fault(&error));
            report.gpu = GpuNeeds::of(&scan::scan(subject.template), None);
        }
    }
    report.sort();
    report
}

/// A template that takes its inputs as a whole may read some that nobody could fill in here: without them it stops or leaves no
/// JSON, and may run all the same when they are given.
fn forgive_what_is_not_followed(template: &Template, report: &mut Report) {
    if template.survey().whole.is_none() {
        return;
    }
    let doubtful = [Rule::TemplateRun, Rule::NotJson, Rule::InputBreaks];
    for found in report.diagnostics.iter_mut().filter(|found| doubtful.contains(&found.rule)) {
        found.severity = found.severity.min(Severity::Warning);
    }
}

fn look(subject: &Subject<'_>, template: &Template, report: &mut Report) {
    report.inputs = asked(template);
    format::look(template, report);
    let schema = typed::read(subject, report);
    let mut sample = values::Sample::new(template, report.inputs.clone(), subject, schema.as_ref());
    let shot = match &sample.shot {
        Ok(shot) => shot,
        Err(stop) => {
            report.gpu = GpuNeeds::of(&scan::scan(subject.template), None);
            match stop {
                Stop::Template(error) => report.add(template_fault(error)),
                Stop::Spent => {}
            }
            sample.partial(report);
            return;
        }
    };
    let traced = shot.traced.clone();
    let entries = scan::scan(&traced.output);
    let module = shot.node.is_ok().then(|| render::decode(&traced.output, subject.name));
    let place = |offset: usize| template.position(traced.source(offset));
    report.gpu = GpuNeeds::of(&entries, module.as_ref().and_then(|module| module.as_ref().ok()));
    match &module {
        None => {
            sample.not_json(report);
            sample.partial(report);
        }
        Some(Err(ModuleError::Member { member, what, .. })) => {
            let found = entries.iter().find(|entry| entry.shown().eq_ignore_ascii_case(member));
            let mut fault = Diagnostic::new(Rule::MemberValue, Severity::Fault, format!("{member} {what}")).says(
                REFUSED,
                REFUSED_OURS,
                format!("correct the value of {member}"),
            );
            fault = fault.at(found.map_or((1, 1), |entry| place(entry.at)));
            report.add(fault);
        }
        Some(Err(error)) => report.add(Diagnostic::new(Rule::MemberValue, Severity::Fault, error.to_string())),
        Some(Ok(module)) => {
            let scene = Scene { entries: &entries, place: &place };
            job::look(&scene, module, report);
            sample.hostile(report);
            sample.combinations(report);
            sample.required(report);
            sample.partial(report);
        }
    }
    let scene = Scene { entries: &entries, place: &place };
    shape::look(&scene, report);
    if let Some(schema) = &schema {
        typed::compare(schema, report);
    }
}

/// What the rules look at.
struct Scene<'a> {
    entries: &'a [scan::Entry],
    place: &'a dyn Fn(usize) -> (usize, usize),
}

impl Scene<'_> {
    /// Where the first of these members stands; the beginning when none does.
    fn of(&self, paths: &[&str]) -> (usize, usize) {
        let found = paths.iter().find_map(|path| self.entries.iter().find(|entry| entry.is(path)));
        found.map_or((1, 1), |entry| (self.place)(entry.at))
    }
}

fn template_fault(error: &TemplateError) -> Diagnostic {
    let rule = if error.phase() == Phase::Parse { Rule::TemplateSyntax } else { Rule::TemplateRun };
    let text = error.to_string();
    // The message begins with a name, a line and a column that are said already.
    let message = text
        .split_once(": executing ")
        .map(|(_, rest)| format!("executing {rest}"))
        .or_else(|| {
            let marker = format!(":{}: ", error.line());
            text.split_once(&marker).map(|(_, rest)| rest.to_owned())
        })
        .unwrap_or_else(|| text.clone());
    let column =
        text.split_once(": executing ").and_then(|(before, _)| before.rsplit(':').next()?.parse::<usize>().ok());
    let place = (error.line(), column.map_or(1, |column| column + 1));
    Diagnostic::new(rule, Severity::Fault, message).at(place).says(REFUSED, REFUSED_OURS, "correct the action there")
}
