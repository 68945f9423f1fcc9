//! Inputs of a module as people type them.

use std::collections::{BTreeMap, BTreeSet};

use super::ModuleError;
use super::asked::asked;
use super::safety::{Prober, Shot, Stop, quoted};
use super::template::Template;
use crate::types::one_line;

/// Most inputs that warnings name.
const MOST_NAMES: usize = 20;
/// Longest action that a warning shows, in characters.
const SHOWN: usize = 120;

/// Reads one `-i NAME=VALUE`: split once at the first `=`, the value kept as it is. A value may hold commas and further
/// `=`, so `-i A=1,B=2` sets one input; several inputs take several `-i` (design.md §11).
///
/// # Errors
/// [`ModuleError::Input`] without `=` or without a name.
pub fn parse_input_flag(text: &str) -> Result<(String, String), ModuleError> {
    let fail = |why| ModuleError::Input { input: text.split('=').next().unwrap_or_default().to_owned(), why };
    match text.split_once('=') {
        None => Err(fail("there is no \"=\" between name and value")),
        Some(("", _)) => Err(fail("there is no name before \"=\"")),
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
    }
}

/// What the inputs of a job leave undone: those that the template never reads, those that it writes but did not get, those that
/// its formats do not fit, and those that reach the program as JSON texts, in quotes that nobody typed. `module` is its name in the texts. Values are left out.
///
/// # Errors
/// [`ModuleError::Template`] when the template cannot be parsed.
pub fn input_warnings(
    template: impl AsRef<[u8]>,
    module: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Vec<String>, ModuleError> {
    let template = Template::parse(module, template).map_err(|source| ModuleError::Template {
        module: module.to_owned(),
        missing: Vec::new(),
        source,
    })?;
    let asked = asked(&template);
    let names: BTreeSet<&str> = asked.iter().map(|input| input.name.as_str()).collect();
    let shown: Vec<&str> = asked.iter().take(MOST_NAMES).map(|input| input.name.as_str()).collect();
    let reads = match shown.as_slice() {
        [] => "no inputs".to_owned(),
        shown if asked.len() > shown.len() => format!("{} and {} more", shown.join(", "), asked.len() - shown.len()),
        shown => shown.join(", "),
    };
    let mut warnings = Vec::new();
    let mut prober = Prober::new(&template);
    let whole = prober.shoot(inputs);
    for unknown in inputs.keys().filter(|name| !names.contains(name.as_str())).take(MOST_NAMES) {
        // A template may go over all of its data, whatever the names: then it renders to something else without this one.
        if prober.is_spent() {
            break;
        }
        let mut without = inputs.clone();
        without.remove(unknown);
        let same = match (&whole, prober.shoot(&without)) {
            (Ok(whole), Ok(shot)) => whole.traced.output == shot.traced.output,
            (Err(_), Err(Stop::Template(_))) => true,
            _ => false,
        };
        if same {
            warnings.push(format!("input {unknown} is never read by module {module}, which reads {reads}"));
        }
    }
    let lacking = asked.iter().filter(|input| input.required && !inputs.contains_key(&input.name));
    for lacking in lacking.take(MOST_NAMES) {
        warnings.push(format!("input {} was not given, and module {module} has no default for it", lacking.name));
    }
    for fault in template.format_faults().into_iter().filter(|fault| !fault.noise.is_empty()).take(MOST_NAMES) {
        let action = one_line(&fault.action, SHOWN);
        warnings
            .push(format!("module {module} writes {} in {action}, whatever is given", one_line(&fault.noise, SHOWN)));
    }
    if let Ok(Shot { node: Ok(node), .. }) = &whole {
        for (input, read) in quoted(node, &asked, inputs) {
            warnings.push(format!(
                "input {} reaches module {module} as JSON text, in quotes that nobody typed: {} does that",
                input.name,
                one_line(&read.action, SHOWN)
            ));
        }
    }
    Ok(warnings)
}

/// Reads `-i` flags as the existing client does: one `=` trims quotes around the whole text, several make it a CSV record.
/// Source: modules.md §2.2. Ours is [`parse_input_flag`].
///
/// # Errors
/// The existing client's message; of CSV faults only the fact.
pub fn parse_input_flags_compat<S: AsRef<str>>(flags: &[S]) -> Result<BTreeMap<String, String>, String> {
    let mut inputs = BTreeMap::new();
    for flag in flags {
        let flag = flag.as_ref();
        let pairs = match flag.matches('=').count() {
            0 => return Err(format!("{flag} must be formatted as key=value")),
            1 => vec![flag.trim_matches('"').to_owned()],
            _ => csv_record(flag)?,
        };
        for pair in pairs {
            match pair.split_once('=') {
                Some((name, value)) => inputs.insert(name.to_owned(), value.to_owned()),
                None => return Err(format!("{pair} must be formatted as key=value")),
            };
        }
    }
    Ok(inputs)
}

/// Reads the inputs of a job requested on chain as existing nodes do: a text without exactly one `=` is dropped.
/// Source: modules.md §2.2.
pub fn parse_chain_inputs_compat<S: AsRef<str>>(texts: &[S]) -> BTreeMap<String, String> {
    texts
        .iter()
        .filter_map(|text| text.as_ref().split_once('='))
        .filter(|(_, value)| !value.contains('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The first record of a CSV text; empty lines before it are skipped.
fn csv_record(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim_start_matches("\r\n").trim_start_matches('\n');
    let mut fields = Vec::new();
    let mut rest = text;
    loop {
        let (field, behind) =
            if let Some(quoted) = rest.strip_prefix('"') { quoted_field(quoted)? } else { bare_field(rest)? };
        fields.push(field);
        match behind.strip_prefix(',') {
            Some(next) => rest = next,
            None => return Ok(fields),
        }
    }
}

fn bare_field(text: &str) -> Result<(String, &str), String> {
    let end = text.find([',', '\n']).unwrap_or(text.len());
    let (field, behind) = text.split_at(end);
    if field.contains('"') {
        return Err("parse error: bare \" in non-quoted field".to_owned());
    }
    let field = if behind.starts_with(',') { field } else { field.strip_suffix('\r').unwrap_or(field) };
    Ok((field.to_owned(), behind))
}

fn quoted_field(text: &str) -> Result<(String, &str), String> {
    let mut field = String::new();
    let mut rest = text;
    loop {
        let Some((part, behind)) = rest.split_once('"') else {
            return Err("parse error: extraneous or missing \" in quoted field".to_owned());
        };
        field.push_str(part);
        if let Some(next) = behind.strip_prefix('"') {
            field.push('"');
            rest = next;
        } else if behind.is_empty() || behind.starts_with([',', '\n']) || behind.starts_with("\r\n") {
            return Ok((field, behind));
        } else {
            return Err("parse error: extraneous or missing \" in quoted field".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn splits_once_and_keeps_the_value() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parse_input_flag("a=b=c, d=\"e\"").unwrap(), pair("a", "b=c, d=\"e\""));
        assert_eq!(parse_input_flag("A=1,B=2").unwrap(), pair("A", "1,B=2"), "one flag is one input");
        assert_eq!(parse_input_flag("a=").unwrap(), pair("a", ""));
        assert_eq!(parse_input_flag("a= x ").unwrap(), pair("a", " x "));
    }

    #[test]
    fn tells_of_inputs_that_nobody_reads_and_of_those_that_lack() {
        let warnings = |template: &str, given: &[&str]| {
            let inputs = given.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
            input_warnings(template, "m", &inputs).unwrap()
        };
        let cow = r#"{{if .Message}}{{.Message}}{{else}}"moo"{{end}}"#;
        assert!(warnings(cow, &["Message"]).is_empty());
        assert!(warnings(cow, &[]).is_empty(), "it has a default");
        assert_eq!(warnings(cow, &["message"]), ["input message is never read by module m, which reads Message"]);
        assert_eq!(warnings("{}", &["A"]), ["input A is never read by module m, which reads no inputs"]);
        assert_eq!(
            warnings(r#"{"a":"A={{js .A}}","b":{{.B}}}"#, &["A", "B"]),
            ["input A reaches module m as JSON text, in quotes that nobody typed: {{js .A}} does that"]
        );
        assert_eq!(
            warnings(r#"{"a":["{{subst "STEPS=%d" .A}}"]}"#, &["A"]),
            [r#"module m writes %!d(string=…) in {{subst "STEPS=%d" .A}}, whatever is given"#]
        );
        assert!(warnings(r#"{"a":{{printf "%q" .A}}}"#, &["A"])[0].contains("as JSON text"));
        assert_eq!(warnings("{{.A}}", &[]), ["input A was not given, and module m has no default for it"]);
        assert!(
            warnings("{{range $k, $v := .}}{{$k}}{{$v}}{{end}}", &["A", "B"]).is_empty(),
            "it reads whatever it gets"
        );
    }

    #[test]
    fn refuses_texts_without_name_or_sign_and_shows_no_value() {
        assert!(parse_input_flag("Message").is_err());
        assert!(parse_input_flag("").is_err());
        let error = parse_input_flag("=secret").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(error.hint().is_some());
    }
}
