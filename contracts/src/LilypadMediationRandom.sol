// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {TransientGuard} from "./access/TransientGuard.sol";
import {ILilypadController} from "./interfaces/ILilypadController.sol";
import {ILilypadMediation} from "./interfaces/ILilypadMediation.sol";
import {SharedStructs} from "./types/SharedStructs.sol";

/// @notice See ILilypadMediation.
contract LilypadMediationRandom is ILilypadMediation, ControllerOwnable, Initializable, TransientGuard {
    /// @dev How far back `blockhash` reaches.
    uint256 private constant REMEMBERED_BLOCKS = 256;

    struct Draw {
        address mediator;
        uint96 drawBlock;
        address[] candidates;
    }

    mapping(bytes32 dealKey => Draw) private _draws;

    /// @inheritdoc ILilypadMediation
    function initialize() external onlyOwner initializer {}

    /// @inheritdoc ILilypadMediation
    function mediationRequest(SharedStructs.Deal calldata deal) external onlyController {
        bytes32 key = keccak256(bytes(deal.dealId));
        Draw storage draw = _draws[key];
        if (deal.members.mediators.length == 1) {
            _appoint(key, deal.dealId, draw, deal.members.mediators[0]);
        } else {
            draw.candidates = deal.members.mediators;
            _openDraw(key, deal.dealId, draw);
        }
    }

    /// @inheritdoc ILilypadMediation
    function drawMediator(string calldata dealId) external returns (address mediator) {
        bytes32 key = keccak256(bytes(dealId));
        Draw storage draw = _draws[key];
        if (draw.mediator != address(0)) return draw.mediator;
        uint256 drawBlock = draw.drawBlock;
        if (drawBlock == 0) revert MediationNotRequested();
        if (block.number <= drawBlock) return address(0);
        bytes32 seed = blockhash(drawBlock);
        if (seed == bytes32(0) || block.number > drawBlock + REMEMBERED_BLOCKS) {
            _openDraw(key, dealId, draw);
            return address(0);
        }
        mediator = draw.candidates[uint256(keccak256(abi.encode(seed, key))) % draw.candidates.length];
        _appoint(key, dealId, draw, mediator);
    }

    /// @inheritdoc ILilypadMediation
    function mediationAcceptResult(string calldata dealId) external nonReentrant {
        _requireMediator(dealId);
        ILilypadController(getControllerAddress()).mediationAcceptResult(dealId);
    }

    /// @inheritdoc ILilypadMediation
    function mediationRejectResult(string calldata dealId) external nonReentrant {
        _requireMediator(dealId);
        ILilypadController(getControllerAddress()).mediationRejectResult(dealId);
    }

    /// @inheritdoc ILilypadMediation
    function getMediator(string calldata dealId) external view returns (address) {
        return _draws[keccak256(bytes(dealId))].mediator;
    }

    /// @inheritdoc ILilypadMediation
    function getDrawBlock(string calldata dealId) external view returns (uint256) {
        return _draws[keccak256(bytes(dealId))].drawBlock;
    }

    /// @dev The next block: its hash is known to nobody who sends a transaction now.
    function _openDraw(bytes32 key, string calldata dealId, Draw storage draw) private {
        // forge-lint: disable-next-line(unsafe-typecast)
        draw.drawBlock = uint96(block.number + 1);
        emit MediatorDrawOpened(key, block.number + 1, dealId);
    }

    function _appoint(bytes32 key, string calldata dealId, Draw storage draw, address mediator) private {
        require(mediator != address(0), "mediator cannot be 0x0");
        draw.mediator = mediator;
        draw.drawBlock = 0;
        delete draw.candidates;
        emit MediationRequested(dealId, mediator);
        emit MediatorDrawn(key, mediator);
    }

    function _requireMediator(string calldata dealId) private view {
        address mediator = _draws[keccak256(bytes(dealId))].mediator;
        require(mediator != address(0), "mediator cannot be 0x0");
        // v1's text for this condition; the sender counts, not the origin.
        require(msg.sender == mediator, "tx.origin must be the mediator");
    }
}
