//! Rules on the members of the rendered text: unknown, misplaced, written twice, in other case.

use std::sync::Arc;

use super::known::{Member, elsewhere, look_up, skeleton};
use super::{Diagnostic, Report, Rule, Scene, Severity};

/// Members that nobody reads any more and that do no harm.
const HARMLESS: [&str; 5] = ["job.Spec.Verifier", "job.Spec.Language", "job.Spec.Wasm.*.*", "version", "$schema"];
/// What existing nodes do with a member they do not know.
const SKIPPED: &str = "skips it without a word";
/// Most diagnostics of one rule; a file that is another format altogether says it once and again.
const MOST: usize = 20;

pub(super) fn look(scene: &Scene<'_>, report: &mut Report) {
    let skeleton = skeleton();
    let mut unknown = 0;
    for entry in scene.entries {
        let (path, place) = (entry.shown(), (scene.place)(entry.at));
        match look_up(&skeleton, entry) {
            Member::Known | Member::Beyond => {}
            _ if entry.name().is_empty() => {}
            Member::OtherCase(right) => {
                let message = format!("{path} is written in other case; its name is {right}");
                report.add(Diagnostic::new(Rule::MemberCase, Severity::Note, message).at(place).says(
                    "reads it all the same",
                    "reads it all the same",
                    format!("write {right}"),
                ));
            }
            Member::Unknown => {
                unknown += 1;
                if unknown <= MOST {
                    let elsewhere = elsewhere(&skeleton, entry.name());
                    report.add(unknown_member(&path, entry.name(), elsewhere, entry.scalar.as_deref()).at(place));
                }
            }
        }
    }
    twice(scene, report);
}

fn unknown_member(path: &str, name: &str, elsewhere: Option<String>, scalar: Option<&str>) -> Diagnostic {
    let vram = name.eq_ignore_ascii_case("vram");
    if vram && scalar == Some("0") {
        let message = format!("{path} is read by nobody, and 0 says nothing");
        return Diagnostic::new(Rule::MisplacedMember, Severity::Note, message).says(SKIPPED, SKIPPED, "take it out");
    }
    if vram {
        return Diagnostic::new(
            Rule::MisplacedMember,
            Severity::Warning,
            format!("{path} is not read there: the memory of GPUs stands in machine.gpus"),
        )
        .says(
            "skips it, so the job may land on a GPU that is too small",
            "knows the need and says so here; matching follows machine.gpus as well",
            "write \"gpus\": [{\"vram\": …}] inside \"machine\", in MiB",
        );
    }
    if name.eq_ignore_ascii_case("gpus") {
        return Diagnostic::new(
            Rule::MisplacedMember,
            Severity::Warning,
            format!("{path} stands beside machine, where nobody reads it"),
        )
        .says(
            "skips it, so the job may land on a GPU that is too small",
            "knows the need and says so here; matching follows machine.gpus as well",
            "move it into \"machine\"",
        );
    }
    if HARMLESS.iter().any(|known| known.eq_ignore_ascii_case(path)) {
        return Diagnostic::new(Rule::UnknownMember, Severity::Note, format!("{path} is read by nobody")).says(
            SKIPPED,
            SKIPPED,
            "take it out",
        );
    }
    match elsewhere {
        Some(right) => Diagnostic::new(
            Rule::MisplacedMember,
            Severity::Warning,
            format!("{path} is not read there; it would be read as {right}"),
        )
        .says(SKIPPED, SKIPPED, format!("move it to {right}, or take it out")),
        None => Diagnostic::new(Rule::UnknownMember, Severity::Warning, format!("{path} is read by nobody")).says(
            SKIPPED,
            SKIPPED,
            "check the spelling, or take it out",
        ),
    }
}

/// Members that stand twice in one object, in whatever case.
fn twice(scene: &Scene<'_>, report: &mut Report) {
    let folded = |path: &[Arc<str>]| path.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    let mut seen: std::collections::BTreeMap<Vec<String>, usize> = std::collections::BTreeMap::new();
    let mut found = 0;
    for (index, entry) in scene.entries.iter().enumerate().filter(|(_, entry)| !entry.is_cut()) {
        let is_element = entry.name().bytes().all(|byte| byte.is_ascii_digit());
        let earlier = seen.insert(folded(&entry.path), index).and_then(|earlier| scene.entries.get(earlier));
        let Some(earlier) = earlier.filter(|_| !is_element) else { continue };
        // What stands inside a doubled object is doubled with it.
        let parent = entry.path.split_last().map_or(&[][..], |(_, parent)| parent);
        let inside = found > 0 && !parent.is_empty() && earlier.path != entry.path;
        if inside || found >= MOST {
            continue;
        }
        found += 1;
        let (line, _) = (scene.place)(earlier.at);
        let message = format!("{} stands twice, first in line {line} as {:?}", entry.shown(), earlier.name());
        report.add(
            Diagnostic::new(Rule::DuplicateMember, Severity::Warning, message).at((scene.place)(entry.at)).says(
                "takes the last of plain values and lists, and merges objects",
                "does the same",
                "keep one of them",
            ),
        );
    }
}
