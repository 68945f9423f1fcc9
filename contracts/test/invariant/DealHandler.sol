// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {DealLedger} from "./DealLedger.sol";
import {DealWorld, Set} from "./DealWorld.sol";

/// @notice Random people take random steps in eight deals at a time. Every step that worked is checked here, as it happens;
/// what must hold at any time is checked by the test.
contract DealHandler is DealLedger {
    /// @dev The answer of a probe that went well: everything it did is undone.
    error Alive();

    /// @dev Which stamps of an agreement are set, by state: bit i is the member i + 1 of the struct.
    uint256[11] private _stamps =
        [uint256(0), 0x000f, 0x001f, 0x003f, 0x005f, 0x00df, 0x015f, 0, 0x040f, 0x081f, 0x105f];

    /// @dev Hashes of what the contracts answered after the last step of the deal, zero for what there was not.
    struct Seen {
        bytes32 agreement;
        bytes32 terms;
        bytes32 result;
        address mediator;
    }

    SharedStructs.Agreement[SLOTS] private _seen;
    Seen[SLOTS] private _seenOf;
    /// @dev Bit 0: the creator has sent the deal's terms, bit 1: the provider has.
    uint256[SLOTS] private _proposed;
    /// @notice How many deals each person is a party of.
    uint256[PEOPLE] public deals;
    /// @notice How often a step worked, by the number of the step; 12: deals that followed another, 13: probes of liveness,
    /// 14: pauses, 15: gifts.
    uint256[16] public worked;
    uint256 private _turn;
    address private _sender;

    /// @dev How an agreement that never was is shown.
    bytes32 private immutable _nothing;

    constructor(Set memory set) DealWorld(set) {
        SharedStructs.Agreement memory none;
        _nothing = keccak256(abi.encode(none));
        for (uint256 slot = 0; slot < SLOTS; slot++) {
            _seenOf[slot].agreement = _nothing;
        }
    }

    /// @notice One step of the walk. Four times out of five it is one that fits the state of a deal, so that deals are
    /// lived to their end; else it is anything.
    function step(uint256 seed) external {
        seed = uint256(keccak256(abi.encode(seed)));
        uint256 slot = seed % SLOTS;
        uint256 rest = seed / SLOTS % (1 << 64);
        uint256 who = seed >> 128;
        SharedStructs.AgreementState state = _seen[slot].state;
        if (rest % 5 == 0) {
            _anything(slot, rest / 5, who);
        } else if (rest % 13 == 1) {
            _late(slot, state, who);
        } else if (rest % 67 == 2) {
            _paused(slot, state, rest / 67, who);
        } else {
            _fitting(slot, state, rest / 5, who);
        }
    }

    function _fitting(uint256 slot, SharedStructs.AgreementState state, uint256 seed, uint256 who) private {
        if (_isFinal(state)) {
            next(slot);
        } else if (
            state == SharedStructs.AgreementState.DealNegotiating || state == SharedStructs.AgreementState.TimeoutAgree
        ) {
            // Who has proposed cannot do it again: without a missing one there will never be a deal.
            uint256 missing = 3 - _proposed[slot];
            if (missing == 0 || seed % 64 == 7) next(slot);
            else agree(slot, missing == 3 ? seed / 64 % 2 == 0 : missing == 2, who);
        } else if (seed % 4 > 0 && _now > _deadline(slot, _seen[slot])) {
            timeout(slot, state == SharedStructs.AgreementState.ResultsChecked ? 4 : uint256(state) + 1, who);
        } else if (state == SharedStructs.AgreementState.DealAgreed) {
            if (seed % 5 == 3) giveUp(slot, who);
            else addResult(slot, 1 + seed % 8, who);
        } else if (state == SharedStructs.AgreementState.ResultsSubmitted) {
            judge(slot, seed % 3 == 0, who);
        } else if (state == SharedStructs.AgreementState.ResultsChecked) {
            if (_seenOf[slot].mediator == address(0)) draw(slot, bytes32(seed), who);
            else verdict(slot, seed % 2 == 0, who);
        }
    }

    function _anything(uint256 slot, uint256 seed, uint256 who) private {
        uint256 which = seed % 10;
        seed /= 10;
        if (which == 0) agree(slot, seed % 2 == 0, who);
        else if (which == 1) squat(slot, who);
        else if (which == 2) addResult(slot, seed, who);
        else if (which == 3) giveUp(slot, who);
        else if (which == 4) judge(slot, seed % 2 == 0, who);
        else if (which == 5) draw(slot, bytes32(seed), who);
        else if (which == 6) verdict(slot, seed % 2 == 0, who);
        else if (which == 7) timeout(slot, seed, who);
        else if (which == 8) wait(seed);
        else give(seed);
    }

    /// @dev Time goes on to the deal's deadline, or a second past it, and somebody says that it is over.
    function _late(uint256 slot, SharedStructs.AgreementState state, uint256 who) private {
        if (_isFinal(state)) return;
        uint256 end = _now + 60;
        uint256 kind = 0;
        if (state != SharedStructs.AgreementState.DealNegotiating && state != SharedStructs.AgreementState.TimeoutAgree)
        {
            end = _deadline(slot, _seen[slot]);
            kind = state == SharedStructs.AgreementState.ResultsChecked ? 4 : uint256(state) + 1;
        }
        if (who / 8 % 4 > 0) end++;
        if (end > _now) _now = end;
        vm.warp(_now);
        timeout(slot, kind, who);
    }

    /// @dev I-20: while the token is paused nothing moves, whoever tries what.
    function _paused(uint256 slot, SharedStructs.AgreementState state, uint256 seed, uint256 who) private {
        vm.prank(_owner);
        _token.pause();
        uint256[16] memory before = worked;
        uint256 which = seed % 14;
        seed /= 14;
        if (which > 6) _fitting(slot, state, seed, who);
        else if (which == 0) agree(slot, seed % 2 == 0, who);
        else if (which == 1) addResult(slot, seed, who);
        else if (which == 2) giveUp(slot, who);
        else if (which == 3) judge(slot, seed % 2 == 0, who);
        else if (which == 4) verdict(slot, seed % 2 == 0, who);
        else if (which == 5) squat(slot, who);
        else timeout(slot, seed, who);
        // That a slot goes to the next deal is no step.
        before[12] = worked[12];
        require(keccak256(abi.encode(before)) == keccak256(abi.encode(worked)), "I-20: a step while paused");
        vm.prank(_owner);
        _token.unpause();
        worked[14]++;
    }

    // Steps: the right person for the step three times out of four, else anyone.

    function agree(uint256 slot, bool asProvider, uint256 who) public {
        (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        ) = terms(slot);
        _before(asProvider ? provider(slot) : creator(slot), who);
        try _controller.agree(id(slot), members, timeouts, pricing) {
            if (_sender == creator(slot)) _proposed[slot] |= 1;
            if (_sender == provider(slot)) _proposed[slot] |= 2;
            _after(slot, 0);
        } catch {}
    }

    /// @notice A stranger, or a party, uses a deal's id for terms of its own.
    function squat(uint256 slot, uint256 who) public {
        (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        ) = terms(slot);
        members.jobCreator = person(who % 2 == 0 ? 6 : who / 2 % 4);
        if (members.jobCreator == members.resourceProvider) return;
        _before(members.jobCreator, 1);
        try _controller.agree(id(slot), members, timeouts, pricing) {
            _after(slot, 1);
        } catch {}
    }

    function addResult(uint256 slot, uint256 count, uint256 who) public {
        _before(provider(slot), who);
        try _controller.addResult(id(slot), "results", "data", count % 9) {
            _count[slot] = count % 9;
            _after(slot, 2);
        } catch {}
    }

    function giveUp(uint256 slot, uint256 who) public {
        _before(provider(slot), who);
        try _controller.giveUp(id(slot)) {
            _after(slot, 3);
        } catch {}
    }

    function judge(uint256 slot, bool accepts, uint256 who) public {
        _before(creator(slot), who);
        if (accepts) {
            try _controller.acceptResult(id(slot)) {
                _after(slot, 4);
            } catch {}
        } else {
            try _controller.checkResult(id(slot)) {
                _after(slot, 5);
            } catch {}
        }
    }

    function draw(uint256 slot, bytes32 hash, uint256 who) public {
        _block += 2;
        vm.roll(_block);
        uint256 drawBlock = _mediation.getDrawBlock(id(slot));
        if (drawBlock != 0 && drawBlock < _block && drawBlock + 256 >= _block && hash != 0) {
            vm.setBlockhash(drawBlock, hash);
        }
        _before(person(6), who);
        try _mediation.drawMediator(id(slot)) {
            _checkMediator(slot);
        } catch {}
    }

    function verdict(uint256 slot, bool right, uint256 who) public {
        _before(_mediation.getMediator(id(slot)), who);
        if (right) {
            try _mediation.mediationAcceptResult(id(slot)) {
                _after(slot, 6);
            } catch {}
        } else {
            try _mediation.mediationRejectResult(id(slot)) {
                _after(slot, 7);
            } catch {}
        }
    }

    function timeout(uint256 slot, uint256 which, uint256 who) public {
        _before(person(who % PEOPLE), 1);
        if (which % 5 == 0) {
            try _controller.timeoutAgree(id(slot)) {
                _after(slot, 8);
            } catch {}
        } else if (which % 5 == 1) {
            try _controller.timeoutAgreeFor(id(slot), person(which / 5 % PEOPLE)) {
                _after(slot, 8);
            } catch {}
        } else if (which % 5 == 2) {
            try _controller.timeoutSubmitResult(id(slot)) {
                _after(slot, 9);
            } catch {}
        } else if (which % 5 == 3) {
            try _controller.timeoutJudgeResult(id(slot)) {
                _after(slot, 10);
            } catch {}
        } else {
            try _controller.timeoutMediateResult(id(slot)) {
                _after(slot, 11);
            } catch {}
        }
    }

    function wait(uint256 time) public {
        uint256[5] memory steps = [uint256(1), 60, 61, 300, 1000];
        _now += steps[time % 5];
        vm.warp(_now);
    }

    /// @notice Somebody sends the token contract money: it is nobody's escrow.
    function give(uint256 seed) public {
        vm.prank(person(6));
        require(_token.transfer(address(_token), seed % 2));
        donated += seed % 2;
        // forge-lint: disable-next-line(unsafe-typecast)
        walletTold[6] -= int256(seed % 2);
        worked[15]++;
    }

    /// @notice The next deal takes the slot. The old one is as it was when it ended.
    function next(uint256 slot) public {
        _checkUnchanged(slot);
        _checkWritten(slot);
        _setGeneration(slot, generation[slot] + 1);
        delete _told[slot];
        delete _seen[slot];
        _seenOf[slot] = Seen(_nothing, 0, 0, address(0));
        delete _count[slot];
        delete _proposed[slot];
        worked[12]++;
    }

    // Checks around each step

    function _before(address right, uint256 who) private {
        _sender = who % 4 == 0 ? person(who / 4 % PEOPLE) : right;
        vm.recordLogs();
        vm.prank(_sender);
    }

    function _after(uint256 slot, uint256 kind) private {
        worked[kind]++;
        if (kind == 8 && _proposed[slot] != 0) _proposed[slot] = 3;
        address sender = _sender;
        uint256 changes = _fold(slot, sender);
        SharedStructs.AgreementState state = _checkHistory(slot, changes, kind);
        if (state == SharedStructs.AgreementState.ResultsChecked) _checkMediator(slot);
        if (_isFinal(state)) {
            if (changes > 0) _checkEnd(slot, kind == 3);
            _checkUnchanged(slot);
            _checkWritten(slot);
        } else if (_turn % 4 == 0) {
            _probe(slot, state, sender);
        }
        // One other deal, each in its turn.
        uint256 other = (slot + 1 + _turn++ % (SLOTS - 1)) % SLOTS;
        if (_turn % 2 == 0) _checkUnchanged(other);
        if (_turn % 5 == 0) _checkWritten(other);
    }

    /// @dev I-17: what the deal of a slot is and holds, is what its own steps have made of it.
    function _checkUnchanged(uint256 slot) private view {
        string memory dealId = id(slot);
        Seen memory seen = _seenOf[slot];
        require(_answer(abi.encodeCall(_store.getAgreement, (dealId))) == seen.agreement, "I-17: another deal changed");
        (address a, address b) = (creator(slot), provider(slot));
        require(int256(heldBy(slot, a)) == _told[slot].held[_indexOf(a)], "I-17: deposit of a creator");
        require(int256(heldBy(slot, b)) == _told[slot].held[_indexOf(b)], "I-17: deposit of a provider");
        require(_mediation.getMediator(dealId) == seen.mediator, "I-15: another mediator");
    }

    /// @dev I-8: terms and result are still those of the first time.
    function _checkWritten(uint256 slot) private view {
        string memory dealId = id(slot);
        Seen memory seen = _seenOf[slot];
        if (seen.terms == 0) return;
        require(_answer(abi.encodeCall(_store.getDeal, (dealId))) == seen.terms, "I-8: terms changed");
        if (seen.result == 0) return;
        require(_answer(abi.encodeCall(_store.getResult, (dealId))) == seen.result, "I-8: result changed");
    }

    /// @dev What the storage contract answers, not decoded: that would take most of the time.
    function _answer(bytes memory question) private view returns (bytes32) {
        (, bytes memory answer) = address(_store).staticcall(question);
        return keccak256(answer);
    }

    /// @dev I-15: drawn from the deal's list, and for good.
    function _checkMediator(uint256 slot) private {
        address mediator = _mediation.getMediator(id(slot));
        if (_seenOf[slot].mediator != address(0)) require(mediator == _seenOf[slot].mediator, "I-15: drawn again");
        if (mediator == address(0)) return;
        (SharedStructs.DealMembers memory members,,) = terms(slot);
        bool listed = false;
        for (uint256 i = 0; i < members.mediators.length; i++) {
            if (members.mediators[i] == mediator) listed = true;
        }
        require(listed, "I-15: mediator of no list");
        _seenOf[slot].mediator = mediator;
    }

    /// @dev I-6, I-7, I-14, I-21: only the arrows of the state machine, each announced, each in its time.
    function _checkHistory(uint256 slot, uint256 changes, uint256 kind)
        private
        returns (SharedStructs.AgreementState state)
    {
        SharedStructs.Agreement memory old = _seen[slot];
        SharedStructs.Agreement memory current = _store.getAgreement(id(slot));
        state = current.state;
        (uint256 from, uint256 to) = (uint256(old.state), uint256(state));
        // Nothing but the end of a stranger's proposal leaves a deal as it is once it is agreed on.
        require(_allowed(from, to) || (from == to && kind == 8), "I-6: no such arrow");
        // An announced `TimeoutAgree` goes back in silence when somebody proposes again.
        bool reopened = to == 0 && (from == 7 || from == 0);
        require(changes == (from == to || reopened ? 0 : 1), "I-6: one event a change");
        require(_told[slot].state == state || reopened, "I-21: the state that was announced");
        if (to != 0 && to != 7) {
            _checkStamps(old, current);
            _checkTime(slot, old, current, kind);
            if (from != to && to == 1) _checkConclusion(slot);
            if (from != to && to == 2) {
                SharedStructs.Result memory result = _store.getResult(id(slot));
                require(result.instructionCount == _count[slot] && _count[slot] > 0, "count");
                _seenOf[slot].result = _answer(abi.encodeCall(_store.getResult, (id(slot))));
            }
        }
        _seen[slot] = current;
        // A struct of numbers only is encoded as it is.
        _seenOf[slot].agreement = keccak256(abi.encode(current));
    }

    function _checkStamps(SharedStructs.Agreement memory old, SharedStructs.Agreement memory current) private view {
        uint256[14] memory before;
        uint256[14] memory stamps;
        assembly {
            before := old
            stamps := current
        }
        uint256 expected = _stamps[stamps[0]];
        for (uint256 i = 1; i < 14; i++) {
            require((stamps[i] != 0) == (expected & (1 << (i - 1)) != 0), "I-7: stamps of the state");
            if (before[0] != 0 && before[0] != 7) {
                if (before[i] != 0) require(stamps[i] == before[i], "I-7: a stamp changed");
                else if (stamps[i] != 0) require(stamps[i] == _now, "I-7: a stamp of another time");
            }
        }
    }

    function _checkTime(
        uint256 slot,
        SharedStructs.Agreement memory old,
        SharedStructs.Agreement memory current,
        uint256 kind
    ) private view {
        if (old.state == current.state) return;
        if (current.state == SharedStructs.AgreementState.DealAgreed) {
            require(_now <= current.dealCreatedAt + 60, "I-14: agreed too late");
        } else {
            require((kind >= 8) == (_now > _deadline(slot, old)), "I-14: the time of a step");
        }
    }

    /// @dev Up to when the stage of a deal that has been agreed on may be left forward.
    function _deadline(uint256 slot, SharedStructs.Agreement memory agreement) private view returns (uint256) {
        (, SharedStructs.DealTimeouts memory timeouts,) = terms(slot);
        if (agreement.state == SharedStructs.AgreementState.ResultsChecked) {
            return agreement.resultsCheckedAt + timeouts.mediateResults.timeout;
        }
        if (agreement.state == SharedStructs.AgreementState.ResultsSubmitted) {
            return agreement.resultsSubmittedAt + timeouts.judgeResults.timeout;
        }
        return agreement.dealAgreedAt + timeouts.submitResults.timeout;
    }

    /// @dev I-8: the terms that both sent. I-9: at the end of both lists, and (by the counts, which the test compares) of no other.
    function _checkConclusion(uint256 slot) private {
        SharedStructs.Deal memory deal;
        deal.dealId = id(slot);
        (deal.members, deal.timeouts, deal.pricing) = terms(slot);
        bytes32 agreed = keccak256(abi.encode(deal));
        require(_answer(abi.encodeCall(_store.getDeal, (id(slot)))) == agreed, "I-8: other terms than were agreed");
        _seenOf[slot].terms = agreed;
        address[2] memory parties = [creator(slot), provider(slot)];
        for (uint256 i = 0; i < 2; i++) {
            uint256 count = deals[_indexOf(parties[i])]++;
            string[] memory page = _store.getDealsForPartyPage(parties[i], count, 2);
            require(page.length == 1 && keccak256(bytes(page[0])) == keccak256(bytes(id(slot))), "I-9: list");
        }
    }

    /// @dev `TimeoutAgree` may go back: it means that all proposals so far ended, and other people may still agree.
    function _allowed(uint256 from, uint256 to) private pure returns (bool) {
        if (from == 0) return to == 0 || to == 1 || to == 7;
        if (from == 7) return to == 0 || to == 7;
        if (from == 1) return to == 2 || to == 8;
        if (from == 2) return to == 3 || to == 4 || to == 9;
        if (from == 4) return to == 5 || to == 6 || to == 10;
        return false;
    }

    // Liveness

    /// @dev I-13: if everybody but one vanishes now, that one can end the deal after its deadlines, and nothing is left in it.
    function _probe(uint256 slot, SharedStructs.AgreementState state, address sender) private {
        address alone = (_turn / 4) % 2 == 0 ? creator(slot) : provider(slot);
        if (state == SharedStructs.AgreementState.DealNegotiating) alone = sender;
        else if (state == SharedStructs.AgreementState.TimeoutAgree) return;
        try this.endAlone(slot, state, alone) {}
        catch (bytes memory reason) {
            if (bytes4(reason) != Alive.selector || reason.length != 4) {
                assembly {
                    revert(add(reason, 32), mload(reason))
                }
            }
        }
        vm.warp(_now);
        worked[13]++;
    }

    /// @notice Always fails: with `Alive` if all is well.
    function endAlone(uint256 slot, SharedStructs.AgreementState state, address alone) external {
        vm.warp(_now + 10_000);
        if (state == SharedStructs.AgreementState.DealNegotiating) _takeBack(slot, alone);
        else _endAlone(slot, state, alone);
        revert Alive();
    }

    function _takeBack(uint256 slot, address alone) private {
        uint256 wallet = _token.balanceOf(alone);
        uint256 deposit = heldBy(slot, alone);
        vm.prank(alone);
        (bool done,) = address(_controller).call(abi.encodeCall(_controller.timeoutAgree, (id(slot))));
        // Who took part in a time-out of somebody else's proposal may have none of its own.
        require(done || deposit == 0, "I-13: a proposal cannot be taken back");
        require(_token.balanceOf(alone) >= wallet + deposit && heldBy(slot, alone) == 0, "I-13: a deposit is stuck");
    }

    function _endAlone(uint256 slot, SharedStructs.AgreementState state, address alone) private {
        (address a, address b) = (creator(slot), provider(slot));
        // Whose loss the other party's silence would be.
        address injured = state == SharedStructs.AgreementState.DealAgreed ? a : b;
        uint256 wallet = _token.balanceOf(injured);
        vm.prank(alone);
        if (state == SharedStructs.AgreementState.DealAgreed) _controller.timeoutSubmitResult(id(slot));
        else if (state == SharedStructs.AgreementState.ResultsSubmitted) _controller.timeoutJudgeResult(id(slot));
        else _controller.timeoutMediateResult(id(slot));
        require(_isFinal(_store.getAgreement(id(slot)).state), "I-13: not over");
        require(heldBy(slot, a) == 0 && heldBy(slot, b) == 0, "I-13: a deposit is stuck");
        Worth memory worth = _worth(slot);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 got = int256(_token.balanceOf(injured)) - int256(wallet);
        if (injured == a) {
            require(got == worth.payment + worth.judge, "I-12: the creator does not get everything back");
        } else {
            require(got == worth.price + worth.results, "I-11: the provider is not paid");
        }
    }

    /// @notice For the test: whether the ledger of the slots' deals is what the events say, for everybody.
    function ledgerIsAsTold() external view returns (bool) {
        for (uint256 slot = 0; slot < SLOTS; slot++) {
            for (uint256 i = 0; i < PEOPLE; i++) {
                // forge-lint: disable-next-line(unsafe-typecast)
                if (int256(heldBy(slot, person(i))) != _told[slot].held[i]) return false;
            }
        }
        return true;
    }
}
