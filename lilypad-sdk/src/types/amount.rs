//! Money: whole wei.

use std::{fmt, str::FromStr};

use alloy_primitives::U256;

/// Wei of one token: 10^18.
pub const WEI_PER_TOKEN: u64 = 1_000_000_000_000_000_000;

/// An amount of tokens or ether in wei. Range: 0 to 2^256 − 1; arithmetic that leaves it gives `None`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(U256);

/// A text that is no amount.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no amount: write whole tokens with at most 18 decimals, such as 2 or 0.5")]
pub struct AmountError(pub String);

impl Amount {
    /// Nothing.
    pub const ZERO: Self = Self(U256::ZERO);

    /// `wei` wei.
    pub const fn from_wei(wei: U256) -> Self {
        Self(wei)
    }

    /// `tokens` whole tokens.
    pub fn from_tokens(tokens: u64) -> Self {
        Self(U256::from(tokens) * U256::from(WEI_PER_TOKEN))
    }

    /// The amount in wei.
    pub const fn wei(self) -> U256 {
        self.0
    }

    /// Whether this is nothing.
    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// The sum, or `None` above 2^256 − 1.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below 0.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// `count` times this, or `None` above 2^256 − 1.
    pub fn checked_mul(self, count: u64) -> Option<Self> {
        self.0.checked_mul(U256::from(count)).map(Self)
    }
}

/// Tokens with as many decimals as needed: `1`, `0.5`, `0.000000000000000001`.
impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = U256::from(WEI_PER_TOKEN);
        let (whole, rest) = (self.0 / unit, self.0 % unit);
        if rest.is_zero() {
            return write!(f, "{whole}");
        }
        let decimals = format!("{rest:0>18}");
        write!(f, "{whole}.{}", decimals.trim_end_matches('0'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Amount({self})")
    }
}

impl FromStr for Amount {
    type Err = AmountError;

    fn from_str(text: &str) -> Result<Self, AmountError> {
        let error = || AmountError(text.chars().take(64).collect());
        let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
        let is_digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        if !is_digits(whole) || !is_digits(decimals) || decimals.len() > 18 {
            return Err(error());
        }
        let number = |s: &str| U256::from_str_radix(s, 10).map_err(|_| error());
        let wei = number(whole)?.checked_mul(U256::from(WEI_PER_TOKEN)).ok_or_else(error)?;
        wei.checked_add(number(&format!("{decimals:0<18}"))?).map(Self).ok_or_else(error)
    }
}

/// Written as a decimal text of wei, because JSON numbers lose digits.
impl serde::Serialize for Amount {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Amount {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(deserializer)?;
        U256::from_str_radix(&text, 10).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn shows_and_reads_tokens() {
        for text in ["0", "1", "0.5", "0.000000000000000001", "100000", "12.34"] {
            assert_eq!(text.parse::<Amount>().unwrap().to_string(), text);
        }
        for refused in ["", ".", "1.", ".5", "-1", "1e3", "0.0000000000000000001", "1 "] {
            assert!(refused.parse::<Amount>().is_err(), "{refused:?}");
        }
        assert_eq!(Amount::from_tokens(3), "3".parse().unwrap());
    }
}
