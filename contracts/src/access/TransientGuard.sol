// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../interfaces/ILilypadErrors.sol";

/// @title A reentrancy lock that costs no storage: it lives for one transaction.
abstract contract TransientGuard is ILilypadErrors {
    bool private transient _entered;

    modifier nonReentrant() {
        if (_entered) revert Reentered();
        _entered = true;
        _;
        _entered = false;
    }
}
