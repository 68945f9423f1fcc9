// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadController} from "../src/LilypadController.sol";
import {LilypadMediationRandom} from "../src/LilypadMediationRandom.sol";
import {LilypadPayments} from "../src/LilypadPayments.sol";
import {LilypadStorage} from "../src/LilypadStorage.sol";
import {LilypadToken} from "../src/LilypadToken.sol";
import {LilypadUsers} from "../src/LilypadUsers.sol";
import {ILilypadPayments} from "../src/interfaces/ILilypadPayments.sol";
import {EscrowLedger} from "../src/libraries/EscrowLedger.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Vm} from "./Vm.sol";

/// @notice The whole set, wired, with labelled actors of 1,000 tokens each and a deal whose numbers are those of the
/// worked example in the v1 documentation: price 10, payment 30, multiple 4, fee 5, submit 10, judge 7.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    bool public constant IS_TEST = true;

    uint256 internal constant START = 1_700_000_000;
    uint256 internal constant WALLET = 1000;
    uint40 internal constant AGREE = 60;
    uint40 internal constant SUBMIT = 1200;
    uint40 internal constant JUDGE = 3600;
    uint40 internal constant MEDIATE = 1800;
    string internal constant ID = "deal-1";

    address internal constant SOLVER = address(0x501);
    address internal constant JC = address(0xC0);
    address internal constant RP = address(0x90);
    address internal constant MEDIATOR = address(0x3ED1);
    address internal constant MEDIATOR2 = address(0x3ED2);
    address internal constant STRANGER = address(0x57);
    address internal constant TREASURY = address(0x7E);

    LilypadToken internal token;
    LilypadPayments internal payments;
    LilypadStorage internal store;
    LilypadUsers internal users;
    LilypadMediationRandom internal mediation;
    LilypadController internal controller;

    function setUp() public virtual {
        vm.warp(START);
        vm.roll(1000);
        token = new LilypadToken("Lilypad Token", "LP", 1_000_000_000 ether);
        payments = new LilypadPayments();
        payments.initialize(address(token));
        token.setControllerAddress(address(payments));
        store = new LilypadStorage();
        store.initialize();
        users = new LilypadUsers();
        users.initialize();
        mediation = new LilypadMediationRandom();
        mediation.initialize();
        controller = new LilypadController();
        controller.initialize(
            address(store), address(users), address(payments), address(mediation), address(0x10B), address(0x9017)
        );
        store.setControllerAddress(address(controller));
        payments.setControllerAddress(address(controller));
        mediation.setControllerAddress(address(controller));
        token.setTreasuryAddress(TREASURY);
        _actor(SOLVER, "solver", 0);
        _actor(JC, "job creator", WALLET);
        _actor(RP, "resource provider", WALLET);
        _actor(MEDIATOR, "mediator", 0);
        _actor(MEDIATOR2, "second mediator", 0);
        _actor(STRANGER, "stranger", WALLET);
        _actor(TREASURY, "treasury", 0);
    }

    // The deal

    function members() internal pure returns (SharedStructs.DealMembers memory) {
        address[] memory mediators = new address[](1);
        mediators[0] = MEDIATOR;
        return SharedStructs.DealMembers(SOLVER, JC, RP, mediators);
    }

    function timeouts() internal pure returns (SharedStructs.DealTimeouts memory) {
        return SharedStructs.DealTimeouts(
            SharedStructs.DealTimeout(AGREE, 0),
            SharedStructs.DealTimeout(SUBMIT, 10),
            SharedStructs.DealTimeout(JUDGE, 7),
            SharedStructs.DealTimeout(MEDIATE, 0)
        );
    }

    function pricing() internal pure returns (SharedStructs.DealPricing memory) {
        return SharedStructs.DealPricing(10, 30, 4, 5);
    }

    // Steps. Each is one transaction of one actor.

    function agreeAs(address who, string memory id) internal {
        vm.prank(who);
        controller.agree(id, members(), timeouts(), pricing());
    }

    function agreed() internal {
        agreeAs(RP, ID);
        agreeAs(JC, ID);
    }

    function submitted(uint256 count) internal {
        agreed();
        vm.prank(RP);
        controller.addResult(ID, "results-1", "data-1", count);
    }

    function checked(uint256 count) internal {
        submitted(count);
        vm.prank(JC);
        controller.checkResult(ID);
    }

    function accept() internal {
        vm.prank(JC);
        controller.acceptResult(ID);
    }

    // Expectations

    function expectText(string memory text) internal {
        vm.expectRevert(abi.encodeWithSignature("Error(string)", text));
    }

    function expectError(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function expectError(bytes4 selector, uint256 value) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, value));
    }

    function expectError(bytes4 selector, address value) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, value));
    }

    function expectError(bytes4 selector, uint256 value, uint256 other) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, value, other));
    }

    function assertWallet(address who, uint256 amount) internal view {
        vm.assertEq(token.balanceOf(who), amount, "wallet");
    }

    function assertEscrow(address who, uint256 amount) internal view {
        vm.assertEq(token.escrowBalanceOf(who), amount, "escrow");
    }

    function assertState(SharedStructs.AgreementState state) internal view {
        vm.assertEq(uint256(store.getAgreement(ID).state), uint256(state), "state");
        vm.assertTrue(store.isState(ID, state), "isState");
    }

    /// @dev A final deal holds nothing of anyone.
    function assertSettled(SharedStructs.AgreementState state) internal view {
        assertState(state);
        assertEscrow(RP, 0);
        assertEscrow(JC, 0);
        vm.assertTrue(isEmpty(ID, RP) && isEmpty(ID, JC), "ledger");
        vm.assertEq(token.balanceOf(address(token)), 0, "backing");
    }

    function isEmpty(string memory id, address who) internal view returns (bool) {
        EscrowLedger.Held memory held = payments.escrowOf(id, who);
        return held.collateral == 0 && held.timeoutCollateral == 0 && held.mediationFee == 0;
    }

    // Money as announced: `watch()`, the step, then one `moved(…)` for each movement in order, then `nothingMoved()`.

    struct Movement {
        string dealId;
        address payee;
        uint256 amount;
        ILilypadPayments.PaymentReason reason;
        ILilypadPayments.PaymentDirection direction;
    }

    Movement[] private _movements;
    uint256 private _nextMovement;

    function watch() internal {
        delete _movements;
        _nextMovement = 0;
        vm.recordLogs();
    }

    function moved(
        address payee,
        uint256 amount,
        ILilypadPayments.PaymentReason reason,
        ILilypadPayments.PaymentDirection direction
    ) internal {
        if (_nextMovement == 0) _readMovements();
        vm.assertTrue(_nextMovement < _movements.length, "a movement is missing");
        Movement memory movement = _movements[_nextMovement++];
        vm.assertEq(movement.dealId, ID, "deal of the movement");
        vm.assertEq(movement.payee, payee, "payee");
        vm.assertEq(movement.amount, amount, "amount");
        vm.assertEq(uint256(movement.reason), uint256(reason), "reason");
        vm.assertEq(uint256(movement.direction), uint256(direction), "direction");
    }

    function nothingMoved() internal {
        if (_nextMovement == 0) _readMovements();
        vm.assertEq(_movements.length, _nextMovement, "movements");
    }

    function _readMovements() private {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] != ILilypadPayments.Payment.selector) continue;
            Movement memory movement;
            (movement.dealId, movement.payee, movement.amount, movement.reason, movement.direction) = abi.decode(
                logs[i].data,
                (string, address, uint256, ILilypadPayments.PaymentReason, ILilypadPayments.PaymentDirection)
            );
            _movements.push(movement);
        }
    }

    function bound(uint256 value, uint256 low, uint256 high) internal pure returns (uint256) {
        if (value >= low && value <= high) return value;
        if (low == 0 && high == type(uint256).max) return value;
        return low + value % (high - low + 1);
    }

    function _actor(address who, string memory name, uint256 amount) private {
        vm.label(who, name);
        if (amount > 0) token.transfer(who, amount);
    }
}
