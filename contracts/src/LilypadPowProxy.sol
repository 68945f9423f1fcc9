// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {TransparentUpgradeableProxy} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import {ILilypadPow} from "./interfaces/ILilypadPow.sol";

/// @title The address of LilypadPow: it keeps the state, the implementation can be replaced by its admin.
/// @notice Initialised in its own deployment, so the deployer becomes the owner and nobody can come first.
contract LilypadPowProxy is TransparentUpgradeableProxy {
    /// @param admin A LilypadProxyAdmin: an account that upgrades cannot call the contract behind the proxy.
    constructor(address implementation, address admin)
        TransparentUpgradeableProxy(implementation, admin, abi.encodeCall(ILilypadPow.initialize, ()))
    {}
}
