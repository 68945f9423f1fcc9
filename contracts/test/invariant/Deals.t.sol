// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {Base} from "../Base.t.sol";
import {DealHandler} from "./DealHandler.sol";

/// @notice What holds at any time, whatever anyone does. Numbers are those of the list of invariants; the state graph,
/// stamps, immutability (I-6 to I-8) and the isolation of deals and people (I-17, I-18) are checked by the handler around
/// each step.
contract DealsInvariantTest is Base {
    uint256 private constant FUNDS = 100_000;

    DealHandler private _handler;
    uint256 private _ownersShare;

    function setUp() public override {
        super.setUp();
        _handler = new DealHandler(token, payments, store, mediation, controller);
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            token.transfer(_handler.person(i), FUNDS);
        }
        _ownersShare = token.balanceOf(address(this)) + 3 * WALLET;
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(_handler);
        targets[0].selectors = new bytes4[](1);
        targets[0].selectors[0] = DealHandler.step.selector;
    }

    /// @dev One campaign for all of them: the walk is what costs.
    function invariant_of_money_and_state() public view {
        _I01_escrow_is_backed();
        _I02_supply_is_the_sum_of_all_wealth();
        _I03_a_persons_escrow_is_the_sum_of_its_deals();
        _I04_a_final_deal_holds_nothing();
        _I05_I21_events_tell_the_ledger();
        _I09_a_deal_is_once_in_each_partys_list();
    }

    function _I01_escrow_is_backed() private view {
        uint256 escrow = 0;
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            escrow += token.escrowBalanceOf(_handler.person(i));
        }
        vm.assertEq(token.balanceOf(address(token)), escrow, "escrow backing");
    }

    function _I02_supply_is_the_sum_of_all_wealth() private view {
        uint256 sum = _ownersShare + token.balanceOf(TREASURY);
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            sum += _handler.wealth(_handler.person(i));
        }
        vm.assertEq(sum, token.totalSupply(), "wealth");
        vm.assertEq(token.totalSupply(), 1e27, "supply");
    }

    function _I03_a_persons_escrow_is_the_sum_of_its_deals() private view {
        for (uint256 i = 0; i < _handler.PEOPLE(); i++) {
            address who = _handler.person(i);
            uint256 sum = 0;
            for (uint256 deal = 0; deal < _handler.DEALS(); deal++) {
                sum += _handler.heldBy(deal, who);
            }
            vm.assertEq(token.escrowBalanceOf(who), sum, "escrow of a person");
        }
    }

    function _I04_a_final_deal_holds_nothing() private view {
        for (uint256 deal = 0; deal < _handler.DEALS(); deal++) {
            if (!_isFinal(store.getAgreement(_handler.id(deal)).state)) continue;
            vm.assertEq(_handler.heldBy(deal, _handler.creator(deal)), 0, "creator's");
            vm.assertEq(_handler.heldBy(deal, _handler.provider(deal)), 0, "provider's");
        }
    }

    function _I05_I21_events_tell_the_ledger() private view {
        for (uint256 deal = 0; deal < _handler.DEALS(); deal++) {
            // forge-lint: disable-next-line(unsafe-typecast)
            vm.assertTrue(_handler.announced(deal) == int256(_handler.deposited(deal)), "ledger from events");
        }
    }

    function _I09_a_deal_is_once_in_each_partys_list() private view {
        for (uint256 i = 0; i < 4; i++) {
            uint256 expected = 0;
            for (uint256 deal = 0; deal < _handler.DEALS(); deal++) {
                address who = _handler.person(i);
                SharedStructs.DealMembers memory m = store.getDeal(_handler.id(deal)).members;
                if (m.jobCreator == who || m.resourceProvider == who) expected++;
            }
            vm.assertEq(store.countDealsForParty(_handler.person(i)), expected, "list");
        }
    }

    /// @dev The random walk is worth nothing if it stays at the door: this one reaches every step.
    function test_the_handler_reaches_every_step() public {
        _agreed(1);
        _handler.addResult(1, 3, 1);
        _handler.judge(1, true, 1);
        _agreed(2);
        _handler.giveUp(2, 3);
        _handler.squat(0, 0);
        for (uint256 deal = 3; deal <= 5; deal++) {
            _agreed(deal);
            _handler.addResult(deal, 3, 1);
            _handler.judge(deal, false, 1);
            _handler.draw(deal, bytes32(uint256(7)), 1);
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
        for (uint256 step = 0; step < 12; step++) {
            vm.assertTrue(_handler.worked(step) > 0, string.concat("step ", vm.toString(step)));
        }
        invariant_of_money_and_state();
        vm.assertEq(token.balanceOf(address(token)), 0, "everything is settled");
    }

    function _agreed(uint256 deal) private {
        _handler.agree(deal, true, 1);
        _handler.agree(deal, false, 1);
    }

    function _isFinal(SharedStructs.AgreementState state) private pure returns (bool) {
        return state == SharedStructs.AgreementState.ResultsAccepted
            || state >= SharedStructs.AgreementState.MediationAccepted;
    }
}
