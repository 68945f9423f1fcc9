// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ExampleClient} from "../src/ExampleClient.sol";
import {LilypadOnChainJobCreator} from "../src/LilypadOnChainJobCreator.sol";
import {LilypadConsumer} from "../src/client/LilypadConsumer.sol";
import {IExampleClient} from "../src/interfaces/IExampleClient.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadOnChainJobCreator} from "../src/interfaces/ILilypadOnChainJobCreator.sol";
import {ILilypadJobClient} from "../src/interfaces/ILilypadJobs.sol";
import {Base} from "./Base.t.sol";

/// @notice A client whose callback does what `mood` says.
contract MoodyClient is ILilypadJobClient {
    enum Mood {
        Content,
        Refuses,
        BurnsGas,
        ReturnsMuch,
        OrdersAgain,
        DeliversAgain,
        TimesOut
    }

    LilypadOnChainJobCreator private immutable _jobs;
    Mood public mood;
    uint256 public calls;

    constructor(LilypadOnChainJobCreator jobs) {
        _jobs = jobs;
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function order(address payee) external returns (uint256) {
        return _jobs.runJob("cowsay:v0.0.4", new string[](0), payee);
    }

    function submitResults(uint256 id, string calldata, string calldata) external {
        calls++;
        if (mood == Mood.Refuses) revert("no");
        if (mood == Mood.BurnsGas) while (true) calls++;
        if (mood == Mood.OrdersAgain) _jobs.runJob("cowsay:v0.0.4", new string[](0), address(this));
        if (mood == Mood.DeliversAgain) _jobs.redeliver(id);
        if (mood == Mood.TimesOut) _jobs.timeoutJob(id);
        if (mood == Mood.ReturnsMuch) {
            assembly {
                revert(0, 100000)
            }
        }
    }
}

/// @notice Jobs that contracts order: a deposit of 2 tokens from the payee's wallet, a result or the deposit back.
contract JobsTest is Base {
    LilypadOnChainJobCreator internal jobs;
    ExampleClient internal cow;
    MoodyClient internal moody;
    address internal constant SERVICE = address(0x5E);
    address internal constant PERSON = address(0xBE);
    uint256 internal constant DEPOSIT = 2 ether;

    function setUp() public override {
        super.setUp();
        jobs = new LilypadOnChainJobCreator();
        jobs.initialize(address(token));
        jobs.setControllerAddress(SERVICE);
        cow = new ExampleClient();
        cow.initialize(address(jobs));
        moody = new MoodyClient(jobs);
        token.transfer(PERSON, 10 ether);
        vm.prank(PERSON);
        token.approve(address(jobs), 10 ether);
        _authorize(address(cow));
        _authorize(address(moody));
    }

    // Ordering

    function test_a_contract_orders_cowsay_and_receives_its_result() public {
        vm.expectEmit(false, false, false, true, address(cow));
        emit IExampleClient.JobCreated(1, "moo");
        vm.prank(PERSON);
        cow.runCowsay("moo");
        assertHeld(DEPOSIT);
        assertWallet(PERSON, 8 ether);
        vm.expectEmit(false, false, false, true, address(cow));
        emit IExampleClient.JobCompleted(1, "deal", "QmData");
        _deliver(1);
        vm.assertEq(cow.getJobResult(1), "QmData", "result");
        assertHeld(0);
        assertWallet(SERVICE, DEPOSIT);
        ILilypadOnChainJobCreator.Job memory job = jobs.getJob(1);
        vm.assertTrue(job.acknowledged && job.status == ILilypadOnChainJobCreator.JobStatus.Delivered, "job");
        (string memory dealId, string memory dataId) = jobs.getJobResult(1);
        vm.assertEq(dealId, "deal", "deal");
        vm.assertEq(dataId, "QmData", "data");
    }

    function test_the_order_is_announced_as_in_v1() public {
        string[] memory inputs = new string[](1);
        inputs[0] = "Message=a=b";
        vm.expectEmit(false, false, false, true, address(jobs));
        emit ILilypadOnChainJobCreator.JobAdded(1, address(cow), PERSON, "cowsay:v0.0.4", inputs);
        vm.prank(PERSON);
        cow.runCowsay("a=b");
        vm.assertEq(jobs.nextJobID(), 1, "id");
    }

    function test_a_person_can_order_and_read_the_result() public {
        vm.prank(PERSON);
        jobs.runJob("cowsay:v0.0.4", new string[](0), PERSON);
        _deliver(1);
        (, string memory dataId) = jobs.getJobResult(1);
        vm.assertEq(dataId, "QmData", "data");
        assertWallet(SERVICE, DEPOSIT);
    }

    function test_W08_nobody_orders_at_the_expense_of_another() public {
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadOnChainJobCreator.ClientNotAuthorized.selector, PERSON, STRANGER)
        );
        vm.prank(STRANGER);
        jobs.runJob("cowsay:v0.0.4", new string[](0), PERSON);
        vm.prank(PERSON);
        jobs.revokeClient(address(moody));
        vm.expectRevert(
            abi.encodeWithSelector(ILilypadOnChainJobCreator.ClientNotAuthorized.selector, PERSON, address(moody))
        );
        moody.order(PERSON);
        assertWallet(PERSON, 10 ether);
        vm.assertTrue(
            jobs.isAuthorizedClient(PERSON, address(cow)) && !jobs.isAuthorizedClient(PERSON, address(moody)), "list"
        );
    }

    function test_needs_the_approval_of_the_payee() public {
        vm.prank(PERSON);
        token.approve(address(jobs), DEPOSIT - 1);
        expectText("Token allowance not enough");
        moody.order(PERSON);
        vm.prank(PERSON);
        token.approve(address(jobs), 100 ether);
        vm.prank(PERSON);
        token.transfer(STRANGER, 9 ether);
        expectText("ERC20: transfer amount exceeds balance");
        moody.order(PERSON);
        assertHeld(0);
        vm.assertEq(jobs.nextJobID(), 0, "id");
    }

    function test_one_approval_is_not_spent_twice() public {
        vm.prank(PERSON);
        token.approve(address(jobs), DEPOSIT);
        moody.order(PERSON);
        expectText("Token allowance not enough");
        moody.order(PERSON);
    }

    function test_a_malformed_module_moves_nothing() public {
        string[10] memory modules =
            ["", "cowsay", ":v1", "cowsay:", "cow say:v1", "a:b:c", "cowsay:v/1", "/a:b", "cows\x00y:v1", "a;b:c"];
        for (uint256 i = 0; i < modules.length; i++) {
            expectError(ILilypadOnChainJobCreator.MalformedModule.selector);
            vm.prank(PERSON);
            jobs.runJob(modules[i], new string[](0), PERSON);
        }
        expectError(ILilypadOnChainJobCreator.MalformedModule.selector);
        vm.prank(PERSON);
        jobs.runJob(string.concat(string(new bytes(0)), _long("a", 255), ":v"), new string[](0), PERSON);
        assertWallet(PERSON, 10 ether);
        assertHeld(0);
        string[3] memory good =
            ["cowsay:v0.0.4", "github.com/lilypad/cow-say_x:main", string.concat(_long("a", 254), ":v")];
        for (uint256 i = 0; i < good.length; i++) {
            vm.prank(PERSON);
            jobs.runJob(good[i], new string[](0), PERSON);
        }
    }

    function test_a_malformed_input_moves_nothing() public {
        string[6] memory bad = ["", "novalue", "=x", "a b=c", "A=2", string.concat("b=", _long("x", 4095))];
        for (uint256 i = 0; i < bad.length; i++) {
            string[] memory inputs = new string[](2);
            inputs[0] = "A=1";
            inputs[1] = bad[i];
            expectError(ILilypadOnChainJobCreator.MalformedInput.selector, 1);
            vm.prank(PERSON);
            jobs.runJob("cowsay:v0.0.4", inputs, PERSON);
        }
        expectError(ILilypadOnChainJobCreator.TooManyInputs.selector, 33, 32);
        vm.prank(PERSON);
        jobs.runJob("cowsay:v0.0.4", new string[](33), PERSON);
        assertWallet(PERSON, 10 ether);
        string[] memory good = new string[](3);
        good[0] = "A=";
        good[1] = "b==x y\n";
        good[2] = string.concat("c=", _long("x", 4094));
        vm.prank(PERSON);
        jobs.runJob("cowsay:v0.0.4", good, PERSON);
    }

    // Ending

    function test_a_failure_gives_the_deposit_back() public {
        vm.prank(PERSON);
        cow.runCowsay("moo");
        vm.expectEmit(false, false, false, true, address(cow));
        emit IExampleClient.JobCancelled(1, "no provider");
        vm.prank(SERVICE);
        jobs.failJob(1, "no provider");
        assertWallet(PERSON, 10 ether);
        assertHeld(0);
        _refused(1, ILilypadOnChainJobCreator.JobStatus.Refunded);
    }

    function test_a_client_without_a_failure_function_is_refunded() public {
        moody.order(PERSON);
        vm.prank(SERVICE);
        jobs.failJob(1, "no provider");
        assertWallet(PERSON, 10 ether);
    }

    function test_a_forgotten_job_is_refunded_by_anyone_after_its_deadline() public {
        moody.order(PERSON);
        uint256 deadline = START + jobs.JOB_TIMEOUT();
        vm.warp(deadline);
        expectError(ILilypadOnChainJobCreator.JobNotTimedOut.selector, 1, deadline);
        jobs.timeoutJob(1);
        vm.warp(deadline + 1);
        vm.prank(STRANGER);
        jobs.timeoutJob(1);
        assertWallet(PERSON, 10 ether);
        expectText("Job not found");
        jobs.timeoutJob(2);
    }

    function test_W19_a_job_ends_once() public {
        moody.order(PERSON);
        _deliver(1);
        _refused(1, ILilypadOnChainJobCreator.JobStatus.Delivered);
        vm.assertEq(moody.calls(), 1, "callbacks");
        expectText("Job not found");
        _deliver(2);
    }

    function test_W19_a_job_costs_something_before_the_service_says_so() public {
        vm.assertEq(jobs.getRequiredDeposit(), DEPOSIT, "deposit");
        vm.assertEq(jobs.requiredDeposit(), DEPOSIT, "both spellings");
        expectText("Min deposit");
        vm.prank(SERVICE);
        jobs.setRequiredDeposit(0);
    }

    function test_a_new_price_does_not_change_open_jobs() public {
        moody.order(PERSON);
        vm.prank(SERVICE);
        jobs.setRequiredDeposit(5 ether);
        vm.prank(SERVICE);
        jobs.failJob(1, "");
        assertWallet(PERSON, 10 ether);
        moody.order(PERSON);
        assertHeld(5 ether);
        expectError(ILilypadErrors.AmountTooLarge.selector, 1 << 128);
        vm.prank(SERVICE);
        jobs.setRequiredDeposit(1 << 128);
    }

    // Callbacks that misbehave: the service is paid, the result is kept, nothing moves twice.

    function testFuzz_a_bad_callback_hurts_only_the_client(uint8 seed) public {
        moody.order(PERSON);
        moody.setMood(MoodyClient.Mood(bound(seed, 1, 6)));
        vm.expectEmit(true, false, false, true, address(jobs));
        emit ILilypadOnChainJobCreator.JobCallback(1, false);
        _deliver(1);
        assertWallet(SERVICE, DEPOSIT);
        assertHeld(0);
        vm.assertTrue(!jobs.getJob(1).acknowledged, "not taken");
        (, string memory dataId) = jobs.getJobResult(1);
        vm.assertEq(dataId, "QmData", "kept");
        moody.setMood(MoodyClient.Mood.Content);
        vm.prank(STRANGER);
        jobs.redeliver(1);
        vm.assertEq(moody.calls(), 1, "taken once");
        expectError(ILilypadOnChainJobCreator.AlreadyAcknowledged.selector, 1);
        jobs.redeliver(1);
        assertWallet(SERVICE, DEPOSIT);
    }

    function test_nothing_to_redeliver_before_a_delivery() public {
        moody.order(PERSON);
        vm.expectRevert(
            abi.encodeWithSelector(
                ILilypadOnChainJobCreator.WrongJobStatus.selector, 1, ILilypadOnChainJobCreator.JobStatus.Open
            )
        );
        jobs.redeliver(1);
        vm.assertEq(moody.calls(), 0, "no callback without a delivery");
    }

    function test_a_callback_gets_its_gas_or_nothing_happens() public {
        moody.order(PERSON);
        vm.prank(SERVICE);
        (bool ok,) = address(jobs).call{gas: 520_000}(abi.encodeCall(jobs.submitResults, (1, "deal", "QmData")));
        vm.assertTrue(!ok, "too little gas");
        assertHeld(DEPOSIT);
    }

    function test_W26_the_guard_holds_in_every_direction() public {
        for (uint256 mood = uint256(MoodyClient.Mood.OrdersAgain); mood <= uint256(MoodyClient.Mood.TimesOut); mood++) {
            uint256 id = moody.order(PERSON);
            moody.setMood(MoodyClient.Mood(mood));
            token.transfer(address(moody), 10 ether);
            _deliver(id);
            vm.assertTrue(!jobs.getJob(id).acknowledged, "refused");
            vm.assertEq(jobs.nextJobID(), id, "no job");
        }
    }

    // Clients

    function test_W20_a_client_takes_results_from_its_job_manager_only() public {
        vm.prank(PERSON);
        cow.runCowsay("moo");
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.UnexpectedResult.selector, STRANGER, 1));
        vm.prank(STRANGER);
        cow.submitResults(1, "deal", "QmForged");
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.UnexpectedResult.selector, STRANGER, 1));
        vm.prank(STRANGER);
        cow.jobFailed(1, "forged");
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.UnexpectedResult.selector, address(jobs), 2));
        vm.prank(address(jobs));
        cow.submitResults(2, "deal", "QmUnknown");
        _deliver(1);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.UnexpectedResult.selector, address(jobs), 1));
        vm.prank(address(jobs));
        cow.submitResults(1, "deal", "QmAgain");
        vm.assertEq(cow.getJobResult(1), "QmData", "unchanged");
    }

    function test_W01_a_callback_cannot_act_for_the_service() public {
        // The callback runs in a transaction of the service and calls as itself, whatever it does.
        moody.order(PERSON);
        moody.setMood(MoodyClient.Mood.OrdersAgain);
        vm.startPrank(SERVICE, SERVICE);
        jobs.submitResults(1, "deal", "QmData");
        vm.stopPrank();
        assertWallet(SERVICE, DEPOSIT);
        vm.assertEq(jobs.nextJobID(), 1, "no job at the service's expense");
    }

    // Configuration

    function test_settings() public {
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        jobs.setTokenAddress(address(1));
        expectText("Token address");
        jobs.setTokenAddress(address(0));
        expectText("Initializable: contract is already initialized");
        jobs.initialize(address(token));
        expectText("ControllerOwnable: Only the controller can call this method");
        _deliverAs(STRANGER, 1);
        expectText("ControllerOwnable: Only the controller can call this method");
        jobs.failJob(1, "");
        expectText("ControllerOwnable: Only the controller can call this method");
        jobs.setRequiredDeposit(1);
        moody.order(PERSON);
        expectError(ILilypadOnChainJobCreator.DepositsHeld.selector, DEPOSIT);
        jobs.setTokenAddress(address(1));
        _deliver(1);
        jobs.setTokenAddress(address(1));
        vm.assertEq(jobs.getTokenAddress(), address(1), "token");
        expectError(ILilypadErrors.ZeroAddress.selector);
        jobs.authorizeClient(address(0));
        expectText("Job manager address");
        cow.setJobManagerAddress(address(0));
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        cow.setJobManagerAddress(address(1));
        expectError(ILilypadErrors.TextTooLong.selector, 1025, 1024);
        vm.prank(SERVICE);
        jobs.failJob(1, _long("x", 1025));
    }

    // Helpers

    function assertHeld(uint256 amount) internal view {
        vm.assertEq(jobs.heldDeposits(), amount, "held");
        vm.assertEq(token.balanceOf(address(jobs)), amount, "balance");
    }

    function _refused(uint256 id, ILilypadOnChainJobCreator.JobStatus status) private {
        bytes memory refusal = abi.encodeWithSelector(ILilypadOnChainJobCreator.WrongJobStatus.selector, id, status);
        vm.expectRevert(refusal);
        _deliver(id);
        vm.expectRevert(refusal);
        vm.prank(SERVICE);
        jobs.failJob(id, "");
        vm.warp(START + 2 days);
        vm.expectRevert(refusal);
        jobs.timeoutJob(id);
    }

    function _deliver(uint256 id) private {
        _deliverAs(SERVICE, id);
    }

    function _deliverAs(address who, uint256 id) private {
        vm.prank(who);
        jobs.submitResults(id, "deal", "QmData");
    }

    function _authorize(address client) private {
        vm.prank(PERSON);
        jobs.authorizeClient(client);
    }

    function _long(string memory character, uint256 length) private pure returns (string memory) {
        bytes memory text = new bytes(length);
        for (uint256 i = 0; i < length; i++) {
            text[i] = bytes(character)[0];
        }
        return string(text);
    }
}
