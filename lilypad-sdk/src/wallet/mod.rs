//! A private key that never shows itself: signs requests and transactions of one address.

use std::fmt;

use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
use alloy_primitives::{Address, B256, Signature};

/// Bytes of a private key.
const KEY_BYTES: usize = 32;
/// Word counts of the mnemonics that wallets show.
const SEED_PHRASE_WORDS: [usize; 5] = [12, 15, 18, 21, 24];

/// A key that signs transactions and requests of one address.
///
/// `Debug` shows the address only, and nothing gives the key back.
#[derive(Clone)]
pub struct Wallet {
    signer: PrivateKeySigner,
}

/// Why a text is no private key. No variant carries any part of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WalletError {
    /// Nothing was given.
    #[error("the private key is empty")]
    Empty,
    /// Several words: a mnemonic pasted in place of a key.
    #[error("this looks like a seed phrase ({words} words), not a private key")]
    SeedPhrase {
        /// How many words there were.
        words: usize,
    },
    /// Not 64 hexadecimal characters.
    #[error("a private key has 64 hexadecimal characters, this one has {found}")]
    Length {
        /// Characters found, without prefix, quotes and blanks.
        found: usize,
    },
    /// A character that is not hexadecimal.
    #[error("character {position} of the private key is not hexadecimal")]
    NotHex {
        /// Counted from 1, after the `0x` prefix.
        position: usize,
    },
    /// Zero, or not below the order of the curve.
    #[error("the private key is outside the range of valid keys")]
    OutOfRange,
}

impl WalletError {
    /// What the person can do about it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::SeedPhrase { .. } => {
                "export the private key of one account from the wallet; never give a seed phrase to a program"
            }
            Self::Empty | Self::Length { .. } | Self::NotHex { .. } | Self::OutOfRange => {
                "set WEB3_PRIVATE_KEY to the 64 hexadecimal characters of one account's key"
            }
        }
    }
}

impl Wallet {
    /// Reads a private key in hexadecimal. Surrounding blanks, quotes and a `0x` prefix are dropped.
    ///
    /// # Errors
    ///
    /// [`WalletError`], which never repeats what was given.
    pub fn from_private_key(text: &str) -> Result<Self, WalletError> {
        let text = text.trim().trim_matches(['"', '\'', '`']).trim();
        if text.is_empty() {
            return Err(WalletError::Empty);
        }
        // Some wallets export a phrase with other marks between the words; no key holds one of them.
        let between = |c: char| c.is_whitespace() || ",;|+_-./".contains(c);
        let words = || text.split(between).filter(|word| !word.is_empty());
        let wordy = words().all(|word| word.chars().all(char::is_alphabetic));
        let words = words().count();
        if words > 1 && (SEED_PHRASE_WORDS.contains(&words) || wordy) {
            return Err(WalletError::SeedPhrase { words });
        }
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if let Some(position) = digits.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(WalletError::NotHex { position: position + 1 });
        }
        if digits.len() != 2 * KEY_BYTES {
            return Err(WalletError::Length { found: digits.len() });
        }
        let mut key = [0_u8; KEY_BYTES];
        hex::decode_to_slice(digits, &mut key).map_err(|_| WalletError::Length { found: digits.len() })?;
        Self::from_bytes(&key)
    }

    /// Takes the 32 bytes of a key.
    ///
    /// # Errors
    ///
    /// [`WalletError::OutOfRange`].
    pub fn from_bytes(key: &[u8; KEY_BYTES]) -> Result<Self, WalletError> {
        let signer = PrivateKeySigner::from_bytes(&B256::from(*key)).map_err(|_| WalletError::OutOfRange)?;
        Ok(Self { signer })
    }

    /// A fresh random key, for tests and throw-away identities.
    #[must_use]
    pub fn random() -> Self {
        Self { signer: PrivateKeySigner::random() }
    }

    /// The key of one of the ten well-known development accounts.
    ///
    /// Anybody can sign with these; services refuse them outside loopback.
    #[must_use]
    pub fn dev(index: usize) -> Option<Self> {
        Self::from_private_key(DEV_KEYS.get(index)?).ok()
    }

    /// The address that the key controls.
    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Whether this is a well-known development key.
    #[must_use]
    pub fn is_dev(&self) -> bool {
        (0..DEV_KEYS.len()).filter_map(Self::dev).any(|dev| dev.address() == self.address())
    }

    /// Signs a 32-byte hash as it is.
    ///
    /// # Errors
    ///
    /// [`SignError`] when the curve library refuses, which no valid key causes.
    pub fn sign_hash(&self, hash: &B256) -> Result<Signature, SignError> {
        self.signer.sign_hash_sync(hash).map_err(|source| SignError(source.to_string()))
    }

    /// Signs a message with the prefix of EIP-191.
    ///
    /// # Errors
    ///
    /// As [`Self::sign_hash`].
    pub fn sign_message(&self, message: &[u8]) -> Result<Signature, SignError> {
        self.signer.sign_message_sync(message).map_err(|source| SignError(source.to_string()))
    }
}

/// The curve library refused to sign.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot sign: {0}")]
pub struct SignError(String);

impl fmt::Debug for Wallet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wallet").field("address", &format_args!("{}", self.address())).field("key", &"***").finish()
    }
}

/// Keys of the accounts in `DEV_ACCOUNTS`, public since they come from a published mnemonic.
const DEV_KEYS: [&str; 10] = [
    "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d",
    "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a",
    "7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6",
    "47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a",
    "8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba",
    "92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e",
    "4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356",
    "dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97",
    "2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6",
];

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
mod tests {
    use super::*;

    const ADMIN: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn accepts_prefix_quotes_and_blanks() {
        let key = DEV_KEYS[0];
        for text in
            [key.to_owned(), format!("0x{key}"), format!("  \"0x{key}\"\n"), format!("'{}'", key.to_uppercase())]
        {
            assert_eq!(Wallet::from_private_key(&text).unwrap().address().to_string(), ADMIN);
        }
    }

    #[test]
    fn names_a_seed_phrase_without_repeating_it() {
        let phrase = "test test test test test test test test test test test junk";
        let error = Wallet::from_private_key(phrase).unwrap_err();
        assert_eq!(error, WalletError::SeedPhrase { words: 12 });
        assert!(!error.to_string().contains("junk") && !error.hint().contains("junk"));
        for between in [",", ", ", ";", "\n", "-", " | "] {
            let error = Wallet::from_private_key(&phrase.replace(' ', between)).unwrap_err();
            assert_eq!(error, WalletError::SeedPhrase { words: 12 }, "{between:?}");
        }
        assert_eq!(Wallet::from_private_key("two words").unwrap_err(), WalletError::SeedPhrase { words: 2 });
    }

    #[test]
    fn says_what_is_wrong_with_a_key() {
        let key = DEV_KEYS[0];
        assert_eq!(Wallet::from_private_key(" ").unwrap_err(), WalletError::Empty);
        assert_eq!(Wallet::from_private_key("\"\"").unwrap_err(), WalletError::Empty);
        assert_eq!(Wallet::from_private_key(&key[..63]).unwrap_err(), WalletError::Length { found: 63 });
        assert_eq!(Wallet::from_private_key(ADMIN).unwrap_err(), WalletError::Length { found: 40 });
        let bad = format!("0x{}g{}", &key[..4], &key[5..]);
        assert_eq!(Wallet::from_private_key(&bad).unwrap_err(), WalletError::NotHex { position: 5 });
        assert_eq!(Wallet::from_private_key(&"0".repeat(64)).unwrap_err(), WalletError::OutOfRange);
        assert_eq!(Wallet::from_private_key(&"f".repeat(64)).unwrap_err(), WalletError::OutOfRange);
    }

    #[test]
    fn debug_shows_the_address_only() {
        let shown = format!("{:?}", Wallet::dev(0).unwrap());
        assert!(shown.contains(ADMIN) && !shown.contains(&DEV_KEYS[0][..8]), "{shown}");
    }

    #[test]
    fn knows_the_development_keys() {
        assert!(Wallet::dev(9).unwrap().is_dev());
        assert!(Wallet::dev(10).is_none());
        assert!(!Wallet::random().is_dev());
    }
}
