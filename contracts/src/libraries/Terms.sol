// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../interfaces/ILilypadErrors.sol";
import {SharedStructs} from "../types/SharedStructs.sol";
import {EscrowLedger} from "./EscrowLedger.sol";
import {Transitions} from "./Transitions.sol";

/// @title The terms of a deal: what is allowed, and how they are stored in six slots, the id and the mediators.
library Terms {
    uint256 internal constant MAX_MEDIATORS = 16;

    struct Stored {
        address solver;
        uint40 agreeTimeout;
        uint40 submitTimeout;
        address jobCreator;
        uint40 judgeTimeout;
        uint40 mediateTimeout;
        address resourceProvider;
        uint8 mediatorCount;
        uint128 instructionPrice;
        uint128 paymentCollateral;
        uint128 resultsCollateralMultiple;
        uint128 mediationFee;
        uint128 submitCollateral;
        uint128 judgeCollateral;
        string dealId;
        mapping(uint256 index => address) mediators;
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

    /// @notice Stores validated terms.
    function store(
        Stored storage stored,
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) internal {
        stored.solver = members.solver;
        stored.agreeTimeout = _checkedTime(timeouts.agree.timeout);
        stored.submitTimeout = _checkedTime(timeouts.submitResults.timeout);
        stored.jobCreator = members.jobCreator;
        stored.judgeTimeout = _checkedTime(timeouts.judgeResults.timeout);
        stored.mediateTimeout = _checkedTime(timeouts.mediateResults.timeout);
        stored.resourceProvider = members.resourceProvider;
        // forge-lint: disable-next-line(unsafe-typecast)
        stored.mediatorCount = uint8(members.mediators.length);
        stored.instructionPrice = EscrowLedger.checked(pricing.instructionPrice);
        stored.paymentCollateral = EscrowLedger.checked(pricing.paymentCollateral);
        stored.resultsCollateralMultiple = EscrowLedger.checked(pricing.resultsCollateralMultiple);
        stored.mediationFee = EscrowLedger.checked(pricing.mediationFee);
        stored.submitCollateral = EscrowLedger.checked(timeouts.submitResults.collateral);
        stored.judgeCollateral = EscrowLedger.checked(timeouts.judgeResults.collateral);
        stored.dealId = dealId;
        for (uint256 i = 0; i < members.mediators.length; i++) {
            stored.mediators[i] = members.mediators[i];
        }
    }

    /// @notice The stored terms in v1's shape; all empty if there are none.
    function load(Stored storage stored) internal view returns (SharedStructs.Deal memory deal) {
        deal.dealId = stored.dealId;
        deal.members.solver = stored.solver;
        deal.members.jobCreator = stored.jobCreator;
        deal.members.resourceProvider = stored.resourceProvider;
        deal.members.mediators = new address[](stored.mediatorCount);
        for (uint256 i = 0; i < deal.members.mediators.length; i++) {
            deal.members.mediators[i] = stored.mediators[i];
        }
        deal.timeouts.agree.timeout = stored.agreeTimeout;
        deal.timeouts.submitResults.timeout = stored.submitTimeout;
        deal.timeouts.submitResults.collateral = stored.submitCollateral;
        deal.timeouts.judgeResults.timeout = stored.judgeTimeout;
        deal.timeouts.judgeResults.collateral = stored.judgeCollateral;
        deal.timeouts.mediateResults.timeout = stored.mediateTimeout;
        deal.pricing.instructionPrice = stored.instructionPrice;
        deal.pricing.paymentCollateral = stored.paymentCollateral;
        deal.pricing.resultsCollateralMultiple = stored.resultsCollateralMultiple;
        deal.pricing.mediationFee = stored.mediationFee;
    }

    /// @notice Refuses terms that differ from the stored ones, with v1's texts in v1's order.
    function requireEqual(
        Stored storage stored,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) internal view {
        require(stored.resourceProvider == members.resourceProvider, "RP");
        require(stored.jobCreator == members.jobCreator, "JC");
        require(stored.solver == members.solver, "Solver");
        require(stored.mediatorCount == members.mediators.length, "Mediators");
        for (uint256 i = 0; i < members.mediators.length; i++) {
            require(stored.mediators[i] == members.mediators[i], "Mediator");
        }
        require(stored.agreeTimeout == timeouts.agree.timeout, "Timeout");
        require(stored.submitTimeout == timeouts.submitResults.timeout, "Timeout");
        require(stored.submitCollateral == timeouts.submitResults.collateral, "Collateral");
        require(stored.judgeTimeout == timeouts.judgeResults.timeout, "Timeout");
        require(stored.judgeCollateral == timeouts.judgeResults.collateral, "Collateral");
        require(stored.mediateTimeout == timeouts.mediateResults.timeout, "Timeout");
        require(stored.instructionPrice == pricing.instructionPrice, "Price");
        require(stored.paymentCollateral == pricing.paymentCollateral, "Payment");
        require(stored.resultsCollateralMultiple == pricing.resultsCollateralMultiple, "Results");
        require(stored.mediationFee == pricing.mediationFee, "Mediation");
    }

    /// @notice The one of the four times that `which` means, in seconds.
    function timeout(Stored storage stored, Transitions.Deadline which) internal view returns (uint256) {
        if (which == Transitions.Deadline.Agree) return stored.agreeTimeout;
        if (which == Transitions.Deadline.SubmitResults) return stored.submitTimeout;
        if (which == Transitions.Deadline.JudgeResults) return stored.judgeTimeout;
        return stored.mediateTimeout;
    }

    /// @notice What `instructionCount` units cost, never more than the payment collateral.
    function cappedCost(Stored storage stored, uint256 instructionCount) internal view returns (uint256) {
        uint256 cost = stored.instructionPrice * instructionCount;
        uint256 cap = stored.paymentCollateral;
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
