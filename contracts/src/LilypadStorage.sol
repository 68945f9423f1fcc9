// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {ILilypadStorage} from "./interfaces/ILilypadStorage.sol";
import {EscrowLedger} from "./libraries/EscrowLedger.sol";
import {Terms} from "./libraries/Terms.sol";
import {Transitions} from "./libraries/Transitions.sol";
import {DealTypes} from "./types/DealTypes.sol";
import {SharedStructs} from "./types/SharedStructs.sol";

/// @notice See ILilypadStorage.
contract LilypadStorage is ILilypadStorage, ControllerOwnable, Initializable {
    using Terms for Terms.Stored;

    /// @dev Longest deal, result and data id, in bytes. A CID has 46 or 59.
    uint256 public constant MAX_ID_LENGTH = 256;

    /// @dev One slot. `closedAt` belongs to the final state that `state` names, `checkedAt` to the draw of a mediator.
    struct StoredAgreement {
        SharedStructs.AgreementState state;
        uint40 resourceProviderAgreedAt;
        uint40 jobCreatorAgreedAt;
        uint40 submittedAt;
        uint40 checkedAt;
        uint40 closedAt;
    }

    /// @dev What is known of an id before both parties have agreed. `lead` is the oldest open proposer, zero if it timed
    /// out while others were open; `timedOutAt` is set when the last open proposal ended so.
    struct Negotiation {
        address lead;
        uint32 open;
        uint40 timedOutAt;
    }

    struct StoredResult {
        string resultsId;
        string dataId;
        uint128 instructionCount;
    }

    mapping(bytes32 dealKey => Terms.Stored) private _deals;
    mapping(bytes32 dealKey => StoredAgreement) private _agreements;
    mapping(bytes32 dealKey => StoredResult) private _results;
    mapping(bytes32 dealKey => Negotiation) private _negotiations;
    mapping(bytes32 dealKey => mapping(address proposer => DealTypes.Proposal)) private _proposals;
    mapping(address party => bytes32[]) private _dealsOf;

    /// @inheritdoc ILilypadStorage
    function initialize() external onlyOwner initializer {}

    // Negotiation

    /// @inheritdoc ILilypadStorage
    function propose(
        string calldata dealId,
        address caller,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external onlyController returns (SharedStructs.Agreement memory) {
        bytes32 key = _key(dealId);
        _requireNegotiating(key);
        Terms.validate(members, timeouts, pricing);
        _requireId(dealId);
        bool asProvider = _requireNewParty(key, caller, members);
        bytes32 termsHash = keccak256(abi.encode(members, timeouts, pricing));
        address other = asProvider ? members.jobCreator : members.resourceProvider;
        if (_proposals[key][other].termsHash == termsHash) {
            _answer(key, other, asProvider);
            _store(key, dealId, members, timeouts, pricing);
            _conclude(key, dealId);
        } else {
            _record(key, caller, asProvider, termsHash, timeouts.agree.timeout);
            emit DealProposed(key, caller, termsHash, dealId);
        }
        return _agreement(key);
    }

    /// @inheritdoc ILilypadStorage
    function timeoutProposal(string calldata dealId, address proposer) external onlyController returns (bool) {
        return _timeoutProposal(_key(dealId), dealId, proposer);
    }

    // Life of a deal

    /// @inheritdoc ILilypadStorage
    function advance(string calldata dealId, DealTypes.Action action, address caller)
        external
        onlyController
        returns (DealTypes.Outcome memory)
    {
        bytes32 key = _key(dealId);
        _advanceFor(key, dealId, action, caller);
        return _outcome(key);
    }

    /// @inheritdoc ILilypadStorage
    function submitResult(
        string calldata dealId,
        address caller,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external onlyController returns (DealTypes.Outcome memory) {
        bytes32 key = _key(dealId);
        _advanceFor(key, dealId, DealTypes.Action.AddResult, caller);
        _storeResult(key, resultsId, dataId, instructionCount);
        return _outcome(key);
    }

    // v1's way of writing

    /// @inheritdoc ILilypadStorage
    function ensureDeal(
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external onlyController returns (SharedStructs.Deal memory) {
        bytes32 key = _key(dealId);
        _requireNegotiating(key);
        Terms.validate(members, timeouts, pricing);
        _requireId(dealId);
        if (_exists(key)) {
            _deals[key].requireEqual(members, timeouts, pricing);
        } else {
            _store(key, dealId, members, timeouts, pricing);
        }
        return _deals[key].load();
    }

    /// @inheritdoc ILilypadStorage
    function agreeResourceProvider(string calldata dealId)
        external
        onlyController
        returns (SharedStructs.Agreement memory)
    {
        bytes32 key = _key(dealId);
        require(_exists(key), "Deal does not exist");
        StoredAgreement storage agreement = _agreements[key];
        require(agreement.resourceProviderAgreedAt == 0, "RP has already agreed");
        _requireNegotiating(key);
        agreement.resourceProviderAgreedAt = _now();
        if (agreement.jobCreatorAgreedAt != 0) _conclude(key, dealId);
        return _agreement(key);
    }

    /// @inheritdoc ILilypadStorage
    function agreeJobCreator(string calldata dealId) external onlyController returns (SharedStructs.Agreement memory) {
        bytes32 key = _key(dealId);
        require(_exists(key), "Deal does not exist");
        StoredAgreement storage agreement = _agreements[key];
        require(agreement.jobCreatorAgreedAt == 0, "JC has already agreed");
        _requireNegotiating(key);
        agreement.jobCreatorAgreedAt = _now();
        if (agreement.resourceProviderAgreedAt != 0) _conclude(key, dealId);
        return _agreement(key);
    }

    /// @inheritdoc ILilypadStorage
    function addResult(
        string calldata dealId,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external onlyController returns (SharedStructs.Result memory) {
        bytes32 key = _key(dealId);
        _advance(key, dealId, DealTypes.Action.AddResult);
        _storeResult(key, resultsId, dataId, instructionCount);
        return SharedStructs.Result(dealId, resultsId, dataId, instructionCount);
    }

    /// @inheritdoc ILilypadStorage
    function acceptResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.AcceptResult);
    }

    /// @inheritdoc ILilypadStorage
    function checkResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.CheckResult);
    }

    /// @inheritdoc ILilypadStorage
    function mediationAcceptResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.MediationAccept);
    }

    /// @inheritdoc ILilypadStorage
    function mediationRejectResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.MediationReject);
    }

    /// @inheritdoc ILilypadStorage
    function timeoutAgree(string calldata dealId) external onlyController {
        bytes32 key = _key(dealId);
        if (_exists(key)) {
            _advance(key, dealId, DealTypes.Action.TimeoutAgree);
        } else {
            require(_agreement(key).dealCreatedAt != 0, "Deal does not exist");
            require(_negotiations[key].open != 0, "DealNegotiating");
            _timeoutProposal(key, dealId, _negotiations[key].lead);
        }
    }

    /// @inheritdoc ILilypadStorage
    function timeoutSubmitResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.TimeoutSubmitResult);
    }

    /// @inheritdoc ILilypadStorage
    function timeoutJudgeResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.TimeoutJudgeResult);
    }

    /// @inheritdoc ILilypadStorage
    function timeoutMediateResult(string calldata dealId) external onlyController {
        _advance(_key(dealId), dealId, DealTypes.Action.TimeoutMediateResult);
    }

    // Reading

    /// @inheritdoc ILilypadStorage
    function getDeal(string calldata dealId) external view returns (SharedStructs.Deal memory) {
        return _deals[_key(dealId)].load();
    }

    /// @inheritdoc ILilypadStorage
    function getDealsForParty(address party) external view returns (string[] memory) {
        return _dealsPage(party, 0, type(uint256).max);
    }

    /// @inheritdoc ILilypadStorage
    function getDealsForPartyPage(address party, uint256 start, uint256 limit) external view returns (string[] memory) {
        return _dealsPage(party, start, limit);
    }

    /// @inheritdoc ILilypadStorage
    function countDealsForParty(address party) external view returns (uint256) {
        return _dealsOf[party].length;
    }

    /// @inheritdoc ILilypadStorage
    function getAgreement(string calldata dealId) external view returns (SharedStructs.Agreement memory) {
        return _agreement(_key(dealId));
    }

    /// @inheritdoc ILilypadStorage
    function getProposal(string calldata dealId, address proposer) external view returns (DealTypes.Proposal memory) {
        return _proposals[_key(dealId)][proposer];
    }

    /// @inheritdoc ILilypadStorage
    function proposalFor(string calldata dealId, address caller) external view returns (address) {
        bytes32 key = _key(dealId);
        if (_proposals[key][caller].status == DealTypes.ProposalStatus.Open) return caller;
        Negotiation storage negotiation = _negotiations[key];
        return negotiation.open == 0 || _exists(key) ? address(0) : negotiation.lead;
    }

    /// @inheritdoc ILilypadStorage
    function hashTerms(
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external pure returns (bytes32) {
        return keccak256(abi.encode(members, timeouts, pricing));
    }

    /// @inheritdoc ILilypadStorage
    function getResult(string calldata dealId) external view returns (SharedStructs.Result memory result) {
        StoredResult storage stored = _results[_key(dealId)];
        if (stored.instructionCount == 0) return result;
        return SharedStructs.Result(dealId, stored.resultsId, stored.dataId, stored.instructionCount);
    }

    /// @inheritdoc ILilypadStorage
    function hasDeal(string calldata dealId) external view returns (bool) {
        return _exists(_key(dealId));
    }

    /// @inheritdoc ILilypadStorage
    function isState(string calldata dealId, SharedStructs.AgreementState state) external view returns (bool) {
        return _agreement(_key(dealId)).state == state;
    }

    /// @inheritdoc ILilypadStorage
    function getJobCost(string calldata dealId) external view returns (uint256) {
        bytes32 key = _key(dealId);
        return uint256(_deals[key].instructionPrice) * _results[key].instructionCount;
    }

    /// @inheritdoc ILilypadStorage
    function getResultsCollateral(string calldata dealId) external view returns (uint256) {
        return _outcome(_key(dealId)).resultsCollateral;
    }

    // Internals: negotiation

    /// @dev The answer to the other party's proposal: it becomes the agreement.
    function _answer(bytes32 key, address other, bool asProvider) private {
        DealTypes.Proposal memory proposal = _proposals[key][other];
        require(proposal.status == DealTypes.ProposalStatus.Open, "DealNegotiating");
        uint256 deadline = uint256(proposal.agreedAt) + proposal.agreeTimeout;
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
        delete _proposals[key][other];
        _closeProposal(key, other);
        StoredAgreement storage agreement = _agreements[key];
        agreement.resourceProviderAgreedAt = asProvider ? _now() : proposal.agreedAt;
        agreement.jobCreatorAgreedAt = asProvider ? proposal.agreedAt : _now();
    }

    function _record(bytes32 key, address caller, bool asProvider, bytes32 termsHash, uint256 agreeTimeout) private {
        _proposals[key][caller] = DealTypes.Proposal({
            termsHash: termsHash,
            agreedAt: _now(),
            // forge-lint: disable-next-line(unsafe-typecast)
            agreeTimeout: uint40(agreeTimeout),
            byResourceProvider: asProvider,
            status: DealTypes.ProposalStatus.Open
        });
        Negotiation storage negotiation = _negotiations[key];
        if (negotiation.open == 0) negotiation.lead = caller;
        negotiation.open++;
    }

    function _timeoutProposal(bytes32 key, string calldata dealId, address proposer)
        private
        returns (bool byResourceProvider)
    {
        DealTypes.Proposal storage proposal = _proposals[key][proposer];
        if (proposal.status != DealTypes.ProposalStatus.Open) revert NoOpenProposal(proposer);
        require(block.timestamp > uint256(proposal.agreedAt) + proposal.agreeTimeout, "Not timed out");
        proposal.status = DealTypes.ProposalStatus.TimedOut;
        _closeProposal(key, proposer);
        emit ProposalTimedOut(key, proposer, proposal.termsHash, dealId);
        if (_negotiations[key].open == 0 && !_exists(key)) {
            _negotiations[key].lead = proposer;
            _negotiations[key].timedOutAt = _now();
            _emitState(key, dealId, SharedStructs.AgreementState.TimeoutAgree);
        }
        return proposal.byResourceProvider;
    }

    function _closeProposal(bytes32 key, address proposer) private {
        Negotiation storage negotiation = _negotiations[key];
        negotiation.open--;
        if (negotiation.lead == proposer) negotiation.lead = address(0);
    }

    function _store(
        bytes32 key,
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) private {
        _deals[key].store(dealId, members, timeouts, pricing);
        _dealsOf[members.resourceProvider].push(key);
        _dealsOf[members.jobCreator].push(key);
    }

    function _conclude(bytes32 key, string calldata dealId) private {
        Terms.Stored storage deal = _deals[key];
        _agreements[key].state = SharedStructs.AgreementState.DealAgreed;
        emit DealConcluded(key, deal.resourceProvider, deal.jobCreator, deal.solver, dealId);
        _emitState(key, dealId, SharedStructs.AgreementState.DealAgreed);
    }

    // Internals: life

    function _advanceFor(bytes32 key, string calldata dealId, DealTypes.Action action, address caller) private {
        Transitions.Rule memory rule = Transitions.rule(action);
        require(_agreements[key].state == rule.from, rule.isTimeout ? "Not correct state" : Transitions.name(rule.from));
        if (rule.caller == Transitions.Caller.ResourceProvider) {
            require(caller == _deals[key].resourceProvider, "Only RP");
        } else if (rule.caller == Transitions.Caller.JobCreator) {
            require(caller == _deals[key].jobCreator, "Only JC");
        }
        _enter(key, dealId, rule);
    }

    function _advance(bytes32 key, string calldata dealId, DealTypes.Action action) private {
        Transitions.Rule memory rule = Transitions.rule(action);
        require(_agreements[key].state == rule.from, Transitions.name(rule.from));
        _enter(key, dealId, rule);
    }

    function _enter(bytes32 key, string calldata dealId, Transitions.Rule memory rule) private {
        StoredAgreement storage agreement = _agreements[key];
        uint256 deadline = _stageBegan(agreement, rule.deadline) + _deals[key].timeout(rule.deadline);
        if (rule.isTimeout) {
            require(block.timestamp > deadline, "Not timed out");
        } else if (block.timestamp > deadline) {
            revert DeadlinePassed(deadline);
        }
        agreement.state = rule.to;
        if (rule.to == SharedStructs.AgreementState.ResultsSubmitted) {
            agreement.submittedAt = _now();
        } else if (rule.to == SharedStructs.AgreementState.ResultsChecked) {
            agreement.checkedAt = _now();
        } else {
            agreement.closedAt = _now();
        }
        _emitState(key, dealId, rule.to);
    }

    function _storeResult(bytes32 key, string calldata resultsId, string calldata dataId, uint256 instructionCount)
        private
    {
        if (instructionCount == 0) revert NoWork();
        _requireLength(resultsId);
        _requireLength(dataId);
        StoredResult storage result = _results[key];
        result.resultsId = resultsId;
        result.dataId = dataId;
        result.instructionCount = EscrowLedger.checked(instructionCount);
    }

    function _emitState(bytes32 key, string calldata dealId, SharedStructs.AgreementState state) private {
        emit DealStateChange(dealId, state);
        emit AgreementChanged(key, state);
    }

    // Internals: reading

    function _outcome(bytes32 key) private view returns (DealTypes.Outcome memory) {
        Terms.Stored storage deal = _deals[key];
        uint256 jobCost = deal.cappedCost(_results[key].instructionCount);
        return DealTypes.Outcome({
            resourceProvider: deal.resourceProvider,
            jobCreator: deal.jobCreator,
            jobCost: jobCost,
            paymentCollateral: deal.paymentCollateral,
            resultsCollateral: deal.resultsCollateralMultiple * jobCost,
            submitCollateral: deal.submitCollateral,
            judgeCollateral: deal.judgeCollateral,
            mediationFee: deal.mediationFee
        });
    }

    function _agreement(bytes32 key) private view returns (SharedStructs.Agreement memory shown) {
        StoredAgreement memory agreement = _agreements[key];
        if (agreement.resourceProviderAgreedAt == 0 && agreement.jobCreatorAgreedAt == 0) return _negotiation(key);
        shown.state = agreement.state;
        shown.resourceProviderAgreedAt = agreement.resourceProviderAgreedAt;
        shown.jobCreatorAgreedAt = agreement.jobCreatorAgreedAt;
        (shown.dealCreatedAt, shown.dealAgreedAt) =
            _createdAndAgreed(agreement.resourceProviderAgreedAt, agreement.jobCreatorAgreedAt);
        shown.resultsSubmittedAt = agreement.submittedAt;
        shown.resultsCheckedAt = agreement.checkedAt;
        if (agreement.state == SharedStructs.AgreementState.ResultsAccepted) {
            shown.resultsAcceptedAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.MediationAccepted) {
            shown.mediationAcceptedAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.MediationRejected) {
            shown.mediationRejectedAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.TimeoutAgree) {
            shown.timeoutAgreeAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.TimeoutSubmitResults) {
            shown.timeoutSubmitResultsAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.TimeoutJudgeResults) {
            shown.timeoutJudgeResultsAt = agreement.closedAt;
        } else if (agreement.state == SharedStructs.AgreementState.TimeoutMediateResults) {
            shown.timeoutMediateResultsAt = agreement.closedAt;
        }
    }

    /// @dev Before both agreed: the oldest open proposal, else the one that timed out last.
    function _negotiation(bytes32 key) private view returns (SharedStructs.Agreement memory shown) {
        Negotiation memory negotiation = _negotiations[key];
        if (negotiation.lead == address(0)) return shown;
        DealTypes.Proposal memory proposal = _proposals[key][negotiation.lead];
        shown.dealCreatedAt = proposal.agreedAt;
        if (proposal.byResourceProvider) {
            shown.resourceProviderAgreedAt = proposal.agreedAt;
        } else {
            shown.jobCreatorAgreedAt = proposal.agreedAt;
        }
        if (negotiation.open == 0) {
            shown.state = SharedStructs.AgreementState.TimeoutAgree;
            shown.timeoutAgreeAt = negotiation.timedOutAt;
        }
    }

    function _dealsPage(address party, uint256 start, uint256 limit) private view returns (string[] memory page) {
        bytes32[] storage keys = _dealsOf[party];
        if (start >= keys.length) return page;
        uint256 size = keys.length - start;
        page = new string[](size < limit ? size : limit);
        for (uint256 i = 0; i < page.length; i++) {
            page[i] = _deals[keys[start + i]].dealId;
        }
    }

    function _stageBegan(StoredAgreement storage agreement, Transitions.Deadline which) private view returns (uint256) {
        if (which == Transitions.Deadline.JudgeResults) return agreement.submittedAt;
        if (which == Transitions.Deadline.MediateResults) return agreement.checkedAt;
        (uint256 created, uint256 agreed) =
            _createdAndAgreed(agreement.resourceProviderAgreedAt, agreement.jobCreatorAgreedAt);
        return which == Transitions.Deadline.Agree ? created : agreed;
    }

    function _exists(bytes32 key) private view returns (bool) {
        return _deals[key].resourceProvider != address(0);
    }

    function _requireNegotiating(bytes32 key) private view {
        require(_agreements[key].state == SharedStructs.AgreementState.DealNegotiating, "DealNegotiating");
    }

    /// @dev Returns whether `caller` is the resource provider; it is the job creator otherwise.
    function _requireNewParty(bytes32 key, address caller, SharedStructs.DealMembers calldata members)
        private
        view
        returns (bool asProvider)
    {
        asProvider = caller == members.resourceProvider;
        require(asProvider || caller == members.jobCreator, "Only RP / JC");
        require(
            _proposals[key][caller].status == DealTypes.ProposalStatus.None,
            asProvider ? "RP has already agreed" : "JC has already agreed"
        );
    }

    function _now() private view returns (uint40) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(block.timestamp);
    }

    function _createdAndAgreed(uint256 providerAt, uint256 creatorAt)
        private
        pure
        returns (uint256 created, uint256 agreed)
    {
        (uint256 first, uint256 second) = providerAt < creatorAt ? (providerAt, creatorAt) : (creatorAt, providerAt);
        return first == 0 ? (second, 0) : (first, second);
    }

    function _requireId(string calldata dealId) private pure {
        require(bytes(dealId).length != 0, "Deal does not exist");
        _requireLength(dealId);
    }

    function _requireLength(string calldata id) private pure {
        if (bytes(id).length > MAX_ID_LENGTH) revert TextTooLong(bytes(id).length, MAX_ID_LENGTH);
    }

    function _key(string calldata dealId) private pure returns (bytes32) {
        return keccak256(bytes(dealId));
    }
}
