// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Walk} from "./Walk.sol";
import {DealHandler} from "./DealHandler.sol";
import {Set} from "./DealWorld.sol";

/// @notice What holds at any time, whatever anyone does. Numbers are those of the list of invariants. Around each step the
/// handler checks the state graph, stamps, immutability and deadlines (I-6 to I-9, I-14, I-20, I-21), the isolation of deals
/// and people (I-17, I-18), at the end of a deal what it has cost whom (I-4, I-5, I-10 to I-12, I-15, I-16), and after every
/// step that one party alone can still end it (I-13).
contract DealsInvariantTest is Walk {
    uint256 private constant FUNDS = 100_000;

    DealHandler private _handler;
    uint256 private _ownersShare;

    function setUp() public override {
        super.setUp();
        _handler = new DealHandler(Set(token, payments, store, mediation, controller, address(this)));
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            token.transfer(_handler.person(i), FUNDS);
        }
        _ownersShare = token.balanceOf(address(this)) + 3 * WALLET;
    }

    function walker() internal view override returns (address at, bytes4 step) {
        return (address(_handler), DealHandler.step.selector);
    }

    /// @dev One campaign for all of them: the walk is what costs. The handler's second book is kept from events alone.
    function invariant_of_money_and_state() public view {
        uint256 escrow = 0;
        uint256 wallets = 0;
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            address who = _handler.person(i);
            uint256 held = token.escrowBalanceOf(who);
            uint256 wallet = token.balanceOf(who);
            _equal(held, _handler.escrowTold(i), "I-3, I-18, I-21: escrow of a person");
            _equal(wallet, int256(FUNDS) + _handler.walletTold(i), "I-18, I-21: wallet of a person");
            vm.assertEq(store.countDealsForParty(who), _handler.deals(i), "I-9: deals of a person");
            escrow += held;
            wallets += wallet;
        }
        vm.assertEq(token.balanceOf(address(token)), escrow + _handler.donated(), "I-1: escrow is backed");
        vm.assertEq(token.balanceOf(TREASURY), _handler.slashedTold(), "I-16: the treasury");
        uint256 all = _ownersShare + wallets + token.balanceOf(TREASURY) + token.balanceOf(address(token));
        vm.assertEq(all, token.totalSupply(), "I-2: wealth");
        vm.assertEq(token.totalSupply(), 1e27, "I-2: supply");
        vm.assertTrue(_handler.ledgerIsAsTold(), "I-3, I-21: ledger");
    }

    function _equal(uint256 actual, int256 told, string memory what) private pure {
        // forge-lint: disable-next-line(unsafe-typecast)
        vm.assertTrue(int256(actual) == told, what);
    }

    /// @dev The random walk is worth nothing if it stays at the door: this one reaches every step.
    function test_the_handler_reaches_every_step() public {
        _agreed(1);
        _handler.addResult(1, 3, 1);
        _handler.judge(1, true, 1);
        _handler.next(1);
        _agreed(2);
        _handler.giveUp(2, 3);
        _handler.squat(0, 0);
        for (uint256 slot = 3; slot <= 5; slot++) {
            _agreed(slot);
            _handler.addResult(slot, 3, 1);
            _handler.judge(slot, false, 1);
            _handler.draw(slot, bytes32(uint256(7)), 1);
        }
        _handler.verdict(3, true, 1);
        _handler.verdict(4, false, 1);
        _agreed(6);
        _handler.addResult(6, 3, 1);
        _agreed(7);
        _handler.wait(4);
        _handler.timeout(0, 0, 6);
        _handler.timeout(7, 2, 6);
        _handler.timeout(6, 3, 6);
        _handler.timeout(5, 4, 6);
        for (uint256 step = 0; step < 14; step++) {
            vm.assertTrue(_handler.worked(step) > 0, string.concat("step ", vm.toString(step)));
        }
        invariant_of_money_and_state();
        vm.assertEq(token.balanceOf(address(token)), 0, "everything is settled");
    }

    /// @dev And the random one comes there by itself, so that a campaign sees every end.
    function test_the_walk_comes_to_every_end() public {
        for (uint256 i = 0; i < 4_000; i++) {
            _handler.step(i);
        }
        for (uint256 step = 0; step < 16; step++) {
            vm.assertTrue(_handler.worked(step) > 3, string.concat("step ", vm.toString(step)));
        }
        invariant_of_money_and_state();
    }

    function _agreed(uint256 slot) private {
        _handler.agree(slot, true, 1);
        _handler.agree(slot, false, 1);
    }
}
