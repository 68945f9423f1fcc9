// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../interfaces/ILilypadErrors.sol";
import {SharedStructs} from "../types/SharedStructs.sol";
import {EscrowLedger} from "./EscrowLedger.sol";
import {Records} from "./Records.sol";
import {Transitions} from "./Transitions.sol";

/// @title The terms of a deal: what is allowed, and the record that keeps them.
/// @notice A record is zero byte, time of the first consent (5 bytes), whether it was the provider's (1), then the terms:
///
///     solver, job creator, resource provider           20 bytes each
///     agree, submit, judge, mediate time               5 bytes each
///     price, payment, multiple, fee, submit and judge collateral   16 bytes each
///     number of mediators                              1 byte
///     mediators                                        20 bytes each
///     deal id                                          the rest
library Terms {
    using Records for bytes;

    uint256 internal constant MAX_MEDIATORS = 16;

    uint256 private constant FIRST_CONSENT = 1;
    uint256 private constant BY_PROVIDER = 6;
    uint256 private constant TERMS = 7;
    uint256 private constant SOLVER = TERMS;
    uint256 private constant JOB_CREATOR = SOLVER + 20;
    uint256 private constant RESOURCE_PROVIDER = JOB_CREATOR + 20;
    uint256 private constant TIMES = RESOURCE_PROVIDER + 20;
    uint256 private constant AMOUNTS = TIMES + 4 * 5;
    uint256 private constant MEDIATOR_COUNT = AMOUNTS + 6 * 16;
    uint256 private constant MEDIATORS = MEDIATOR_COUNT + 1;

    /// @dev Places of the amounts in a record.
    enum Amount {
        InstructionPrice,
        PaymentCollateral,
        ResultsCollateralMultiple,
        MediationFee,
        SubmitCollateral,
        JudgeCollateral
    }

    /// @notice Refuses terms that no deal may have.
    function validate(
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) internal pure {
        require(members.resourceProvider != address(0), "RP missing");
        require(members.jobCreator != address(0), "JC missing");
        require(members.solver != address(0), "Solver missing");
        require(members.mediators.length > 0, "Mediators <= 0");
        require(members.resourceProvider != members.jobCreator, "RP / JC same");
        require(timeouts.agree.collateral == 0, "Agree deposit must be 0");
        require(timeouts.mediateResults.collateral == 0, "Mediate deposit must be 0");
        _validateMediators(members);
        _checkedTime(timeouts.agree.timeout);
        _checkedTime(timeouts.submitResults.timeout);
        _checkedTime(timeouts.judgeResults.timeout);
        _checkedTime(timeouts.mediateResults.timeout);
        EscrowLedger.checked(timeouts.submitResults.collateral);
        EscrowLedger.checked(timeouts.judgeResults.collateral);
        EscrowLedger.checked(pricing.instructionPrice);
        EscrowLedger.checked(pricing.paymentCollateral);
        EscrowLedger.checked(pricing.mediationFee);
        EscrowLedger.checked(pricing.resultsCollateralMultiple);
        // Two numbers below 2^128 multiply without overflow, and this bounds every results collateral of the deal.
        EscrowLedger.checked(pricing.resultsCollateralMultiple * pricing.paymentCollateral);
    }

    /// @notice The terms as a record keeps them. Only for validated terms: larger numbers lose digits here.
    function pack(
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) internal pure returns (bytes memory packed) {
        packed = abi.encodePacked(
            members.solver,
            members.jobCreator,
            members.resourceProvider,
            _checkedTime(timeouts.agree.timeout),
            _checkedTime(timeouts.submitResults.timeout),
            _checkedTime(timeouts.judgeResults.timeout),
            _checkedTime(timeouts.mediateResults.timeout)
        );
        packed = abi.encodePacked(
            packed,
            EscrowLedger.checked(pricing.instructionPrice),
            EscrowLedger.checked(pricing.paymentCollateral),
            EscrowLedger.checked(pricing.resultsCollateralMultiple),
            EscrowLedger.checked(pricing.mediationFee),
            EscrowLedger.checked(timeouts.submitResults.collateral),
            EscrowLedger.checked(timeouts.judgeResults.collateral),
            // forge-lint: disable-next-line(unsafe-typecast)
            uint8(members.mediators.length)
        );
        for (uint256 i = 0; i < members.mediators.length; i++) {
            packed = abi.encodePacked(packed, members.mediators[i]);
        }
        packed = abi.encodePacked(packed, dealId);
    }

    /// @notice Writes a record of packed terms to which one party consents at `time`; zero if none did yet.
    function record(bytes memory packed, uint40 time, bool byProvider) internal returns (address) {
        return Records.write(abi.encodePacked(hex"00", time, byProvider, packed));
    }

    /// @notice The same terms with a first consent.
    function withConsent(bytes memory terms, uint40 time, bool byProvider) internal returns (address) {
        return record(bytes(terms.text(TERMS, terms.length - TERMS)), time, byProvider);
    }

    /// @notice A record's terms in v1's shape.
    function load(bytes memory terms) internal pure returns (SharedStructs.Deal memory deal) {
        deal.dealId = dealIdOf(terms);
        deal.members.solver = solver(terms);
        deal.members.jobCreator = jobCreator(terms);
        deal.members.resourceProvider = resourceProvider(terms);
        deal.members.mediators = new address[](terms.number(MEDIATOR_COUNT, 1));
        for (uint256 i = 0; i < deal.members.mediators.length; i++) {
            deal.members.mediators[i] = terms.account(MEDIATORS + 20 * i);
        }
        deal.timeouts.agree.timeout = timeout(terms, Transitions.Deadline.Agree);
        deal.timeouts.submitResults.timeout = timeout(terms, Transitions.Deadline.SubmitResults);
        deal.timeouts.submitResults.collateral = amount(terms, Amount.SubmitCollateral);
        deal.timeouts.judgeResults.timeout = timeout(terms, Transitions.Deadline.JudgeResults);
        deal.timeouts.judgeResults.collateral = amount(terms, Amount.JudgeCollateral);
        deal.timeouts.mediateResults.timeout = timeout(terms, Transitions.Deadline.MediateResults);
        deal.pricing.instructionPrice = amount(terms, Amount.InstructionPrice);
        deal.pricing.paymentCollateral = amount(terms, Amount.PaymentCollateral);
        deal.pricing.resultsCollateralMultiple = amount(terms, Amount.ResultsCollateralMultiple);
        deal.pricing.mediationFee = amount(terms, Amount.MediationFee);
    }

    /// @notice Refuses terms that differ from the recorded ones, with v1's texts in v1's order.
    function requireEqual(
        bytes memory terms,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) internal pure {
        SharedStructs.Deal memory deal = load(terms);
        require(deal.members.resourceProvider == members.resourceProvider, "RP");
        require(deal.members.jobCreator == members.jobCreator, "JC");
        require(deal.members.solver == members.solver, "Solver");
        require(deal.members.mediators.length == members.mediators.length, "Mediators");
        for (uint256 i = 0; i < members.mediators.length; i++) {
            require(deal.members.mediators[i] == members.mediators[i], "Mediator");
        }
        require(deal.timeouts.agree.timeout == timeouts.agree.timeout, "Timeout");
        require(deal.timeouts.submitResults.timeout == timeouts.submitResults.timeout, "Timeout");
        require(deal.timeouts.submitResults.collateral == timeouts.submitResults.collateral, "Collateral");
        require(deal.timeouts.judgeResults.timeout == timeouts.judgeResults.timeout, "Timeout");
        require(deal.timeouts.judgeResults.collateral == timeouts.judgeResults.collateral, "Collateral");
        require(deal.timeouts.mediateResults.timeout == timeouts.mediateResults.timeout, "Timeout");
        require(deal.pricing.instructionPrice == pricing.instructionPrice, "Price");
        require(deal.pricing.paymentCollateral == pricing.paymentCollateral, "Payment");
        require(deal.pricing.resultsCollateralMultiple == pricing.resultsCollateralMultiple, "Results");
        require(deal.pricing.mediationFee == pricing.mediationFee, "Mediation");
    }

    /// @notice Whether a record keeps exactly these packed terms.
    function equals(bytes memory terms, bytes memory packed) internal pure returns (bool) {
        return keccak256(bytes(terms.text(TERMS, terms.length - TERMS))) == keccak256(packed);
    }

    /// @notice What equal proposals share: keccak256(abi.encode(members, timeouts, pricing)).
    function hash(bytes memory terms) internal pure returns (bytes32) {
        SharedStructs.Deal memory deal = load(terms);
        return keccak256(abi.encode(deal.members, deal.timeouts, deal.pricing));
    }

    /// @notice When the first party consented, and which one. Zero if none did yet.
    function firstConsent(bytes memory terms) internal pure returns (uint256 time, bool byProvider) {
        return (terms.number(FIRST_CONSENT, 5), terms.number(BY_PROVIDER, 1) == 1);
    }

    /// @notice Who consented first.
    function proposer(bytes memory terms) internal pure returns (address) {
        (, bool byProvider) = firstConsent(terms);
        return byProvider ? resourceProvider(terms) : jobCreator(terms);
    }

    function solver(bytes memory terms) internal pure returns (address) {
        return terms.account(SOLVER);
    }

    function jobCreator(bytes memory terms) internal pure returns (address) {
        return terms.account(JOB_CREATOR);
    }

    function resourceProvider(bytes memory terms) internal pure returns (address) {
        return terms.account(RESOURCE_PROVIDER);
    }

    function dealIdOf(bytes memory terms) internal pure returns (string memory) {
        uint256 start = MEDIATORS + 20 * terms.number(MEDIATOR_COUNT, 1);
        return terms.text(start, terms.length - start);
    }

    /// @notice The one of the four times that `which` means, in seconds.
    function timeout(bytes memory terms, Transitions.Deadline which) internal pure returns (uint256) {
        return terms.number(TIMES + 5 * uint256(which), 5);
    }

    function amount(bytes memory terms, Amount which) internal pure returns (uint256) {
        return terms.number(AMOUNTS + 16 * uint256(which), 16);
    }

    /// @notice What `instructionCount` units cost, never more than the payment collateral.
    function cappedCost(bytes memory terms, uint256 instructionCount) internal pure returns (uint256) {
        uint256 cost = amount(terms, Amount.InstructionPrice) * instructionCount;
        uint256 cap = amount(terms, Amount.PaymentCollateral);
        return cost < cap ? cost : cap;
    }

    function _validateMediators(SharedStructs.DealMembers calldata members) private pure {
        uint256 count = members.mediators.length;
        if (count > MAX_MEDIATORS) revert ILilypadErrors.TooManyMediators(count, MAX_MEDIATORS);
        for (uint256 i = 0; i < count; i++) {
            address mediator = members.mediators[i];
            bool invalid =
                mediator == address(0) || mediator == members.jobCreator || mediator == members.resourceProvider;
            for (uint256 j = 0; j < i; j++) {
                invalid = invalid || members.mediators[j] == mediator;
            }
            if (invalid) revert ILilypadErrors.InvalidMediator(mediator);
        }
    }

    function _checkedTime(uint256 time) private pure returns (uint40) {
        if (time > type(uint40).max) revert ILilypadErrors.TimeTooLarge(time);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint40(time);
    }
}
