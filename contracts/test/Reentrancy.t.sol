// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadController} from "../src/LilypadController.sol";
import {LilypadMediationRandom} from "../src/LilypadMediationRandom.sol";
import {LilypadToken} from "../src/LilypadToken.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice A token that tells the receiver of a transfer, as ours never does.
contract TellingToken is LilypadToken {
    mapping(address who => bool) private _told;

    constructor() LilypadToken("Telling Token", "TT", 1e27) {}

    function tell(address who) external {
        _told[who] = true;
    }

    function _afterTokenTransfer(address, address to, uint256) internal override {
        if (_told[to]) Receiver(to).received();
    }
}

/// @notice A party that answers each transfer with every call it can think of.
contract Receiver {
    LilypadController private immutable _controller;
    LilypadMediationRandom private immutable _mediation;
    bytes[] private _calls;
    uint256 public refused;
    uint256 public worked;

    constructor(LilypadController controller, LilypadMediationRandom mediation) {
        _controller = controller;
        _mediation = mediation;
        string memory id = "deal-1";
        _calls.push(abi.encodeCall(controller.addResult, (id, "r", "d", 1)));
        _calls.push(abi.encodeCall(controller.giveUp, (id)));
        _calls.push(abi.encodeCall(controller.acceptResult, (id)));
        _calls.push(abi.encodeCall(controller.checkResult, (id)));
        _calls.push(abi.encodeCall(controller.timeoutAgree, (id)));
        _calls.push(abi.encodeCall(controller.timeoutAgreeFor, (id, address(this))));
        _calls.push(abi.encodeCall(controller.timeoutSubmitResult, (id)));
        _calls.push(abi.encodeCall(controller.timeoutJudgeResult, (id)));
        _calls.push(abi.encodeCall(controller.timeoutMediateResult, (id)));
    }

    function agree(
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external {
        _calls.push(abi.encodeCall(_controller.agree, ("deal-1", members, timeouts, pricing)));
        _controller.agree("deal-1", members, timeouts, pricing);
    }

    function act(address target, bytes calldata data) external {
        (bool ok,) = target.call(data);
        require(ok, "the call itself");
    }

    function received() external {
        for (uint256 i = 0; i < _calls.length; i++) {
            _note(address(_controller), _calls[i]);
        }
        _noteVerdict();
    }

    /// @dev Only a verdict in progress locks the mediation contract.
    function _noteVerdict() private {
        (bool wrong,) = address(_mediation).call(abi.encodeCall(_mediation.mediationRejectResult, ("deal-1")));
        (bool right,) = address(_mediation).call(abi.encodeCall(_mediation.mediationAcceptResult, ("deal-1")));
        if (wrong || right) worked++;
    }

    function _note(address target, bytes memory data) private {
        (bool ok, bytes memory reason) = target.call(data);
        if (ok) worked++;
        // forge-lint: disable-next-line(unsafe-typecast)
        else if (bytes4(reason) == ILilypadErrors.Reentered.selector) refused++;
    }
}

/// @notice W-26: even with a token that calls out, no step of a deal begins while another is running.
contract ReentrancyTest is Base {
    Receiver private _creator;
    Receiver private _mediator;

    function setUp() public override {
        super.setUp();
        TellingToken telling = new TellingToken();
        token = telling;
        token.setControllerAddress(address(payments));
        token.setTreasuryAddress(TREASURY);
        payments.setTokenAddress(address(token));
        _creator = new Receiver(controller, mediation);
        _mediator = new Receiver(controller, mediation);
        token.transfer(address(_creator), WALLET);
        token.transfer(RP, WALLET);
        telling.tell(address(_creator));
        telling.tell(address(_mediator));
    }

    function test_W26_no_step_begins_within_another() public {
        _agree();
        vm.prank(RP);
        controller.addResult(ID, "r", "d", 1);
        _creator.act(address(controller), abi.encodeCall(controller.acceptResult, (ID)));
        vm.assertEq(_creator.worked(), 0, "nothing worked");
        // Two transfers came to the creator, the rest of its payment and its deposit; ten calls each.
        vm.assertEq(_creator.refused(), 20, "refusals");
        assertWallet(address(_creator), 990);
        assertState(SharedStructs.AgreementState.ResultsAccepted);
    }

    function test_W26_no_verdict_within_a_verdict() public {
        _agree();
        vm.prank(RP);
        controller.addResult(ID, "r", "d", 1);
        _creator.act(address(controller), abi.encodeCall(controller.checkResult, (ID)));
        _mediator.act(address(mediation), abi.encodeCall(mediation.mediationAcceptResult, (ID)));
        vm.assertEq(_mediator.worked() + _creator.worked(), 0, "nothing worked");
        vm.assertEq(_mediator.refused(), 9, "refusals");
        assertWallet(address(_mediator), 5);
        assertState(SharedStructs.AgreementState.MediationAccepted);
    }

    /// @dev The mediator of one deal is paid in another: the controller is locked, the mediation contract is not.
    function test_W26_no_verdict_within_another_deals_step() public {
        token.transfer(address(_mediator), WALLET);
        _agree();
        vm.prank(RP);
        controller.addResult(ID, "r", "d", 1);
        _creator.act(address(controller), abi.encodeCall(controller.checkResult, (ID)));
        SharedStructs.DealMembers memory m = members();
        m.jobCreator = address(_mediator);
        vm.prank(RP);
        controller.agree("deal-2", m, timeouts(), pricing());
        _mediator.act(address(controller), abi.encodeCall(controller.agree, ("deal-2", m, timeouts(), pricing())));
        vm.prank(RP);
        controller.addResult("deal-2", "r", "d", 1);
        assertState(SharedStructs.AgreementState.ResultsChecked);
        _mediator.act(address(controller), abi.encodeCall(controller.acceptResult, ("deal-2")));
        vm.assertEq(_mediator.worked(), 0, "nothing worked");
        assertState(SharedStructs.AgreementState.ResultsChecked);
    }

    function _agree() private {
        SharedStructs.DealMembers memory m = members();
        m.jobCreator = address(_creator);
        m.mediators[0] = address(_mediator);
        vm.prank(RP);
        controller.agree(ID, m, timeouts(), pricing());
        _creator.agree(m, timeouts(), pricing());
    }
}
