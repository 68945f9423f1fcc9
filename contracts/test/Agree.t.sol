// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {ILilypadStorage} from "../src/interfaces/ILilypadStorage.sol";
import {DealTypes} from "../src/types/DealTypes.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";
import {Vm} from "./Vm.sol";

/// @notice Two parties agree to the same terms, in either order.
contract AgreeTest is Base {
    function test_a_party_may_deposit_its_last_token() public {
        vm.prank(RP);
        token.transfer(STRANGER, WALLET - 10);
        vm.prank(JC);
        token.transfer(STRANGER, WALLET - 37);
        agreed();
        assertWallet(RP, 0);
        assertWallet(JC, 0);
        assertEscrow(JC, 37);
    }

    function test_a_movement_has_a_twin_that_can_be_found_by_its_deal() public {
        bytes32 key = keccak256(bytes(ID));
        vm.expectEmit(true, true, false, true, address(payments));
        emit ILilypadPayments.DealPayment(
            key, RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.PaidIn
        );
        agreeAs(RP, ID);
    }

    function test_first_consent_is_visible_and_paid_for() public {
        watch();
        agreeAs(RP, ID);
        moved(RP, 10, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.PaidIn);
        nothingMoved();
        SharedStructs.Agreement memory agreement = store.getAgreement(ID);
        vm.assertEq(agreement.resourceProviderAgreedAt, START, "provider");
        vm.assertEq(agreement.jobCreatorAgreedAt, 0, "creator");
        vm.assertEq(agreement.dealCreatedAt, START, "created");
        vm.assertEq(agreement.dealAgreedAt, 0, "agreed");
        assertState(SharedStructs.AgreementState.DealNegotiating);
        vm.assertTrue(!store.hasDeal(ID), "no deal yet");
        DealTypes.Proposal memory proposal = store.getProposal(ID, RP);
        vm.assertEq(
            uint256(proposal.termsHash), uint256(store.hashTerms(members(), timeouts(), pricing())), "terms hash"
        );
        vm.assertTrue(proposal.byResourceProvider && proposal.status == DealTypes.ProposalStatus.Open, "proposal");
    }

    function test_second_consent_makes_the_deal() public {
        agreeAs(RP, ID);
        vm.warp(START + 30);
        watch();
        agreeAs(JC, ID);
        moved(JC, 30, ILilypadPayments.PaymentReason.PaymentCollateral, ILilypadPayments.PaymentDirection.PaidIn);
        moved(JC, 7, ILilypadPayments.PaymentReason.TimeoutCollateral, ILilypadPayments.PaymentDirection.PaidIn);
        nothingMoved();
        assertState(SharedStructs.AgreementState.DealAgreed);
        SharedStructs.Agreement memory agreement = store.getAgreement(ID);
        vm.assertEq(agreement.resourceProviderAgreedAt, START, "provider");
        vm.assertEq(agreement.jobCreatorAgreedAt, START + 30, "creator");
        vm.assertEq(agreement.dealCreatedAt, START, "created");
        vm.assertEq(agreement.dealAgreedAt, START + 30, "agreed");
        vm.assertTrue(store.getProposal(ID, RP).status == DealTypes.ProposalStatus.None, "proposal is used up");
    }

    function testFuzz_order_does_not_matter(bool providerFirst, uint256 wait) public {
        wait = bound(wait, 0, AGREE);
        agreeAs(providerFirst ? RP : JC, ID);
        vm.warp(START + wait);
        agreeAs(providerFirst ? JC : RP, ID);
        assertState(SharedStructs.AgreementState.DealAgreed);
        SharedStructs.Agreement memory agreement = store.getAgreement(ID);
        vm.assertEq(agreement.resourceProviderAgreedAt, START + (providerFirst ? 0 : wait), "provider");
        vm.assertEq(agreement.jobCreatorAgreedAt, START + (providerFirst ? wait : 0), "creator");
        vm.assertEq(agreement.dealCreatedAt, START, "created");
        vm.assertEq(agreement.dealAgreedAt, START + wait, "agreed");
        assertEscrow(RP, 10);
        assertEscrow(JC, 37);
    }

    function test_the_stored_deal_is_what_was_agreed() public {
        agreed();
        SharedStructs.Deal memory deal = store.getDeal(ID);
        SharedStructs.Deal memory expected = SharedStructs.Deal(ID, members(), timeouts(), pricing());
        vm.assertTrue(keccak256(abi.encode(deal)) == keccak256(abi.encode(expected)), "deal");
    }

    function testFuzz_every_term_is_kept(uint40[4] memory times, uint128[6] memory amounts, uint8 count) public {
        SharedStructs.DealMembers memory m = members();
        m.mediators = new address[](bound(count, 1, 16));
        for (uint160 i = 0; i < m.mediators.length; i++) {
            m.mediators[i] = address(0xAAAA + i);
        }
        SharedStructs.DealTimeouts memory t = SharedStructs.DealTimeouts(
            SharedStructs.DealTimeout(times[0], 0),
            SharedStructs.DealTimeout(times[1], bound(amounts[0], 0, WALLET)),
            SharedStructs.DealTimeout(times[2], bound(amounts[1], 0, WALLET / 2)),
            SharedStructs.DealTimeout(times[3], 0)
        );
        SharedStructs.DealPricing memory p = SharedStructs.DealPricing(
            amounts[2], bound(amounts[3], 0, WALLET / 2), bound(amounts[4], 0, type(uint64).max), amounts[5]
        );
        vm.prank(JC);
        controller.agree(ID, m, t, p);
        vm.prank(RP);
        controller.agree(ID, m, t, p);
        SharedStructs.Deal memory deal = store.getDeal(ID);
        vm.assertTrue(
            keccak256(abi.encode(deal)) == keccak256(abi.encode(SharedStructs.Deal(ID, m, t, p))), "every term"
        );
    }

    function test_each_party_finds_the_deal_once() public {
        agreed();
        agreeAs(JC, "deal-2");
        agreeAs(RP, "deal-2");
        string[] memory ofProvider = store.getDealsForParty(RP);
        string[] memory ofCreator = store.getDealsForParty(JC);
        vm.assertEq(ofProvider.length, 2, "provider's");
        vm.assertEq(ofCreator.length, 2, "creator's");
        vm.assertEq(ofProvider[0], ID, "first");
        vm.assertEq(ofCreator[1], "deal-2", "second");
        vm.assertEq(store.getDealsForParty(SOLVER).length, 0, "solver's");
        vm.assertEq(store.getDealsForPartyPage(RP, 1, 5)[0], "deal-2", "page");
        vm.assertEq(store.getDealsForPartyPage(RP, 2, 5).length, 0, "past the end");
        vm.assertEq(store.countDealsForParty(RP), 2, "count");
    }

    function test_announces_the_deal_by_key() public {
        agreeAs(RP, ID);
        vm.recordLogs();
        agreeAs(JC, ID);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 found = 0;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == ILilypadStorage.DealStateChange.selector) {
                (string memory id, SharedStructs.AgreementState state) =
                    abi.decode(logs[i].data, (string, SharedStructs.AgreementState));
                vm.assertEq(id, ID, "id");
                vm.assertEq(uint256(state), 1, "state");
                found++;
            } else if (logs[i].topics[0] == ILilypadStorage.AgreementChanged.selector) {
                vm.assertEq(uint256(logs[i].topics[1]), uint256(keccak256(bytes(ID))), "key");
                vm.assertEq(uint256(logs[i].topics[2]), 1, "indexed state");
                found++;
            }
        }
        vm.assertEq(found, 2, "one event of each kind");
    }

    function test_nobody_else_can_agree() public {
        expectText("Only RP / JC");
        agreeAs(STRANGER, ID);
        expectText("Only RP / JC");
        agreeAs(SOLVER, ID);
    }

    function test_nobody_agrees_twice() public {
        agreeAs(RP, ID);
        expectText("RP has already agreed");
        agreeAs(RP, ID);
        agreeAs(JC, "deal-2");
        expectText("JC has already agreed");
        agreeAs(JC, "deal-2");
        agreeAs(JC, ID);
        expectText("DealNegotiating");
        agreeAs(JC, ID);
    }

    function test_needs_the_deposit_in_the_wallet() public {
        vm.prank(JC);
        token.transfer(STRANGER, WALLET - 36);
        expectText("LilypadPayments: Insufficient balance");
        agreeAs(JC, ID);
        vm.assertEq(store.getAgreement(ID).dealCreatedAt, 0, "nothing remains of it");
    }

    function test_refuses_the_terms_that_v1_refuses() public {
        SharedStructs.DealMembers memory m = members();
        m.resourceProvider = address(0);
        _refused("RP missing", m, timeouts(), pricing());
        m = members();
        m.jobCreator = address(0);
        _refused("JC missing", m, timeouts(), pricing());
        m = members();
        m.solver = address(0);
        _refused("Solver missing", m, timeouts(), pricing());
        m = members();
        m.mediators = new address[](0);
        _refused("Mediators <= 0", m, timeouts(), pricing());
        m = members();
        m.jobCreator = RP;
        _refused("RP / JC same", m, timeouts(), pricing());
        SharedStructs.DealTimeouts memory t = timeouts();
        t.agree.collateral = 1;
        _refused("Agree deposit must be 0", members(), t, pricing());
        t = timeouts();
        t.mediateResults.collateral = 1;
        _refused("Mediate deposit must be 0", members(), t, pricing());
        expectText("Deal does not exist");
        agreeAs(RP, "");
    }

    function test_refuses_numbers_that_do_not_fit() public {
        uint256 large = uint256(type(uint128).max) + 1;
        SharedStructs.DealPricing memory p = pricing();
        p.instructionPrice = large;
        _refusedAmount(large, timeouts(), p);
        p = pricing();
        p.paymentCollateral = large;
        _refusedAmount(large, timeouts(), p);
        p = pricing();
        p.resultsCollateralMultiple = large;
        _refusedAmount(large, timeouts(), p);
        p = pricing();
        p.mediationFee = large;
        _refusedAmount(large, timeouts(), p);
        SharedStructs.DealTimeouts memory t = timeouts();
        t.submitResults.collateral = large;
        _refusedAmount(large, t, pricing());
        t = timeouts();
        t.judgeResults.collateral = large;
        _refusedAmount(large, t, pricing());
        t = timeouts();
        t.mediateResults.timeout = uint256(type(uint40).max) + 1;
        expectError(ILilypadErrors.TimeTooLarge.selector, uint256(type(uint40).max) + 1);
        vm.prank(RP);
        controller.agree(ID, members(), t, pricing());
        string memory long = string(new bytes(257));
        expectError(ILilypadErrors.TextTooLong.selector, 257, 256);
        agreeAs(RP, long);
    }

    function test_differing_terms_do_not_meet() public {
        agreeAs(RP, ID);
        SharedStructs.DealPricing memory p = pricing();
        p.instructionPrice = 11;
        vm.prank(JC);
        controller.agree(ID, members(), timeouts(), p);
        assertState(SharedStructs.AgreementState.DealNegotiating);
        vm.assertTrue(!store.hasDeal(ID), "no deal");
        vm.warp(START + AGREE + 1);
        vm.prank(RP);
        controller.timeoutAgree(ID);
        vm.prank(JC);
        controller.timeoutAgree(ID);
        assertWallet(RP, WALLET);
        assertWallet(JC, WALLET);
        assertSettled(SharedStructs.AgreementState.TimeoutAgree);
    }

    function _refused(
        string memory text,
        SharedStructs.DealMembers memory m,
        SharedStructs.DealTimeouts memory t,
        SharedStructs.DealPricing memory p
    ) private {
        expectText(text);
        vm.prank(RP);
        controller.agree(ID, m, t, p);
    }

    function _refusedAmount(uint256 amount, SharedStructs.DealTimeouts memory t, SharedStructs.DealPricing memory p)
        private
    {
        expectError(ILilypadErrors.AmountTooLarge.selector, amount);
        vm.prank(RP);
        controller.agree(ID, members(), t, p);
    }
}
