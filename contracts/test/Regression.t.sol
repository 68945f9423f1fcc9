// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadController} from "../src/LilypadController.sol";
import {LilypadMediationRandom} from "../src/LilypadMediationRandom.sol";
import {LilypadPayments} from "../src/LilypadPayments.sol";
import {LilypadStorage} from "../src/LilypadStorage.sol";
import {LilypadUsers} from "../src/LilypadUsers.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice A contract that a party calls and that tries to act for it.
contract Puppet {
    LilypadController private immutable _controller;
    LilypadUsers private immutable _users;

    constructor(LilypadController controller, LilypadUsers users) {
        _controller = controller;
        _users = users;
    }

    function agree(
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external {
        _controller.agree("deal-1", members, timeouts, pricing);
    }

    function accept() external {
        _controller.acceptResult("deal-1");
    }

    function register(SharedStructs.ServiceType[] calldata roles) external {
        _users.updateUser("stolen", "http://stolen", roles);
    }
}

/// @notice One test for each defect of the v1 contracts that this set must not have, by its number in the findings.
contract RegressionTest is Base {
    // W-1: authority by tx.origin.
    function test_W01_a_contract_cannot_act_for_the_party_that_calls_it() public {
        Puppet puppet = new Puppet(controller, users);
        vm.startPrank(JC, JC);
        expectText("Only RP / JC");
        puppet.agree(members(), timeouts(), pricing());
        puppet.register(new SharedStructs.ServiceType[](0));
        vm.stopPrank();
        vm.assertEq(users.getUser(JC).userAddress, address(0), "the party's record is untouched");
        submitted(1);
        vm.startPrank(JC, JC);
        expectText("Only JC");
        puppet.accept();
        vm.stopPrank();
    }

    function test_W01_a_contract_can_be_a_party() public {
        Puppet wallet = new Puppet(controller, users);
        token.transfer(address(wallet), WALLET);
        SharedStructs.DealMembers memory m = members();
        m.jobCreator = address(wallet);
        vm.prank(RP);
        controller.agree(ID, m, timeouts(), pricing());
        wallet.agree(m, timeouts(), pricing());
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        wallet.accept();
        assertWallet(address(wallet), 990);
    }

    // W-2: free compute through a late check and an immediate mediation time-out.
    function test_W02_no_free_compute() public {
        submitted(1);
        vm.warp(START + JUDGE);
        vm.prank(JC);
        controller.checkResult(ID);
        expectText("Not timed out");
        vm.prank(JC);
        controller.timeoutMediateResult(ID);
        vm.warp(START + JUDGE + MEDIATE + 1);
        vm.prank(JC);
        controller.timeoutMediateResult(ID);
        assertWallet(RP, 1010);
        assertWallet(JC, 990);
    }

    function test_W02_no_check_after_the_judging_deadline() public {
        submitted(1);
        vm.warp(START + JUDGE + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + JUDGE);
        vm.prank(JC);
        controller.checkResult(ID);
    }

    // W-3: time-outs whose two spellings never met.
    function test_W03_submit_and_judge_timeouts_work() public {
        agreed();
        vm.warp(START + SUBMIT + 1);
        vm.prank(JC);
        controller.timeoutSubmitResult(ID);
        assertWallet(JC, WALLET);
    }

    function test_W03_payments_knows_both_spellings() public {
        address front = address(this);
        payments.setControllerAddress(front);
        for (uint256 i = 0; i < 2; i++) {
            string memory id = i == 0 ? "singular" : "plural";
            payments.agreeResourceProvider(id, RP, 10);
            payments.agreeJobCreator(id, JC, 30, 7);
            if (i == 0) payments.timeoutSubmitResult(id, RP, JC, 30, 10);
            else payments.timeoutSubmitResults(id, RP, JC, 30, 10);
            vm.assertTrue(isEmpty(id, RP) && isEmpty(id, JC), "empty");
        }
        assertWallet(JC, WALLET);
        assertWallet(RP, 980);
        vm.assertEq(uint32(LilypadPayments.timeoutSubmitResult.selector), 0x3d31a115, "selector");
        vm.assertEq(uint32(LilypadPayments.timeoutJudgeResult.selector), 0x7a6726b5, "selector");
        vm.assertEq(uint32(LilypadPayments.timeoutSubmitResults.selector), 0x02fd8f80, "selector");
        vm.assertEq(uint32(LilypadPayments.timeoutJudgeResults.selector), 0x38698529, "selector");
    }

    // W-4, W-6: refunds in the size of somebody else's deposit. Fuzzed over all relations of the two deposits.
    function testFuzz_W04_submit_timeout_refunds_what_was_deposited(uint256 cs, uint256 cj) public {
        SharedStructs.DealTimeouts memory t = _deposits(cs, cj);
        vm.prank(RP);
        controller.agree(ID, members(), t, pricing());
        vm.prank(JC);
        controller.agree(ID, members(), t, pricing());
        vm.warp(START + SUBMIT + 1);
        controller.timeoutSubmitResult(ID);
        assertSettled(SharedStructs.AgreementState.TimeoutSubmitResults);
        assertWallet(JC, WALLET);
        assertWallet(RP, WALLET - t.submitResults.collateral);
        assertWallet(TREASURY, t.submitResults.collateral);
    }

    // W-5: the judging time-out neither paid the provider nor released the payment.
    function test_W05_judge_timeout_releases_the_payment() public {
        submitted(1);
        vm.warp(START + JUDGE + 1);
        vm.prank(RP);
        controller.timeoutJudgeResult(ID);
        assertSettled(SharedStructs.AgreementState.TimeoutJudgeResults);
        assertWallet(RP, 1010);
    }

    function testFuzz_W06_agree_timeout_refunds_what_was_deposited(uint256 cs, uint256 cj) public {
        SharedStructs.DealTimeouts memory t = _deposits(cs, cj);
        vm.prank(JC);
        controller.agree(ID, members(), t, pricing());
        vm.warp(START + AGREE + 1);
        vm.prank(JC);
        controller.timeoutAgree(ID);
        assertSettled(SharedStructs.AgreementState.TimeoutAgree);
        assertWallet(JC, WALLET);
    }

    // W-7: one pot per address.
    function test_W07_deals_of_the_same_parties_do_not_share_money() public {
        agreed();
        agreeAs(RP, "deal-2");
        agreeAs(JC, "deal-2");
        vm.prank(RP);
        controller.addResult("deal-2", "results-2", "data-2", 5);
        vm.prank(JC);
        controller.acceptResult("deal-2");
        vm.assertTrue(isEmpty("deal-2", RP) && isEmpty("deal-2", JC), "second is empty");
        vm.assertEq(payments.escrowOf(ID, JC).collateral, 30, "first keeps its payment");
        vm.assertEq(payments.escrowOf(ID, JC).timeoutCollateral, 7, "and its deposit");
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
        assertWallet(RP, 1040);
        assertWallet(JC, 960);
    }

    // W-9: an observed deal id, taken first by a stranger.
    function test_W09_a_squatter_cannot_stop_the_parties() public {
        SharedStructs.DealMembers memory squat = members();
        squat.resourceProvider = STRANGER;
        vm.prank(STRANGER);
        controller.agree(ID, squat, timeouts(), pricing());
        agreeAs(JC, ID);
        agreeAs(RP, ID);
        assertState(SharedStructs.AgreementState.DealAgreed);
        vm.assertEq(store.getDeal(ID).members.resourceProvider, RP, "the parties' terms");
        SharedStructs.Agreement memory agreement = store.getAgreement(ID);
        vm.assertEq(agreement.resourceProviderAgreedAt, START, "the parties' times");
        // The squatter gets its own deposit back, and nothing else moves.
        vm.warp(START + AGREE + 1);
        vm.prank(STRANGER);
        controller.timeoutAgree(ID);
        assertWallet(STRANGER, WALLET);
        assertState(SharedStructs.AgreementState.DealAgreed);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
    }

    function test_W09_a_squatter_that_timed_out_cannot_stop_the_parties() public {
        SharedStructs.DealMembers memory squat = members();
        squat.jobCreator = STRANGER;
        vm.prank(STRANGER);
        controller.agree(ID, squat, timeouts(), pricing());
        vm.warp(START + AGREE + 1);
        controller.timeoutAgree(ID);
        assertState(SharedStructs.AgreementState.TimeoutAgree);
        agreeAs(RP, ID);
        assertState(SharedStructs.AgreementState.DealNegotiating);
        vm.assertEq(store.getAgreement(ID).resourceProviderAgreedAt, START + AGREE + 1, "the live proposal is shown");
        agreeAs(JC, ID);
        assertState(SharedStructs.AgreementState.DealAgreed);
    }

    function test_W09_each_open_proposal_is_refunded_by_name() public {
        SharedStructs.DealMembers memory squat = members();
        squat.jobCreator = STRANGER;
        vm.prank(STRANGER);
        controller.agree(ID, squat, timeouts(), pricing());
        agreeAs(JC, ID);
        vm.warp(START + AGREE + 1);
        controller.timeoutAgreeFor(ID, STRANGER);
        assertState(SharedStructs.AgreementState.DealNegotiating);
        controller.timeoutAgreeFor(ID, JC);
        assertState(SharedStructs.AgreementState.TimeoutAgree);
        assertWallet(STRANGER, WALLET);
        assertWallet(JC, WALLET);
    }

    // W-10: no deadline on forward actions.
    function test_W10_late_consent_is_refused() public {
        agreeAs(RP, ID);
        vm.warp(START + AGREE + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + AGREE);
        agreeAs(JC, ID);
        vm.warp(START + AGREE);
        agreeAs(JC, ID);
        assertState(SharedStructs.AgreementState.DealAgreed);
    }

    function test_W10_late_result_is_refused() public {
        agreed();
        vm.warp(START + SUBMIT + 1);
        expectError(ILilypadErrors.DeadlinePassed.selector, START + SUBMIT);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        vm.warp(START + SUBMIT);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
    }

    // W-11: whoever asks chooses the mediator by the moment of asking.
    function test_W11_asking_does_not_decide_who_is_drawn() public {
        SharedStructs.DealMembers memory m = members();
        m.mediators = new address[](2);
        m.mediators[0] = MEDIATOR;
        m.mediators[1] = MEDIATOR2;
        vm.prank(RP);
        controller.agree(ID, m, timeouts(), pricing());
        vm.prank(JC);
        controller.agree(ID, m, timeouts(), pricing());
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        vm.prank(JC);
        controller.checkResult(ID);
        vm.assertEq(mediation.getMediator(ID), address(0), "open");
        vm.assertTrue(mediation.getDrawBlock(ID) > block.number, "a later block decides");
    }

    // W-12: mediators that nobody checked.
    function test_W12_mediators_are_checked() public {
        address[4] memory wrong = [address(0), JC, RP, MEDIATOR];
        for (uint256 i = 0; i < wrong.length; i++) {
            SharedStructs.DealMembers memory m = members();
            m.mediators = new address[](2);
            m.mediators[0] = MEDIATOR;
            m.mediators[1] = wrong[i];
            expectError(ILilypadErrors.InvalidMediator.selector, wrong[i]);
            vm.prank(RP);
            controller.agree(ID, m, timeouts(), pricing());
        }
        SharedStructs.DealMembers memory many = members();
        many.mediators = new address[](17);
        expectError(ILilypadErrors.TooManyMediators.selector, 17, 16);
        vm.prank(RP);
        controller.agree(ID, many, timeouts(), pricing());
    }

    // W-13: work as claimed decides the collateral, up to an overflow.
    function test_W13_a_huge_claim_locks_neither_side() public {
        SharedStructs.DealPricing memory p = pricing();
        p.instructionPrice = type(uint128).max;
        vm.prank(RP);
        controller.agree(ID, members(), timeouts(), p);
        vm.prank(JC);
        controller.agree(ID, members(), timeouts(), p);
        expectError(ILilypadErrors.AmountTooLarge.selector, uint256(type(uint128).max) + 1);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", uint256(type(uint128).max) + 1);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", type(uint128).max);
        assertEscrow(RP, 120);
        accept();
        assertWallet(RP, 1030);
    }

    function test_W13_a_collateral_that_could_never_be_paid_is_refused_at_once() public {
        SharedStructs.DealPricing memory p = SharedStructs.DealPricing(1, 1 << 127, 2, 0);
        expectError(ILilypadErrors.AmountTooLarge.selector, uint256(1) << 128);
        vm.prank(RP);
        controller.agree(ID, members(), timeouts(), p);
    }

    // W-14: a result of no work needs no collateral.
    function test_W14_a_result_claims_work() public {
        agreed();
        expectError(ILilypadErrors.NoWork.selector);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 0);
    }

    // W-15: slashes go to an owner that may not exist.
    function test_W15_slashes_go_to_a_treasury_that_cannot_be_nobody() public {
        expectError(ILilypadErrors.ZeroAddress.selector);
        token.setTreasuryAddress(address(0));
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        token.setTreasuryAddress(STRANGER);
        token.setTreasuryAddress(SOLVER);
        checked(1);
        vm.prank(MEDIATOR);
        mediation.mediationRejectResult(ID);
        assertWallet(SOLVER, 40);
    }

    function test_W15_ownership_cannot_be_renounced() public {
        expectError(ILilypadErrors.OwnershipCannotBeRenounced.selector);
        token.renounceOwnership();
        expectError(ILilypadErrors.OwnershipCannotBeRenounced.selector);
        controller.renounceOwnership();
    }

    // W-16: a one-way street into escrow.
    function test_W16_nobody_strands_tokens_in_escrow() public {
        expectText("ControllerOwnable: Only the controller can call this method");
        vm.prank(STRANGER);
        token.payEscrow(1);
        expectText("ControllerOwnable: Only the controller can call this method");
        vm.prank(STRANGER);
        token.payEscrowFrom(JC, 1);
    }

    // W-17: whoever initialises first.
    function test_W17_only_the_deployer_initialises_and_once() public {
        LilypadStorage freshStorage = new LilypadStorage();
        LilypadUsers freshUsers = new LilypadUsers();
        LilypadMediationRandom freshMediation = new LilypadMediationRandom();
        LilypadPayments freshPayments = new LilypadPayments();
        LilypadController freshController = new LilypadController();
        address one = address(1);
        string memory notOwner = "Ownable: caller is not the owner";
        vm.startPrank(STRANGER, STRANGER);
        expectText(notOwner);
        freshStorage.initialize();
        expectText(notOwner);
        freshUsers.initialize();
        expectText(notOwner);
        freshMediation.initialize();
        expectText(notOwner);
        freshPayments.initialize(one);
        expectText(notOwner);
        freshController.initialize(one, one, one, one, one, one);
        vm.stopPrank();
        string memory again = "Initializable: contract is already initialized";
        expectText(again);
        store.initialize();
        expectText(again);
        users.initialize();
        expectText(again);
        mediation.initialize();
        expectText(again);
        payments.initialize(one);
        expectText(again);
        controller.initialize(one, one, one, one, one, one);
    }

    // W-18: one step, no trace, no brake.
    function test_W18_ownership_moves_in_two_steps() public {
        token.transferOwnership(STRANGER);
        vm.assertEq(token.owner(), address(this), "not yet");
        vm.prank(STRANGER);
        token.acceptOwnership();
        vm.assertEq(token.owner(), STRANGER, "accepted");
        expectText("Ownable: caller is not the owner");
        token.setControllerAddress(address(this));
    }

    function test_W18_latches_hold_against_the_owner() public {
        token.disableChangeControllerAddress();
        expectText("ControllerOwnable: canChangeControllerAddress is disabled");
        token.setControllerAddress(address(this));
        payments.disableChangeTokenAddress();
        expectText("LilypadToken: canChangeTokenAddress is disabled");
        payments.setTokenAddress(address(this));
    }

    /// @dev Deposits of both parties that their wallets can carry.
    function _deposits(uint256 cs, uint256 cj) private pure returns (SharedStructs.DealTimeouts memory t) {
        t = timeouts();
        t.submitResults.collateral = bound(cs, 0, WALLET);
        t.judgeResults.collateral = bound(cj, 0, WALLET - 30);
    }
}
