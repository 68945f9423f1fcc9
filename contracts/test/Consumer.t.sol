// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadConsumer} from "../src/client/LilypadConsumer.sol";
import {MockLilypad} from "../src/client/MockLilypad.sol";
import {ILilypadOnChainJobCreator} from "../src/interfaces/ILilypadOnChainJobCreator.sol";
import {Base} from "./Base.t.sol";

/// @notice A contract with tokens of its own that orders what it is asked for, as people who inherit would write it.
contract Almanac is LilypadConsumer {
    string public result;
    string public failure;
    bool public stubborn;

    function setJobManager(address manager) external {
        _setJobManager(manager);
    }

    function setStubborn(bool stubborn_) external {
        stubborn = stubborn_;
    }

    function order(string calldata module, string[] calldata inputs) external returns (uint256) {
        return _orderAtOwnExpense(module, inputs);
    }

    function _onResult(uint256, string calldata, string calldata dataId) internal override {
        require(!stubborn, "not now");
        result = dataId;
    }

    function _onFailure(uint256, string calldata reason) internal override {
        failure = reason;
    }
}

/// @notice What LilypadConsumer does for who inherits from it, against MockLilypad.
contract ConsumerTest is Base {
    MockLilypad internal lilypad;
    Almanac internal almanac;
    string[] internal none;

    function setUp() public override {
        super.setUp();
        lilypad = new MockLilypad();
        almanac = new Almanac();
        almanac.setJobManager(address(lilypad.jobs()));
        lilypad.fund(address(almanac), 5 ether);
    }

    function test_pays_the_price_of_the_day_from_its_own_tokens() public {
        uint256 id = almanac.order("cowsay:v0.0.4", none);
        assertTokens(3 ether);
        lilypad.setPrice(3 ether);
        vm.assertTrue(lilypad.deliver(id, "QmDay"), "taken");
        vm.assertEq(almanac.result(), "QmDay", "result");
        vm.assertEq(lilypad.token().balanceOf(address(lilypad)), 1e27 - 3 ether, "the fee is the service's");
        almanac.order("cowsay:v0.0.4", none);
        assertTokens(0);
        vm.assertEq(lilypad.token().allowance(address(almanac), address(lilypad.jobs())), 0, "nothing stays approved");
    }

    function test_a_failure_brings_the_deposit_back() public {
        uint256 id = almanac.order("cowsay:v0.0.4", none);
        lilypad.fail(id, "no provider");
        assertTokens(5 ether);
        vm.assertEq(almanac.failure(), "no provider", "told why");
        vm.expectRevert();
        lilypad.deliver(id, "QmLate");
    }

    function test_a_malformed_order_costs_nothing() public {
        expectError(ILilypadOnChainJobCreator.MalformedModule.selector);
        almanac.order("cowsay", none);
        none.push("no value");
        expectError(ILilypadOnChainJobCreator.MalformedInput.selector, 0);
        almanac.order("cowsay:v0.0.4", none);
        assertTokens(5 ether);
    }

    function test_who_cannot_pay_orders_nothing() public {
        lilypad.setPrice(6 ether);
        expectText("ERC20: transfer amount exceeds balance");
        almanac.order("cowsay:v0.0.4", none);
        vm.assertEq(lilypad.jobs().nextJobID(), 0, "no job");
    }

    function test_a_result_that_was_refused_can_be_taken_later_and_once() public {
        uint256 id = almanac.order("cowsay:v0.0.4", none);
        almanac.setStubborn(true);
        vm.assertTrue(!lilypad.deliver(id, "QmDay"), "refused");
        almanac.setStubborn(false);
        ILilypadOnChainJobCreator jobs = lilypad.jobs();
        jobs.redeliver(id);
        vm.assertEq(almanac.result(), "QmDay", "result");
        expectError(ILilypadOnChainJobCreator.AlreadyAcknowledged.selector, id);
        jobs.redeliver(id);
    }

    function test_a_job_comes_from_the_manager_it_was_ordered_from() public {
        uint256 id = almanac.order("cowsay:v0.0.4", none);
        address other = address(new MockLilypad().jobs());
        almanac.setJobManager(other);
        vm.expectRevert(abi.encodeWithSelector(LilypadConsumer.UnexpectedResult.selector, other, id));
        vm.prank(other);
        almanac.submitResults(id, "deal", "QmForged");
        vm.assertTrue(lilypad.deliver(id, "QmDay"), "taken from the old one");
        vm.assertEq(almanac.result(), "QmDay", "result");
    }

    function test_needs_a_manager() public {
        Almanac fresh = new Almanac();
        expectError(LilypadConsumer.NoJobManager.selector);
        fresh.order("cowsay:v0.0.4", none);
        expectError(LilypadConsumer.NoJobManager.selector);
        fresh.setJobManager(address(0));
    }

    function assertTokens(uint256 amount) private view {
        vm.assertEq(lilypad.token().balanceOf(address(almanac)), amount, "tokens");
    }
}
