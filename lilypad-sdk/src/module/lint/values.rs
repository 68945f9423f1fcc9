//! Renders a template with plain values, without optional ones, and with hostile ones, and says which input breaks what.

use std::collections::{BTreeMap, BTreeSet};

use super::{Diagnostic, REFUSED, REFUSED_OURS, Report, Rule, Severity, Shot, Subject};
use crate::module::asked::TemplateInput;
use crate::module::safety::{AlteredInputs, HARMLESS, HarmKind, Prober, RISKY, Stop, harm, quoted, with, writers};
use crate::module::schema::{InputKind, InputSchema};
use crate::module::template::Template;

/// Most inputs that are looked at one by one.
const MOST: usize = 64;
const SAFE: &str = "where a whole JSON text stands, which is safe for every value";

/// A template with a value for each of its inputs, rendered.
pub(super) struct Sample<'a> {
    template: &'a Template,
    prober: Prober<'a>,
    reads: Vec<TemplateInput>,
    inputs: BTreeMap<String, String>,
    pub(super) shot: Result<Shot, Stop>,
}

impl<'a> Sample<'a> {
    /// Takes the person's values, else the typed default, else a plain text; a number where texts give no JSON.
    pub(super) fn new(
        template: &'a Template,
        reads: Vec<TemplateInput>,
        subject: &Subject<'_>,
        schema: Option<&InputSchema>,
    ) -> Self {
        let filled = |plain: &dyn Fn(&TemplateInput) -> String| {
            let mut inputs = subject.inputs.clone();
            for input in &reads {
                let typed = || schema.and_then(|schema| schema.get(&input.name)).and_then(example);
                inputs.entry(input.name.clone()).or_insert_with(|| typed().unwrap_or_else(|| plain(input)));
            }
            inputs
        };
        let tries = [
            filled(&|_| HARMLESS[0].to_owned()),
            filled(&|_| HARMLESS[1].to_owned()),
            filled(&|input| input.default.clone().unwrap_or_else(|| HARMLESS[0].to_owned())),
        ];
        let mut prober = Prober::new(template);
        let mut shots = tries.into_iter().map(|inputs| (prober.shoot(&inputs), inputs)).collect::<Vec<_>>();
        let good = shots.iter().position(|(shot, _)| shot.as_ref().is_ok_and(|shot| shot.node.is_ok())).unwrap_or(0);
        let (shot, inputs) = shots.swap_remove(good);
        Self { template, prober, reads, inputs, shot }
    }

    /// The text is no JSON: says where, and whether an input is to blame.
    pub(super) fn not_json(&mut self, report: &mut Report) {
        let Ok(Shot { traced, node: Err(syntax) }) = &self.shot else { return };
        let prober = &mut self.prober;
        let place = self.template.position(traced.source(syntax.offset));
        // Without an input's value it is JSON: then every value of it breaks the module.
        let culprit = self.reads.iter().take(MOST).find(|input| {
            if prober.is_spent() {
                return false;
            }
            let mut without = self.inputs.clone();
            without.remove(&input.name);
            prober.is_json(&without)
        });
        let writers = writers(&self.reads.iter().collect::<Vec<_>>());
        let near = traced.back_from(syntax.offset).filter(|piece| piece.is_action);
        let near = near.filter_map(|piece| writers.get(&piece.source)?.first()).map(|&(input, _)| input).next();
        // Nothing but a quote between an action and the fault: the action's own quotes are the fault.
        let quoted = near.filter(|_| {
            syntax.message.contains("after array element")
                || syntax.message.contains("after object key")
                || syntax.message.contains("after top-level value")
        });
        if let Some(input) = culprit.or(quoted) {
            let read = input.reads.iter().rfind(|read| read.line <= place.0);
            let read = read.or_else(|| input.reads.first());
            let (at, action) = read.map_or((place, ""), |read| ((read.line, read.column), &*read.action));
            let message = format!("every value of input {:?} leaves no JSON: {}", input.name, syntax.message);
            report.add(
                Diagnostic::new(Rule::InputBreaks, Severity::Fault, message).at(at).about(&input.name, action).says(
                    REFUSED,
                    REFUSED_OURS,
                    format!("a value brings its own quotes: write {{{{.{}}}}} without quotes around it", input.name),
                ),
            );
        }
        let message = format!("the rendered text is no JSON: {}", syntax.message);
        report.add(Diagnostic::new(Rule::NotJson, Severity::Fault, message).at(place).says(
            REFUSED,
            REFUSED_OURS,
            mend(&syntax.message),
        ));
    }

    /// Tries hostile values in each input.
    pub(super) fn hostile(&mut self, report: &mut Report) {
        let Ok(Shot { node: Ok(node), .. }) = &self.shot else { return };
        for (input, read) in quoted(node, &self.reads, &self.inputs) {
            let message = format!(
                "every value of input {:?} reaches the program as JSON text, in quotes that nobody typed",
                input.name
            );
            report.add(
                Diagnostic::new(Rule::InputAltered, Severity::Warning, message)
                    .at((read.line, read.column))
                    .about(&input.name, &read.action)
                    .says(
                        "passes on quotes and backslashes",
                        "renders the same bytes, and says so before anything is offered",
                        safe(&input.name),
                    ),
            );
        }
        let prober = &mut self.prober;
        for input in self.reads.iter().take(MOST) {
            if prober.is_spent() {
                break;
            }
            let mut breaks: BTreeMap<(usize, usize), (String, Vec<&str>)> = BTreeMap::new();
            let mut altered: Vec<&str> = Vec::new();
            for (label, value) in RISKY {
                let inputs = with(&self.inputs, &input.name, value);
                match harm(prober, &[input], &inputs, AlteredInputs::Refuse) {
                    Ok(Some(found)) => match found.kind {
                        HarmKind::Breaks(_) => {
                            let entry = breaks.entry((found.line, found.column)).or_insert((found.action, Vec::new()));
                            entry.1.push(label);
                        }
                        HarmKind::Alters(_) => altered.push(label),
                        HarmKind::Injects(_) => {}
                    },
                    Ok(None) | Err(Stop::Template(_)) => {}
                    Err(Stop::Spent) => break,
                }
            }
            for (place, (action, labels)) in breaks {
                let message =
                    format!("input {:?} breaks the module when its value has {}", input.name, any_of(&labels));
                report.add(
                    Diagnostic::new(Rule::InputBreaks, Severity::Warning, message)
                        .at(place)
                        .about(&input.name, &action)
                        .says(
                            REFUSED,
                            "refused before anything is offered, naming input and action",
                            safe(&input.name),
                        ),
                );
            }
            injection(prober, &self.inputs, input, report);
            if !altered.is_empty() {
                let read = input.reads.first();
                let message = format!(
                    "the program gets another text than was typed for input {:?} when it has {}",
                    input.name,
                    any_of(&altered)
                );
                report.add(
                    Diagnostic::new(Rule::InputAltered, Severity::Warning, message)
                        .at(read.map_or((1, 1), |read| (read.line, read.column)))
                        .about(&input.name, read.map_or("", |read| &*read.action))
                        .says(
                            "passes on the other text",
                            "refused before anything is offered, unless --allow-altered-inputs is given",
                            safe(&input.name),
                        ),
                );
            }
        }
    }

    /// Leaves optional inputs out, each alone, all but each, and all.
    pub(super) fn combinations(&mut self, report: &mut Report) {
        let optional: Vec<&TemplateInput> = self.reads.iter().filter(|input| !input.required).take(MOST).collect();
        if optional.is_empty() {
            return;
        }
        let all: BTreeSet<&str> = optional.iter().map(|input| input.name.as_str()).collect();
        let (template, inputs, prober) = (self.template, &self.inputs, &mut self.prober);
        let mut broken = |left_out: &BTreeSet<&str>| match prober.shoot_unless_spent(|| without(inputs, left_out)) {
            Ok(Shot { node: Ok(_), .. }) | Err(Stop::Spent) => None,
            Ok(Shot { traced, node: Err(syntax) }) => {
                Some((template.position(traced.source(syntax.offset)), syntax.message))
            }
            Err(Stop::Template(error)) => Some(((error.line(), 1), error.to_string())),
        };
        for input in &optional {
            if let Some((place, what)) = broken(&BTreeSet::from([input.name.as_str()])) {
                let message = format!("the module breaks when input {:?} is left out: {what}", input.name);
                combination(report, place, Some(input), message);
            }
        }
        if report.diagnostics.iter().any(|found| found.rule == Rule::InputCombination) {
            return;
        }
        for input in &optional {
            let others: BTreeSet<&str> = all.iter().copied().filter(|name| *name != input.name).collect();
            if let Some((place, what)) = broken(&others) {
                let message =
                    format!("the module breaks when of its optional inputs only {:?} is given: {what}", input.name);
                combination(report, place, Some(input), message);
            }
        }
        if let Some((place, what)) = broken(&all) {
            combination(
                report,
                place,
                None,
                format!("the module breaks when all optional inputs are left out: {what}"),
            );
        }
    }

    /// Says what was not looked at.
    pub(super) fn partial(&self, report: &mut Report) {
        if let Some(place) = self.template.survey().whole {
            let message = "the template takes its inputs as a whole here, which is not followed: it may read more than are listed";
            report.add(Diagnostic::new(Rule::Partial, Severity::Note, message).at(self.template.position(place)).says(
                "looks at nothing",
                "looks at all that a person gives before anything is offered",
                "read inputs by name: {{.name}}",
            ));
        }
        let message = if self.prober.is_spent() {
            "the template takes long to render, so not all values and combinations of its inputs were tried".to_owned()
        } else if self.reads.len() > MOST {
            format!("the template reads {} inputs; values were tried in the first {MOST}", self.reads.len())
        } else {
            return;
        };
        report.add(Diagnostic::new(Rule::Partial, Severity::Note, message).says(
            "looks at nothing",
            "looks at all that a person gives before anything is offered",
            "make the template smaller",
        ));
    }

    /// The inputs that nothing runs without.
    pub(super) fn required(&mut self, report: &mut Report) {
        for input in self.reads.iter().filter(|input| input.required && input.default.is_none()).take(MOST) {
            let left_out =
                self.prober.shoot_unless_spent(|| without(&self.inputs, &BTreeSet::from([input.name.as_str()])));
            let what = match left_out {
                Ok(Shot { node: Ok(_), .. }) => "the program gets the text <no value>",
                Err(Stop::Spent) => "the program may not run",
                _ => "the job is refused",
            };
            let read = input.reads.first();
            let message = format!("without input {:?} {what}", input.name);
            report.add(
                Diagnostic::new(Rule::InputRequired, Severity::Note, message)
                    .at(read.map_or((1, 1), |read| (read.line, read.column)))
                    .about(&input.name, read.map_or("", |read| &*read.action))
                    .says(
                        "says only that the rendered text is no JSON, or runs with <no value>",
                        "names the input that is missing",
                        format!("say so in the README, or give a default: {{{{or .{} \"\\\"…\\\"\"}}}}", input.name),
                    ),
            );
        }
    }
}

/// Tries values that close the text they stand in and go on with members of their own.
fn injection(prober: &mut Prober<'_>, inputs: &BTreeMap<String, String>, input: &TemplateInput, report: &mut Report) {
    let tries = ["x\",\"lilypad7\":\"y", "x\",\"lilypad7", "7,\"lilypad7\":7", "x\"}],\"lilypad7\":[{\"a\":\"b", "1,2"];
    let found = tries.iter().find_map(|value| {
        if prober.is_spent() {
            return None;
        }
        let inputs = with(inputs, &input.name, value);
        let found = harm(prober, &[input], &inputs, AlteredInputs::Allow).ok()??;
        matches!(found.kind, HarmKind::Injects(_)).then_some(found)
    });
    let Some(found) = found else { return };
    let HarmKind::Injects(member) = found.kind else { return };
    let message = format!("a value of input {:?} can add to {member}: members, list elements or arguments", input.name);
    report.add(
        Diagnostic::new(Rule::InputInjects, Severity::Warning, message)
            .at((found.line, found.column))
            .about(&input.name, &found.action)
            .says("runs what the value says", "refused before anything is offered", safe(&input.name)),
    );
}

fn combination(report: &mut Report, place: (usize, usize), input: Option<&TemplateInput>, message: String) {
    let mut found = Diagnostic::new(Rule::InputCombination, Severity::Warning, message).at(place).says(
        REFUSED,
        REFUSED_OURS,
        "give it a default with {{or .NAME \"…\"}} or {{else}}, and keep commas inside the condition they belong to",
    );
    found.input = input.map(|input| input.name.clone());
    report.add(found);
}

fn without(inputs: &BTreeMap<String, String>, names: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let kept = inputs.iter().filter(|(name, _)| !names.contains(name.as_str()));
    kept.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// A value that a typed input takes, for trying.
fn example(spec: &crate::module::InputSpec) -> Option<String> {
    let default = spec.default_text().or_else(|| spec.choices.first().map(crate::module::schema::plain));
    default.or_else(|| match spec.kind {
        InputKind::Integer | InputKind::Number => {
            let least = spec.min.filter(|min| *min > 0.0);
            Some(least.map_or_else(|| "1".to_owned(), |min| format!("{}", min.ceil())))
        }
        InputKind::Boolean => Some("true".to_owned()),
        InputKind::Json => Some("{}".to_owned()),
        InputKind::Text => None,
    })
}

fn safe(name: &str) -> String {
    format!("write {{{{.{name}}}}} {SAFE}")
}

fn any_of(labels: &[&str]) -> String {
    match labels {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// How a person mends what the JSON reader says.
fn mend(message: &str) -> &'static str {
    if message.contains("beginning of object key string") || message.contains("']' looking for beginning of value") {
        "take out the comma before the closing bracket"
    } else if message.contains("after object key:value pair") || message.contains("after array element") {
        "put a comma between the two, or take out quotes that stand too much"
    } else if message.contains("'/'") {
        "take out the comment: JSON has none"
    } else if message.contains("unexpected end") {
        "close what was opened"
    } else if message.contains("after top-level value") {
        "take out what follows the closing brace"
    } else if message.contains("string escape code") {
        "JSON knows only \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\uXXXX behind a backslash"
    } else if message.contains("in string literal") {
        "close the text before the line ends"
    } else {
        "correct the text there; `lilypad module render` shows it"
    }
}
