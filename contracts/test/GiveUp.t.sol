// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice The resource provider cannot deliver and says so: nobody is charged.
contract GiveUpTest is Base {
    function test_returns_every_deposit() public {
        agreed();
        vm.warp(START + 9);
        watch();
        vm.prank(RP);
        controller.giveUp(ID);
        moved(JC, 30, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.TimeoutSubmitResults);
        assertWallet(RP, WALLET);
        assertWallet(JC, WALLET);
        assertWallet(TREASURY, 0);
        vm.assertEq(store.getAgreement(ID).timeoutSubmitResultsAt, START + 9, "when");
    }

    function test_is_the_providers_alone() public {
        agreed();
        expectText("Only RP");
        vm.prank(JC);
        controller.giveUp(ID);
        expectText("Only RP");
        vm.prank(STRANGER);
        controller.giveUp(ID);
    }

    function test_needs_an_agreed_deal_without_result() public {
        expectText("DealAgreed");
        vm.prank(RP);
        controller.giveUp(ID);
        submitted(1);
        expectText("DealAgreed");
        vm.prank(RP);
        controller.giveUp(ID);
    }

    function test_does_not_escape_the_deadline() public {
        agreed();
        vm.warp(START + SUBMIT + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + SUBMIT);
        vm.prank(RP);
        controller.giveUp(ID);
    }

    function test_ends_the_deal() public {
        agreed();
        vm.prank(RP);
        controller.giveUp(ID);
        expectText("DealAgreed");
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        vm.warp(START + SUBMIT + 1);
        expectText("Not correct state");
        controller.timeoutSubmitResult(ID);
    }
}
