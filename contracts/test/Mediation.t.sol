// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadMediation} from "../src/interfaces/ILilypadMediation.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";
import {Vm} from "./Vm.sol";

/// @notice The job creator asks for a mediator, who says whether the result is right.
contract MediationTest is Base {
    function test_asking_returns_the_judging_deposit_and_takes_the_fee() public {
        submitted(1);
        vm.warp(START + 50);
        watch();
        vm.prank(JC);
        controller.checkResult(ID);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(JC, 5, ILilypadPayments.PaymentReason.MediationFee, ILilypadPayments.PaymentDirection.PaidIn);
        nothingMoved();
        assertState(SharedStructs.AgreementState.ResultsChecked);
        vm.assertEq(store.getAgreement(ID).resultsCheckedAt, START + 50, "checked");
        assertEscrow(JC, 35);
    }

    function test_asking_is_the_creators_alone_and_once() public {
        submitted(1);
        expectText("Only JC");
        vm.prank(RP);
        controller.checkResult(ID);
        vm.prank(JC);
        controller.checkResult(ID);
        expectText("ResultsSubmitted");
        vm.prank(JC);
        controller.checkResult(ID);
        expectText("ResultsSubmitted");
        accept();
    }

    function test_a_single_mediator_is_drawn_at_once() public {
        submitted(1);
        vm.recordLogs();
        vm.prank(JC);
        controller.checkResult(ID);
        vm.assertEq(_announced(), MEDIATOR, "announced");
        vm.assertEq(mediation.getMediator(ID), MEDIATOR, "mediator");
        vm.assertEq(mediation.drawMediator(ID), MEDIATOR, "drawing again changes nothing");
    }

    function test_one_of_several_is_drawn_from_a_later_block() public {
        _checkedWithTwo();
        vm.assertEq(mediation.getMediator(ID), address(0), "not yet");
        vm.assertEq(mediation.getDrawBlock(ID), 1001, "the next block decides");
        vm.assertEq(mediation.drawMediator(ID), address(0), "same block");
        vm.roll(1001);
        vm.assertEq(mediation.drawMediator(ID), address(0), "its hash is not known yet");
        vm.roll(1002);
        vm.setBlockhash(1001, bytes32(uint256(77)));
        vm.recordLogs();
        vm.prank(STRANGER);
        address drawn = mediation.drawMediator(ID);
        address[2] memory both = [MEDIATOR, MEDIATOR2];
        address expected = both[uint256(keccak256(abi.encode(uint256(77), keccak256(bytes(ID))))) % 2];
        vm.assertEq(drawn, expected, "drawn");
        vm.assertEq(_announced(), expected, "announced");
        vm.assertEq(mediation.getMediator(ID), expected, "stored");
        vm.roll(1003);
        vm.setBlockhash(1001, bytes32(uint256(78)));
        vm.assertEq(mediation.drawMediator(ID), expected, "for ever");
    }

    function test_a_forgotten_hash_opens_a_new_draw() public {
        _checkedWithTwo();
        vm.roll(1001 + 257);
        vm.assertEq(mediation.drawMediator(ID), address(0), "too late");
        vm.assertEq(mediation.getDrawBlock(ID), 1001 + 258, "a new block decides");
        vm.roll(1001 + 259);
        vm.setBlockhash(1001 + 258, bytes32(uint256(1)));
        vm.assertTrue(mediation.drawMediator(ID) != address(0), "drawn");
    }

    function testFuzz_only_the_deals_mediators_are_drawn(bytes32 hash, uint8 count) public {
        SharedStructs.DealMembers memory m = members();
        m.mediators = new address[](bound(count, 2, 16));
        for (uint160 i = 0; i < m.mediators.length; i++) {
            m.mediators[i] = address(0xAAAA + i);
        }
        vm.assume(hash != bytes32(0));
        _checkedWith(m);
        vm.roll(1002);
        vm.setBlockhash(1001, hash);
        address drawn = mediation.drawMediator(ID);
        vm.assertTrue(drawn >= address(0xAAAA) && drawn < address(uint160(0xAAAA + m.mediators.length)), "a member");
    }

    function test_nothing_to_draw_without_a_request() public {
        submitted(1);
        expectError(ILilypadErrors.MediationNotRequested.selector);
        mediation.drawMediator(ID);
    }

    function test_verdict_right_pays_provider_and_mediator() public {
        checked(1);
        watch();
        vm.prank(MEDIATOR);
        mediation.mediationAcceptResult(ID);
        moved(RP, 10, ILilypadPayments.PaymentReason.JobPayment, ILilypadPayments.PaymentDirection.PaidOut);
        moved(MEDIATOR, 5, ILilypadPayments.PaymentReason.MediationFee, ILilypadPayments.PaymentDirection.PaidOut);
        moved(JC, 20, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(RP, 40, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.Refunded);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.MediationAccepted);
        assertWallet(RP, 1010);
        assertWallet(JC, 985);
        assertWallet(MEDIATOR, 5);
        vm.assertEq(store.getAgreement(ID).mediationAcceptedAt, START, "when");
    }

    function test_verdict_wrong_refunds_the_creator_and_slashes_the_provider() public {
        checked(1);
        watch();
        vm.prank(MEDIATOR);
        mediation.mediationRejectResult(ID);
        moved(JC, 30, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.Refunded);
        moved(MEDIATOR, 5, ILilypadPayments.PaymentReason.MediationFee, ILilypadPayments.PaymentDirection.PaidOut);
        moved(RP, 40, ILilypadPayments.PaymentReason.ResultsCollateral, ILilypadPayments.PaymentDirection.Slashed);
        nothingMoved();
        assertSettled(SharedStructs.AgreementState.MediationRejected);
        assertWallet(RP, 960);
        assertWallet(JC, 995);
        assertWallet(MEDIATOR, 5);
        assertWallet(TREASURY, 40);
        vm.assertEq(store.getAgreement(ID).mediationRejectedAt, START, "when");
    }

    function test_verdict_is_the_drawn_mediators_alone_and_once() public {
        expectText("mediator cannot be 0x0");
        vm.prank(MEDIATOR);
        mediation.mediationAcceptResult(ID);
        checked(1);
        address[4] memory others = [JC, RP, STRANGER, MEDIATOR2];
        for (uint256 i = 0; i < others.length; i++) {
            expectText("tx.origin must be the mediator");
            vm.prank(others[i]);
            mediation.mediationRejectResult(ID);
        }
        vm.prank(MEDIATOR);
        mediation.mediationAcceptResult(ID);
        expectText("ResultsChecked");
        vm.prank(MEDIATOR);
        mediation.mediationRejectResult(ID);
    }

    function test_verdict_comes_through_the_mediation_contract() public {
        checked(1);
        expectText("Only mediation");
        vm.prank(MEDIATOR);
        controller.mediationAcceptResult(ID);
        expectText("Only mediation");
        vm.prank(MEDIATOR);
        controller.mediationRejectResult(ID);
    }

    function test_verdict_is_possible_up_to_the_deadline_only() public {
        checked(1);
        vm.warp(START + MEDIATE + 1);
        _tooLate();
        mediation.mediationAcceptResult(ID);
        _tooLate();
        mediation.mediationRejectResult(ID);
        vm.warp(START + MEDIATE);
        vm.prank(MEDIATOR);
        mediation.mediationAcceptResult(ID);
        assertSettled(SharedStructs.AgreementState.MediationAccepted);
    }

    function test_verdict_wrong_is_possible_up_to_the_same_deadline() public {
        checked(1);
        vm.warp(START + MEDIATE);
        vm.prank(MEDIATOR);
        mediation.mediationRejectResult(ID);
        assertSettled(SharedStructs.AgreementState.MediationRejected);
    }

    function _tooLate() private {
        expectError(ILilypadErrors.DeadlinePassed.selector, START + MEDIATE);
        vm.prank(MEDIATOR);
    }

    function _checkedWithTwo() private {
        SharedStructs.DealMembers memory m = members();
        m.mediators = new address[](2);
        m.mediators[0] = MEDIATOR;
        m.mediators[1] = MEDIATOR2;
        _checkedWith(m);
    }

    function _checkedWith(SharedStructs.DealMembers memory m) private {
        vm.prank(RP);
        controller.agree(ID, m, timeouts(), pricing());
        vm.prank(JC);
        controller.agree(ID, m, timeouts(), pricing());
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        vm.prank(JC);
        controller.checkResult(ID);
    }

    function _announced() private returns (address mediator) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != ILilypadMediation.MediationRequested.selector) continue;
            vm.assertEq(mediator, address(0), "announced once");
            string memory id;
            (id, mediator) = abi.decode(logs[i].data, (string, address));
            vm.assertEq(id, ID, "deal");
        }
    }
}
