// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title LP: an ERC-20 that keeps the sum of each party's deposits.
/// @notice Only the controller (LilypadPayments) moves escrow; which deal it belongs to is its knowledge. While the
/// token is paused nothing moves.
interface ILilypadToken {
    /// @notice Slashed deposits go to a new address.
    event TreasuryChanged(address indexed previousTreasury, address indexed newTreasury);

    /// @notice Everything `_address` has deposited, in base units.
    function escrowBalanceOf(address _address) external view returns (uint256);
    /// @notice Takes `amount` from the caller's wallet into the caller's escrow. Controller only.
    function payEscrow(uint256 amount) external returns (bool);
    /// @notice Takes `amount` from the wallet of `fromAddress` into its escrow. Controller only.
    function payEscrowFrom(address fromAddress, uint256 amount) external returns (bool);
    /// @notice Gives `amount` of `toAddress`'s escrow back to it. Controller only.
    function refundEscrow(address toAddress, uint256 amount) external returns (bool);
    /// @notice Pays `amount` of `fromAddress`'s escrow to `toAddress`. Controller only.
    function payJob(address fromAddress, address toAddress, uint256 amount) external returns (bool);
    /// @notice Sends `amount` of `slashedAddress`'s escrow to the treasury. Controller only.
    function slashEscrow(address slashedAddress, uint256 amount) external returns (bool);
    /// @notice Where slashed deposits go. Never zero; the deployer at first.
    function getTreasuryAddress() external view returns (address);
    /// @notice Names the treasury. Owner only, not zero, not the token itself.
    function setTreasuryAddress(address treasuryAddress) external;
    /// @notice Stops and resumes every movement. Owner only.
    function pause() external;
    /// @notice See `pause`.
    function unpause() external;
}
