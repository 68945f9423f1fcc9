// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {TransientGuard} from "./access/TransientGuard.sol";
import {ILilypadJobClient, ILilypadJobFailureClient, ILilypadJobManager} from "./interfaces/ILilypadJobs.sol";
import {ILilypadOnChainJobCreator} from "./interfaces/ILilypadOnChainJobCreator.sol";
import {EscrowLedger} from "./libraries/EscrowLedger.sol";
import {JobRequests} from "./libraries/JobRequests.sol";

/// @notice See ILilypadOnChainJobCreator.
contract LilypadOnChainJobCreator is ILilypadOnChainJobCreator, ControllerOwnable, Initializable, TransientGuard {
    /// @dev The price of a job before the service has named its own, in base units of the token.
    uint256 public constant FIRST_DEPOSIT = 2 ether;
    /// @dev How long the service may take, in seconds.
    uint256 public constant JOB_TIMEOUT = 1 days;
    /// @dev Gas of a callback. A client that needs more reads the result in a transaction of its own.
    uint256 public constant CALLBACK_GAS = 500_000;
    /// @dev What the rest of a delivery needs after the callback.
    uint256 private constant RESERVED_GAS = 20_000;
    uint256 private constant MAX_TEXT_LENGTH = 1024;

    struct StoredJob {
        address callingContract;
        uint40 deadline;
        JobStatus status;
        bool acknowledged;
        address payee;
        uint128 deposit;
        string dealId;
        string dataId;
    }

    IERC20 private _token;
    uint256 private _requiredDeposit = FIRST_DEPOSIT;
    /// @inheritdoc ILilypadOnChainJobCreator
    uint256 public nextJobID;
    /// @inheritdoc ILilypadOnChainJobCreator
    uint256 public heldDeposits;
    mapping(uint256 id => StoredJob) private _jobs;
    mapping(address payee => mapping(address client => bool)) private _authorized;

    /// @inheritdoc ILilypadOnChainJobCreator
    function initialize(address _tokenAddress) external initializer {
        setTokenAddress(_tokenAddress);
    }

    // Ordering

    /// @inheritdoc ILilypadJobManager
    function runJob(string calldata module, string[] calldata inputs, address payee)
        external
        nonReentrant
        returns (uint256 id)
    {
        JobRequests.requireModule(module);
        JobRequests.requireInputs(inputs);
        if (payee != msg.sender && !_authorized[payee][msg.sender]) revert ClientNotAuthorized(payee, msg.sender);
        uint128 deposit = EscrowLedger.checked(_requiredDeposit);
        require(_token.allowance(payee, address(this)) >= deposit, "Token allowance not enough");
        id = ++nextJobID;
        StoredJob storage job = _jobs[id];
        job.callingContract = msg.sender;
        // forge-lint: disable-next-line(unsafe-typecast)
        job.deadline = uint40(block.timestamp + JOB_TIMEOUT);
        job.status = JobStatus.Open;
        job.payee = payee;
        job.deposit = deposit;
        heldDeposits += deposit;
        emit JobAdded(id, msg.sender, payee, module, inputs);
        emit JobOrdered(id, msg.sender, payee, deposit);
        if (!_token.transferFrom(payee, address(this), deposit)) revert TransferFailed();
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function authorizeClient(address client) external {
        if (client == address(0)) revert ZeroAddress();
        _authorized[msg.sender][client] = true;
        emit ClientAuthorized(msg.sender, client, true);
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function revokeClient(address client) external {
        _authorized[msg.sender][client] = false;
        emit ClientAuthorized(msg.sender, client, false);
    }

    // Ending

    /// @inheritdoc ILilypadOnChainJobCreator
    function submitResults(uint256 id, string calldata dealId, string calldata dataId)
        external
        onlyController
        nonReentrant
    {
        _requireText(dealId);
        _requireText(dataId);
        StoredJob storage job = _close(id, JobStatus.Delivered);
        job.dealId = dealId;
        job.dataId = dataId;
        emit JobDelivered(id, dealId, dataId);
        _pay(msg.sender, job.deposit);
        _callBack(id, job);
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function failJob(uint256 id, string calldata reason) external onlyController nonReentrant {
        _requireText(reason);
        _refund(id, reason);
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function timeoutJob(uint256 id) external nonReentrant {
        uint256 deadline = _jobs[id].deadline;
        if (_jobs[id].status == JobStatus.Open && block.timestamp <= deadline) revert JobNotTimedOut(id, deadline);
        _refund(id, "timed out");
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function redeliver(uint256 id) external nonReentrant {
        StoredJob storage job = _jobs[id];
        if (job.status != JobStatus.Delivered) revert WrongJobStatus(id, job.status);
        if (job.acknowledged) revert AlreadyAcknowledged(id);
        _callBack(id, job);
    }

    // Configuration

    /// @inheritdoc ILilypadOnChainJobCreator
    function setTokenAddress(address _tokenAddress) public onlyOwner {
        require(_tokenAddress != address(0), "Token address");
        if (heldDeposits != 0) revert DepositsHeld(heldDeposits);
        emit TokenChanged(address(_token), _tokenAddress);
        _token = IERC20(_tokenAddress);
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function setRequiredDeposit(uint256 cost) external onlyController {
        require(cost > 0, "Min deposit");
        _requiredDeposit = EscrowLedger.checked(cost);
        emit RequiredDepositChanged(cost);
    }

    // Reading

    /// @inheritdoc ILilypadJobManager
    function getTokenAddress() external view returns (address) {
        return address(_token);
    }

    /// @inheritdoc ILilypadJobManager
    function getRequiredDeposit() external view returns (uint256) {
        return _requiredDeposit;
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function requiredDeposit() external view returns (uint256) {
        return _requiredDeposit;
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function isAuthorizedClient(address payee, address client) external view returns (bool) {
        return _authorized[payee][client];
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function getJob(uint256 id) external view returns (Job memory) {
        StoredJob storage job = _jobs[id];
        return Job(job.callingContract, job.payee, job.deposit, job.deadline, job.status, job.acknowledged);
    }

    /// @inheritdoc ILilypadOnChainJobCreator
    function getJobResult(uint256 id) external view returns (string memory dealId, string memory dataId) {
        return (_jobs[id].dealId, _jobs[id].dataId);
    }

    // Internals

    function _refund(uint256 id, string memory reason) private {
        StoredJob storage job = _close(id, JobStatus.Refunded);
        emit JobRefunded(id, job.payee, job.deposit, reason);
        _pay(job.payee, job.deposit);
        address client = job.callingContract;
        if (client.code.length == 0) return;
        _requireGas();
        // A client without this function, or whose function fails, has its money back all the same.
        try ILilypadJobFailureClient(client).jobFailed{gas: CALLBACK_GAS}(id, reason) {} catch {}
    }

    function _close(uint256 id, JobStatus status) private returns (StoredJob storage job) {
        job = _jobs[id];
        require(job.status != JobStatus.Unknown, "Job not found");
        if (job.status != JobStatus.Open) revert WrongJobStatus(id, job.status);
        job.status = status;
        heldDeposits -= job.deposit;
    }

    function _callBack(uint256 id, StoredJob storage job) private {
        address client = job.callingContract;
        // A person's wallet has nothing to call; the result is read from here.
        if (client.code.length == 0) return;
        _requireGas();
        bool succeeded = false;
        try ILilypadJobClient(client).submitResults{gas: CALLBACK_GAS}(id, job.dealId, job.dataId) {
            succeeded = true;
        } catch {}
        if (succeeded) job.acknowledged = true;
        emit JobCallback(id, succeeded);
    }

    function _pay(address to, uint256 amount) private {
        if (!_token.transfer(to, amount)) revert TransferFailed();
    }

    /// @dev A caller must not be able to make a callback fail by sending too little gas: 1/64 stays behind at a call.
    function _requireGas() private view {
        if (gasleft() < (CALLBACK_GAS + RESERVED_GAS) * 64 / 63 + RESERVED_GAS) revert NotEnoughGas();
    }

    function _requireText(string calldata text) private pure {
        if (bytes(text).length > MAX_TEXT_LENGTH) revert TextTooLong(bytes(text).length, MAX_TEXT_LENGTH);
    }
}
