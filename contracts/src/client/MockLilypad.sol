// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadOnChainJobCreator} from "../LilypadOnChainJobCreator.sol";
import {LilypadToken} from "../LilypadToken.sol";

/// @title Lilypad for the tests of contracts that order jobs: the real job manager and the real token, with this contract
/// in place of the service that runs the jobs.
/// @notice
///     MockLilypad lilypad = new MockLilypad();
///     lilypad.fund(person, 10 ether);            // and `token().approve(jobs, …)`, `jobs().authorizeClient(…)` by the person
///     uint256 id = client.order(…);
///     lilypad.deliver(id, "data id");            // or `lilypad.fail(id, "reason")`
contract MockLilypad {
    LilypadToken public immutable token;
    LilypadOnChainJobCreator public immutable jobs;

    constructor() {
        token = new LilypadToken("Lilypad Token", "LP", 1_000_000_000 ether);
        jobs = new LilypadOnChainJobCreator();
        jobs.initialize(address(token));
        jobs.setControllerAddress(address(this));
    }

    /// @notice Gives `who` tokens.
    function fund(address who, uint256 amount) external {
        token.transfer(who, amount);
    }

    /// @notice Sets what the next job costs.
    function setPrice(uint256 price) external {
        jobs.setRequiredDeposit(price);
    }

    /// @notice The job was done and left a folder with this CID.
    /// @return taken Whether the client took it.
    function deliver(uint256 id, string calldata dataId) external returns (bool taken) {
        jobs.submitResults(id, "deal of the mock", dataId);
        return jobs.getJob(id).acknowledged;
    }

    /// @notice The job came to nothing.
    function fail(uint256 id, string calldata reason) external {
        jobs.failJob(id, reason);
    }
}
