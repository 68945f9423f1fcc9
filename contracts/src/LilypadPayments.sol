// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {ILilypadController} from "./interfaces/ILilypadController.sol";
import {ILilypadMediation} from "./interfaces/ILilypadMediation.sol";
import {ILilypadPayments} from "./interfaces/ILilypadPayments.sol";
import {ILilypadStorage} from "./interfaces/ILilypadStorage.sol";
import {ILilypadToken} from "./interfaces/ILilypadToken.sol";
import {EscrowLedger} from "./libraries/EscrowLedger.sol";

/// @notice See ILilypadPayments.
contract LilypadPayments is ILilypadPayments, ControllerOwnable, Initializable {
    using EscrowLedger for EscrowLedger.Ledger;
    using EscrowLedger for EscrowLedger.Held;

    /// @dev One deal's money during one call.
    struct Account {
        string dealId;
        bytes32 key;
        address token;
    }

    EscrowLedger.Ledger private _ledger;
    address private _token;
    bool private _tokenLocked;

    /// @inheritdoc ILilypadPayments
    function initialize(address _tokenAddress) external initializer {
        setTokenAddress(_tokenAddress);
    }

    // Deposits

    /// @inheritdoc ILilypadPayments
    function agreeResourceProvider(string calldata dealId, address resourceProvider, uint256 timeoutCollateral)
        external
        onlyController
    {
        Account memory account = _open(dealId);
        _ledger.entry(account.key, resourceProvider).addTimeoutCollateral(timeoutCollateral);
        _payIn(account, resourceProvider, timeoutCollateral, PaymentReason.TimeoutCollateral);
    }

    /// @inheritdoc ILilypadPayments
    function agreeJobCreator(
        string calldata dealId,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        Account memory account = _open(dealId);
        EscrowLedger.Held storage held = _ledger.entry(account.key, jobCreator);
        held.addCollateral(paymentCollateral);
        held.addTimeoutCollateral(timeoutCollateral);
        _payIn(account, jobCreator, paymentCollateral, PaymentReason.PaymentCollateral);
        _payIn(account, jobCreator, timeoutCollateral, PaymentReason.TimeoutCollateral);
    }

    /// @inheritdoc ILilypadPayments
    function addResult(
        string calldata dealId,
        address resourceProvider,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        Account memory account = _open(dealId);
        _ledger.entry(account.key, resourceProvider).addCollateral(resultsCollateral);
        _payIn(account, resourceProvider, resultsCollateral, PaymentReason.ResultsCollateral);
        _refundTimeoutCollateral(account, resourceProvider);
    }

    /// @inheritdoc ILilypadPayments
    function checkResult(string calldata dealId, address jobCreator, uint256 timeoutCollateral, uint256 mediationFee)
        external
        onlyController
    {
        Account memory account = _open(dealId);
        _refundTimeoutCollateral(account, jobCreator);
        _ledger.entry(account.key, jobCreator).addMediationFee(mediationFee);
        _payIn(account, jobCreator, mediationFee, PaymentReason.MediationFee);
    }

    // Settlements

    /// @inheritdoc ILilypadPayments
    function giveUp(string calldata dealId, address resourceProvider, address jobCreator) external onlyController {
        Account memory account = _open(dealId);
        _refundPayment(account, jobCreator);
        _refundTimeoutCollateral(account, jobCreator);
        _refundTimeoutCollateral(account, resourceProvider);
        _close(account, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function acceptResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 jobCost,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        Account memory account = _open(dealId);
        uint256 rest = _payJob(account, resourceProvider, jobCreator, jobCost);
        _refundRest(account, jobCreator, rest);
        _refundTimeoutCollateral(account, jobCreator);
        _refundResultsCollateral(account, resourceProvider);
        _close(account, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function mediationAcceptResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 jobCost,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external onlyController {
        Account memory account = _open(dealId);
        uint256 rest = _payJob(account, resourceProvider, jobCreator, jobCost);
        _payMediator(account, jobCreator);
        _refundRest(account, jobCreator, rest);
        _refundResultsCollateral(account, resourceProvider);
        _close(account, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function mediationRejectResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external onlyController {
        Account memory account = _open(dealId);
        _refundPayment(account, jobCreator);
        _payMediator(account, jobCreator);
        uint256 slashed = _ledger.entry(account.key, resourceProvider).takeCollateral();
        _slash(account, resourceProvider, slashed, PaymentReason.ResultsCollateral);
        _close(account, resourceProvider, jobCreator);
    }

    // Time-outs

    /// @inheritdoc ILilypadPayments
    function timeoutAgreeRefundResourceProvider(
        string calldata dealId,
        address resourceProvider,
        uint256 timeoutCollateral
    ) external onlyController {
        Account memory account = _open(dealId);
        _refundTimeoutCollateral(account, resourceProvider);
        _close(account, resourceProvider, resourceProvider);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutAgreeRefundJobCreator(
        string calldata dealId,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        Account memory account = _open(dealId);
        _refundPayment(account, jobCreator);
        _refundTimeoutCollateral(account, jobCreator);
        _close(account, jobCreator, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutSubmitResults(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        _timeoutSubmit(dealId, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutSubmitResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        _timeoutSubmit(dealId, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutJudgeResults(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        _timeoutJudge(dealId, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutJudgeResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external onlyController {
        _timeoutJudge(dealId, resourceProvider, jobCreator);
    }

    /// @inheritdoc ILilypadPayments
    function timeoutMediateResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external onlyController {
        Account memory account = _open(dealId);
        uint256 rest = _payJob(account, resourceProvider, jobCreator, _jobCost(dealId));
        _refundResultsCollateral(account, resourceProvider);
        _refundRest(account, jobCreator, rest);
        uint256 fee = _ledger.entry(account.key, jobCreator).takeMediationFee();
        _refund(account, jobCreator, fee, PaymentReason.MediationFee);
        _close(account, resourceProvider, jobCreator);
    }

    // Configuration

    /// @inheritdoc ILilypadPayments
    function setTokenAddress(address _tokenAddress) public onlyOwner {
        require(_tokenAddress != address(0), "LilepadPayments: Token address must be defined");
        require(!_tokenLocked, "LilypadToken: canChangeTokenAddress is disabled");
        emit TokenChanged(_token, _tokenAddress);
        _token = _tokenAddress;
    }

    /// @inheritdoc ILilypadPayments
    function disableChangeTokenAddress() external onlyOwner {
        _tokenLocked = true;
        emit TokenLocked(_token);
    }

    /// @inheritdoc ILilypadPayments
    function getTokenAddress() external view returns (address) {
        return _token;
    }

    /// @inheritdoc ILilypadPayments
    function escrowOf(string calldata dealId, address party) external view returns (EscrowLedger.Held memory) {
        return _ledger.entry(keccak256(bytes(dealId)), party);
    }

    // Internals: settlements with two names

    function _timeoutSubmit(string calldata dealId, address resourceProvider, address jobCreator) private {
        Account memory account = _open(dealId);
        _refundPayment(account, jobCreator);
        _refundTimeoutCollateral(account, jobCreator);
        uint256 slashed = _ledger.entry(account.key, resourceProvider).takeTimeoutCollateral();
        _slash(account, resourceProvider, slashed, PaymentReason.TimeoutCollateral);
        _close(account, resourceProvider, jobCreator);
    }

    function _timeoutJudge(string calldata dealId, address resourceProvider, address jobCreator) private {
        Account memory account = _open(dealId);
        uint256 rest = _payJob(account, resourceProvider, jobCreator, _jobCost(dealId));
        _refundRest(account, jobCreator, rest);
        _refundResultsCollateral(account, resourceProvider);
        uint256 slashed = _ledger.entry(account.key, jobCreator).takeTimeoutCollateral();
        _slash(account, jobCreator, slashed, PaymentReason.TimeoutCollateral);
        _close(account, resourceProvider, jobCreator);
    }

    // Internals: one line of a settlement each

    /// @dev Pays at most what the job creator has deposited; returns the rest of it, no longer in the ledger.
    function _payJob(Account memory account, address resourceProvider, address jobCreator, uint256 jobCost)
        private
        returns (uint256 rest)
    {
        uint256 deposited = _ledger.entry(account.key, jobCreator).takeCollateral();
        uint256 paid = jobCost < deposited ? jobCost : deposited;
        _payOut(account, jobCreator, resourceProvider, paid, PaymentReason.JobPayment);
        return deposited - paid;
    }

    function _payMediator(Account memory account, address jobCreator) private {
        address mediation = ILilypadController(getControllerAddress()).getMediationAddress();
        address mediator = ILilypadMediation(mediation).getMediator(account.dealId);
        uint256 fee = _ledger.entry(account.key, jobCreator).takeMediationFee();
        _payOut(account, jobCreator, mediator, fee, PaymentReason.MediationFee);
    }

    function _refundPayment(Account memory account, address jobCreator) private {
        uint256 amount = _ledger.entry(account.key, jobCreator).takeCollateral();
        _refund(account, jobCreator, amount, PaymentReason.PaymentCollateral);
    }

    function _refundRest(Account memory account, address jobCreator, uint256 rest) private {
        if (rest > 0) _refund(account, jobCreator, rest, PaymentReason.PaymentCollateral);
    }

    function _refundResultsCollateral(Account memory account, address resourceProvider) private {
        uint256 amount = _ledger.entry(account.key, resourceProvider).takeCollateral();
        _refund(account, resourceProvider, amount, PaymentReason.ResultsCollateral);
    }

    function _refundTimeoutCollateral(Account memory account, address party) private {
        uint256 amount = _ledger.entry(account.key, party).takeTimeoutCollateral();
        _refund(account, party, amount, PaymentReason.TimeoutCollateral);
    }

    // Internals: movements. A movement of nothing is announced, as in v1, but not carried out.

    function _payIn(Account memory account, address payer, uint256 amount, PaymentReason reason) private {
        _emitPayment(account, payer, amount, reason, PaymentDirection.PaidIn);
        if (amount == 0) return;
        require(ERC20Pausable(account.token).balanceOf(payer) >= amount, "LilypadPayments: Insufficient balance");
        require(ILilypadToken(account.token).payEscrowFrom(payer, amount), "LilypadPayments: Pay escrow failed");
    }

    function _payOut(Account memory account, address from, address to, uint256 amount, PaymentReason reason) private {
        _emitPayment(account, to, amount, reason, PaymentDirection.PaidOut);
        if (amount == 0) return;
        require(ILilypadToken(account.token).payJob(from, to, amount), "LilypadPayments: Pay job failed");
    }

    function _refund(Account memory account, address to, uint256 amount, PaymentReason reason) private {
        _emitPayment(account, to, amount, reason, PaymentDirection.Refunded);
        if (amount == 0) return;
        require(ILilypadToken(account.token).refundEscrow(to, amount), "LilypadPayments: Refund escrow failed");
    }

    function _slash(Account memory account, address slashed, uint256 amount, PaymentReason reason) private {
        _emitPayment(account, slashed, amount, reason, PaymentDirection.Slashed);
        if (amount == 0) return;
        require(ILilypadToken(account.token).slashEscrow(slashed, amount), "LilypadPayments: Slash escrow failed");
    }

    function _emitPayment(
        Account memory account,
        address payee,
        uint256 amount,
        PaymentReason reason,
        PaymentDirection direction
    ) private {
        emit Payment(account.dealId, payee, amount, reason, direction);
        emit DealPayment(account.key, payee, amount, reason, direction);
    }

    /// @dev Also refuses everything while the token is paused, movements of nothing included.
    function _open(string calldata dealId) private view returns (Account memory) {
        address token = _token;
        require(!ERC20Pausable(token).paused(), "ERC20Pausable: token transfer while paused");
        return Account({dealId: dealId, key: keccak256(bytes(dealId)), token: token});
    }

    /// @dev The end of every settlement.
    function _close(Account memory account, address resourceProvider, address jobCreator) private view {
        if (!_ledger.entry(account.key, resourceProvider).isEmpty()) revert EscrowNotEmpty(resourceProvider);
        if (!_ledger.entry(account.key, jobCreator).isEmpty()) revert EscrowNotEmpty(jobCreator);
    }

    function _jobCost(string calldata dealId) private view returns (uint256) {
        address storageAddress = ILilypadController(getControllerAddress()).getStorageAddress();
        return ILilypadStorage(storageAddress).getJobCost(dealId);
    }
}
