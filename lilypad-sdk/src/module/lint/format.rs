//! Formats of `printf` and `subst` that do not fit their values.

use super::{Diagnostic, Report, Rule, Severity};
use crate::module::template::{FormatFaultKind as Kind, Template};

pub(super) fn look(template: &Template, report: &mut Report) {
    for fault in template.format_faults() {
        let (why, mend) = match fault.kind {
            Kind::Missing => (
                "its format has more verbs than it gets values",
                "give a value for each verb, and write %% for a percent sign",
            ),
            Kind::Extra => {
                ("it gets more values than its format has verbs", "give the format a verb for each value, such as %s")
            }
            Kind::TextVerb => (
                "this verb takes no text, and an input is text whatever it looks like",
                "write %s for the text as it is; %q, %v and %x take texts as well",
            ),
            Kind::Verb => ("this verb does not take such a value", "write %v, which takes any value"),
            Kind::NoVerb => ("its format ends behind a percent sign", "write %% for a percent sign"),
            Kind::Absurd => (
                "a width or precision of more than seven digits counts for none, and the rest of the format is not read",
                "write a width that fits on a screen",
            ),
            Kind::Index => {
                ("its format asks for a value that it does not get", "number the values from 1, as in %[1]s")
            }
            Kind::Star => (
                "the width or precision that * stands for is no whole number up to 1000000",
                "write the width into the format",
            ),
            Kind::Long => ("", "write a width that fits on a screen"),
        };
        let (message, existing, ours) = match fault.kind {
            Kind::Long => (
                format!("{} pads the text to more than 65536 characters", fault.function),
                "writes it",
                "writes it, or names the limit on output size or built text that it is beyond",
            ),
            _ => (
                format!("{} writes {} into the text: {why}", fault.function, fault.noise),
                "writes that into the text, without an error",
                "writes the same bytes, without an error",
            ),
        };
        let mut found =
            Diagnostic::new(Rule::PrintfFormat, Severity::Warning, message).at(fault.place).says(existing, ours, mend);
        found.action = Some(fault.action);
        report.add(found);
    }
}
