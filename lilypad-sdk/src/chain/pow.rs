//! Proof of work: rounds in which providers show that their hardware is online.
//!
//! ```text
//! owner: begin_round ─► 30 blocks ─► provider: challenge ─► search off chain ─► prove (once a round)
//! ```
//!
//! Source: contracts.md §1.9; `contracts/src/interfaces/ILilypadPow.sol`. Nothing is paid on chain.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::SolCall;
use serde::{Deserialize, Serialize};

use super::{ChainError, RpcChain, TxReceipt, bindings as sol, seam::Chain};
use crate::types::Timestamp;

const NAME: &str = "Pow";

/// The number that a proof must have below the challenge's difficulty: keccak256(challenge ‖ nonce).
#[must_use]
pub fn pow_hash(challenge: B256, nonce: U256) -> U256 {
    U256::from_be_bytes(keccak256([challenge.0, nonce.to_be_bytes()].concat()).0)
}

/// What a provider has to solve.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PowChallenge {
    /// The first half of what is hashed.
    pub challenge: B256,
    /// The hash must be below this.
    pub difficulty: U256,
    /// The label that it was asked for with, and must be proven with.
    pub node_id: String,
    /// When it was made.
    pub made_at: Timestamp,
}

impl PowChallenge {
    /// Whether this nonce solves it.
    #[must_use]
    pub fn is_solved_by(&self, nonce: U256) -> bool {
        pow_hash(self.challenge, nonce) < self.difficulty
    }
}

/// A proof that was taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PowProof {
    /// Who proved.
    pub miner: Address,
    /// The label.
    pub node_id: String,
    /// The nonce.
    pub nonce: U256,
    /// When the challenge was made.
    pub started_at: Timestamp,
    /// When the proof was taken.
    pub proven_at: Timestamp,
    /// The challenge.
    pub challenge: B256,
    /// Its difficulty.
    pub difficulty: U256,
}

/// A round, in block numbers; on Arbitrum those of the chain below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PowRound {
    /// The block that it began in, 0 before the first.
    pub start: u64,
    /// The first block after it.
    pub end: u64,
}

/// The proof-of-work contract, with the key of a connection.
#[derive(Clone, Debug)]
pub struct Pow {
    chain: RpcChain,
    at: Address,
}

impl RpcChain {
    /// The proof of work of this network.
    ///
    /// # Errors
    ///
    /// `NoContract` when the network has no such contract.
    pub fn pow(&self) -> Result<Pow, ChainError> {
        let chain_id = Chain::chain_id(self);
        let missing = ChainError::NoContract { contract: NAME, address: Address::ZERO, chain_id };
        let at = Chain::contracts(self).pow.ok_or(missing)?;
        Ok(Pow { chain: self.clone(), at })
    }
}

impl Pow {
    /// The newest round.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn round(&self) -> Result<PowRound, ChainError> {
        let start = self.read(sol::Pow::window_startCall {}).await?.saturating_to();
        Ok(PowRound { start, end: self.read(sol::Pow::window_endCall {}).await?.saturating_to() })
    }

    /// The target of later challenges, before the variation of 90 to 110 %.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn difficulty(&self) -> Result<U256, ChainError> {
        self.read(sol::Pow::targetDifficultyCall {}).await
    }

    /// Begins a round, in place of one that is open. For the owner.
    ///
    /// # Errors
    /// As [`Chain::send`].
    pub async fn begin_round(&self) -> Result<TxReceipt, ChainError> {
        self.send(sol::Pow::triggerNewPowRoundCall {}).await
    }

    /// Sets the target of later challenges. For the owner.
    ///
    /// # Errors
    /// `Reverted` with `DifficultyOutOfBounds`; else as [`Chain::send`].
    pub async fn set_difficulty(&self, difficulty: U256) -> Result<TxReceipt, ChainError> {
        self.send(sol::Pow::change_difficultyCall { difficulty }).await
    }

    /// Makes a challenge for this connection's account, in place of an earlier one, and gives it.
    ///
    /// # Errors
    /// `Reverted` outside a round, and with `RoundAlreadyProven`; else as [`Chain::send`].
    pub async fn challenge(&self, node_id: &str) -> Result<PowChallenge, ChainError> {
        let miner = Chain::address(&self.chain).ok_or(ChainError::ReadOnly { call: "generateChallenge" })?;
        self.send(sol::Pow::generateChallengeCall { nodeId: node_id.to_owned() }).await?;
        self.challenge_of(miner).await?.ok_or_else(|| ChainError::Decode {
            what: "a challenge",
            message: format!("{miner} has none although it was made"),
        })
    }

    /// The open challenge of an account, `None` when it has none.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn challenge_of(&self, miner: Address) -> Result<Option<PowChallenge>, ChainError> {
        let found = self.read(sol::Pow::lastChallengesCall(miner)).await?;
        Ok((!found.challenge.is_zero()).then(|| PowChallenge {
            challenge: found.challenge,
            difficulty: found.difficulty,
            node_id: found.nodeId,
            made_at: Timestamp::from_secs(found.timestamp.saturating_to()),
        }))
    }

    /// Proves the challenge of this connection's account.
    ///
    /// # Errors
    /// `Reverted` with a text when the round is over or the nonce does not solve it; else as [`Chain::send`].
    pub async fn prove(&self, nonce: U256, node_id: &str) -> Result<TxReceipt, ChainError> {
        self.send(sol::Pow::submitWorkCall { nonce, nodeId: node_id.to_owned() }).await
    }

    /// How many proofs were taken from everybody.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn proof_count(&self) -> Result<u64, ChainError> {
        self.read(sol::Pow::validProofsCall {}).await.map(|count| count.saturating_to())
    }

    /// Who has proven something, oldest first. The contract answers with all of them at once.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn miners(&self) -> Result<Vec<Address>, ChainError> {
        self.read(sol::Pow::getMinersCall {}).await
    }

    /// The proofs of an account, oldest first.
    ///
    /// # Errors
    /// As every reading of [`Chain`].
    pub async fn proofs(&self, miner: Address) -> Result<Vec<PowProof>, ChainError> {
        let seconds = |time: U256| Timestamp::from_secs(time.saturating_to());
        let found = self.read(sol::Pow::getMinerPowSubmissionsCall { addr: miner }).await?;
        Ok(found
            .into_iter()
            .map(|proof| PowProof {
                miner: proof.walletAddress,
                node_id: proof.nodeId,
                nonce: proof.nonce,
                started_at: seconds(proof.start_timestamp),
                proven_at: seconds(proof.complete_timestamp),
                challenge: proof.challenge,
                difficulty: proof.difficulty,
            })
            .collect())
    }

    async fn read<C: SolCall>(&self, call: C) -> Result<C::Return, ChainError> {
        self.chain.read((NAME, self.at), call, 0).await
    }

    async fn send<C: SolCall>(&self, call: C) -> Result<TxReceipt, ChainError> {
        self.chain.send_typed(NAME, self.at, &call).await
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    /// Source: contracts.md §7.
    #[test]
    fn hashes_as_the_published_vectors() {
        for (challenge, nonce, value) in [
            (
                "fee0189632650f971536773d9a1b206be28e51d05ba0cb69822a510c51fb6fd3",
                "72370055773322622139731865630429942408293740416025352524660990004945723953319",
                "443192418834346142200278491975317489603423531200023451519802250835435",
            ),
            (
                "2e4ca2481a7be8a4eb273f51f6a0c2fdd087b6b8c454f8b01ef0a3363a2af5b1",
                "43422033463993573283839119378257965444976244249615211514796594002967424872419",
                "966523245404442851743534066101454470539015745906990078402535205323382",
            ),
        ] {
            assert_eq!(pow_hash(challenge.parse().unwrap(), nonce.parse().unwrap()), value.parse::<U256>().unwrap());
        }
    }
}
