// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice Somebody fell silent. Anyone may say so after the deadline; the money goes to the parties.
contract TimeoutsTest is Base {
    function test_agree_returns_the_providers_deposit() public {
        agreeAs(RP, ID);
        _refusedUntil(START + AGREE, 0);
        watch();
        vm.prank(STRANGER);
        controller.timeoutAgree(ID);
        moved(RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutAgree);
        assertWallet(RP, WALLET);
        vm.assertEq(store.getAgreement(ID).timeoutAgreeAt, START + AGREE + 1, "when");
        vm.assertEq(store.getAgreement(ID).resourceProviderAgreedAt, START, "who had agreed");
    }

    function test_agree_returns_the_creators_deposits() public {
        agreeAs(JC, ID);
        _refusedUntil(START + AGREE, 0);
        watch();
        vm.prank(RP);
        controller.timeoutAgree(ID);
        moved(JC, 30, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutAgree);
        assertWallet(JC, WALLET);
    }

    function test_agree_is_final() public {
        agreeAs(JC, ID);
        vm.warp(START + AGREE + 1);
        controller.timeoutAgree(ID);
        expectText("Not correct state");
        controller.timeoutAgree(ID);
        expectText("DealNegotiating");
        agreeAs(RP, ID);
        expectText("JC has already agreed");
        agreeAs(JC, ID);
    }

    function test_agree_needs_a_proposal() public {
        expectText("Deal does not exist");
        controller.timeoutAgree(ID);
        expectError(ILilypadErrors.NoOpenProposal.selector, RP);
        controller.timeoutAgreeFor(ID, RP);
        agreed();
        vm.warp(START + AGREE + 1);
        expectText("Not correct state");
        controller.timeoutAgree(ID);
        expectError(ILilypadErrors.NoOpenProposal.selector, RP);
        controller.timeoutAgreeFor(ID, RP);
    }

    function test_submit_refunds_the_creator_and_slashes_the_provider() public {
        agreed();
        _refusedUntil(START + SUBMIT, 1);
        watch();
        vm.prank(STRANGER);
        controller.timeoutSubmitResult(ID);
        moved(JC, 30, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Slashed);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutSubmitResults);
        assertWallet(JC, WALLET);
        assertWallet(RP, 990);
        assertWallet(TREASURY, 10);
        vm.assertEq(store.getAgreement(ID).timeoutSubmitResultsAt, START + SUBMIT + 1, "when");
    }

    function test_judge_pays_the_provider_as_if_accepted() public {
        submitted(1);
        _refusedUntil(START + JUDGE, 2);
        watch();
        vm.prank(STRANGER);
        controller.timeoutJudgeResult(ID);
        moved(RP, 10, ILilypadPayments.PaymentReason.JobPayment, ILilypadPayments.PaymentDirection.PaidOut);
        moved(JC, 20, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(RP, 40, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Slashed);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutJudgeResults);
        assertWallet(RP, 1010);
        assertWallet(JC, 983);
        assertWallet(TREASURY, 7);
    }

    function test_judge_costs_a_creator_without_deposit_just_the_price() public {
        SharedStructs.DealTimeouts memory t = timeouts();
        t.judgeResults.collateral = 0;
        vm.prank(RP);
        controller.agree(ID, members(), t, pricing());
        vm.prank(JC);
        controller.agree(ID, members(), t, pricing());
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 2);
        vm.warp(START + JUDGE + 1);
        controller.timeoutJudgeResult(ID);
        assertSettled(SharedStructs.AgreementState.TimeoutJudgeResults);
        assertWallet(RP, 1020);
        assertWallet(JC, 980);
    }

    function test_mediate_pays_the_provider_and_returns_the_fee() public {
        submitted(1);
        vm.warp(START + 100);
        vm.prank(JC);
        controller.checkResult(ID);
        _refusedUntil(START + 100 + MEDIATE, 3);
        watch();
        vm.prank(STRANGER);
        controller.timeoutMediateResult(ID);
        moved(RP, 10, ILilypadPayments.PaymentReason.JobPayment, ILilypadPayments.PaymentDirection.PaidOut);
        moved(RP, 40, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 20, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 5, ILilypadPayments.PaymentReason.MediationFee, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutMediateResults);
        assertWallet(RP, 1010);
        assertWallet(JC, 990);
        assertWallet(MEDIATOR, 0);
    }

    function testFuzz_mediate_never_charges_more_than_accepting(uint256 count) public {
        count = bound(count, 1, type(uint128).max);
        checked(count);
        vm.warp(START + MEDIATE + 1);
        controller.timeoutMediateResult(ID);
        uint256 cost = count > 3 ? 30 : count * 10;
        assertSettled(SharedStructs.AgreementState.TimeoutMediateResults);
        assertWallet(RP, WALLET + cost);
        assertWallet(JC, WALLET - cost);
    }

    /// @dev At `deadline` the time-out is refused, one second later only the other three are.
    function _refusedUntil(uint256 deadline, uint256 which) private {
        vm.warp(deadline);
        expectText("Not timed out");
        _send(which);
        vm.warp(deadline + 1);
        for (uint256 other = 0; other < 4; other++) {
            if (other == which) continue;
            expectText("Not correct state");
            _send(other);
        }
    }

    function _send(uint256 which) private {
        if (which == 0) controller.timeoutAgree(ID);
        else if (which == 1) controller.timeoutSubmitResult(ID);
        else if (which == 2) controller.timeoutJudgeResult(ID);
        else controller.timeoutMediateResult(ID);
    }
}
