//! Which members a module file has, and which of a text are none.

use serde_json::{Value, json};

use super::scan::Entry;
use crate::module::decode::member;
use crate::module::spec::{NodeSelector, S3Spec, StorageSpec, Verification};
use crate::module::{Module, spec};
use crate::types::GpuSpec;

/// A module file with one of everything; null where anything may stand.
pub(super) fn skeleton() -> Value {
    let storage = || {
        let mut storage = json!(StorageSpec::default());
        set(&mut storage, &["S3"], json!(S3Spec::default()));
        storage
    };
    let mut all = json!(Module::default());
    set(&mut all, &["machine", "gpus"], json!([GpuSpec::default()]));
    set(&mut all, &["verification"], json!(Verification::default()));
    for path in [&["job", "Spec", "Inputs"][..], &["job", "Spec", "Outputs"], &["job", "Spec", "Wasm", "ImportModules"]]
    {
        set(&mut all, path, json!([storage()]));
    }
    set(&mut all, &["job", "Spec", "Wasm", "EntryModule"], storage());
    set(&mut all, &["job", "Spec", "NodeSelectors"], json!([NodeSelector::default()]));
    set(&mut all, &["job", "Metadata", "Requester"], json!(spec::Requester::default()));
    all
}

fn set(value: &mut Value, path: &[&str], new: Value) {
    let mut here = value;
    for name in path {
        let Some(next) = here.get_mut(*name) else { return };
        here = next;
    }
    *here = new;
}

/// What a member of a text is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Member {
    /// One that is read, written as it should be.
    Known,
    /// One that is read, although it is written otherwise: the right name.
    OtherCase(String),
    /// None.
    Unknown,
    /// Inside something unknown or free.
    Beyond,
}

/// What an entry of a text is.
pub(super) fn look_up(skeleton: &Value, entry: &Entry) -> Member {
    let mut here = skeleton;
    let last = entry.path.len().saturating_sub(1);
    for (depth, name) in entry.path.iter().enumerate() {
        match here {
            Value::Array(items) => match items.first() {
                Some(item) => here = item,
                None => return Member::Beyond,
            },
            Value::Object(members) => {
                let names: Vec<&str> = members.keys().map(String::as_str).collect();
                let Some(known) = member(&names, name).and_then(|index| names.get(index)) else {
                    if depth < last {
                        return Member::Beyond;
                    }
                    return Member::Unknown;
                };
                if depth == last {
                    return if **known == **name { Member::Known } else { Member::OtherCase((*known).to_owned()) };
                }
                match members.get(*known) {
                    Some(next) => here = next,
                    None => return Member::Beyond,
                }
            }
            _ => return Member::Beyond,
        }
    }
    Member::Known
}

/// Where a member of this name would be read: the place nearest to the top.
pub(super) fn elsewhere(skeleton: &Value, name: &str) -> Option<String> {
    let mut level = vec![(String::new(), skeleton)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (path, value) in level {
            let join = |step: &str| if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") };
            match value {
                Value::Object(members) => {
                    for (known, value) in members {
                        // Names of catalogue data mean little elsewhere.
                        if known.eq_ignore_ascii_case(name) && !["author", "model"].contains(&path.as_str()) {
                            return Some(join(known));
                        }
                        next.push((join(known), value));
                    }
                }
                Value::Array(items) => next.extend(items.iter().map(|value| (format!("{path}[]"), value))),
                _ => {}
            }
        }
        level = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::scan::scan;
    use super::*;

    fn what(text: &str) -> Vec<(String, Member)> {
        let skeleton = skeleton();
        scan(text.as_bytes()).iter().map(|entry| (entry.path.join("."), look_up(&skeleton, entry))).collect()
    }

    #[test]
    fn tells_known_from_unknown_and_says_where_it_belongs() {
        let text = r#"{"Machine":{"vram":1,"gpus":[{"vram":1}]},"gpus":[{"x":1}],"job":{"Spec":{"Outputs":[{"Name":"a","Pfad":""}]}}}"#;
        let found = what(text);
        let of = |path: &str| found.iter().find(|(p, _)| p == path).map(|(_, member)| member.clone());
        assert_eq!(of("Machine"), Some(Member::OtherCase("machine".to_owned())));
        assert_eq!(of("Machine.vram"), Some(Member::Unknown));
        assert_eq!(elsewhere(&skeleton(), "vram").as_deref(), Some("machine.gpus[].vram"));
        assert_eq!(of("Machine.gpus.0.vram"), Some(Member::Known));
        assert_eq!(of("gpus"), Some(Member::Unknown));
        assert_eq!(elsewhere(&skeleton(), "gpus").as_deref(), Some("machine.gpus"));
        assert_eq!(of("gpus.0.x"), Some(Member::Beyond));
        assert_eq!(of("job.Spec.Outputs.0.Name"), Some(Member::Known));
        assert_eq!(of("job.Spec.Outputs.0.Pfad"), Some(Member::Unknown));
        assert_eq!(elsewhere(&skeleton(), "Pfad"), None);
    }
}
