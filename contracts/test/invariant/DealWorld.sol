// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadController} from "../../src/LilypadController.sol";
import {LilypadMediationRandom} from "../../src/LilypadMediationRandom.sol";
import {LilypadPayments} from "../../src/LilypadPayments.sol";
import {LilypadStorage} from "../../src/LilypadStorage.sol";
import {LilypadToken} from "../../src/LilypadToken.sol";
import {EscrowLedger} from "../../src/libraries/EscrowLedger.sol";
import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {Vm} from "../Vm.sol";

/// @notice The contracts under test.
struct Set {
    LilypadToken token;
    LilypadPayments payments;
    LilypadStorage store;
    LilypadMediationRandom mediation;
    LilypadController controller;
    address owner;
}

/// @notice Eight people and eight slots. A slot holds one deal after the other: when its deal is over, the next one takes its
/// place, with other numbers.
abstract contract DealWorld {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    uint256 public constant SLOTS = 8;
    uint256 public constant PEOPLE = 8;
    uint256 internal constant FIRST_PERSON = 0x1000;

    LilypadToken internal immutable _token;
    LilypadPayments internal immutable _payments;
    LilypadStorage internal immutable _store;
    LilypadMediationRandom internal immutable _mediation;
    LilypadController internal immutable _controller;
    address internal immutable _owner;

    uint256 internal _now;
    uint256 internal _block = 1000;
    uint256[SLOTS] public generation;
    bytes32[SLOTS] private _ids;

    constructor(Set memory set) {
        _token = set.token;
        _payments = set.payments;
        _store = set.store;
        _mediation = set.mediation;
        _controller = set.controller;
        _owner = set.owner;
        _now = block.timestamp;
        for (uint256 slot = 0; slot < SLOTS; slot++) {
            _setGeneration(slot, 0);
        }
    }

    /// @notice 0–1 job creators, 2–3 resource providers, 4–5 mediators, 6 a stranger, 7 the solver.
    function person(uint256 index) public pure returns (address) {
        return address(uint160(FIRST_PERSON + index));
    }

    /// @dev Fails for anybody else: no money may go there.
    function _indexOf(address who) internal pure returns (uint256) {
        require(uint160(who) - FIRST_PERSON < PEOPLE, "money of somebody unknown");
        return uint160(who) - FIRST_PERSON;
    }

    function number(uint256 slot) public view returns (uint256) {
        return slot + SLOTS * generation[slot];
    }

    /// @notice `deal-0000` and so on. Read many times a step, so put together once a deal.
    function id(uint256 slot) public view returns (string memory text) {
        bytes32 word = _ids[slot];
        text = "deal-0000";
        assembly {
            mstore(add(text, 32), word)
        }
    }

    function _setGeneration(uint256 slot, uint256 to) internal {
        generation[slot] = to;
        bytes memory text = "deal-0000";
        uint256 n = number(slot);
        for (uint256 i = 8; n > 0; i--) {
            // forge-lint: disable-next-line(unsafe-typecast)
            text[i] = bytes1(uint8(0x30 + n % 10));
            n /= 10;
        }
        _ids[slot] = bytes32(text);
    }

    function creator(uint256 slot) public pure returns (address) {
        return person(slot % 2);
    }

    function provider(uint256 slot) public pure returns (address) {
        return person(2 + (slot / 2) % 2);
    }

    /// @dev Every deal has other numbers: without deposits, free, dearer than what is deposited, one mediator to three.
    function terms(uint256 slot)
        public
        view
        returns (
            SharedStructs.DealMembers memory members,
            SharedStructs.DealTimeouts memory timeouts,
            SharedStructs.DealPricing memory pricing
        )
    {
        uint256 n = number(slot);
        members.solver = person(7);
        members.jobCreator = creator(slot);
        members.resourceProvider = provider(slot);
        members.mediators = new address[](1 + n % 3);
        for (uint256 i = 0; i < members.mediators.length; i++) {
            members.mediators[i] = person(4 + i);
        }
        timeouts.agree.timeout = 60;
        timeouts.submitResults = SharedStructs.DealTimeout(600 + slot, n % 4 == 0 ? 0 : n * 3 % 20);
        timeouts.judgeResults = SharedStructs.DealTimeout(900 - slot, n * 5 % 17);
        timeouts.mediateResults.timeout = 300;
        pricing = SharedStructs.DealPricing(n * 7 % 29, n % 7 == 6 ? 0 : 40, n % 4, n * 5 % 12);
    }

    /// @notice What is deposited for a deal by one person, as Payments says.
    function heldBy(uint256 slot, address who) public view returns (uint256) {
        EscrowLedger.Held memory held = _payments.escrowOf(id(slot), who);
        return uint256(held.collateral) + held.timeoutCollateral + held.mediationFee;
    }

    function _isFinal(SharedStructs.AgreementState state) internal pure returns (bool) {
        return state == SharedStructs.AgreementState.ResultsAccepted
            || (state >= SharedStructs.AgreementState.MediationAccepted
                && state != SharedStructs.AgreementState.TimeoutAgree);
    }
}
