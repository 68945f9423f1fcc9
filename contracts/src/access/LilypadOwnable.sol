// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ILilypadErrors} from "../interfaces/ILilypadErrors.sol";

/// @title Two-step ownership that cannot be lost.
abstract contract LilypadOwnable is Ownable2Step, ILilypadErrors {
    /// @notice Always fails: an owner is needed to replace a broken neighbour.
    function renounceOwnership() public view override(Ownable) onlyOwner {
        revert OwnershipCannotBeRenounced();
    }
}
