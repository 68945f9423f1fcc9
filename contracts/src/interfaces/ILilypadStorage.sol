// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DealTypes} from "../types/DealTypes.sol";
import {SharedStructs} from "../types/SharedStructs.sol";

/// @title Deals, agreements and results; the only place where an agreement's state changes.
/// @notice Writing is for the controller, reading is for everyone.
///
/// Until both parties have sent equal terms there are only proposals, one per proposer, so nobody can block a deal by
/// naming its id first. `getDeal` and `hasDeal` know a deal from the moment both have agreed. `getAgreement` shows
/// before that the oldest proposal while it is open; `getProposal` shows the one of a given party, whatever strangers do.
interface ILilypadStorage {
    /// @notice An agreement reached a state.
    event DealStateChange(string dealId, SharedStructs.AgreementState state);
    /// @notice The same, to be found by `dealKey` = keccak256(bytes(dealId)).
    event AgreementChanged(bytes32 indexed dealKey, SharedStructs.AgreementState indexed state);
    /// @notice One party agreed to terms that the other has not agreed to yet.
    event DealProposed(bytes32 indexed dealKey, address indexed proposer, bytes32 indexed termsHash, string dealId);
    /// @notice A proposal ended without an answer.
    event ProposalTimedOut(bytes32 indexed dealKey, address indexed proposer, bytes32 indexed termsHash, string dealId);
    /// @notice Both parties agreed to the same terms.
    event DealConcluded(
        bytes32 indexed dealKey,
        address indexed resourceProvider,
        address indexed jobCreator,
        address solver,
        string dealId
    );

    /// @notice For deployment order only; nothing to set. Owner only, once.
    function initialize() external;

    /// @notice The terms both parties agreed to; empty before.
    function getDeal(string calldata dealId) external view returns (SharedStructs.Deal memory);
    /// @notice Ids of all deals of `party`, oldest first.
    function getDealsForParty(address party) external view returns (string[] memory);
    /// @notice Ids of up to `limit` deals of `party`, from index `start`.
    function getDealsForPartyPage(address party, uint256 start, uint256 limit) external view returns (string[] memory);
    /// @notice How many deals `party` has.
    function countDealsForParty(address party) external view returns (uint256);
    /// @notice State and times of a deal, or of the oldest proposal for it while that is open; zeros when that one has timed
    /// out and others are open.
    function getAgreement(string calldata dealId) external view returns (SharedStructs.Agreement memory);
    /// @notice What `proposer` agreed to while the other party has not; gone once both have.
    function getProposal(string calldata dealId, address proposer) external view returns (DealTypes.Proposal memory);
    /// @notice The hash that two equal proposals share.
    function hashTerms(
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external pure returns (bytes32);
    /// @notice The result as submitted; empty before.
    function getResult(string calldata dealId) external view returns (SharedStructs.Result memory);
    /// @notice Whether both parties have agreed.
    function hasDeal(string calldata dealId) external view returns (bool);
    /// @notice Whether the agreement is in `state`; an unknown one is in `DealNegotiating`.
    function isState(string calldata dealId, SharedStructs.AgreementState state) external view returns (bool);
    /// @notice Price times work as claimed, before the limit of the payment collateral. 0 without a result.
    function getJobCost(string calldata dealId) external view returns (uint256);
    /// @notice What the resource provider deposits for its result: multiple × min(job cost, payment collateral).
    function getResultsCollateral(string calldata dealId) external view returns (uint256);

    /// @notice Records `caller`'s consent, and concludes the deal if the other party's equal one is there.
    function propose(
        string calldata dealId,
        address caller,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external returns (SharedStructs.Agreement memory);
    /// @notice Ends `proposer`'s open proposal after its deadline.
    /// @return byResourceProvider In which role the proposer had agreed.
    function timeoutProposal(string calldata dealId, address proposer) external returns (bool byResourceProvider);
    /// @notice Whose proposal a time-out by `caller` means: its own, else the oldest open one. Zero if there is none.
    function proposalFor(string calldata dealId, address caller) external view returns (address proposer);
    /// @notice Sends `action` on behalf of `caller`, with its checks of state, caller and deadline.
    function advance(string calldata dealId, DealTypes.Action action, address caller)
        external
        returns (DealTypes.Outcome memory);
    /// @notice `advance` with `AddResult` and the result itself.
    function submitResult(
        string calldata dealId,
        address caller,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external returns (DealTypes.Outcome memory);

    // v1's way of writing: the controller has checked the caller.

    /// @notice Stores the terms, or checks that they equal the stored ones.
    function ensureDeal(
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external returns (SharedStructs.Deal memory);
    /// @notice The resource provider agrees to the stored terms.
    function agreeResourceProvider(string calldata dealId) external returns (SharedStructs.Agreement memory);
    /// @notice The job creator agrees to the stored terms.
    function agreeJobCreator(string calldata dealId) external returns (SharedStructs.Agreement memory);
    /// @notice DealAgreed → ResultsSubmitted.
    function addResult(
        string calldata dealId,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external returns (SharedStructs.Result memory);
    /// @notice ResultsSubmitted → ResultsAccepted.
    function acceptResult(string calldata dealId) external;
    /// @notice ResultsSubmitted → ResultsChecked.
    function checkResult(string calldata dealId) external;
    /// @notice ResultsChecked → MediationAccepted.
    function mediationAcceptResult(string calldata dealId) external;
    /// @notice ResultsChecked → MediationRejected.
    function mediationRejectResult(string calldata dealId) external;
    /// @notice DealNegotiating → TimeoutAgree.
    function timeoutAgree(string calldata dealId) external;
    /// @notice DealAgreed → TimeoutSubmitResults.
    function timeoutSubmitResult(string calldata dealId) external;
    /// @notice ResultsSubmitted → TimeoutJudgeResults.
    function timeoutJudgeResult(string calldata dealId) external;
    /// @notice ResultsChecked → TimeoutMediateResults.
    function timeoutMediateResult(string calldata dealId) external;
}
