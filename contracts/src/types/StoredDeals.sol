// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DealTypes} from "./DealTypes.sol";
import {SharedStructs} from "./SharedStructs.sol";

// What LilypadStorage keeps in slots of its own; terms and results are records (libraries/Records.sol).

/// @dev One slot. `closedAt` belongs to the final state that `state` names, `checkedAt` to the draw of a mediator,
/// `result` is the record of the result.
struct StoredAgreement {
    SharedStructs.AgreementState state;
    uint40 checkedAt;
    uint40 closedAt;
    address result;
}

/// @dev One slot. Before both parties have agreed, `record` keeps the oldest open proposal, of which no entry in
/// `_proposals` is needed; zero if it timed out while others were open. When the last open one has timed out,
/// `record` is that one and `time` when. When both have agreed, `concluded` is true, `record` keeps their terms and
/// `time` that of the second consent.
struct Negotiation {
    address record;
    uint32 open;
    uint40 time;
    bool concluded;
}

/// @dev One slot: a proposal that is not the oldest, or has timed out.
struct StoredProposal {
    address record;
    DealTypes.ProposalStatus status;
}
