// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadOnChainJobCreator} from "../src/LilypadOnChainJobCreator.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadOnChainJobCreator} from "../src/interfaces/ILilypadOnChainJobCreator.sol";
import {ILilypadJobClient, ILilypadJobFailureClient} from "../src/interfaces/ILilypadJobs.sol";
import {Base} from "./Base.t.sol";

/// @notice A client that pays for itself, measures the gas it is given and makes one call back, `call`, if there is one.
contract MeasuringClient is ILilypadJobClient, ILilypadJobFailureClient {
    LilypadOnChainJobCreator internal immutable _jobs;
    uint256 public gasSeen;
    bytes public call;

    constructor(LilypadOnChainJobCreator jobs) {
        _jobs = jobs;
    }

    function setCall(bytes calldata call_) external {
        call = call_;
    }

    function order() external returns (uint256) {
        return _jobs.runJob("cowsay:v0.0.4", new string[](0), address(this));
    }

    function submitResults(uint256, string calldata, string calldata) external {
        _called(gasleft());
    }

    function jobFailed(uint256, string calldata) external {
        _called(gasleft());
    }

    /// @dev The service is this contract too, for attacks with its rights.
    function act(bytes calldata what) external {
        _forward(what);
    }

    function approve(address token) external {
        (bool ok,) = token.call(abi.encodeWithSignature("approve(address,uint256)", address(_jobs), type(uint256).max));
        require(ok, "approve");
    }

    function _called(uint256 left) private {
        gasSeen = left;
        if (call.length != 0) _forward(call);
    }

    function _forward(bytes memory what) private {
        (bool ok, bytes memory answer) = address(_jobs).call(what);
        if (ok) return;
        assembly {
            revert(add(answer, 32), mload(answer))
        }
    }
}

/// @notice What a callback gets, what it cannot do, and what is too long to be stored.
contract JobCallbacksTest is Base {
    LilypadOnChainJobCreator internal jobs;
    MeasuringClient internal client;
    address internal constant SERVICE = address(0x5E);
    uint256 internal constant DEPOSIT = 2 ether;

    function setUp() public override {
        super.setUp();
        jobs = new LilypadOnChainJobCreator();
        jobs.initialize(address(token));
        jobs.setControllerAddress(SERVICE);
        client = new MeasuringClient(jobs);
        token.transfer(address(client), 10 ether);
        client.approve(address(token));
        client.order();
    }

    // Gas: never more than the cap, and all of it or nothing happens

    function testFuzz_a_result_comes_with_the_callbacks_gas(uint256 limit) public {
        _measured(bound(limit, 100_000, 30_000_000), _results("deal", "QmData"));
    }

    function testFuzz_a_failure_comes_with_the_callbacks_gas(uint256 limit) public {
        _measured(bound(limit, 100_000, 30_000_000), abi.encodeCall(jobs.failJob, (1, "no provider")));
    }

    function testFuzz_a_time_out_comes_with_the_callbacks_gas(uint256 limit) public {
        vm.warp(START + jobs.JOB_TIMEOUT() + 1);
        _measured(bound(limit, 100_000, 30_000_000), abi.encodeCall(jobs.timeoutJob, (1)));
    }

    /// @dev Enough for everything but the whole callback: refused by name.
    function test_too_little_gas_is_told_apart_from_a_fault_of_the_client() public {
        vm.warp(START + jobs.JOB_TIMEOUT() + 1);
        bytes[2] memory calls = [abi.encodeCall(jobs.failJob, (1, "no provider")), abi.encodeCall(jobs.timeoutJob, (1))];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(SERVICE);
            (bool ok, bytes memory answer) = address(jobs).call{gas: 540_000}(calls[i]);
            vm.assertTrue(!ok, "refused");
            vm.assertTrue(bytes4(answer) == ILilypadOnChainJobCreator.NotEnoughGas.selector, "by name");
            vm.assertEq(token.balanceOf(address(jobs)), DEPOSIT, "held");
        }
    }

    // Reentrancy: the service itself is the client, so nothing but the lock is in the way

    function test_W26_a_service_that_is_its_own_client_finds_the_lock() public {
        jobs.setControllerAddress(address(client));
        client.order();
        vm.warp(START + jobs.JOB_TIMEOUT() + 1);
        bytes[4] memory inner = [
            abi.encodeCall(jobs.failJob, (2, "")),
            abi.encodeCall(jobs.submitResults, (2, "deal", "QmData")),
            abi.encodeCall(jobs.timeoutJob, (2)),
            abi.encodeCall(jobs.runJob, ("cowsay:v0.0.4", new string[](0), address(client)))
        ];
        bytes[3] memory outer =
            [abi.encodeCall(jobs.failJob, (1, "")), abi.encodeCall(jobs.timeoutJob, (1)), _results("deal", "QmData")];
        uint256 here = vm.snapshotState();
        for (uint256 i = 0; i < outer.length; i++) {
            for (uint256 j = 0; j < inner.length; j++) {
                client.setCall(inner[j]);
                client.act(outer[i]);
                vm.assertTrue(jobs.getJob(1).status != ILilypadOnChainJobCreator.JobStatus.Open, "over");
                vm.assertTrue(jobs.getJob(2).status == ILilypadOnChainJobCreator.JobStatus.Open, "untouched");
                vm.assertEq(jobs.nextJobID(), 2, "no job");
                vm.assertEq(client.gasSeen(), 0, "the callback was undone");
                vm.assertEq(token.balanceOf(address(jobs)), DEPOSIT, "held");
                vm.assertTrue(vm.revertToState(here), "back");
            }
        }
    }

    function test_the_same_calls_work_when_nothing_is_under_way() public {
        jobs.setControllerAddress(address(client));
        client.order();
        client.act(abi.encodeCall(jobs.failJob, (1, "")));
        vm.assertTrue(client.gasSeen() != 0, "called back");
        client.act(abi.encodeCall(jobs.failJob, (2, "")));
        vm.assertEq(token.balanceOf(address(jobs)), 0, "all back");
    }

    // Texts

    function test_results_have_bounded_names() public {
        string memory longest = string(new bytes(1024));
        string memory longer = string(new bytes(1025));
        bytes[2] memory calls = [_results(longer, "QmData"), _results("deal", longer)];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(SERVICE);
            (bool ok, bytes memory answer) = address(jobs).call(calls[i]);
            vm.assertTrue(!ok, "refused");
            vm.assertTrue(
                keccak256(answer) == keccak256(abi.encodeWithSelector(ILilypadErrors.TextTooLong.selector, 1025, 1024)),
                "why"
            );
        }
        vm.assertEq(token.balanceOf(address(jobs)), DEPOSIT, "held");
        vm.prank(SERVICE);
        jobs.submitResults(1, longest, longest);
        (string memory dealId, string memory dataId) = jobs.getJobResult(1);
        vm.assertEq(bytes(dealId).length + bytes(dataId).length, 2048, "kept");
    }

    // Helpers

    /// @dev Either nothing happened, or the callback had its gas: the cap, less what it takes to enter it.
    function _measured(uint256 limit, bytes memory step) private {
        uint256 cap = jobs.CALLBACK_GAS();
        vm.prank(SERVICE);
        (bool ok,) = address(jobs).call{gas: limit}(step);
        uint256 seen = client.gasSeen();
        if (ok) {
            vm.assertTrue(seen > cap - 5_000 && seen <= cap, "gas of the callback");
        } else {
            vm.assertTrue(limit < 1_000_000, "enough gas was refused");
            vm.assertEq(seen, 0, "no callback");
            vm.assertEq(token.balanceOf(address(jobs)), DEPOSIT, "held");
        }
    }

    function _results(string memory dealId, string memory dataId) private view returns (bytes memory) {
        return abi.encodeCall(jobs.submitResults, (1, dealId, dataId));
    }
}
