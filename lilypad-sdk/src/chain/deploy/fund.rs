//! Ether and tokens for accounts of a development network.

use alloy_primitives::Address;
use futures_util::future::try_join_all;

use crate::{
    chain::{Chain, ChainCall, ChainError, RpcChain, TxOptions, TxReceipt, call::Prepared},
    types::Amount,
};

/// Fills accounts up to `ether` and `tokens` from the account of `chain`; who has as much gets nothing.
///
/// Everything is sent at once and awaited together.
///
/// # Errors
///
/// As [`Chain::send`].
pub async fn fund(chain: &RpcChain, accounts: &[Address], ether: Amount, tokens: Amount) -> Result<(), ChainError> {
    let giver = Chain::address(chain).ok_or(ChainError::ReadOnly { call: "fund" })?;
    let contracts = Chain::contracts(chain);
    let mut sends: Vec<Prepared> = Vec::new();
    for account in accounts {
        if *account == giver {
            continue;
        }
        let lacks = |wanted: Amount, has: Amount| wanted.checked_sub(has).filter(|missing| !missing.is_zero());
        // A set is fundable before anybody knows its token, with ether alone.
        if !tokens.is_zero()
            && let Some(amount) = lacks(tokens, Chain::token_balance(chain, *account).await?)
        {
            sends.push(ChainCall::TransferTokens { to: *account, amount }.prepare(&contracts, giver));
        }
        if let Some(amount) = lacks(ether, Chain::eth_balance(chain, *account).await?) {
            sends.push(ChainCall::TransferEther { to: *account, amount }.prepare(&contracts, giver));
        }
    }
    // The sender takes its lock in the order in which these are polled, which is the order of the list.
    try_join_all(sends.into_iter().map(|send| chain.send_prepared(send, TxOptions::default()))).await?;
    Ok(())
}

/// What [`give`] sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Ether.
    Ether,
    /// Tokens of the network.
    Tokens,
}

/// What was sent to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gift {
    /// The ether's transaction; `None` when none was to be sent.
    pub ether: Option<TxReceipt>,
    /// The tokens' transaction; `None` when none were to be sent.
    pub tokens: Option<TxReceipt>,
}

/// Sends ether and then tokens from the account of `chain`; `sent` is told of each as soon as its receipt is there. Nothing is
/// sent unless both are there.
///
/// Not repeatable: after an error, or when the program died, see what `to` has before giving again. `fund` fills up instead.
///
/// # Errors
///
/// `InsufficientFunds` and `InsufficientTokens`; else as [`Chain::send`].
pub async fn give(
    chain: &RpcChain,
    to: Address,
    ether: Amount,
    tokens: Amount,
    mut sent: impl FnMut(Given, &TxReceipt),
) -> Result<Gift, ChainError> {
    let address = Chain::address(chain).ok_or(ChainError::ReadOnly { call: "fund" })?;
    if !tokens.is_zero() {
        let have = Chain::token_balance(chain, address).await?;
        if have < tokens {
            return Err(ChainError::InsufficientTokens { address, call: "transfer", needed: Some(tokens), have });
        }
    }
    let have = Chain::eth_balance(chain, address).await?;
    if have <= ether {
        return Err(ChainError::InsufficientFunds { address, call: "send", needed: ether, have });
    }
    let mut gift = Gift { ether: None, tokens: None };
    if !ether.is_zero() {
        let call = ChainCall::TransferEther { to, amount: ether };
        let receipt = Chain::send(chain, call, TxOptions::default()).await?;
        sent(Given::Ether, &receipt);
        gift.ether = Some(receipt);
    }
    if !tokens.is_zero() {
        let call = ChainCall::TransferTokens { to, amount: tokens };
        let receipt = Chain::send(chain, call, TxOptions::default()).await?;
        sent(Given::Tokens, &receipt);
        gift.tokens = Some(receipt);
    }
    Ok(gift)
}
