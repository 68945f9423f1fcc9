//! Ids of offers, deals, results and data: CIDv0 texts, one type each.

use std::{fmt, str::FromStr};

use super::gojson::{DecodeError, FromGo, Node};

/// A text that is no id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no {kind} id: ids are 46 characters that start with Qm")]
pub struct IdError {
    /// Which id was wanted.
    pub kind: &'static str,
    /// What was found, cut at 64 characters.
    pub text: String,
}

macro_rules! id {
    ($(#[$meta:meta])* $name:ident, $kind:literal) => {
        $(#[$meta])*
        ///
        /// Shape: CIDv0, 46 characters of base58. Empty only inside records, where the wire leaves it blank.
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether the wire left this id blank.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// The id as the name of a file or folder: what came from the wire may hold `/` or `..`.
            ///
            /// # Errors
            /// [`IdError`] unless it is an id.
            pub fn file_name(&self) -> Result<&str, IdError> {
                self.0.parse::<Self>()?;
                Ok(&self.0)
            }

            /// Takes a text from the wire as it is; the empty text is a blank id.
            pub fn from_wire(text: impl Into<String>) -> Self {
                Self(text.into())
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let is_cid = text.len() == 46
                    && text.starts_with("Qm")
                    && text.bytes().all(|b| b.is_ascii_alphanumeric() && !b"0OIl".contains(&b));
                if is_cid {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { kind: $kind, text: text.chars().take(64).collect() })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl FromGo for $name {
            fn merge(&mut self, node: &Node) -> Result<(), DecodeError> {
                self.0.merge(node)
            }
        }
    };
}

id!(/// Id of a job offer.
    JobOfferId, "job offer");
id!(/// Id of a resource offer.
    ResourceOfferId, "resource offer");
id!(/// Id of a deal; on chain the same text.
    DealId, "deal");
id!(/// Id of a result record, `resultsId` on chain (design.md §11, ruling 8).
    ResultId, "result");
id!(/// Id of a result folder: its UnixFS CID (network.md §2.5).
    DataId, "data");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_are_file_names() {
        let id = "QmbCi3yoKzckff24rUJML1ZesVb35cd2LUNMiMYksEGkWv";
        assert_eq!(DealId::from_wire(id).file_name().as_ref(), Ok(&id));
        let slashes = format!("Qm{}", "/".repeat(44));
        for text in ["", ".", "..", "../../etc", "/etc", "Qm", &slashes, &format!("{id}/.."), &format!("{id}\0")] {
            assert!(DealId::from_wire(text).file_name().is_err(), "{text}");
        }
    }
}
