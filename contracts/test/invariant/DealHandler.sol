// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadController} from "../../src/LilypadController.sol";
import {LilypadMediationRandom} from "../../src/LilypadMediationRandom.sol";
import {LilypadPayments} from "../../src/LilypadPayments.sol";
import {LilypadStorage} from "../../src/LilypadStorage.sol";
import {LilypadToken} from "../../src/LilypadToken.sol";
import {ILilypadPayments} from "../../src/interfaces/ILilypadPayments.sol";
import {EscrowLedger} from "../../src/libraries/EscrowLedger.sol";
import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {Vm} from "../Vm.sol";

/// @notice Random people take random steps in eight deals between two job creators and two resource providers. Every
/// step is checked here, as it happens; what must hold at any time is checked by the test.
contract DealHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 public constant DEALS = 8;
    uint256 public constant PEOPLE = 8;

    LilypadToken private immutable _token;
    LilypadPayments private immutable _payments;
    LilypadStorage private immutable _store;
    LilypadMediationRandom private immutable _mediation;
    LilypadController private immutable _controller;

    uint256 private _now;
    uint256 private _block = 1000;

    /// @dev What the Payment events say is still deposited for a deal.
    mapping(uint256 deal => int256) public announced;
    mapping(uint256 deal => bytes32) private _dealSeen;
    mapping(uint256 deal => bytes32) private _resultSeen;
    mapping(uint256 deal => SharedStructs.Agreement) private _agreementSeen;
    /// @dev How often a step worked, by the number of the step.
    uint256[12] public worked;

    constructor(
        LilypadToken token,
        LilypadPayments payments,
        LilypadStorage store,
        LilypadMediationRandom mediation,
        LilypadController controller
    ) {
        _token = token;
        _payments = payments;
        _store = store;
        _mediation = mediation;
        _controller = controller;
        _now = block.timestamp;
    }

    // The world

    /// @notice 0–1 job creators, 2–3 resource providers, 4–5 mediators, 6 a stranger, 7 the solver.
    function person(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index));
    }

    function id(uint256 deal) public pure returns (string memory) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return string(abi.encodePacked("deal-", bytes1(uint8(0x30 + deal))));
    }

    function creator(uint256 deal) public pure returns (address) {
        return person(deal % 2);
    }

    function provider(uint256 deal) public pure returns (address) {
        return person(2 + (deal / 2) % 2);
    }

    /// @dev Every deal has other numbers: no deposits at all, unequal ones, one mediator or two.
    function terms(uint256 deal)
        public
        pure
        returns (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        )
    {
        members.solver = person(7);
        members.jobCreator = creator(deal);
        members.resourceProvider = provider(deal);
        members.mediators = new address[](1 + deal % 2);
        for (uint256 i = 0; i < members.mediators.length; i++) {
            members.mediators[i] = person(4 + i);
        }
        timeouts.agree.timeout = 60;
        timeouts.submitResults = SharedStructs.DealTimeout(600 + deal, deal * 3);
        timeouts.judgeResults = SharedStructs.DealTimeout(900 - deal, 20 - 2 * deal);
        timeouts.mediateResults.timeout = 300;
        pricing = SharedStructs.DealPricing(deal * 7, 40, deal % 3, 5 * (deal % 2));
    }

    /// @notice One step of the walk. Four times out of five it is one that fits the state of a deal, so that deals are
    /// lived to their end; else it is anything.
    function step(uint256 seed) external {
        uint256 deal = seed % DEALS;
        uint256 rest = seed / DEALS;
        uint256 who = rest / 16;
        SharedStructs.AgreementState state = _store.getAgreement(id(deal)).state;
        if (rest % 5 == 0) {
            _anything(deal, rest / 5, who);
        } else if (rest % 13 == 1) {
            _late(deal, state, who);
        } else if (state == SharedStructs.AgreementState.DealNegotiating) {
            agree(deal, rest % 2 == 0, who);
        } else if (state == SharedStructs.AgreementState.DealAgreed) {
            if (rest % 7 == 3) giveUp(deal, who);
            else addResult(deal, 1 + rest % 8, who);
        } else if (state == SharedStructs.AgreementState.ResultsSubmitted) {
            judge(deal, rest % 3 == 0, who);
        } else if (state == SharedStructs.AgreementState.ResultsChecked) {
            if (_mediation.getMediator(id(deal)) == address(0)) draw(deal, keccak256(abi.encode(seed)), who);
            else verdict(deal, rest % 2 == 0, who);
        }
    }

    function _anything(uint256 deal, uint256 seed, uint256 who) private {
        uint256 which = seed % 9;
        if (which == 0) agree(deal, seed % 2 == 0, who);
        else if (which == 1) squat(deal, who);
        else if (which == 2) addResult(deal, seed, who);
        else if (which == 3) giveUp(deal, who);
        else if (which == 4) judge(deal, seed % 2 == 0, who);
        else if (which == 5) draw(deal, bytes32(seed), who);
        else if (which == 6) verdict(deal, seed % 2 == 0, who);
        else if (which == 7) timeout(deal, seed / 9, who);
        else wait(seed / 9);
    }

    /// @dev Lets the deal's deadline pass and has somebody say so.
    function _late(uint256 deal, SharedStructs.AgreementState state, uint256 who) private {
        uint256[5] memory times = [uint256(61), 610, 910, 0, 301];
        uint256[5] memory kinds = [uint256(0), 2, 3, 0, 4];
        uint256 index = uint256(state);
        if (index > 4 || index == 3) return;
        _now += times[index];
        vm.warp(_now);
        timeout(deal, kinds[index], who);
    }

    // Steps: the right person for the step three times out of four, else anyone.

    function agree(uint256 deal, bool asProvider, uint256 who) public {
        deal %= DEALS;
        (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        ) = terms(deal);
        address sender = _someone(asProvider ? provider(deal) : creator(deal), who);
        _before(deal, sender);
        try _controller.agree(id(deal), members, timeouts, pricing) {
            worked[0]++;
        } catch {}
        _after(deal);
    }

    /// @notice A stranger, or a party, uses a deal's id for terms of its own.
    function squat(uint256 deal, uint256 who) public {
        deal %= DEALS;
        (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        ) = terms(deal);
        members.jobCreator = person(who % 2 == 0 ? 6 : who % 4);
        if (members.jobCreator == members.resourceProvider) return;
        _before(deal, members.jobCreator);
        try _controller.agree(id(deal), members, timeouts, pricing) {
            worked[1]++;
        } catch {}
        _after(deal);
    }

    function addResult(uint256 deal, uint256 count, uint256 who) public {
        deal %= DEALS;
        _before(deal, _someone(provider(deal), who));
        try _controller.addResult(id(deal), "results", "data", count % 9) {
            worked[2]++;
        } catch {}
        _after(deal);
    }

    function giveUp(uint256 deal, uint256 who) public {
        deal %= DEALS;
        _before(deal, _someone(provider(deal), who));
        try _controller.giveUp(id(deal)) {
            worked[3]++;
        } catch {}
        _after(deal);
    }

    function judge(uint256 deal, bool accepts, uint256 who) public {
        deal %= DEALS;
        _before(deal, _someone(creator(deal), who));
        if (accepts) {
            try _controller.acceptResult(id(deal)) {
                worked[4]++;
            } catch {}
        } else {
            try _controller.checkResult(id(deal)) {
                worked[5]++;
            } catch {}
        }
        _after(deal);
    }

    function draw(uint256 deal, bytes32 hash, uint256 who) public {
        deal %= DEALS;
        _block += 2;
        vm.roll(_block);
        uint256 drawBlock = _mediation.getDrawBlock(id(deal));
        if (drawBlock != 0 && drawBlock < _block && drawBlock + 256 >= _block && hash != 0) {
            vm.setBlockhash(drawBlock, hash);
        }
        _before(deal, _someone(person(6), who));
        try _mediation.drawMediator(id(deal)) {} catch {}
        _after(deal);
    }

    function verdict(uint256 deal, bool right, uint256 who) public {
        deal %= DEALS;
        _before(deal, _someone(_mediation.getMediator(id(deal)), who));
        if (right) {
            try _mediation.mediationAcceptResult(id(deal)) {
                worked[6]++;
            } catch {}
        } else {
            try _mediation.mediationRejectResult(id(deal)) {
                worked[7]++;
            } catch {}
        }
        _after(deal);
    }

    function timeout(uint256 deal, uint256 which, uint256 who) public {
        deal %= DEALS;
        _before(deal, person(who % PEOPLE));
        if (which % 5 == 0) {
            try _controller.timeoutAgree(id(deal)) {
                worked[8]++;
            } catch {}
        } else if (which % 5 == 1) {
            try _controller.timeoutAgreeFor(id(deal), person(which % PEOPLE)) {
                worked[8]++;
            } catch {}
        } else if (which % 5 == 2) {
            try _controller.timeoutSubmitResult(id(deal)) {
                worked[9]++;
            } catch {}
        } else if (which % 5 == 3) {
            try _controller.timeoutJudgeResult(id(deal)) {
                worked[10]++;
            } catch {}
        } else {
            try _controller.timeoutMediateResult(id(deal)) {
                worked[11]++;
            } catch {}
        }
        _after(deal);
    }

    function wait(uint256 time) public {
        uint256[5] memory steps = [uint256(1), 60, 61, 300, 1000];
        _now += steps[time % 5];
        vm.warp(_now);
    }

    // Checks around each step

    function _someone(address right, uint256 who) private pure returns (address) {
        return who % 4 == 0 ? person(who / 4 % PEOPLE) : right;
    }

    /// @dev One other deal before the step, each in its turn: looking at all of them would take most of the time.
    uint256 private _turn;
    uint256 private _other;
    bytes32 private _otherBefore;
    address private _sender;
    uint256[PEOPLE] private _wealth;

    function _before(uint256 deal, address sender) private {
        _other = (deal + 1 + _turn++ % (DEALS - 1)) % DEALS;
        _otherBefore = _snapshot(_other);
        for (uint256 i = 0; i < PEOPLE; i++) {
            _wealth[i] = wealth(person(i));
        }
        _sender = sender;
        vm.recordLogs();
        vm.prank(sender);
    }

    function _after(uint256 deal) private {
        _fold(deal);
        vm.assertTrue(_otherBefore == _snapshot(_other), "another deal changed");
        // A bystander neither wins nor loses.
        for (uint256 i = 0; i < PEOPLE; i++) {
            address who = person(i);
            bool concerned = who == creator(deal) || who == provider(deal) || who == _mediation.getMediator(id(deal));
            if (!concerned) vm.assertEq(wealth(who), _wealth[i], "a bystander's wealth");
        }
        _checkHistory(deal);
    }

    /// @notice Wallet and escrow.
    function wealth(address who) public view returns (uint256) {
        return _token.balanceOf(who) + _token.escrowBalanceOf(who);
    }

    /// @notice All that is deposited for a deal, also by strangers who use its id.
    function deposited(uint256 deal) public view returns (uint256 sum) {
        for (uint256 i = 0; i < PEOPLE; i++) {
            sum += heldBy(deal, person(i));
        }
    }

    function heldBy(uint256 deal, address who) public view returns (uint256) {
        EscrowLedger.Held memory held = _payments.escrowOf(id(deal), who);
        return uint256(held.collateral) + held.timeoutCollateral + held.mediationFee;
    }

    function _snapshot(uint256 deal) private view returns (bytes32) {
        uint256[PEOPLE] memory held;
        for (uint256 i = 0; i < 4; i++) {
            held[i] = heldBy(deal, person(i));
        }
        held[6] = heldBy(deal, person(6));
        return keccak256(abi.encode(held, _store.getAgreement(id(deal)), _mediation.getMediator(id(deal))));
    }

    function _fold(uint256 deal) private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != ILilypadPayments.Payment.selector) continue;
            (string memory dealId,, uint256 amount,, ILilypadPayments.PaymentDirection direction) = abi.decode(
                logs[i].data,
                (string, address, uint256, ILilypadPayments.PaymentReason, ILilypadPayments.PaymentDirection)
            );
            vm.assertEq(dealId, id(deal), "deal of the payment");
            bool into = direction == ILilypadPayments.PaymentDirection.PaidIn;
            // forge-lint: disable-next-line(unsafe-typecast)
            announced[deal] += into ? int256(amount) : -int256(amount);
        }
    }

    /// @dev Only the arrows of the state machine; stamps, terms and results never change once written.
    function _checkHistory(uint256 deal) private {
        SharedStructs.Agreement memory old = _agreementSeen[deal];
        SharedStructs.Agreement memory current = _store.getAgreement(id(deal));
        vm.assertTrue(_allowed(uint256(old.state), uint256(current.state)), "no such arrow");
        if (_store.hasDeal(id(deal))) {
            bytes32 seen = keccak256(abi.encode(_store.getDeal(id(deal))));
            vm.assertTrue(_dealSeen[deal] == 0 || _dealSeen[deal] == seen, "terms changed");
            if (_dealSeen[deal] != 0) {
                _unchanged(old.resourceProviderAgreedAt, current.resourceProviderAgreedAt);
                _unchanged(old.jobCreatorAgreedAt, current.jobCreatorAgreedAt);
                _unchanged(old.resultsSubmittedAt, current.resultsSubmittedAt);
                _unchanged(old.resultsCheckedAt, current.resultsCheckedAt);
            }
            _dealSeen[deal] = seen;
            vm.assertTrue(current.dealCreatedAt <= current.dealAgreedAt, "created before agreed");
        }
        if (current.resultsSubmittedAt != 0) {
            bytes32 seen = keccak256(abi.encode(_store.getResult(id(deal))));
            vm.assertTrue(_resultSeen[deal] == 0 || _resultSeen[deal] == seen, "result changed");
            _resultSeen[deal] = seen;
        }
        _agreementSeen[deal] = current;
    }

    function _unchanged(uint256 old, uint256 current) private pure {
        vm.assertTrue(old == 0 || old == current, "a stamp changed");
    }

    /// @dev `TimeoutAgree` may go back: it means that all proposals so far ended, and other people may still agree.
    function _allowed(uint256 from, uint256 to) private pure returns (bool) {
        if (from == to) return true;
        if (from == 0) return to == 1 || to == 7;
        if (from == 7) return to == 0;
        if (from == 1) return to == 2 || to == 8;
        if (from == 2) return to == 3 || to == 4 || to == 9;
        if (from == 4) return to == 5 || to == 6 || to == 10;
        return false;
    }
}
