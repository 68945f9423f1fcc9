// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadPayments} from "../../src/interfaces/ILilypadPayments.sol";
import {ILilypadStorage} from "../../src/interfaces/ILilypadStorage.sol";
import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {Vm} from "../Vm.sol";
import {DealWorld} from "./DealWorld.sol";

/// @notice A second book, kept from the events alone. The test compares it with balances and ledger; the sums of a deal
/// that is over are compared here with what its end is worth.
abstract contract DealLedger is DealWorld {
    /// @dev What the events of the deal in a slot have said. Amounts by person.
    struct Told {
        SharedStructs.AgreementState state;
        uint32 slashes;
        uint32 feesIn;
        uint32 feesOut;
        uint32 feesBack;
        uint128 paidIn;
        uint128 wentOut;
        int256[PEOPLE] held;
        int256[PEOPLE] net;
    }

    /// @dev What the deal's numbers come to.
    struct Worth {
        int256 price;
        int256 payment;
        int256 fee;
        int256 results;
        int256 submit;
        int256 judge;
    }

    Told[SLOTS] internal _told;
    uint256[SLOTS] internal _count;
    /// @notice What each person's escrow must be.
    int256[PEOPLE] public escrowTold;
    /// @notice How each person's wallet must have changed.
    int256[PEOPLE] public walletTold;
    /// @notice What the treasury must have got.
    uint256 public slashedTold;
    /// @notice What was given to the token contract.
    uint256 public donated;

    /// @dev Enters what the last step announced; returns how many changes of state.
    function _fold(uint256 slot, address sender) internal returns (uint256 changes) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        bytes32 key = keccak256(bytes(id(slot)));
        for (uint256 i = 0; i < logs.length; i++) {
            bytes32 topic = logs[i].topics[0];
            if (topic == ILilypadPayments.Payment.selector) {
                (
                    string memory dealId,
                    address payee,
                    uint256 amount,
                    ILilypadPayments.PaymentReason reason,
                    ILilypadPayments.PaymentDirection direction
                ) = abi.decode(
                    logs[i].data,
                    (string, address, uint256, ILilypadPayments.PaymentReason, ILilypadPayments.PaymentDirection)
                );
                require(keccak256(bytes(dealId)) == key, "I-17: money of another deal");
                require(amount < 1 << 100, "amount");
                // forge-lint: disable-next-line(unsafe-typecast)
                _enter(slot, sender, payee, int256(amount), reason, direction);
            } else if (topic == ILilypadStorage.DealStateChange.selector) {
                (string memory dealId, SharedStructs.AgreementState state) =
                    abi.decode(logs[i].data, (string, SharedStructs.AgreementState));
                require(keccak256(bytes(dealId)) == key, "I-17: state of another deal");
                _told[slot].state = state;
                changes++;
            }
        }
    }

    function _enter(
        uint256 slot,
        address sender,
        address payee,
        int256 amount,
        ILilypadPayments.PaymentReason reason,
        ILilypadPayments.PaymentDirection direction
    ) private {
        Told storage told = _told[slot];
        uint256 who = _indexOf(payee);
        bool isFee = reason == ILilypadPayments.PaymentReason.MediationFee;
        if (direction == ILilypadPayments.PaymentDirection.PaidIn) {
            require(payee == sender, "I-18: money of somebody who did nothing");
            if (isFee) told.feesIn++;
            // forge-lint: disable-next-line(unsafe-typecast)
            told.paidIn += uint128(uint256(amount));
            _escrow(told, who, amount);
            _wallet(told, who, -amount);
            return;
        }
        // forge-lint: disable-next-line(unsafe-typecast)
        told.wentOut += uint128(uint256(amount));
        if (direction == ILilypadPayments.PaymentDirection.PaidOut) {
            address right = isFee ? _mediation.getMediator(id(slot)) : provider(slot);
            require(isFee || reason == ILilypadPayments.PaymentReason.JobPayment, "reason of a payment");
            require(payee == right, "payee");
            if (isFee) told.feesOut++;
            _escrow(told, _indexOf(creator(slot)), -amount);
            _wallet(told, who, amount);
        } else if (direction == ILilypadPayments.PaymentDirection.Refunded) {
            if (isFee) told.feesBack++;
            _escrow(told, who, -amount);
            _wallet(told, who, amount);
        } else {
            told.slashes++;
            // forge-lint: disable-next-line(unsafe-typecast)
            slashedTold += uint256(amount);
            _escrow(told, who, -amount);
        }
    }

    function _escrow(Told storage told, uint256 who, int256 amount) private {
        told.held[who] += amount;
        escrowTold[who] += amount;
        require(told.held[who] >= 0, "more went out than was paid in");
    }

    function _wallet(Told storage told, uint256 who, int256 amount) private {
        told.net[who] += amount;
        walletTold[who] += amount;
    }

    function _worth(uint256 slot) internal view returns (Worth memory worth) {
        (, SharedStructs.DealTimeouts memory timeouts, SharedStructs.DealPricing memory pricing) = terms(slot);
        uint256 cost = pricing.instructionPrice * _count[slot];
        if (cost > pricing.paymentCollateral) cost = pricing.paymentCollateral;
        // forge-lint: disable-start(unsafe-typecast)
        worth.price = int256(cost);
        worth.payment = int256(pricing.paymentCollateral);
        worth.fee = int256(pricing.mediationFee);
        worth.results = int256(pricing.resultsCollateralMultiple * cost);
        worth.submit = int256(timeouts.submitResults.collateral);
        worth.judge = int256(timeouts.judgeResults.collateral);
        // forge-lint: disable-end(unsafe-typecast)
    }

    /// @dev The deal is over: what has it cost whom? `quit`: the provider gave it up.
    function _checkEnd(uint256 slot, bool quit) internal view {
        Told storage told = _told[slot];
        Worth memory worth = _worth(slot);
        int256 ofCreator = told.net[_indexOf(creator(slot))];
        int256 ofProvider = told.net[_indexOf(provider(slot))];
        uint256 state = uint256(told.state);
        bool judgedLate = state == uint256(SharedStructs.AgreementState.TimeoutJudgeResults);
        bool byMediator = state == uint256(SharedStructs.AgreementState.MediationAccepted)
            || state == uint256(SharedStructs.AgreementState.MediationRejected);
        bool rejected = state == uint256(SharedStructs.AgreementState.MediationRejected);
        bool undelivered = state == uint256(SharedStructs.AgreementState.TimeoutSubmitResults);
        bool unmediated = state == uint256(SharedStructs.AgreementState.TimeoutMediateResults);

        require(told.held[_indexOf(creator(slot))] == 0, "I-4: a deposit of the creator is left");
        require(told.held[_indexOf(provider(slot))] == 0, "I-4: a deposit of the provider is left");
        _checkConservation(slot, told);

        require(-ofCreator <= worth.payment + worth.fee + (judgedLate ? worth.judge : int256(0)), "I-10: creator");
        require(-ofProvider <= (worth.submit > worth.results ? worth.submit : worth.results), "I-10: provider");
        if (undelivered) require(ofCreator == 0, "I-12: the creator lost money without a result");
        else if (!rejected) require(ofProvider == worth.price, "I-11: the provider delivered and is not paid");

        int256 paid = undelivered || rejected ? int256(0) : worth.price;
        int256 fee = byMediator ? worth.fee : int256(0);
        require(ofCreator == -paid - fee - (judgedLate ? worth.judge : int256(0)), "creator's end");
        int256 fine = rejected ? worth.results : undelivered && !quit ? worth.submit : int256(0);
        require(ofProvider == paid - fine, "provider's end");

        require(told.feesIn == (byMediator || unmediated ? 1 : 0), "I-15: fee deposited");
        require(told.feesOut == (byMediator ? 1 : 0), "I-15: fee paid");
        require(told.feesBack == (unmediated ? 1 : 0), "I-15: fee returned");
        require(told.slashes == (rejected || judgedLate || (undelivered && !quit) ? 1 : 0), "I-16: slashes");
    }

    /// @dev What strangers have deposited under the deal's id is not the deal's.
    function _checkConservation(uint256 slot, Told storage told) private view {
        int256 strangers = 0;
        for (uint256 i = 0; i < PEOPLE; i++) {
            if (person(i) != creator(slot) && person(i) != provider(slot)) strangers += told.held[i];
        }
        require(int256(uint256(told.paidIn)) == int256(uint256(told.wentOut)) + strangers, "I-5: conservation");
    }
}
