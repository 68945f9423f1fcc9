// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ISettlement} from "../../src/spike/ISettlement.sol";
import {LilypadSettlement} from "../../src/spike/LilypadSettlement.sol";
import {Base} from "../Base.t.sol";

/// @dev Parties with keys, and how they sign.
abstract contract Signing is Base {
    uint256 internal constant CREATOR_KEY = 0xC0FFEE;
    uint256 internal constant PROVIDER_KEY = 0xBEEF;

    LilypadSettlement internal settlement;
    address internal creator;
    address internal provider;

    function setUp() public virtual override {
        super.setUp();
        settlement = new LilypadSettlement(address(token));
        creator = vm.addr(CREATOR_KEY);
        provider = vm.addr(PROVIDER_KEY);
        token.transfer(creator, 1000 ether);
        token.transfer(provider, 1 ether);
        vm.prank(creator);
        token.approve(address(settlement), 1000 ether);
        vm.prank(creator);
        settlement.lock(provider, 500 ether, START + 1 days);
    }

    function deal(uint256 nonce) internal view returns (ISettlement.Settlement memory) {
        return ISettlement.Settlement({
            dealKey: keccak256(abi.encode("deal", nonce)),
            resultKey: keccak256(abi.encode("result", nonce)),
            jobCreator: creator,
            resourceProvider: provider,
            amount: 1 ether,
            nonce: nonce
        });
    }

    function sign(ISettlement.Settlement memory what) internal view returns (ISettlement.Signed memory signed) {
        return signWith(what, CREATOR_KEY, PROVIDER_KEY);
    }

    /// @dev The same as members of a batch.
    function items(ISettlement.Signed[] memory signed) internal pure returns (ISettlement.SignedItem[] memory batch) {
        batch = new ISettlement.SignedItem[](signed.length);
        for (uint256 i = 0; i < batch.length; i++) {
            ISettlement.Settlement memory what = signed[i].settlement;
            batch[i] = ISettlement.SignedItem(
                what.dealKey,
                what.resultKey,
                what.amount,
                what.nonce,
                signed[i].creatorR,
                signed[i].creatorVs,
                signed[i].providerR,
                signed[i].providerVs
            );
        }
    }

    function signWith(ISettlement.Settlement memory what, uint256 creatorKey, uint256 providerKey)
        internal
        view
        returns (ISettlement.Signed memory signed)
    {
        bytes32 digest = settlement.digest(what);
        signed.settlement = what;
        (signed.creatorR, signed.creatorVs) = _short(creatorKey, digest);
        (signed.providerR, signed.providerVs) = _short(providerKey, digest);
    }

    function _short(uint256 key, bytes32 digest) private pure returns (bytes32, bytes32) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return (r, bytes32(uint256(s) | (uint256(v - 27) << 255)));
    }
}

contract SettlementTest is Signing {
    function test_pays_what_both_have_signed() public {
        ISettlement.Signed memory signed = sign(deal(7));
        vm.expectEmit(true, false, false, true, address(settlement));
        emit ISettlement.Settled(signed.settlement.dealKey, 1 ether);
        vm.prank(STRANGER);
        settlement.settle(signed);
        assertWallet(provider, 2 ether);
        assertLocked(499 ether);
        vm.assertTrue(settlement.isUsed(creator, provider, 7), "nonce");
        vm.assertTrue(!settlement.isUsed(creator, provider, 6), "other nonces");
        vm.assertTrue(!settlement.isUsed(provider, creator, 7), "the other direction");
    }

    function test_a_settlement_works_once() public {
        ISettlement.Signed memory signed = sign(deal(1));
        settlement.settle(signed);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NonceUsed.selector, 1));
        settlement.settle(signed);
        // Nor with the other form of the same signature.
        signed.creatorVs ^= bytes32(uint256(1) << 255);
        vm.expectRevert();
        settlement.settle(signed);
        ISettlement.Settlement memory other = deal(2);
        other.nonce = 1;
        signed = sign(other);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NonceUsed.selector, 1));
        settlement.settle(signed);
        assertWallet(provider, 2 ether);
    }

    function test_a_batch_with_a_repetition_moves_nothing() public {
        ISettlement.Signed[] memory signed = new ISettlement.Signed[](2);
        signed[0] = sign(deal(1));
        signed[1] = signed[0];
        ISettlement.SignedItem[] memory batch = items(signed);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.NonceUsed.selector, 1));
        settlement.settleBatch(creator, provider, batch);
        assertWallet(provider, 1 ether);
        assertLocked(500 ether);
    }

    function testFuzz_every_signed_member_counts(uint8 member, uint256 change) public {
        ISettlement.Signed memory signed = sign(deal(1));
        change = bound(change, 1, 1 << 96);
        if (member % 5 == 0) signed.settlement.dealKey ^= bytes32(change);
        if (member % 5 == 1) signed.settlement.resultKey ^= bytes32(change);
        if (member % 5 == 2) signed.settlement.amount += change;
        if (member % 5 == 3) signed.settlement.nonce += change;
        if (member % 5 == 4) {
            // Both parties are part of what is signed: the other one does not stand for the pair.
            signed.settlement.resourceProvider = address(uint160(change));
        }
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongSignature.selector, signed.settlement.dealKey, creator));
        settlement.settle(signed);
    }

    function test_both_signatures_count() public {
        ISettlement.Signed memory signed = signWith(deal(1), PROVIDER_KEY, PROVIDER_KEY);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongSignature.selector, signed.settlement.dealKey, creator));
        settlement.settle(signed);
        signed = signWith(deal(1), CREATOR_KEY, CREATOR_KEY);
        vm.expectRevert(
            abi.encodeWithSelector(ISettlement.WrongSignature.selector, signed.settlement.dealKey, provider)
        );
        settlement.settle(signed);
        ISettlement.Settlement memory nobodys = deal(1);
        nobodys.jobCreator = address(0);
        signed = sign(nobodys);
        signed.creatorR = 0;
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongSignature.selector, nobodys.dealKey, address(0)));
        settlement.settle(signed);
    }

    function test_a_cancelled_nonce_is_worth_nothing() public {
        ISettlement.Signed memory signed = sign(deal(1));
        vm.expectEmit(true, true, false, true, address(settlement));
        emit ISettlement.Cancelled(creator, provider, 1);
        vm.prank(provider);
        settlement.cancel(creator, 1);
        expectError(ISettlement.NonceUsed.selector, 1);
        settlement.settle(signed);
        // Neither what is paid nor what is cancelled is so twice.
        settlement.settle(sign(deal(3)));
        expectError(ISettlement.NonceUsed.selector, 3);
        vm.prank(provider);
        settlement.cancel(creator, 3);
        expectError(ISettlement.NonceUsed.selector, 1);
        vm.prank(provider);
        settlement.cancel(creator, 1);
        assertWallet(provider, 2 ether);
    }

    /// @dev What a debtor has signed it cannot take back: whom it names, it cancels as the provider of that one.
    function test_only_the_provider_cancels() public {
        address[3] memory others = [creator, STRANGER, SOLVER];
        address[3] memory named = [creator, provider, STRANGER];
        for (uint256 i = 0; i < others.length; i++) {
            for (uint256 j = 0; j < named.length; j++) {
                vm.prank(others[i]);
                settlement.cancel(named[j], 1);
            }
        }
        vm.prank(provider);
        settlement.cancel(provider, 1);
        vm.prank(provider);
        settlement.cancel(STRANGER, 1);
        vm.assertTrue(!settlement.isUsed(creator, provider, 1), "nonce");
        settlement.settle(sign(deal(1)));
        assertWallet(provider, 2 ether);
    }

    /// @dev What happened to a nonce is remembered alone, in any order, over word borders too.
    function testFuzz_nonces_do_not_disturb_each_other(uint256 first, uint256 second) public {
        if (second % 2 == 0) {
            unchecked {
                second = first + second % 600 - 300;
            }
        }
        vm.assume(first != second);
        settlement.settle(sign(deal(first)));
        vm.assertTrue(settlement.isUsed(creator, provider, first), "used");
        vm.assertTrue(!settlement.isUsed(creator, provider, second), "not used");
        ISettlement.Signed memory signed = sign(deal(second));
        settlement.settle(signed);
        expectError(ISettlement.NonceUsed.selector, second);
        settlement.settle(signed);
        signed = sign(deal(first));
        expectError(ISettlement.NonceUsed.selector, first);
        settlement.settle(signed);
        assertWallet(provider, 3 ether);
    }

    function test_escrow_is_the_providers_until_its_time() public {
        expectError(ISettlement.LockedUntil.selector, START + 1 days);
        vm.prank(creator);
        settlement.unlock(provider);
        expectError(ISettlement.LockShortened.selector, START + 1 days);
        vm.prank(creator);
        settlement.lock(provider, 0, START);
        settlement.settle(sign(deal(1)));
        vm.warp(START + 1 days + 1);
        vm.prank(creator);
        settlement.unlock(provider);
        assertWallet(creator, 999 ether);
        assertLocked(0);
        vm.assertEq(token.balanceOf(address(settlement)), 0, "nothing left");
    }

    function test_never_more_than_is_locked() public {
        ISettlement.Settlement memory large = deal(1);
        large.amount = 500 ether + 1;
        ISettlement.Signed memory signed = sign(large);
        expectError(ISettlement.NotEnoughLocked.selector, 500 ether, 500 ether + 1);
        settlement.settle(signed);
    }

    function test_pairs_do_not_share_money() public {
        uint256 otherKey = 0xABC;
        address other = vm.addr(otherKey);
        ISettlement.Settlement memory elsewhere = deal(1);
        elsewhere.resourceProvider = other;
        ISettlement.Signed memory signed = signWith(elsewhere, CREATOR_KEY, otherKey);
        expectError(ISettlement.NotEnoughLocked.selector, 0, 1 ether);
        settlement.settle(signed);
        vm.prank(creator);
        settlement.lock(other, 2 ether, START + 1 days);
        ISettlement.Signed[] memory batch = new ISettlement.Signed[](2);
        batch[0] = sign(deal(2));
        batch[1] = signed;
        ISettlement.SignedItem[] memory mixed = items(batch);
        vm.expectRevert(abi.encodeWithSelector(ISettlement.WrongSignature.selector, elsewhere.dealKey, creator));
        settlement.settleBatch(creator, provider, mixed);
        settlement.settle(signed);
        assertWallet(other, 1 ether);
        assertWallet(provider, 1 ether);
        assertLocked(500 ether);
    }

    function assertLocked(uint256 amount) private view {
        (uint256 locked,) = settlement.lockedOf(creator, provider);
        vm.assertEq(locked, amount, "locked");
    }
}

/// @notice What a settled deal costs, each call a transaction of its own. The provider has a token already (`setUp`), and a
/// batch has consecutive nonces, unless a test says otherwise: the bars hold under these conditions only.
/// forge-config: default.isolate = true
contract SettlementGasTest is Signing {
    function test_one_deal() public {
        settlement.settle(sign(deal(0)));
        uint256 first = vm.snapshotGasLastCall("Settlement", "one, the first of a pair");
        vm.assertLt(first, 90_000, "gas of the first deal");
        ISettlement.Signed memory signed = sign(deal(1));
        settlement.settle(signed);
        uint256 used = vm.snapshotGasLastCall("Settlement", "one");
        vm.assertLt(used, 90_000, "gas of a deal");
    }

    /// @dev The first token of a wallet opens its slot in the token, which a transfer of any kind pays.
    function test_the_first_deal_of_a_provider_without_a_token() public {
        vm.prank(provider);
        token.transfer(creator, 1 ether);
        settlement.settle(sign(deal(0)));
        uint256 used = vm.snapshotGasLastCall("Settlement", "one, the first of a pair, to an empty wallet");
        vm.assertTrue(used > 90_000 && used < 100_000, "gas of the first deal");
    }

    function test_a_hundred_deals() public {
        settlement.settleBatch(creator, provider, _hundred(1));
        uint256 each = vm.snapshotGasLastCall("Settlement", "a batch of 100") / 100;
        vm.snapshotValue("Settlement", "a batch of 100, each", each);
        vm.assertLt(each, 15_000, "gas of a deal");
        assertWallet(provider, 101 ether);
    }

    /// @dev The worst case: each nonce opens a word of the bitmap.
    function test_a_hundred_deals_with_nonces_far_apart() public {
        settlement.settleBatch(creator, provider, _hundred(256));
        uint256 each = vm.snapshotGasLastCall("Settlement", "a batch of 100, nonces 256 apart") / 100;
        vm.snapshotValue("Settlement", "a batch of 100, nonces 256 apart, each", each);
        vm.assertTrue(each > 15_000 && each < 36_000, "gas of a deal");
        assertWallet(provider, 101 ether);
    }

    function _hundred(uint256 apart) private view returns (ISettlement.SignedItem[] memory) {
        ISettlement.Signed[] memory signed = new ISettlement.Signed[](100);
        for (uint256 i = 0; i < signed.length; i++) {
            signed[i] = sign(deal(i * apart));
        }
        return items(signed);
    }
}
