// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExampleClient} from "../src/ExampleClient.sol";
import {LilypadController} from "../src/LilypadController.sol";
import {LilypadMediationRandom} from "../src/LilypadMediationRandom.sol";
import {LilypadOnChainJobCreator} from "../src/LilypadOnChainJobCreator.sol";
import {LilypadPayments} from "../src/LilypadPayments.sol";
import {LilypadPow} from "../src/LilypadPow.sol";
import {LilypadPowProxy} from "../src/LilypadPowProxy.sol";
import {LilypadProxyAdmin} from "../src/LilypadProxyAdmin.sol";
import {LilypadStorage} from "../src/LilypadStorage.sol";
import {LilypadToken} from "../src/LilypadToken.sol";
import {LilypadUsers} from "../src/LilypadUsers.sol";

interface ScriptVm {
    function startBroadcast() external;
    function stopBroadcast() external;
    function envOr(string calldata name, address otherwise) external view returns (address);
    function readFile(string calldata path) external view returns (string memory);
    function getCode(string calldata artifact) external view returns (bytes memory);
    function keyExistsJson(string calldata json, string calldata key) external view returns (bool);
    function parseJsonString(string calldata json, string calldata key) external pure returns (string memory);
    function parseJsonStringArray(string calldata json, string calldata key) external pure returns (string[] memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function toString(uint256 value) external pure returns (string memory);
}

/// @notice Deploys and wires the whole set in one go, by the table that `lilypad contracts deploy` uses: the same account
/// with the same nonce creates the same addresses. This script cannot be resumed; `lilypad contracts deploy` can.
///
///     forge script script/Deploy.s.sol --rpc-url <url> --private-key <key> --broadcast
///
/// The broadcast file of forge lists what was created. `TREASURY` (where slashed deposits go) and `JOB_SERVICE` (who runs
/// the jobs that contracts order) are environment variables; both are the deployer if they are not set.
contract Deploy {
    ScriptVm private constant vm = ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;
    string private constant TABLE = "../lilypad-sdk/abi/deployment.json";

    mapping(string name => address) private _at;

    function run() external {
        vm.startBroadcast();
        deploy(vm.envOr("TREASURY", address(0)), vm.envOr("JOB_SERVICE", msg.sender));
        vm.stopBroadcast();
    }

    /// @notice All steps, by the caller's account or, in a test, by this contract.
    function deploy(address treasury, address jobService) public {
        (_at["$treasury"], _at["$jobService"]) = (treasury, jobService);
        string memory table = vm.readFile(TABLE);
        for (uint256 i = 0;; i++) {
            string memory step = string.concat(".steps[", vm.toString(i), "]");
            if (!vm.keyExistsJson(table, step)) return;
            string memory create = string.concat(step, ".create");
            if (vm.keyExistsJson(table, create)) {
                _create(table, step, vm.parseJsonString(table, create));
            } else {
                _call(table, step);
            }
        }
    }

    function token() external view returns (LilypadToken) {
        return LilypadToken(_at["LilypadToken"]);
    }

    function payments() external view returns (LilypadPayments) {
        return LilypadPayments(_at["LilypadPayments"]);
    }

    function store() external view returns (LilypadStorage) {
        return LilypadStorage(_at["LilypadStorage"]);
    }

    function users() external view returns (LilypadUsers) {
        return LilypadUsers(_at["LilypadUsers"]);
    }

    function mediation() external view returns (LilypadMediationRandom) {
        return LilypadMediationRandom(_at["LilypadMediationRandom"]);
    }

    function controller() external view returns (LilypadController) {
        return LilypadController(_at["LilypadController"]);
    }

    function jobs() external view returns (LilypadOnChainJobCreator) {
        return LilypadOnChainJobCreator(_at["LilypadOnChainJobCreator"]);
    }

    function example() external view returns (ExampleClient) {
        return ExampleClient(_at["ExampleClient"]);
    }

    function proxyAdmin() external view returns (LilypadProxyAdmin) {
        return LilypadProxyAdmin(_at["LilypadProxyAdmin"]);
    }

    function pow() external view returns (LilypadPow) {
        return LilypadPow(address(LilypadPowProxy(payable(_at["LilypadPowProxy"]))));
    }

    function _create(string memory table, string memory step, string memory name) private {
        bytes memory code = vm.getCode(string.concat(name, ".sol:", name));
        string memory data = string.concat(step, ".data");
        if (vm.keyExistsJson(table, data)) code = bytes.concat(code, vm.parseJsonBytes(table, data));
        code = bytes.concat(code, _words(_names(table, string.concat(step, ".args"))));
        address created;
        assembly ("memory-safe") {
            created := create(0, add(code, 32), mload(code))
        }
        require(created != address(0), string.concat(name, " was not created"));
        _at[name] = created;
    }

    function _call(string memory table, string memory step) private {
        address on = _at[vm.parseJsonString(table, string.concat(step, ".on"))];
        string[] memory args = _names(table, string.concat(step, ".args"));
        string[] memory reads = _names(table, string.concat(step, ".reads"));
        if (args.length > 0 && _isSet(on, args, reads)) return;
        string memory signature = vm.parseJsonString(table, string.concat(step, ".call"));
        (bool done,) = on.call(bytes.concat(bytes4(keccak256(bytes(signature))), _words(args)));
        require(done, string.concat(signature, " failed"));
    }

    /// @dev Whether every argument is zero, which stands for what the contracts choose themselves, or set already.
    function _isSet(address on, string[] memory args, string[] memory reads) private view returns (bool) {
        for (uint256 i = 0; i < args.length; i++) {
            if (_at[args[i]] == address(0)) continue;
            (bool done, bytes memory found) = on.staticcall(abi.encodeWithSignature(reads[i]));
            if (!done || abi.decode(found, (address)) != _at[args[i]]) return false;
        }
        return true;
    }

    function _words(string[] memory names) private view returns (bytes memory words) {
        for (uint256 i = 0; i < names.length; i++) {
            words = bytes.concat(words, abi.encode(_at[names[i]]));
        }
    }

    function _names(string memory table, string memory key) private view returns (string[] memory) {
        return vm.keyExistsJson(table, key) ? vm.parseJsonStringArray(table, key) : new string[](0);
    }
}
