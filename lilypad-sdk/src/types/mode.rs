//! What a solver announces: how deals settle and how requests are signed.

/// Where a deal's money is settled (design.md §2). Wire: `on_chain`, `off_chain`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// Both parties agree on chain and escrow pays.
    OnChain,
    /// The solver keeps the deals; nothing is locked on chain.
    OffChain,
}

/// How requests to the solver are signed (design.md §4). Wire: `bound`, `both`, `legacy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AuthMode {
    /// A signature over the whole request.
    Bound,
    /// Both kinds are accepted.
    Both,
    /// The headers of the existing network.
    Legacy,
}
