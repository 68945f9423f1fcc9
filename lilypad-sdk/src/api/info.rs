//! What a solver says about itself.

use crate::types::{Address, AuthMode, Settlement, Timestamp};

/// Answer of `GET /api/v1/info`. Ours; existing solvers answer 404, which means off chain and legacy (design.md §2).
///
/// Shape: `{"version","settlement":"on_chain|off_chain","auth":"bound|both|legacy","chain_id","controller","solver",
/// "time_ms"}`. Open to everybody: a client reads it before it signs anything.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SolverInfo {
    /// Version of the program.
    pub version: String,
    /// Where deals settle.
    pub settlement: Settlement,
    /// Which signatures it takes.
    pub auth: AuthMode,
    /// The chain it works with.
    pub chain_id: u64,
    /// Controller contract; also `verifyingContract` of bound requests.
    pub controller: Address,
    /// Its address.
    pub solver: Address,
    /// Its clock.
    pub time_ms: Timestamp,
}

impl SolverInfo {
    /// Whether the announced settlement and signatures may stand together: on chain requires `bound` (design.md §11,
    /// ruling 1).
    pub fn is_consistent(&self) -> bool {
        self.settlement == Settlement::OffChain || self.auth == AuthMode::Bound
    }
}
