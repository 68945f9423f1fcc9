// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {ILilypadJobClient, ILilypadJobFailureClient, ILilypadJobManager} from "../interfaces/ILilypadJobs.sol";

/// @dev The one function of the token that a consumer needs.
interface IApprove {
    function approve(address spender, uint256 amount) external returns (bool);
}

/// @title A contract that orders jobs: inherit, call `_order` or `_orderAtOwnExpense`, override `_onResult`.
/// @notice A result is taken only from the job manager that the job was ordered from, for a job that this contract
/// ordered, once. See `MockLilypad` for tests without a network.
abstract contract LilypadConsumer is ILilypadJobClient, ILilypadJobFailureClient {
    address private _manager;
    mapping(address manager => mapping(uint256 id => bool)) private _waiting;

    /// @notice A result that nobody here waits for: another sender than the job manager, another job, or a repetition.
    error UnexpectedResult(address sender, uint256 id);
    /// @notice No job manager was named.
    error NoJobManager();

    /// @inheritdoc ILilypadJobClient
    function submitResults(uint256 id, string calldata dealId, string calldata dataId) external {
        _take(id);
        _onResult(id, dealId, dataId);
    }

    /// @inheritdoc ILilypadJobFailureClient
    function jobFailed(uint256 id, string calldata reason) external {
        _take(id);
        _onFailure(id, reason);
    }

    /// @notice The job manager that the next order goes to.
    function jobManager() public view returns (address) {
        return _manager;
    }

    /// @dev Jobs that were ordered before still come from the manager they were ordered from.
    function _setJobManager(address manager) internal {
        if (manager == address(0)) revert NoJobManager();
        _manager = manager;
    }

    /// @dev Orders a job that `payee` pays, who has approved the job manager in the token and has called
    /// `authorizeClient` there with the address of this contract. Never let a caller choose another payee than itself.
    function _order(string memory module, string[] memory inputs, address payee) internal returns (uint256 id) {
        address manager = _manager;
        if (manager == address(0)) revert NoJobManager();
        id = ILilypadJobManager(manager).runJob(module, inputs, payee);
        _waiting[manager][id] = true;
    }

    /// @dev Orders a job that this contract pays from its own tokens.
    function _orderAtOwnExpense(string memory module, string[] memory inputs) internal returns (uint256 id) {
        ILilypadJobManager manager = ILilypadJobManager(_manager);
        if (address(manager) == address(0)) revert NoJobManager();
        IApprove(manager.getTokenAddress()).approve(address(manager), manager.getRequiredDeposit());
        return _order(module, inputs, address(this));
    }

    /// @dev The result of job `id` is there. If this fails, anyone can have it sent again.
    function _onResult(uint256 id, string calldata dealId, string calldata dataId) internal virtual;

    /// @dev Job `id` came to nothing; the payee has its deposit back.
    function _onFailure(uint256 id, string calldata reason) internal virtual {}

    function _take(uint256 id) private {
        if (!_waiting[msg.sender][id]) revert UnexpectedResult(msg.sender, id);
        _waiting[msg.sender][id] = false;
    }
}
