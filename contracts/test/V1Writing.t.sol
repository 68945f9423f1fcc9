// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {DealTypes} from "../src/types/DealTypes.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice A controller of v1 writes to the storage as it always did; this contract plays that controller.
contract V1WritingTest is Base {
    function setUp() public override {
        super.setUp();
        store.setControllerAddress(address(this));
    }

    function test_a_deal_from_terms_to_acceptance() public {
        SharedStructs.Deal memory deal = store.ensureDeal(ID, members(), timeouts(), pricing());
        vm.assertEq(deal.dealId, ID, "stored");
        vm.assertTrue(store.hasDeal(ID), "known at once");
        vm.assertEq(store.agreeResourceProvider(ID).dealCreatedAt, START, "created");
        vm.warp(START + 1);
        SharedStructs.Agreement memory agreement = store.agreeJobCreator(ID);
        vm.assertEq(uint256(agreement.state), 1, "agreed");
        vm.assertEq(agreement.dealAgreedAt, START + 1, "when");
        SharedStructs.Result memory result = store.addResult(ID, "results-1", "data-1", 3);
        vm.assertEq(result.dataId, "data-1", "result");
        store.acceptResult(ID);
        assertState(SharedStructs.AgreementState.ResultsAccepted);
    }

    function test_a_dispute_and_its_verdicts() public {
        _submitted(ID);
        store.checkResult(ID);
        store.mediationAcceptResult(ID);
        assertState(SharedStructs.AgreementState.MediationAccepted);
        _submitted("deal-2");
        store.checkResult("deal-2");
        store.mediationRejectResult("deal-2");
        vm.assertTrue(store.isState("deal-2", SharedStructs.AgreementState.MediationRejected), "rejected");
    }

    function test_the_four_timeouts() public {
        store.ensureDeal("a", members(), timeouts(), pricing());
        store.agreeJobCreator("a");
        store.ensureDeal("b", members(), timeouts(), pricing());
        store.agreeJobCreator("b");
        store.agreeResourceProvider("b");
        _submitted("c");
        _submitted("d");
        store.checkResult("d");
        vm.warp(START + AGREE);
        expectText("Not timed out");
        store.timeoutAgree("a");
        vm.warp(START + AGREE + 1);
        store.timeoutAgree("a");
        vm.warp(START + JUDGE + MEDIATE + SUBMIT);
        store.timeoutSubmitResult("b");
        store.timeoutJudgeResult("c");
        store.timeoutMediateResult("d");
        vm.assertTrue(store.isState("a", SharedStructs.AgreementState.TimeoutAgree), "agree");
        vm.assertTrue(store.getAgreement("a").timeoutAgreeAt != 0, "stamped");
        vm.assertTrue(store.isState("b", SharedStructs.AgreementState.TimeoutSubmitResults), "submit");
        vm.assertTrue(store.isState("c", SharedStructs.AgreementState.TimeoutJudgeResults), "judge");
        vm.assertTrue(store.isState("d", SharedStructs.AgreementState.TimeoutMediateResults), "mediate");
    }

    function test_repeated_terms_must_be_equal_in_v1s_order() public {
        store.ensureDeal(ID, members(), timeouts(), pricing());
        store.ensureDeal(ID, members(), timeouts(), pricing());
        SharedStructs.DealMembers memory m = members();
        m.resourceProvider = STRANGER;
        _differs("RP", m, timeouts(), pricing());
        m = members();
        m.jobCreator = STRANGER;
        _differs("JC", m, timeouts(), pricing());
        m = members();
        m.solver = STRANGER;
        _differs("Solver", m, timeouts(), pricing());
        m = members();
        m.mediators = new address[](2);
        m.mediators[0] = MEDIATOR;
        m.mediators[1] = MEDIATOR2;
        _differs("Mediators", m, timeouts(), pricing());
        m = members();
        m.mediators[0] = MEDIATOR2;
        _differs("Mediator", m, timeouts(), pricing());
        SharedStructs.DealTimeouts memory t = timeouts();
        t.agree.timeout++;
        _differs("Timeout", members(), t, pricing());
        t = timeouts();
        t.submitResults.collateral++;
        _differs("Collateral", members(), t, pricing());
        t = timeouts();
        t.mediateResults.timeout++;
        _differs("Timeout", members(), t, pricing());
        SharedStructs.DealPricing memory p = pricing();
        p.instructionPrice++;
        _differs("Price", members(), timeouts(), p);
        p = pricing();
        p.paymentCollateral++;
        _differs("Payment", members(), timeouts(), p);
        p = pricing();
        p.resultsCollateralMultiple++;
        _differs("Results", members(), timeouts(), p);
        p = pricing();
        p.mediationFee++;
        _differs("Mediation", members(), timeouts(), p);
    }

    function test_terms_written_v1s_way_leave_an_open_proposal_to_its_time_out() public {
        store.propose(ID, RP, members(), timeouts(), pricing());
        store.ensureDeal(ID, members(), timeouts(), pricing());
        vm.assertTrue(store.getProposal(ID, RP).status == DealTypes.ProposalStatus.Open, "open");
        vm.warp(START + AGREE + 1);
        vm.assertTrue(store.timeoutProposal(ID, RP), "the provider's");
        vm.assertTrue(store.getProposal(ID, RP).status == DealTypes.ProposalStatus.TimedOut, "ended");
    }

    function test_texts_name_the_state_that_is_needed() public {
        expectText("Deal does not exist");
        store.agreeResourceProvider(ID);
        expectText("Deal does not exist");
        store.agreeJobCreator(ID);
        expectText("Deal does not exist");
        store.timeoutAgree(ID);
        store.ensureDeal(ID, members(), timeouts(), pricing());
        store.agreeResourceProvider(ID);
        expectText("RP has already agreed");
        store.agreeResourceProvider(ID);
        expectText("DealAgreed");
        store.addResult(ID, "r", "d", 1);
        expectText("DealAgreed");
        store.timeoutSubmitResult(ID);
        expectText("ResultsSubmitted");
        store.acceptResult(ID);
        expectText("ResultsSubmitted");
        store.timeoutJudgeResult(ID);
        expectText("ResultsChecked");
        store.mediationAcceptResult(ID);
        expectText("ResultsChecked");
        store.timeoutMediateResult(ID);
        store.agreeJobCreator(ID);
        expectText("JC has already agreed");
        store.agreeJobCreator(ID);
        expectText("DealNegotiating");
        store.ensureDeal(ID, members(), timeouts(), pricing());
        expectText("DealNegotiating");
        store.timeoutAgree(ID);
    }

    function test_deadlines_hold_here_too() public {
        _submitted(ID);
        vm.warp(START + JUDGE + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + JUDGE);
        store.acceptResult(ID);
    }

    function _submitted(string memory id) private {
        store.ensureDeal(id, members(), timeouts(), pricing());
        store.agreeResourceProvider(id);
        store.agreeJobCreator(id);
        store.addResult(id, "results", "data", 1);
    }

    function _differs(
        string memory text,
        SharedStructs.DealMembers memory m,
        SharedStructs.DealTimeouts memory t,
        SharedStructs.DealPricing memory p
    ) private {
        expectText(text);
        store.ensureDeal(ID, m, t, p);
    }
}
