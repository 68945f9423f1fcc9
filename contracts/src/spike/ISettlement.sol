// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A spike: whole deals settled by the signatures of both parties, one call for one or many.
///
///     creator: lock(provider, amount, until) ─► deals off chain, each signed by both ─► anyone: settle, settleBatch
///                                                                                  └─► after `until`, creator: unlock
///
/// @notice Not used by nodes. It shows that the ledger of the v1 face carries this one: escrow under a key, here that of a
/// pair of parties instead of a deal, taken out by settlements only. A settlement is final when it is signed: who disputes a
/// result does not sign, and uses the v1 face. What is signed is owed as far as the pair's escrow reaches, until its time or
/// until the provider, and nobody else, cancels the nonce. No slot is written for a deal: its nonce is one bit of a bitmap
/// that the pair shares, so the first deal of a pair opens one slot, and after that, with consecutive nonces, every 256th
/// does. The escrow is this contract's own, of the library that Payments uses, not Payments' custody: nothing here knows
/// whether a deal is also paid in the v1 face.
interface ISettlement {
    /// @dev What both parties sign, EIP-712, domain {Lilypad Settlement, 1, chainId, this contract}.
    struct Settlement {
        /// keccak256 of the deal's id.
        bytes32 dealKey;
        /// keccak256 of the id of the result record.
        bytes32 resultKey;
        address jobCreator;
        address resourceProvider;
        /// What the provider gets, base units.
        uint256 amount;
        /// Any number that the pair has not used yet, in this direction.
        uint256 nonce;
    }

    /// @dev With the signatures of both in the short form of EIP-2098: r, and s with the parity in its highest bit.
    struct Signed {
        Settlement settlement;
        bytes32 creatorR;
        bytes32 creatorVs;
        bytes32 providerR;
        bytes32 providerVs;
    }

    /// @dev `Signed` within a batch, which names the parties once.
    struct SignedItem {
        bytes32 dealKey;
        bytes32 resultKey;
        uint256 amount;
        uint256 nonce;
        bytes32 creatorR;
        bytes32 creatorVs;
        bytes32 providerR;
        bytes32 providerVs;
    }

    /// @notice A deal is paid.
    event Settled(bytes32 indexed dealKey, uint256 amount);
    /// @notice A nonce is worthless without having been settled.
    event Cancelled(address indexed jobCreator, address indexed resourceProvider, uint256 nonce);
    /// @notice A pair's escrow changed.
    event Locked(address indexed jobCreator, address indexed resourceProvider, uint256 amount, uint256 until);

    /// @notice A signature is not that of the party.
    error WrongSignature(bytes32 dealKey, address party);
    /// @notice This nonce of the pair is used or cancelled.
    error NonceUsed(uint256 nonce);
    /// @notice The pair's escrow is too small.
    error NotEnoughLocked(uint256 locked, uint256 amount);
    /// @notice The escrow is the provider's to draw on until then.
    error LockedUntil(uint256 until);
    /// @notice A lock can only be prolonged.
    error LockShortened(uint256 until);
    /// @notice The token refused a transfer.
    error TransferFailed();

    /// @notice Puts `amount` of the caller's tokens into its escrow with a provider, and all of it out of reach until
    /// `until`.
    function lock(address resourceProvider, uint256 amount, uint256 until) external;
    /// @notice Takes what is left back, after `until`.
    function unlock(address resourceProvider) external;
    /// @notice Pays one deal.
    function settle(Signed calldata signed) external;
    /// @notice Pays many deals of one pair, each with its own signatures; all or none.
    function settleBatch(address jobCreator, address resourceProvider, SignedItem[] calldata signed) external;
    /// @notice Makes a nonce of `jobCreator` with the caller, as its resource provider, worthless. Only the provider may: a
    /// creator who could would take back what it owes.
    function cancel(address jobCreator, uint256 nonce) external;
    /// @notice What `jobCreator` has locked with `resourceProvider`, and until when.
    function lockedOf(address jobCreator, address resourceProvider)
        external
        view
        returns (uint256 amount, uint256 until);
    /// @notice Whether a nonce is used or cancelled.
    function isUsed(address jobCreator, address resourceProvider, uint256 nonce) external view returns (bool);
    /// @notice What is signed.
    function digest(Settlement calldata settlement) external view returns (bytes32);
}
