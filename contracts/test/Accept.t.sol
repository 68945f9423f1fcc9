// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice The job creator accepts the result and pays.
contract AcceptTest is Base {
    function test_pays_the_price_and_returns_every_deposit() public {
        agreed();
        assertWallet(RP, 990);
        assertEscrow(RP, 10);
        assertWallet(JC, 963);
        assertEscrow(JC, 37);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        assertWallet(RP, 960);
        assertEscrow(RP, 40);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
        assertWallet(RP, 1010);
        assertWallet(JC, 990);
    }

    function test_never_pays_more_than_the_payment_collateral() public {
        submitted(5);
        assertEscrow(RP, 120);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
        assertWallet(RP, 1030);
        assertWallet(JC, 970);
    }

    /// @dev v1 announces no refund of a payment that is used up.
    function test_a_payment_that_is_used_up_has_no_rest() public {
        submitted(3);
        watch();
        accept();
        moved(RP, 30, ILilypadPayments.PaymentReason.JobPayment, ILilypadPayments.PaymentDirection.PaidOut);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(RP, 120, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
    }

    function testFuzz_conserves_money(uint256 count) public {
        count = bound(count, 1, type(uint128).max);
        submitted(count);
        accept();
        uint256 cost = count > 3 ? 30 : count * 10;
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
        assertWallet(RP, WALLET + cost);
        assertWallet(JC, WALLET - cost);
    }

    function test_stamps_the_time_and_nothing_else() public {
        submitted(1);
        vm.warp(START + 100);
        accept();
        SharedStructs.Agreement memory agreement = store.getAgreement(ID);
        vm.assertEq(agreement.resultsAcceptedAt, START + 100, "accepted");
        vm.assertEq(agreement.resultsSubmittedAt, START, "submitted");
        vm.assertEq(
            agreement.resultsCheckedAt + agreement.mediationAcceptedAt + agreement.mediationRejectedAt
                + agreement.timeoutAgreeAt + agreement.timeoutSubmitResultsAt + agreement.timeoutJudgeResultsAt
                + agreement.timeoutMediateResultsAt,
            0,
            "other stages"
        );
    }

    function test_is_the_job_creators_alone() public {
        submitted(1);
        expectText("Only JC");
        vm.prank(RP);
        controller.acceptResult(ID);
        expectText("Only JC");
        vm.prank(STRANGER);
        controller.acceptResult(ID);
    }

    function test_needs_a_result() public {
        expectText("ResultsSubmitted");
        accept();
        agreed();
        expectText("ResultsSubmitted");
        accept();
    }

    function test_happens_once() public {
        submitted(1);
        accept();
        expectText("ResultsSubmitted");
        accept();
    }

    function test_is_possible_up_to_the_deadline_only() public {
        submitted(1);
        vm.warp(START + JUDGE + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + JUDGE);
        accept();
        vm.warp(START + JUDGE);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
    }
}
