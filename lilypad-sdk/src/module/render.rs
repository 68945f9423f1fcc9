//! From template and inputs to the decoded module.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::decode::{self, Unreadable};
use super::json::{self, Syntax};
use super::spec::Module;
use super::template::{Template, TemplateError, Value};
use super::{Blame, ModuleError, ModuleSource};

/// Longest piece of a broken line that an error shows, in characters.
const EXCERPT: usize = 100;

/// Renders a module's template and decodes the result.
///
/// Every value is JSON-encoded first, as existing nodes do, so `{{.Name}}` is a complete JSON string. `name` is the template's
/// name in error texts; [`template_name`] gives the one that existing nodes use.
///
/// # Errors
/// [`ModuleError::Template`] when it does not render, [`ModuleError::NoJson`] when the text is no JSON,
/// [`ModuleError::Member`] when a member has a value it cannot have.
pub fn render(
    template: impl AsRef<[u8]>,
    name: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Module, ModuleError> {
    render_for(template.as_ref(), name, name, inputs)
}

/// As [`render`], with errors that name the module and its template's file as a person does.
pub(super) fn render_for(
    template: &[u8],
    shown: &str,
    file: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Module, ModuleError> {
    let text = render_text_for(template, shown, file, inputs)?;
    decode(&text, shown).map_err(|error| match error {
        ModuleError::NoJson { module, line, column, what, excerpt, .. } => {
            let missing =
                Template::parse(file, template).map(|template| missing(&template, inputs)).unwrap_or_default();
            let blame = match (text.trim_ascii().is_empty(), inputs.is_empty()) {
                (true, _) => Blame::Blank,
                (false, true) => Blame::Template,
                (false, false) => Blame::Inputs,
            };
            ModuleError::NoJson { module, line, column, what, excerpt, missing, blame }
        }
        other => other,
    })
}

/// Renders a module's template to the text that is decoded afterwards.
///
/// # Errors
/// [`ModuleError::Template`].
pub fn render_text(
    template: impl AsRef<[u8]>,
    name: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ModuleError> {
    render_text_for(template.as_ref(), name, name, inputs)
}

fn render_text_for(
    template: &[u8],
    shown: &str,
    file: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Vec<u8>, ModuleError> {
    let fail = |source, missing| ModuleError::Template { module: shown.to_owned(), missing, source };
    let template = Template::parse(file, template).map_err(|error| fail(error, Vec::new()))?;
    template.execute(&encoded(inputs)).map_err(|error| {
        let lacking = lacking(&error, missing(&template, inputs));
        fail(error, lacking)
    })
}

/// Decodes a rendered module file.
///
/// # Errors
/// [`ModuleError::NoJson`] and [`ModuleError::Member`].
pub fn decode(rendered: &[u8], name: &str) -> Result<Module, ModuleError> {
    decode::module(rendered).map_err(|error| match error {
        Unreadable::Syntax(syntax) => no_json(rendered, syntax, name),
        Unreadable::Misfit(misfit) => {
            let member = if misfit.member.is_empty() { "the rendered template".to_owned() } else { misfit.member };
            ModuleError::Member { module: name.to_owned(), member, what: misfit.what, bad_value: misfit.value }
        }
    })
}

/// The name that existing nodes give a template: `<repo>-<path>-<hash>`, shown in error texts.
pub fn template_name(source: &ModuleSource) -> String {
    format!("{}-{}-{}", source.repo, source.path, source.hash)
}

/// The data a module's template runs on: a map of JSON-encoded texts.
pub(super) fn encoded(inputs: &BTreeMap<String, String>) -> Value {
    let map = inputs
        .iter()
        .map(|(name, value)| (name.clone().into_bytes(), Arc::from(json::encode_string(value).into_bytes())))
        .collect();
    Value::Texts(Arc::new(map))
}

/// Inputs the template asks for that were not given.
fn missing(template: &Template, inputs: &BTreeMap<String, String>) -> Vec<String> {
    template.fields().into_iter().filter(|name| !inputs.contains_key(name)).collect()
}

/// Which of the inputs that were not given the failure is about: those at the place that it names, all when it says that a
/// value is missing, none when it is about something else.
fn lacking(error: &TemplateError, missing: Vec<String>) -> Vec<String> {
    let text = error.to_string();
    let place = text.split_once("executing ").map_or("", |(_, place)| place);
    if ["nil", "invalid value", "no value"].iter().any(|words| place.contains(words)) {
        return missing;
    }
    missing.into_iter().filter(|name| place.contains(&format!(".{name}"))).collect()
}

fn no_json(rendered: &[u8], syntax: Syntax, name: &str) -> ModuleError {
    let offset = syntax.offset.min(rendered.len());
    let (before, after) = rendered.split_at(offset);
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let start = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    let left: Vec<char> = json::replace_invalid(before.get(start..).unwrap_or_default()).chars().map(visible).collect();
    let end = after.iter().position(|&byte| byte == b'\n').unwrap_or(after.len());
    let right = json::replace_invalid(after.get(..end).unwrap_or_default());
    let from = left.len().saturating_sub(EXCERPT / 2);
    let shown: String = left.iter().skip(from).copied().chain(right.chars().take(EXCERPT / 2).map(visible)).collect();
    ModuleError::NoJson {
        module: name.to_owned(),
        line,
        column: left.len() + 1,
        what: syntax.message,
        excerpt: format!("{}\n{}^", shown.trim_end(), " ".repeat(left.len() - from)).into(),
        missing: Vec::new(),
        blame: Blame::default(),
    }
}

/// A character that takes one column on a terminal and moves nothing.
fn visible(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        '\u{fffd}'
    } else {
        c
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn inputs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    #[test]
    fn renders_and_decodes() {
        let template =
            r#"{"machine":{"cpu":1000},"job":{"Spec":{"Docker":{"Image":"i","Entrypoint":["say",{{.Message}}]}}}}"#;
        let module = render(template, "t", &inputs(&[("Message", "a \"b\"\n<c>")])).unwrap();
        assert_eq!(module.job.spec.docker.entrypoint.unwrap(), ["say", "a \"b\"\n<c>"]);
        assert_eq!(module.machine.cpu_milli, 1000);
    }

    #[test]
    fn points_at_the_broken_place_and_names_the_missing_input() {
        let error = render("{\n  \"job\": {{.Job}}\n}", "t", &inputs(&[])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "module t renders to no JSON: line 2, column 10 of the rendered text: invalid character '<' looking for \
             beginning of value"
        );
        assert_eq!(error.excerpt(), Some("  \"job\": <no value>\n         ^"));
        assert!(error.hint().unwrap().contains("-i Job="), "{:?}", error.hint());
        assert!(error.is_caller_fault());
    }

    #[test]
    fn the_hint_fits_what_is_at_fault_and_whose_module_it_is() {
        let hint = |template: &str, shown: &str, given: &[(&str, &str)]| {
            render_for(template.as_bytes(), shown, "f", &inputs(given)).unwrap_err().hint().unwrap()
        };
        for blank in ["", " \n", "{{/* nothing */}}"] {
            assert!(hint(blank, "./m", &[]).contains("the template is empty"), "{blank:?}");
        }
        assert_eq!(hint("{\n  oops\n}", "./m", &[]), "correct the template; the line reads \"oops\"");
        assert!(hint("{\n  oops\n}", "m:v1", &[]).contains("tell its author"));
        assert!(hint(r#"{"a": "{{.A}}"}"#, "./m", &[("A", "x")]).contains("try a plain value"));
        assert!(hint("{{", "./m", &[]).contains("correct the template"));
        let undefined = r#"{{ range .x }}{{end}}{{ template "zz" }}"#;
        assert_eq!(hint(undefined, "./m", &[]), "correct the template at that line");
        assert!(hint(undefined, "m:v1", &[]).contains("tell its author"));
        assert!(hint(r#"{{ subst "%s" .x }}{{ template "zz" }}"#, "./m", &[]).contains("-i x="));
    }

    #[test]
    fn an_error_names_module_and_file_once() {
        let text = render_for(b"{\n{{ .A ", "./m", "f.tmpl", &inputs(&[])).unwrap_err().to_string();
        assert_eq!(text, "module ./m does not render: template: f.tmpl:2: unclosed action");
    }

    #[test]
    fn a_template_that_does_not_render_says_where() {
        let error = render("{\n{{ subst \"F=%s\" .Prompt }}", "t", &inputs(&[])).unwrap_err();
        assert!(error.to_string().contains("t:2:16: executing \"t\" at <.Prompt>"), "{error}");
        assert!(error.hint().unwrap().contains("-i Prompt="));
        assert!(
            render("{{ nosuch }}", "t", &inputs(&[]))
                .unwrap_err()
                .to_string()
                .contains("function \"nosuch\" not defined")
        );
    }
}
