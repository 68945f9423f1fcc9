// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {LilypadOwnable} from "./access/LilypadOwnable.sol";
import {TransientGuard} from "./access/TransientGuard.sol";
import {ILilypadController} from "./interfaces/ILilypadController.sol";
import {ILilypadMediation} from "./interfaces/ILilypadMediation.sol";
import {ILilypadPayments} from "./interfaces/ILilypadPayments.sol";
import {ILilypadStorage} from "./interfaces/ILilypadStorage.sol";
import {DealTypes} from "./types/DealTypes.sol";
import {SharedStructs} from "./types/SharedStructs.sol";

/// @notice See ILilypadController.
contract LilypadController is ILilypadController, LilypadOwnable, Initializable, TransientGuard {
    ILilypadStorage private _storage;
    ILilypadPayments private _payments;
    ILilypadMediation private _mediation;
    address private _users;
    address private _jobCreator;
    address private _pow;

    /// @inheritdoc ILilypadController
    function initialize(
        address _storageAddress,
        address _usersAddress,
        address _paymentsAddress,
        address _mediationAddress,
        address _jobCreatorAddress,
        address _powAddress
    ) external initializer {
        setStorageAddress(_storageAddress);
        setUsersAddress(_usersAddress);
        setPaymentsAddress(_paymentsAddress);
        setMediationAddress(_mediationAddress);
        setJobCreatorAddress(_jobCreatorAddress);
        setPowAddress(_powAddress);
    }

    // Agreement

    /// @inheritdoc ILilypadController
    function agree(
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external nonReentrant returns (SharedStructs.Agreement memory agreement) {
        agreement = _storage.propose(dealId, msg.sender, members, timeouts, pricing);
        if (msg.sender == members.resourceProvider) {
            _payments.agreeResourceProvider(dealId, msg.sender, timeouts.submitResults.collateral);
        } else {
            _payments.agreeJobCreator(dealId, msg.sender, pricing.paymentCollateral, timeouts.judgeResults.collateral);
        }
    }

    /// @inheritdoc ILilypadController
    function timeoutAgree(string calldata dealId) external nonReentrant {
        address proposer = _storage.proposalFor(dealId, msg.sender);
        if (proposer == address(0)) {
            require(_storage.getAgreement(dealId).dealCreatedAt != 0, "Deal does not exist");
            revert("Not correct state");
        }
        _timeoutAgree(dealId, proposer);
    }

    /// @inheritdoc ILilypadController
    function timeoutAgreeFor(string calldata dealId, address proposer) external nonReentrant {
        _timeoutAgree(dealId, proposer);
    }

    // Work

    /// @inheritdoc ILilypadController
    function addResult(
        string calldata dealId,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.submitResult(dealId, msg.sender, resultsId, dataId, instructionCount);
        _payments.addResult(dealId, deal.resourceProvider, deal.resultsCollateral, deal.submitCollateral);
    }

    /// @inheritdoc ILilypadController
    function giveUp(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.GiveUp, msg.sender);
        _payments.giveUp(dealId, deal.resourceProvider, deal.jobCreator);
    }

    /// @inheritdoc ILilypadController
    function timeoutSubmitResult(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.TimeoutSubmitResult, msg.sender);
        _payments.timeoutSubmitResults(
            dealId, deal.resourceProvider, deal.jobCreator, deal.paymentCollateral, deal.submitCollateral
        );
    }

    // Judgement

    /// @inheritdoc ILilypadController
    function acceptResult(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.AcceptResult, msg.sender);
        _payments.acceptResult(
            dealId,
            deal.resourceProvider,
            deal.jobCreator,
            deal.jobCost,
            deal.paymentCollateral,
            deal.resultsCollateral,
            deal.judgeCollateral
        );
    }

    /// @inheritdoc ILilypadController
    function checkResult(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.CheckResult, msg.sender);
        _payments.checkResult(dealId, deal.jobCreator, deal.judgeCollateral, deal.mediationFee);
        _mediation.mediationRequest(_storage.getDeal(dealId));
    }

    /// @inheritdoc ILilypadController
    function timeoutJudgeResult(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.TimeoutJudgeResult, msg.sender);
        _payments.timeoutJudgeResults(
            dealId, deal.resourceProvider, deal.jobCreator, deal.resultsCollateral, deal.judgeCollateral
        );
    }

    // Mediation

    /// @inheritdoc ILilypadController
    function mediationAcceptResult(string calldata dealId) external nonReentrant {
        require(msg.sender == address(_mediation), "Only mediation");
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.MediationAccept, msg.sender);
        _payments.mediationAcceptResult(
            dealId,
            deal.resourceProvider,
            deal.jobCreator,
            deal.jobCost,
            deal.paymentCollateral,
            deal.resultsCollateral,
            deal.mediationFee
        );
    }

    /// @inheritdoc ILilypadController
    function mediationRejectResult(string calldata dealId) external nonReentrant {
        require(msg.sender == address(_mediation), "Only mediation");
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.MediationReject, msg.sender);
        _payments.mediationRejectResult(
            dealId,
            deal.resourceProvider,
            deal.jobCreator,
            deal.paymentCollateral,
            deal.resultsCollateral,
            deal.mediationFee
        );
    }

    /// @inheritdoc ILilypadController
    function timeoutMediateResult(string calldata dealId) external nonReentrant {
        DealTypes.Outcome memory deal = _storage.advance(dealId, DealTypes.Action.TimeoutMediateResult, msg.sender);
        _payments.timeoutMediateResult(
            dealId,
            deal.resourceProvider,
            deal.jobCreator,
            deal.paymentCollateral,
            deal.resultsCollateral,
            deal.mediationFee
        );
    }

    // Neighbours

    /// @inheritdoc ILilypadController
    function setStorageAddress(address _storageAddress) public onlyOwner {
        require(_storageAddress != address(0), "Storage address");
        emit NeighbourChanged("Storage", address(_storage), _storageAddress);
        _storage = ILilypadStorage(_storageAddress);
    }

    /// @inheritdoc ILilypadController
    function setUsersAddress(address _usersAddress) public onlyOwner {
        require(_usersAddress != address(0), "Users address");
        emit NeighbourChanged("Users", _users, _usersAddress);
        _users = _usersAddress;
    }

    /// @inheritdoc ILilypadController
    function setPaymentsAddress(address _paymentsAddress) public onlyOwner {
        require(_paymentsAddress != address(0), "Payments address");
        emit NeighbourChanged("Payments", address(_payments), _paymentsAddress);
        _payments = ILilypadPayments(_paymentsAddress);
    }

    /// @inheritdoc ILilypadController
    function setMediationAddress(address _mediationAddress) public onlyOwner {
        require(_mediationAddress != address(0), "Mediation address");
        emit NeighbourChanged("Mediation", address(_mediation), _mediationAddress);
        _mediation = ILilypadMediation(_mediationAddress);
    }

    /// @inheritdoc ILilypadController
    function setJobCreatorAddress(address _jobCreatorAddress) public onlyOwner {
        require(_jobCreatorAddress != address(0), "JobCreator address");
        emit NeighbourChanged("JobCreator", _jobCreator, _jobCreatorAddress);
        _jobCreator = _jobCreatorAddress;
    }

    /// @inheritdoc ILilypadController
    function setPowAddress(address _powAddress) public onlyOwner {
        // v1's text.
        require(_powAddress != address(0), "Users address");
        emit NeighbourChanged("Pow", _pow, _powAddress);
        _pow = _powAddress;
    }

    /// @inheritdoc ILilypadController
    function getStorageAddress() external view returns (address) {
        return address(_storage);
    }

    /// @inheritdoc ILilypadController
    function getUsersAddress() external view returns (address) {
        return _users;
    }

    /// @inheritdoc ILilypadController
    function getPaymentsAddress() external view returns (address) {
        return address(_payments);
    }

    /// @inheritdoc ILilypadController
    function getMediationAddress() external view returns (address) {
        return address(_mediation);
    }

    /// @inheritdoc ILilypadController
    function getJobCreatorAddress() external view returns (address) {
        return _jobCreator;
    }

    /// @inheritdoc ILilypadController
    function getPowAddress() external view returns (address) {
        return _pow;
    }

    function _timeoutAgree(string calldata dealId, address proposer) private {
        bool byResourceProvider = _storage.timeoutProposal(dealId, proposer);
        if (byResourceProvider) {
            _payments.timeoutAgreeRefundResourceProvider(dealId, proposer, 0);
        } else {
            _payments.timeoutAgreeRefundJobCreator(dealId, proposer, 0, 0);
        }
    }
}
