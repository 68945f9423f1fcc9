// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice The resource provider delivers.
contract AddResultTest is Base {
    function test_exchanges_the_deposits_and_keeps_the_result() public {
        agreed();
        vm.warp(START + 5);
        watch();
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 2);
        moved(RP, 80, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.PaidIn);
        moved(RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertState(SharedStructs.AgreementState.ResultsSubmitted);
        SharedStructs.Result memory result = store.getResult(ID);
        vm.assertEq(result.dealId, ID, "deal");
        vm.assertEq(result.resultsId, "results-1", "results");
        vm.assertEq(result.dataId, "data-1", "data");
        vm.assertEq(result.instructionCount, 2, "count");
        vm.assertEq(store.getJobCost(ID), 20, "cost");
        vm.assertEq(store.getResultsCollateral(ID), 80, "collateral");
        vm.assertEq(store.getAgreement(ID).resultsSubmittedAt, START + 5, "submitted");
    }

    function test_is_the_providers_alone() public {
        agreed();
        expectText("Only RP");
        vm.prank(JC);
        controller.addResult(ID, "results-1", "data-1", 1);
        expectText("Only RP");
        vm.prank(MEDIATOR);
        controller.addResult(ID, "results-1", "data-1", 1);
    }

    function test_needs_an_agreed_deal() public {
        expectText("DealAgreed");
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        agreeAs(RP, ID);
        expectText("DealAgreed");
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
    }

    function test_is_written_once() public {
        submitted(1);
        expectText("DealAgreed");
        vm.prank(RP);
        controller.addResult(ID, "results-2", "data-2", 2);
        vm.assertEq(store.getResult(ID).resultsId, "results-1", "the first stays");
    }

    function test_needs_the_collateral_in_the_wallet() public {
        agreed();
        vm.prank(RP);
        token.transfer(STRANGER, 960);
        expectText("LilypadPayments: Insufficient balance");
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        assertState(SharedStructs.AgreementState.DealAgreed);
    }

    function test_refuses_ids_that_are_too_long() public {
        agreed();
        string memory long = string(new bytes(257));
        expectError(ILilypadErrors.TextTooLong.selector, 257, 256);
        vm.prank(RP);
        controller.addResult(ID, long, "data-1", 1);
        expectError(ILilypadErrors.TextTooLong.selector, 257, 256);
        vm.prank(RP);
        controller.addResult(ID, "results-1", long, 1);
    }

    function testFuzz_collateral_follows_the_capped_cost(uint256 count) public {
        count = bound(count, 1, type(uint128).max);
        submitted(count);
        uint256 cost = count > 3 ? 30 : count * 10;
        vm.assertEq(store.getResultsCollateral(ID), 4 * cost, "collateral");
        assertEscrow(RP, 4 * cost);
    }
}
