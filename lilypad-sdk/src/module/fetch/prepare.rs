//! What a creator does with a checkout before offering a job: list its inputs, check values, look for faults.

use std::collections::BTreeMap;
use std::path::Path;

use super::Checkout;
use crate::module::asked::{InputDescription, describe_inputs};
use crate::module::lint::{self, Diagnostic, Report, Rule, Severity, Subject};
use crate::module::safety::render_checked_for;
use crate::module::template::Template;
use crate::module::{
    AlteredInputs, INPUTS_FILE, INPUTS_FILE_MAX, InputSchema, Module, ModuleError, ModuleSource, Program, TEMPLATE_PATH,
};

impl Checkout {
    /// A folder of this machine as a module, as it is now; nothing is committed. Its `hash` is empty.
    ///
    /// # Errors
    /// [`ModuleError::Folder`] or [`ModuleError::File`] when there is no template at `path`, [`ModuleError::Io`] when the
    /// folder cannot be read.
    pub fn folder(dir: &Path, path: &str) -> Result<Self, ModuleError> {
        let shown = dir.display().to_string();
        let at_root = path.trim_start_matches('/') == TEMPLATE_PATH.trim_start_matches('/');
        let wrong = match (dir.exists(), dir.is_dir()) {
            (false, _) => Some("does not exist"),
            (true, false) => Some("is no folder"),
            (true, true) if at_root && !dir.join(TEMPLATE_PATH.trim_start_matches('/')).is_file() => {
                Some("has no file lilypad_module.json.tmpl")
            }
            (true, true) => None,
        };
        if let Some(why) = wrong {
            return Err(ModuleError::Folder { folder: shown, why });
        }
        let dir = dir.canonicalize().map_err(super::io("read", dir))?;
        let source = ModuleSource { repo: shown, hash: String::new(), path: path.to_owned() };
        let folder = Self::new(source, dir);
        folder.file(path)?;
        Ok(folder)
    }

    /// The module's typed inputs: the file [`INPUTS_FILE`] beside the template; `None` without one. Errors call the module
    /// `shown`.
    ///
    /// # Errors
    /// [`ModuleError::InputsFile`], and as [`Checkout::read`].
    pub fn inputs_schema(&self, shown: &str) -> Result<Option<InputSchema>, ModuleError> {
        match self.inputs_file()? {
            Some(text) => InputSchema::parse(&text, shown).map(Some),
            None => Ok(None),
        }
    }

    fn inputs_file(&self) -> Result<Option<Vec<u8>>, ModuleError> {
        let path = beside(&self.source().path, INPUTS_FILE);
        if std::fs::symlink_metadata(self.dir().join(path.trim_start_matches('/'))).is_err() {
            return Ok(None);
        }
        self.read(&path, INPUTS_FILE_MAX).map(Some)
    }

    /// The inputs a person may give: those of the file of typed inputs, then those that only the template knows. Errors call
    /// the module `shown`.
    ///
    /// # Errors
    /// As [`Checkout::template`] and [`Checkout::inputs_schema`]; [`ModuleError::Template`] when it cannot be parsed.
    pub fn inputs(&self, shown: &str) -> Result<Vec<InputDescription>, ModuleError> {
        let file = self.source().path.trim_start_matches('/');
        let template = Template::parse(file, self.template()?).map_err(|source| ModuleError::Template {
            module: shown.to_owned(),
            missing: Vec::new(),
            source,
        })?;
        Ok(describe_inputs(&template, self.inputs_schema(shown)?.as_ref()))
    }

    /// Checks a creator's inputs and renders the module: typed inputs are checked and filled, values that the template would
    /// corrupt are refused, those that it only alters as `altered` says. Errors call the module `shown`. Gives the inputs as an offer carries them, and the module.
    ///
    /// # Errors
    /// As [`InputSchema::apply`], [`render_checked`](crate::module::render_checked) and [`Checkout::inputs_schema`].
    pub fn prepare(
        &self,
        shown: &str,
        inputs: &BTreeMap<String, String>,
        altered: AlteredInputs,
    ) -> Result<(BTreeMap<String, String>, Module), ModuleError> {
        let inputs = match self.inputs_schema(shown)? {
            Some(schema) => schema.apply(inputs)?,
            None => inputs.clone(),
        };
        let file = self.source().path.trim_start_matches('/');
        let module = render_checked_for(&self.template()?, shown, file, &inputs, altered)?;
        Ok((inputs, module))
    }

    /// Looks for faults, also in the files that the job names. `inputs` are rendered with; plain values stand in for the rest.
    ///
    /// # Errors
    /// As [`Checkout::template`]; what is wrong with the module is in the report.
    pub fn lint(&self, inputs: &BTreeMap<String, String>) -> Result<Report, ModuleError> {
        let (template, name) = (self.template()?, self.source().path.trim_start_matches('/').to_owned());
        let file = self.inputs_file()?;
        let mut subject = Subject::new(&template, &name);
        subject.inputs.clone_from(inputs);
        subject.inputs_file = file.as_deref();
        let mut report = lint::lint(&subject);
        if !report.has_faults() {
            self.look_at_files(&report, &template, &name, inputs).into_iter().for_each(|found| report.add(found));
            report.sort();
        }
        Ok(report)
    }

    fn look_at_files(
        &self,
        report: &Report,
        template: &[u8],
        name: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Vec<Diagnostic> {
        let mut full: BTreeMap<String, String> = report
            .inputs
            .iter()
            .map(|input| (input.name.clone(), input.default.clone().unwrap_or_else(|| "x".to_owned())))
            .collect();
        full.extend(inputs.clone());
        let Ok(workload) = crate::module::render(template, name, &full).and_then(|module| module.workload()) else {
            return Vec::new();
        };
        let Program::Wasm(program) = workload.program else { return Vec::new() };
        let files = std::iter::once(&program.entry_module).chain(program.imports.iter().map(|(_, file)| file));
        files
            .filter_map(|file| self.wasm(file).err())
            .map(|error| {
                Diagnostic::new(Rule::ModuleFile, Severity::Fault, error.to_string()).says(
                    "does not run WASM",
                    "refused before anything is offered",
                    "commit the file, and write its SHA-256 (sha256sum FILE) into Metadata.sha256",
                )
            })
            .collect()
    }
}

/// The path of a file in the folder of another.
fn beside(path: &str, name: &str) -> String {
    path.rsplit_once('/').map_or_else(|| name.to_owned(), |(folder, _)| format!("{folder}/{name}"))
}
