// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Errors of conditions that the v1 contracts did not know.
/// @notice Conditions of v1 keep their texts. Every contract of the set carries this list in its ABI, because an error
/// of one reaches the caller through another.
interface ILilypadErrors {
    /// @notice An amount above 2^128 - 1.
    error AmountTooLarge(uint256 amount);
    /// @notice A time above 2^40 - 1 seconds.
    error TimeTooLarge(uint256 time);
    /// @notice A deal, result or data id, URL or metadata CID is longer than allowed, in bytes.
    error TextTooLong(uint256 length, uint256 max);
    /// @notice The action came after its deadline; only the time-out can be sent now.
    error DeadlinePassed(uint256 deadline);
    /// @notice A result must claim at least one unit of work.
    error NoWork();
    /// @notice A mediator that is zero, a party of the deal or named twice.
    error InvalidMediator(address mediator);
    /// @notice More mediators than a deal may name.
    error TooManyMediators(uint256 count, uint256 max);
    /// @notice More roles than there are.
    error TooManyRoles(uint256 count, uint256 max);
    /// @notice This address has no open proposal for the deal.
    error NoOpenProposal(address proposer);
    /// @notice A settlement left money behind. Unreachable; guards the ledger.
    error EscrowNotEmpty(address party);
    /// @notice No mediation was requested for the deal.
    error MediationNotRequested();
    /// @notice An address that must not be zero.
    error ZeroAddress();
    /// @notice A contract of the set always has an owner; transfer it instead.
    error OwnershipCannotBeRenounced();
    /// @notice A call came in while another was running.
    error Reentered();
}
