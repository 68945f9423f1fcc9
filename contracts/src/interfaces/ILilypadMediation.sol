// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../types/SharedStructs.sol";

/// @title Draws the mediator of a disputed deal and carries its verdict to the controller.
interface ILilypadMediation {
    /// @notice The mediator is drawn.
    event MediationRequested(string dealId, address mediator);
    /// @notice A dispute began; the mediator will be drawn from the hash of block `drawBlock`, in a later one.
    event MediatorDrawOpened(bytes32 indexed dealKey, uint256 drawBlock, string dealId);
    /// @notice The mediator is drawn, to be found by deal and by mediator.
    event MediatorDrawn(bytes32 indexed dealKey, address indexed mediator);

    /// @notice For deployment order only; nothing to set. Owner only, once.
    function initialize() external;
    /// @notice Opens the draw among the deal's mediators; a single one is drawn at once. Controller only.
    function mediationRequest(SharedStructs.Deal calldata deal) external;
    /// @notice Draws the mediator. Anyone may send it, also again.
    /// @return mediator The one drawn, now or before; zero while the block whose hash decides is not in the past, and
    /// when that hash was forgotten (after 256 blocks), in which case a new block was named. Send it again then.
    function drawMediator(string calldata dealId) external returns (address mediator);
    /// @notice The mediator of a deal; zero before the draw.
    function getMediator(string calldata dealId) external view returns (address);
    /// @notice The block whose hash decides an open draw, else 0.
    function getDrawBlock(string calldata dealId) external view returns (uint256);
    /// @notice The result is right. The deal's mediator only.
    function mediationAcceptResult(string calldata dealId) external;
    /// @notice The result is wrong. The deal's mediator only.
    function mediationRejectResult(string calldata dealId) external;
}
