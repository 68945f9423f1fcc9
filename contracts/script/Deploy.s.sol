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
}

/// @notice Deploys and wires the whole set in one go. It cannot be resumed: after a failure, start again from nothing. The
/// addresses are not those of `local`, which the SDK's deployment gives.
///
///     forge script script/Deploy.s.sol --rpc-url <url> --private-key <key> --broadcast
///
/// The broadcast file of forge lists what was created. `TREASURY` (where slashed deposits go) and `JOB_SERVICE` (who runs
/// the jobs that contracts order) are environment variables; both are the deployer if they are not set.
contract Deploy {
    ScriptVm private constant vm = ScriptVm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_SCRIPT = true;

    LilypadToken public token;
    LilypadPayments public payments;
    LilypadStorage public store;
    LilypadUsers public users;
    LilypadMediationRandom public mediation;
    LilypadController public controller;
    LilypadOnChainJobCreator public jobs;
    ExampleClient public example;
    LilypadProxyAdmin public proxyAdmin;
    LilypadPow public pow;

    function run() external {
        vm.startBroadcast();
        deploy(vm.envOr("TREASURY", address(0)), vm.envOr("JOB_SERVICE", msg.sender));
        vm.stopBroadcast();
    }

    /// @notice All steps, by the caller's account or, in a test, by this contract.
    function deploy(address treasury, address jobService) public {
        token = new LilypadToken("Lilypad Token", "LP", 1_000_000_000 ether);
        payments = new LilypadPayments();
        payments.initialize(address(token));
        token.setControllerAddress(address(payments));
        store = new LilypadStorage();
        store.initialize();
        users = new LilypadUsers();
        users.initialize();
        mediation = new LilypadMediationRandom();
        mediation.initialize();
        controller = new LilypadController();
        jobs = new LilypadOnChainJobCreator();
        jobs.initialize(address(token));
        jobs.setControllerAddress(jobService);
        example = new ExampleClient();
        example.initialize(address(jobs));
        LilypadPow implementation = new LilypadPow();
        proxyAdmin = new LilypadProxyAdmin();
        pow = LilypadPow(address(new LilypadPowProxy(address(implementation), address(proxyAdmin))));
        controller.initialize(
            address(store), address(users), address(payments), address(mediation), address(jobs), address(pow)
        );
        store.setControllerAddress(address(controller));
        payments.setControllerAddress(address(controller));
        mediation.setControllerAddress(address(controller));
        if (treasury != address(0)) token.setTreasuryAddress(treasury);
    }
}
