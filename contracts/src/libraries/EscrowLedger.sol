// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../interfaces/ILilypadErrors.sol";

/// @title What each party has deposited for each deal and each purpose.
/// @notice Money leaves the ledger only by `take…`, which returns what was recorded and leaves zero: a deal can neither
/// take more than was paid for it nor leave anything behind.
library EscrowLedger {
    /// @dev `collateral` is the job creator's payment or the resource provider's results collateral; an address is
    /// never both in one deal.
    struct Held {
        uint128 collateral;
        uint128 timeoutCollateral;
        uint128 mediationFee;
    }

    struct Ledger {
        mapping(bytes32 dealKey => mapping(address party => Held)) held;
    }

    function entry(Ledger storage ledger, bytes32 dealKey, address party) internal view returns (Held storage) {
        return ledger.held[dealKey][party];
    }

    function addCollateral(Held storage held, uint256 amount) internal {
        held.collateral += checked(amount);
    }

    function addTimeoutCollateral(Held storage held, uint256 amount) internal {
        held.timeoutCollateral += checked(amount);
    }

    function addMediationFee(Held storage held, uint256 amount) internal {
        held.mediationFee += checked(amount);
    }

    function takeCollateral(Held storage held) internal returns (uint256 amount) {
        amount = held.collateral;
        held.collateral = 0;
    }

    function takeTimeoutCollateral(Held storage held) internal returns (uint256 amount) {
        amount = held.timeoutCollateral;
        held.timeoutCollateral = 0;
    }

    function takeMediationFee(Held storage held) internal returns (uint256 amount) {
        amount = held.mediationFee;
        held.mediationFee = 0;
    }

    function isEmpty(Held storage held) internal view returns (bool) {
        return held.collateral == 0 && held.timeoutCollateral == 0 && held.mediationFee == 0;
    }

    function checked(uint256 amount) internal pure returns (uint128) {
        if (amount > type(uint128).max) revert ILilypadErrors.AmountTooLarge(amount);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint128(amount);
    }
}
