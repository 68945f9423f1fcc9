//! The macro that declares a wire record once: struct, member order, encoder and decoder.

/// Whether `name` equals `member` under Go's simple case folding (`K` also as U+212A, `s` as U+017F).
pub(super) fn folds_to(name: &str, member: &str) -> bool {
    let fold = |c: char| match c {
        '\u{212a}' => 'k',
        '\u{17f}' => 's',
        c => c.to_ascii_lowercase(),
    };
    name.chars().map(fold).eq(member.chars().map(fold))
}

/// Declares a record: `"wire name" field: Type` in the order of its table in network.md §1.
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis $name:ident { $( $(#[$field_meta:meta])* $json:literal $field:ident: $ty:ty ),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
        $vis struct $name {
            $( $(#[$field_meta])* #[serde(rename = $json)] pub $field: $ty, )*
        }

        impl $crate::types::FromGo for $name {
            fn merge(&mut self, node: &$crate::types::Node) -> Result<(), $crate::types::DecodeError> {
                const NAMES: &[&str] = &[$($json),*];
                let members = match node {
                    $crate::types::Node::Null => return Ok(()),
                    $crate::types::Node::Object(members) => members,
                    other => return Err($crate::types::DecodeError::expected_object(other)),
                };
                for (name, node) in members {
                    let Some(index) = $crate::types::gojson::member_index(NAMES, name) else { continue };
                    let member = NAMES[index];
                    $( if member == $json {
                        $crate::types::FromGo::merge(&mut self.$field, node).map_err(|e| e.within($json))?;
                    } )*
                }
                Ok(())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let raw = <Box<serde_json::value::RawValue> as serde::Deserialize>::deserialize(deserializer)?;
                $crate::types::from_json(raw.get().as_bytes()).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use record;
