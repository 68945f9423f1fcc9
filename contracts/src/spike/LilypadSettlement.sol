// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {EscrowLedger} from "../libraries/EscrowLedger.sol";
import {ISettlement} from "./ISettlement.sol";

/// @notice See ISettlement.
contract LilypadSettlement is ISettlement, EIP712 {
    using EscrowLedger for EscrowLedger.Ledger;
    using EscrowLedger for EscrowLedger.Held;

    bytes32 private constant TYPE_HASH = keccak256(
        "Settlement(bytes32 dealKey,bytes32 resultKey,address jobCreator,address resourceProvider,uint256 amount,uint256 nonce)"
    );

    IERC20 private immutable _token;
    EscrowLedger.Ledger private _ledger;
    mapping(bytes32 pairKey => uint256) private _until;
    mapping(bytes32 pairKey => mapping(uint256 word => uint256)) private _used;

    constructor(address token) EIP712("Lilypad Settlement", "1") {
        _token = IERC20(token);
    }

    // Escrow

    /// @inheritdoc ISettlement
    function lock(address resourceProvider, uint256 amount, uint256 until) external {
        bytes32 key = _pairKey(msg.sender, resourceProvider);
        if (until < _until[key]) revert LockShortened(_until[key]);
        _until[key] = until;
        _ledger.entry(key, msg.sender).addCollateral(amount);
        emit Locked(msg.sender, resourceProvider, amount, until);
        if (!_token.transferFrom(msg.sender, address(this), amount)) revert TransferFailed();
    }

    /// @inheritdoc ISettlement
    function unlock(address resourceProvider) external {
        bytes32 key = _pairKey(msg.sender, resourceProvider);
        if (block.timestamp <= _until[key]) revert LockedUntil(_until[key]);
        uint256 amount = _ledger.entry(key, msg.sender).takeCollateral();
        emit Locked(msg.sender, resourceProvider, 0, 0);
        _pay(msg.sender, amount);
    }

    // Settlements

    /// @inheritdoc ISettlement
    function settle(Signed calldata signed) external {
        Settlement calldata deal = signed.settlement;
        (address creator, address provider) = (deal.jobCreator, deal.resourceProvider);
        bytes32 hash = digest(deal);
        _requireSigned(hash, deal.dealKey, creator, signed.creatorR, signed.creatorVs);
        _requireSigned(hash, deal.dealKey, provider, signed.providerR, signed.providerVs);
        bytes32 key = _pairKey(creator, provider);
        _use(_used[key], deal.nonce);
        emit Settled(deal.dealKey, deal.amount);
        _draw(key, creator, provider, deal.amount);
    }

    /// @inheritdoc ISettlement
    function settleBatch(address jobCreator, address resourceProvider, SignedItem[] calldata signed) external {
        bytes32 domain = _domainSeparatorV4();
        bytes32 key = _pairKey(jobCreator, resourceProvider);
        mapping(uint256 word => uint256) storage used = _used[key];
        uint256 sum = 0;
        for (uint256 i = 0; i < signed.length; i++) {
            SignedItem calldata item = signed[i];
            bytes32 hash = _hash(domain, jobCreator, resourceProvider, item);
            _requireSigned(hash, item.dealKey, jobCreator, item.creatorR, item.creatorVs);
            _requireSigned(hash, item.dealKey, resourceProvider, item.providerR, item.providerVs);
            _use(used, item.nonce);
            sum += item.amount;
            emit Settled(item.dealKey, item.amount);
        }
        _draw(key, jobCreator, resourceProvider, sum);
    }

    /// @inheritdoc ISettlement
    function cancel(address jobCreator, uint256 nonce) external {
        _use(_used[_pairKey(jobCreator, msg.sender)], nonce);
        emit Cancelled(jobCreator, msg.sender, nonce);
    }

    // Reading

    /// @inheritdoc ISettlement
    function lockedOf(address jobCreator, address resourceProvider)
        external
        view
        returns (uint256 amount, uint256 until)
    {
        bytes32 key = _pairKey(jobCreator, resourceProvider);
        return (_ledger.entry(key, jobCreator).collateral, _until[key]);
    }

    /// @inheritdoc ISettlement
    function isUsed(address jobCreator, address resourceProvider, uint256 nonce) external view returns (bool) {
        return _used[_pairKey(jobCreator, resourceProvider)][nonce >> 8] & (1 << (nonce & 255)) != 0;
    }

    /// @inheritdoc ISettlement
    function digest(Settlement calldata settlement) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(TYPE_HASH, settlement)));
    }

    // Internals

    function _use(mapping(uint256 word => uint256) storage used, uint256 nonce) private {
        uint256 bit = 1 << (nonce & 255);
        uint256 word = used[nonce >> 8];
        if (word & bit != 0) revert NonceUsed(nonce);
        used[nonce >> 8] = word | bit;
    }

    function _draw(bytes32 key, address creator, address provider, uint256 amount) private {
        EscrowLedger.Held storage held = _ledger.entry(key, creator);
        uint256 locked = held.takeCollateral();
        if (locked < amount) revert NotEnoughLocked(locked, amount);
        held.addCollateral(locked - amount);
        _pay(provider, amount);
    }

    function _pay(address to, uint256 amount) private {
        if (!_token.transfer(to, amount)) revert TransferFailed();
    }

    /// @dev As `digest`.
    function _hash(bytes32 domain, address creator, address provider, SignedItem calldata item)
        private
        pure
        returns (bytes32)
    {
        bytes32 hash = keccak256(
            abi.encode(TYPE_HASH, item.dealKey, item.resultKey, creator, provider, item.amount, item.nonce)
        );
        return ECDSA.toTypedDataHash(domain, hash);
    }

    /// @dev A second form of a valid signature proves the same thing, and the nonce stops repetition.
    function _requireSigned(bytes32 hash, bytes32 dealKey, address party, bytes32 r, bytes32 vs) private pure {
        // forge-lint: disable-next-line(unsafe-typecast)
        uint8 v = uint8(27 + (uint256(vs) >> 255));
        address signer = ecrecover(hash, v, r, bytes32(uint256(vs) & (type(uint256).max >> 1)));
        if (signer != party || signer == address(0)) revert WrongSignature(dealKey, party);
    }

    function _pairKey(address creator, address provider) private pure returns (bytes32) {
        return keccak256(abi.encode(creator, provider));
    }
}
