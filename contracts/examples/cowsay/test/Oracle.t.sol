// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MockLilypad} from "lilypad/client/MockLilypad.sol";
import {Oracle} from "../src/Oracle.sol";

interface Vm {
    function startPrank(address sender) external;
    function stopPrank() external;
    function expectRevert() external;
    function assertEq(uint256 left, uint256 right, string calldata message) external pure;
    function assertEq(string calldata left, string calldata right, string calldata message) external pure;
}

contract OracleTest {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address private constant PERSON = address(0xBEEF);

    MockLilypad private _lilypad;
    Oracle private _oracle;

    function setUp() public {
        _lilypad = new MockLilypad();
        _oracle = new Oracle(address(_lilypad.jobs()));
        _lilypad.fund(PERSON, 3 ether);
        vm.startPrank(PERSON);
        _lilypad.token().approve(address(_lilypad.jobs()), 3 ether);
        _lilypad.jobs().authorizeClient(address(_oracle));
        vm.stopPrank();
    }

    function test_the_answer_arrives_and_is_paid_for() public {
        uint256 id = _ask("moo?");
        vm.assertEq(_lilypad.token().balanceOf(PERSON), 1 ether, "the deposit is held");
        assert(_lilypad.deliver(id, "QmAnswer"));
        vm.assertEq(_oracle.dataIds(id), "QmAnswer", "data id");
        vm.assertEq(_lilypad.token().balanceOf(PERSON), 1 ether, "the deposit is spent");
    }

    function test_a_failure_costs_nothing() public {
        uint256 id = _ask("moo?");
        _lilypad.fail(id, "no provider");
        assert(_oracle.answers(id) == Oracle.Answer.Failed);
        vm.assertEq(_lilypad.token().balanceOf(PERSON), 3 ether, "the deposit is back");
    }

    function test_nobody_else_can_answer() public {
        uint256 id = _ask("moo?");
        vm.expectRevert();
        _oracle.submitResults(id, "deal", "QmForged");
    }

    function _ask(string memory question) private returns (uint256 id) {
        vm.startPrank(PERSON);
        id = _oracle.ask(question);
        vm.stopPrank();
    }
}
