// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base} from "../Base.t.sol";

/// @dev A random walk: forge calls one function of one contract, again and again.
abstract contract Walk is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    /// @dev The contract that walks, and its step.
    function walker() internal view virtual returns (address at, bytes4 step);

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        (targets[0],) = walker();
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].selectors = new bytes4[](1);
        (targets[0].addr, targets[0].selectors[0]) = walker();
    }
}
