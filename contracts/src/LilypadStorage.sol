// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {ILilypadStorage} from "./interfaces/ILilypadStorage.sol";
import {Results} from "./libraries/Results.sol";
import {Terms} from "./libraries/Terms.sol";
import {Transitions} from "./libraries/Transitions.sol";
import {DealTypes} from "./types/DealTypes.sol";
import {SharedStructs} from "./types/SharedStructs.sol";
import {Negotiation, StoredAgreement, StoredProposal} from "./types/StoredDeals.sol";

/// @notice See ILilypadStorage.
contract LilypadStorage is ILilypadStorage, ControllerOwnable, Initializable {
    using Terms for bytes;
    using Results for bytes;

    /// @dev Longest deal, result and data id, in bytes. A CID has 46 or 59.
    uint256 public constant MAX_ID_LENGTH = 256;

    mapping(bytes32 dealKey => Negotiation) private _negotiations;
    mapping(bytes32 dealKey => mapping(address proposer => StoredProposal)) private _proposals;
    mapping(bytes32 dealKey => StoredAgreement) private _agreements;
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
        bytes memory packed = Terms.pack(dealId, members, timeouts, pricing);
        if (_answer(key, asProvider ? members.jobCreator : members.resourceProvider, packed)) {
            _index(key, members);
            _conclude(key, dealId, _terms(key));
        } else {
            _propose(key, caller, Terms.record(packed, _now(), asProvider));
            _emitProposed(key, caller, dealId, keccak256(abi.encode(members, timeouts, pricing)));
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
        bytes memory terms = _advanceFor(key, dealId, action, caller);
        return _outcome(terms, _agreements[key].result.code);
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
        bytes memory terms = _advanceFor(key, dealId, DealTypes.Action.AddResult, caller);
        return _outcome(terms, _storeResult(key, resultsId, dataId, instructionCount));
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
            _terms(key).requireEqual(members, timeouts, pricing);
        } else {
            bytes memory packed = Terms.pack(dealId, members, timeouts, pricing);
            _keepLead(key, address(0));
            _negotiations[key].record = Terms.record(packed, 0, false);
            _negotiations[key].time = 0;
            _negotiations[key].concluded = true;
            _index(key, members);
        }
        return _terms(key).load();
    }

    /// @inheritdoc ILilypadStorage
    function agreeResourceProvider(string calldata dealId)
        external
        onlyController
        returns (SharedStructs.Agreement memory)
    {
        return _consent(dealId, true, "RP has already agreed");
    }

    /// @inheritdoc ILilypadStorage
    function agreeJobCreator(string calldata dealId) external onlyController returns (SharedStructs.Agreement memory) {
        return _consent(dealId, false, "JC has already agreed");
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
            _timeoutProposal(key, dealId, _lead(key));
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
    function getDeal(string calldata dealId) external view returns (SharedStructs.Deal memory deal) {
        bytes32 key = _key(dealId);
        if (_exists(key)) deal = _terms(key).load();
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
    function getProposal(string calldata dealId, address proposer)
        external
        view
        returns (DealTypes.Proposal memory shown)
    {
        (address record, DealTypes.ProposalStatus status) = _find(_key(dealId), proposer);
        if (status == DealTypes.ProposalStatus.None) return shown;
        bytes memory terms = record.code;
        (uint256 agreedAt, bool byProvider) = terms.firstConsent();
        return DealTypes.Proposal({
            termsHash: terms.hash(),
            // forge-lint: disable-next-line(unsafe-typecast)
            agreedAt: uint40(agreedAt),
            // forge-lint: disable-next-line(unsafe-typecast)
            agreeTimeout: uint40(terms.timeout(Transitions.Deadline.Agree)),
            byResourceProvider: byProvider,
            status: status
        });
    }

    /// @inheritdoc ILilypadStorage
    function proposalFor(string calldata dealId, address caller) external view returns (address) {
        bytes32 key = _key(dealId);
        (, DealTypes.ProposalStatus status) = _find(key, caller);
        if (status == DealTypes.ProposalStatus.Open) return caller;
        return _negotiations[key].open == 0 || _exists(key) ? address(0) : _lead(key);
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
        bytes memory stored = _agreements[_key(dealId)].result.code;
        return stored.length == 0 ? result : stored.load(dealId);
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
        if (!_exists(key)) return 0;
        return _terms(key).amount(Terms.Amount.InstructionPrice) * _agreements[key].result.code.instructionCount();
    }

    /// @inheritdoc ILilypadStorage
    function getResultsCollateral(string calldata dealId) external view returns (uint256) {
        bytes32 key = _key(dealId);
        return _exists(key) ? _outcome(_terms(key), _agreements[key].result.code).resultsCollateral : 0;
    }

    // Internals: negotiation

    /// @dev A proposal of `proposer` and where its record is.
    function _find(bytes32 key, address proposer) private view returns (address, DealTypes.ProposalStatus) {
        StoredProposal memory proposal = _proposals[key][proposer];
        if (proposal.status != DealTypes.ProposalStatus.None) return (proposal.record, proposal.status);
        Negotiation memory negotiation = _negotiations[key];
        bool open = negotiation.open != 0 && !negotiation.concluded && negotiation.record != address(0);
        if (open && negotiation.record.code.proposer() == proposer) {
            return (negotiation.record, DealTypes.ProposalStatus.Open);
        }
        return (address(0), DealTypes.ProposalStatus.None);
    }

    function _propose(bytes32 key, address caller, address record) private {
        Negotiation storage negotiation = _negotiations[key];
        if (negotiation.open == 0) {
            negotiation.record = record;
        } else {
            _proposals[key][caller] = StoredProposal(record, DealTypes.ProposalStatus.Open);
        }
        negotiation.open++;
    }

    /// @dev If the other party proposed the same terms, they become the agreement.
    function _answer(bytes32 key, address other, bytes memory packed) private returns (bool) {
        (address record, DealTypes.ProposalStatus status) = _find(key, other);
        bytes memory terms = record.code;
        if (status == DealTypes.ProposalStatus.None || !terms.equals(packed)) return false;
        require(status == DealTypes.ProposalStatus.Open, "DealNegotiating");
        (uint256 agreedAt,) = terms.firstConsent();
        uint256 deadline = agreedAt + terms.timeout(Transitions.Deadline.Agree);
        if (block.timestamp > deadline) revert DeadlinePassed(deadline);
        Negotiation memory negotiation = _negotiations[key];
        if (negotiation.record != record) {
            delete _proposals[key][other];
            _keepLead(key, record);
        }
        _negotiations[key] = Negotiation(record, negotiation.open - 1, _now(), true);
        return true;
    }

    /// @dev Gives the oldest open proposal an entry of its own, before something else takes its place.
    function _keepLead(bytes32 key, address instead) private {
        Negotiation memory negotiation = _negotiations[key];
        if (negotiation.open == 0 || negotiation.record == address(0) || negotiation.record == instead) return;
        _proposals[key][_lead(key)] = StoredProposal(negotiation.record, DealTypes.ProposalStatus.Open);
    }

    function _timeoutProposal(bytes32 key, string calldata dealId, address proposer) private returns (bool) {
        (address record, DealTypes.ProposalStatus status) = _find(key, proposer);
        if (status != DealTypes.ProposalStatus.Open) revert NoOpenProposal(proposer);
        bytes memory terms = record.code;
        (uint256 agreedAt, bool byProvider) = terms.firstConsent();
        require(block.timestamp > agreedAt + terms.timeout(Transitions.Deadline.Agree), "Not timed out");
        _proposals[key][proposer] = StoredProposal(record, DealTypes.ProposalStatus.TimedOut);
        emit ProposalTimedOut(key, proposer, terms.hash(), dealId);
        Negotiation storage negotiation = _negotiations[key];
        negotiation.open--;
        if (negotiation.concluded) return byProvider;
        if (negotiation.open == 0) {
            negotiation.record = record;
            negotiation.time = _now();
            _emitState(key, dealId, SharedStructs.AgreementState.TimeoutAgree);
        } else if (negotiation.record == record) {
            negotiation.record = address(0);
        }
        return byProvider;
    }

    /// @dev v1's way: the terms are there, one party consents to them.
    function _consent(string calldata dealId, bool asProvider, string memory already)
        private
        returns (SharedStructs.Agreement memory)
    {
        bytes32 key = _key(dealId);
        require(_exists(key), "Deal does not exist");
        Negotiation storage negotiation = _negotiations[key];
        bytes memory terms = _terms(key);
        (uint256 first, bool byProvider) = terms.firstConsent();
        require((first == 0 || byProvider != asProvider) && negotiation.time == 0, already);
        _requireNegotiating(key);
        if (first == 0) {
            negotiation.record = terms.withConsent(_now(), asProvider);
        } else {
            negotiation.time = _now();
            _conclude(key, dealId, terms);
        }
        return _agreement(key);
    }

    function _index(bytes32 key, SharedStructs.DealMembers calldata members) private {
        _dealsOf[members.resourceProvider].push(key);
        _dealsOf[members.jobCreator].push(key);
    }

    function _conclude(bytes32 key, string calldata dealId, bytes memory terms) private {
        _agreements[key].state = SharedStructs.AgreementState.DealAgreed;
        emit DealConcluded(key, terms.resourceProvider(), terms.jobCreator(), terms.solver(), dealId);
        _emitState(key, dealId, SharedStructs.AgreementState.DealAgreed);
    }

    // Internals: life

    function _advanceFor(bytes32 key, string calldata dealId, DealTypes.Action action, address caller)
        private
        returns (bytes memory terms)
    {
        Transitions.Rule memory rule = Transitions.rule(action);
        require(_agreements[key].state == rule.from, rule.isTimeout ? "Not correct state" : Transitions.name(rule.from));
        terms = _terms(key);
        if (rule.caller == Transitions.Caller.ResourceProvider) {
            require(caller == terms.resourceProvider(), "Only RP");
        } else if (rule.caller == Transitions.Caller.JobCreator) {
            require(caller == terms.jobCreator(), "Only JC");
        }
        _enter(key, dealId, rule, terms);
    }

    function _advance(bytes32 key, string calldata dealId, DealTypes.Action action) private {
        Transitions.Rule memory rule = Transitions.rule(action);
        require(_agreements[key].state == rule.from, Transitions.name(rule.from));
        _enter(key, dealId, rule, _terms(key));
    }

    function _enter(bytes32 key, string calldata dealId, Transitions.Rule memory rule, bytes memory terms) private {
        uint256 deadline = _stageBegan(key, rule.deadline, terms) + terms.timeout(rule.deadline);
        if (rule.isTimeout) {
            require(block.timestamp > deadline, "Not timed out");
        } else if (block.timestamp > deadline) {
            revert DeadlinePassed(deadline);
        }
        StoredAgreement storage agreement = _agreements[key];
        agreement.state = rule.to;
        if (rule.to == SharedStructs.AgreementState.ResultsChecked) {
            agreement.checkedAt = _now();
        } else if (rule.to != SharedStructs.AgreementState.ResultsSubmitted) {
            agreement.closedAt = _now();
        }
        _emitState(key, dealId, rule.to);
    }

    function _storeResult(bytes32 key, string calldata resultsId, string calldata dataId, uint256 instructionCount)
        private
        returns (bytes memory)
    {
        if (instructionCount == 0) revert NoWork();
        _requireLength(resultsId);
        _requireLength(dataId);
        address record = Results.record(_now(), resultsId, dataId, instructionCount);
        _agreements[key].result = record;
        return record.code;
    }

    function _emitProposed(bytes32 key, address proposer, string calldata dealId, bytes32 termsHash) private {
        emit DealProposed(key, proposer, termsHash, dealId);
    }

    function _emitState(bytes32 key, string calldata dealId, SharedStructs.AgreementState state) private {
        emit DealStateChange(dealId, state);
        emit AgreementChanged(key, state);
    }

    // Internals: reading

    function _outcome(bytes memory terms, bytes memory result) private pure returns (DealTypes.Outcome memory) {
        uint256 jobCost = terms.cappedCost(result.instructionCount());
        return DealTypes.Outcome({
            resourceProvider: terms.resourceProvider(),
            jobCreator: terms.jobCreator(),
            jobCost: jobCost,
            paymentCollateral: terms.amount(Terms.Amount.PaymentCollateral),
            resultsCollateral: terms.amount(Terms.Amount.ResultsCollateralMultiple) * jobCost,
            submitCollateral: terms.amount(Terms.Amount.SubmitCollateral),
            judgeCollateral: terms.amount(Terms.Amount.JudgeCollateral),
            mediationFee: terms.amount(Terms.Amount.MediationFee)
        });
    }

    function _agreement(bytes32 key) private view returns (SharedStructs.Agreement memory shown) {
        if (!_exists(key)) return _negotiation(key);
        StoredAgreement memory agreement = _agreements[key];
        uint256 second = _negotiations[key].time;
        (uint256 first, bool byProvider) = _terms(key).firstConsent();
        (shown.resourceProviderAgreedAt, shown.jobCreatorAgreedAt) = byProvider ? (first, second) : (second, first);
        (shown.dealCreatedAt, shown.dealAgreedAt) = (first, second);
        shown.state = agreement.state;
        shown.resultsSubmittedAt = agreement.result.code.submittedAt();
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
        if (negotiation.record == address(0)) return shown;
        (uint256 agreedAt, bool byProvider) = negotiation.record.code.firstConsent();
        shown.dealCreatedAt = agreedAt;
        if (byProvider) {
            shown.resourceProviderAgreedAt = agreedAt;
        } else {
            shown.jobCreatorAgreedAt = agreedAt;
        }
        if (negotiation.open == 0) {
            shown.state = SharedStructs.AgreementState.TimeoutAgree;
            shown.timeoutAgreeAt = negotiation.time;
        }
    }

    function _dealsPage(address party, uint256 start, uint256 limit) private view returns (string[] memory page) {
        bytes32[] storage keys = _dealsOf[party];
        if (start >= keys.length) return page;
        uint256 size = keys.length - start;
        page = new string[](size < limit ? size : limit);
        for (uint256 i = 0; i < page.length; i++) {
            page[i] = _terms(keys[start + i]).dealIdOf();
        }
    }

    function _stageBegan(bytes32 key, Transitions.Deadline which, bytes memory terms)
        private
        view
        returns (uint256 began)
    {
        if (which == Transitions.Deadline.JudgeResults) return _agreements[key].result.code.submittedAt();
        if (which == Transitions.Deadline.MediateResults) return _agreements[key].checkedAt;
        if (which == Transitions.Deadline.SubmitResults) return _negotiations[key].time;
        (began,) = terms.firstConsent();
    }

    /// @dev The record of the terms, only for a deal that exists.
    function _terms(bytes32 key) private view returns (bytes memory) {
        return _negotiations[key].record.code;
    }

    /// @dev Who made the oldest open proposal; zero if there is none.
    function _lead(bytes32 key) private view returns (address) {
        address record = _negotiations[key].record;
        return record == address(0) ? address(0) : record.code.proposer();
    }

    function _exists(bytes32 key) private view returns (bool) {
        return _negotiations[key].concluded;
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
        (, DealTypes.ProposalStatus status) = _find(key, caller);
        require(status == DealTypes.ProposalStatus.None, asProvider ? "RP has already agreed" : "JC has already agreed");
    }

    function _now() private view returns (uint40) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(block.timestamp);
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
