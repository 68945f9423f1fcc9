// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ProxyAdmin} from "@openzeppelin/contracts/proxy/transparent/ProxyAdmin.sol";

/// @title The account that may replace implementations; its deployer owns it.
contract LilypadProxyAdmin is ProxyAdmin {}
