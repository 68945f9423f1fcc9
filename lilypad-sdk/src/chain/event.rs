//! What the chain reports: blocks and contract events.

use alloy_primitives::B256;

/// A block's place, identity and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockHead {
    /// Height; the genesis block is 0.
    pub number: u64,
    /// Hash of the header.
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
}
