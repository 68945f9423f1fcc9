// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadToken} from "../src/LilypadToken.sol";
import {ILilypadController} from "../src/interfaces/ILilypadController.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {ILilypadToken} from "../src/interfaces/ILilypadToken.sol";
import {EscrowLedger} from "../src/libraries/EscrowLedger.sol";
import {DealTypes} from "../src/types/DealTypes.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";
import {Vm} from "./Vm.sol";

/// @notice Who may call what, and what a pause stops.
contract AccessTest is Base {
    string private constant ONLY = "ControllerOwnable: Only the controller can call this method";
    string private constant OWNER = "Ownable: caller is not the owner";

    function test_storage_writes_for_its_controller_only() public {
        vm.startPrank(STRANGER, STRANGER);
        expectText(ONLY);
        store.propose(ID, RP, members(), timeouts(), pricing());
        expectText(ONLY);
        store.timeoutProposal(ID, RP);
        expectText(ONLY);
        store.advance(ID, DealTypes.Action.AcceptResult, JC);
        expectText(ONLY);
        store.submitResult(ID, RP, "r", "d", 1);
        expectText(ONLY);
        store.ensureDeal(ID, members(), timeouts(), pricing());
        expectText(ONLY);
        store.agreeResourceProvider(ID);
        expectText(ONLY);
        store.agreeJobCreator(ID);
        expectText(ONLY);
        store.addResult(ID, "r", "d", 1);
        expectText(ONLY);
        store.acceptResult(ID);
        expectText(ONLY);
        store.checkResult(ID);
        expectText(ONLY);
        store.mediationAcceptResult(ID);
        expectText(ONLY);
        store.mediationRejectResult(ID);
        expectText(ONLY);
        store.timeoutAgree(ID);
        expectText(ONLY);
        store.timeoutSubmitResult(ID);
        expectText(ONLY);
        store.timeoutJudgeResult(ID);
        expectText(ONLY);
        store.timeoutMediateResult(ID);
        vm.stopPrank();
    }

    function test_payments_moves_money_for_its_controller_only() public {
        vm.startPrank(STRANGER, STRANGER);
        expectText(ONLY);
        payments.agreeResourceProvider(ID, RP, 1);
        expectText(ONLY);
        payments.agreeJobCreator(ID, JC, 1, 1);
        expectText(ONLY);
        payments.addResult(ID, RP, 1, 1);
        expectText(ONLY);
        payments.giveUp(ID, RP, JC);
        expectText(ONLY);
        payments.acceptResult(ID, RP, JC, 1, 1, 1, 1);
        expectText(ONLY);
        payments.checkResult(ID, JC, 1, 1);
        expectText(ONLY);
        payments.mediationAcceptResult(ID, RP, JC, 1, 1, 1, 1);
        expectText(ONLY);
        payments.mediationRejectResult(ID, RP, JC, 1, 1, 1);
        expectText(ONLY);
        payments.timeoutAgreeRefundResourceProvider(ID, RP, 1);
        expectText(ONLY);
        payments.timeoutAgreeRefundJobCreator(ID, JC, 1, 1);
        expectText(ONLY);
        payments.timeoutSubmitResults(ID, RP, JC, 1, 1);
        expectText(ONLY);
        payments.timeoutSubmitResult(ID, RP, JC, 1, 1);
        expectText(ONLY);
        payments.timeoutJudgeResults(ID, RP, JC, 1, 1);
        expectText(ONLY);
        payments.timeoutJudgeResult(ID, RP, JC, 1, 1);
        expectText(ONLY);
        payments.timeoutMediateResult(ID, RP, JC, 1, 1, 1);
        vm.stopPrank();
    }

    function test_token_moves_escrow_for_its_controller_only() public {
        vm.startPrank(STRANGER, STRANGER);
        expectText(ONLY);
        token.refundEscrow(STRANGER, 1);
        expectText(ONLY);
        token.payJob(JC, STRANGER, 1);
        expectText(ONLY);
        token.slashEscrow(JC, 1);
        vm.stopPrank();
    }

    function test_mediation_is_requested_by_its_controller_only() public {
        SharedStructs.Deal memory deal = SharedStructs.Deal(ID, members(), timeouts(), pricing());
        expectText(ONLY);
        mediation.mediationRequest(deal);
    }

    function test_settings_are_the_owners() public {
        vm.startPrank(STRANGER, STRANGER);
        expectText(OWNER);
        token.pause();
        expectText(OWNER);
        token.unpause();
        expectText(OWNER);
        token.setControllerAddress(STRANGER);
        expectText(OWNER);
        token.disableChangeControllerAddress();
        expectText(OWNER);
        payments.setTokenAddress(STRANGER);
        expectText(OWNER);
        payments.disableChangeTokenAddress();
        expectText(OWNER);
        controller.setStorageAddress(STRANGER);
        expectText(OWNER);
        controller.setUsersAddress(STRANGER);
        expectText(OWNER);
        controller.setPaymentsAddress(STRANGER);
        expectText(OWNER);
        controller.setMediationAddress(STRANGER);
        expectText(OWNER);
        controller.setJobCreatorAddress(STRANGER);
        expectText(OWNER);
        controller.setPowAddress(STRANGER);
        expectText(OWNER);
        controller.renounceOwnership();
        vm.stopPrank();
    }

    function test_settings_keep_the_texts_of_v1() public {
        expectText("Storage address");
        controller.setStorageAddress(address(0));
        expectText("Users address");
        controller.setUsersAddress(address(0));
        expectText("Payments address");
        controller.setPaymentsAddress(address(0));
        expectText("Mediation address");
        controller.setMediationAddress(address(0));
        expectText("JobCreator address");
        controller.setJobCreatorAddress(address(0));
        expectText("Users address");
        controller.setPowAddress(address(0));
        expectText("ControllerOwnable: Controller address must be defined");
        store.setControllerAddress(address(0));
        expectText("LilepadPayments: Token address must be defined");
        payments.setTokenAddress(address(0));
        LilypadToken fresh = new LilypadToken("T", "T", 1);
        expectText("ControllerOwnable: Controller address must be defined");
        fresh.refundEscrow(RP, 1);
    }

    function test_the_controller_knows_its_neighbours() public view {
        vm.assertEq(controller.getStorageAddress(), address(store), "storage");
        vm.assertEq(controller.getUsersAddress(), address(users), "users");
        vm.assertEq(controller.getPaymentsAddress(), address(payments), "payments");
        vm.assertEq(controller.getMediationAddress(), address(mediation), "mediation");
        vm.assertEq(controller.getJobCreatorAddress(), address(0x10B), "job creator");
        vm.assertEq(controller.getPowAddress(), address(0x9017), "pow");
        vm.assertEq(payments.getTokenAddress(), address(token), "token");
        vm.assertEq(token.getControllerAddress(), address(payments), "token's controller");
        vm.assertEq(token.getTreasuryAddress(), TREASURY, "treasury");
    }

    // While paused no balance, escrow or agreement changes.

    function test_every_change_of_a_neighbour_is_announced() public {
        string[6] memory names = ["Storage", "Users", "Payments", "Mediation", "JobCreator", "Pow"];
        bytes4[6] memory setters = [
            controller.setStorageAddress.selector,
            controller.setUsersAddress.selector,
            controller.setPaymentsAddress.selector,
            controller.setMediationAddress.selector,
            controller.setJobCreatorAddress.selector,
            controller.setPowAddress.selector
        ];
        address[6] memory before = [
            controller.getStorageAddress(),
            controller.getUsersAddress(),
            controller.getPaymentsAddress(),
            controller.getMediationAddress(),
            controller.getJobCreatorAddress(),
            controller.getPowAddress()
        ];
        for (uint256 i = 0; i < 6; i++) {
            vm.expectEmit(true, true, false, true, address(controller));
            emit ILilypadController.NeighbourChanged(names[i], before[i], address(0xABC));
            (bool ok,) = address(controller).call(abi.encodeWithSelector(setters[i], address(0xABC)));
            vm.assertTrue(ok, names[i]);
        }
    }

    function test_settings_of_the_money_are_announced() public {
        vm.expectEmit(true, true, false, true, address(payments));
        emit ILilypadPayments.TokenChanged(address(token), address(0xABC));
        payments.setTokenAddress(address(0xABC));
        vm.expectEmit(true, false, false, true, address(payments));
        emit ILilypadPayments.TokenLocked(address(0xABC));
        payments.disableChangeTokenAddress();
        vm.expectEmit(true, true, false, true, address(token));
        emit ILilypadToken.TreasuryChanged(TREASURY, address(0xABC));
        token.setTreasuryAddress(address(0xABC));
    }

    // What Payments asks its controller and the storage contract for.

    function getStorageAddress() external view returns (address) {
        return address(this);
    }

    function getMediationAddress() external view returns (address) {
        return address(this);
    }

    function getMediator(string calldata) external pure returns (address) {
        return MEDIATOR;
    }

    function getJobCost(string calldata) external pure returns (uint256) {
        return 10;
    }

    /// @dev Driven as a controller of ours never does: a settlement that would leave a deposit behind.
    function test_a_settlement_leaves_nothing_behind_or_fails() public {
        payments.setControllerAddress(address(this));
        payments.agreeJobCreator(ID, JC, 30, 7);
        payments.agreeResourceProvider(ID, RP, 10);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.acceptResult(ID, RP, JC, 10, 30, 40, 7);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.mediationAcceptResult(ID, RP, JC, 10, 30, 40, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.mediationRejectResult(ID, RP, JC, 30, 40, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.timeoutJudgeResults(ID, RP, JC, 40, 7);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.timeoutMediateResult(ID, RP, JC, 30, 40, 5);
        payments.addResult(ID, RP, 40, 10);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.timeoutMediateResult(ID, RP, JC, 30, 40, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.mediationAcceptResult(ID, RP, JC, 10, 30, 40, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.mediationRejectResult(ID, RP, JC, 30, 40, 5);
        payments.checkResult(ID, JC, 7, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.acceptResult(ID, RP, JC, 10, 30, 40, 7);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.timeoutSubmitResults(ID, RP, JC, 30, 10);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.timeoutJudgeResults(ID, RP, JC, 40, 7);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.giveUp(ID, RP, JC);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, RP);
        payments.timeoutAgreeRefundResourceProvider(ID, RP, 10);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.timeoutAgreeRefundJobCreator(ID, JC, 30, 7);
        payments.timeoutMediateResult(ID, RP, JC, 30, 40, 5);
        vm.assertTrue(isEmpty(ID, RP) && isEmpty(ID, JC), "nothing left");
    }

    function test_a_settlement_leaves_no_fee_behind() public {
        payments.setControllerAddress(address(this));
        payments.agreeJobCreator(ID, JC, 30, 7);
        payments.agreeResourceProvider(ID, RP, 10);
        payments.checkResult(ID, JC, 7, 5);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.timeoutSubmitResults(ID, RP, JC, 30, 10);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.giveUp(ID, RP, JC);
        expectError(ILilypadErrors.EscrowNotEmpty.selector, JC);
        payments.timeoutAgreeRefundJobCreator(ID, JC, 30, 7);
        assertEscrow(JC, 35);
    }

    /// @dev A controller of ours never pays for the same purpose twice; if one did, nothing would be lost.
    function test_deposits_for_one_purpose_add_up() public {
        payments.setControllerAddress(address(this));
        for (uint256 i = 0; i < 2; i++) {
            payments.agreeJobCreator(ID, JC, 30, 7);
            payments.agreeResourceProvider(ID, RP, 10);
        }
        EscrowLedger.Held memory held = payments.escrowOf(ID, JC);
        vm.assertEq(held.collateral, 60, "payment");
        vm.assertEq(held.timeoutCollateral, 14, "judging deposit");
        vm.assertEq(payments.escrowOf(ID, RP).timeoutCollateral, 20, "submitting deposit");
        for (uint256 i = 0; i < 2; i++) {
            payments.addResult(ID, RP, 40, 10);
            payments.checkResult(ID, JC, 7, 5);
        }
        vm.assertEq(payments.escrowOf(ID, RP).collateral, 80, "results collateral");
        vm.assertEq(payments.escrowOf(ID, JC).mediationFee, 10, "fee");
        payments.mediationAcceptResult(ID, RP, JC, 10, 30, 40, 5);
        assertWallet(MEDIATOR, 10);
        assertEscrow(RP, 0);
        assertEscrow(JC, 0);
    }

    function test_the_token_pays_nobody_in_v1s_words() public {
        token.setControllerAddress(address(this));
        expectText("LilypadToken: toAddress cannot be zero address");
        token.payJob(JC, address(0), 0);
        expectText("LilypadToken: not enough funds in escrow");
        token.payJob(JC, RP, 1);
    }

    function test_the_judging_time_out_is_the_same_in_both_spellings() public {
        payments.setControllerAddress(address(this));
        for (uint256 i = 0; i < 2; i++) {
            payments.agreeResourceProvider(ID, RP, 10);
            payments.agreeJobCreator(ID, JC, 30, 7);
            payments.addResult(ID, RP, 40, 10);
            if (i == 0) payments.timeoutJudgeResult(ID, RP, JC, 40, 7);
            else payments.timeoutJudgeResults(ID, RP, JC, 40, 7);
            vm.assertTrue(isEmpty(ID, RP) && isEmpty(ID, JC), "nothing left");
            assertWallet(RP, WALLET + 10 * (i + 1));
            assertWallet(JC, WALLET - 17 * (i + 1));
            assertWallet(TREASURY, 7 * (i + 1));
        }
    }

    function test_pause_stops_a_deal_at_every_step() public {
        string memory paused = "ERC20Pausable: token transfer while paused";
        token.pause();
        expectText(paused);
        agreeAs(RP, ID);
        token.unpause();
        agreed();
        token.pause();
        expectText(paused);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        expectText(paused);
        vm.prank(RP);
        controller.giveUp(ID);
        token.unpause();
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        token.pause();
        expectText(paused);
        accept();
        expectText(paused);
        vm.prank(JC);
        token.transfer(RP, 1);
        assertState(SharedStructs.AgreementState.ResultsSubmitted);
        token.unpause();
        accept();
    }

    function test_pause_stops_a_deal_without_money_too() public {
        SharedStructs.DealTimeouts memory t = timeouts();
        t.submitResults.collateral = 0;
        t.judgeResults.collateral = 0;
        SharedStructs.DealPricing memory p = SharedStructs.DealPricing(0, 0, 0, 0);
        vm.prank(RP);
        controller.agree(ID, members(), t, p);
        token.pause();
        expectText("ERC20Pausable: token transfer while paused");
        vm.prank(JC);
        controller.agree(ID, members(), t, p);
        token.unpause();
        vm.prank(JC);
        controller.agree(ID, members(), t, p);
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", 1);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
    }

    function test_supply_is_fixed_and_the_deployers() public {
        LilypadToken fresh = new LilypadToken("Lilypad Token", "LP", 1e27);
        vm.assertEq(fresh.totalSupply(), 1e27, "supply");
        vm.assertEq(fresh.balanceOf(address(this)), 1e27, "deployer");
        vm.assertEq(fresh.decimals(), 18, "decimals");
        vm.assertEq(fresh.getTreasuryAddress(), address(this), "treasury, until it is set");
        vm.recordLogs();
        new LilypadToken("Lilypad Token", "LP", 1e27);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        uint256 announced = 0;
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != ILilypadToken.TreasuryChanged.selector) continue;
            vm.assertEq(address(uint160(uint256(logs[i].topics[2]))), address(this), "announced treasury");
            announced++;
        }
        vm.assertEq(announced, 1, "announcements");
    }
}
