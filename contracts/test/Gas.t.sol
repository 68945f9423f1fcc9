// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice What one deal costs: the sum of the gas that its four receipts show, agree twice, result, acceptance, with ids
/// of 46 characters. Each call here is a transaction of its own (`isolate`), so start, calldata and cold storage count.
/// forge-config: default.isolate = true
contract GasTest is Base {
    string private constant FIRST = "QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG";
    string private constant SECOND = "QmZTR5bcpQD7cFgTorqxZDYaew1Wqgfbd2ud9QqGPAkK2V";
    string private constant RESULT = "QmPZ9gcCEpqKTo6aq61g2nXGUhM4iCL3ewB6LDXZCtioEB";
    string private constant DATA = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

    function setUp() public override {
        super.setUp();
        token.transfer(JC, 1000 ether);
        token.transfer(RP, 1000 ether);
    }

    function test_first_deal_of_two_parties() public {
        vm.assertLt(_life(FIRST, "first"), 1_000_000, "gas of a deal");
    }

    function test_next_deal_of_the_same_parties() public {
        _life(FIRST, "first");
        vm.assertLt(_life(SECOND, "next"), 850_000, "gas of a deal");
    }

    function _life(string memory id, string memory name) private returns (uint256 total) {
        _agree(RP, id);
        total += _note(string.concat(name, ": 1 agree, provider"));
        _agree(JC, id);
        total += _note(string.concat(name, ": 2 agree, creator"));
        vm.prank(RP);
        controller.addResult(id, RESULT, DATA, 1);
        total += _note(string.concat(name, ": 3 addResult"));
        vm.prank(JC);
        controller.acceptResult(id);
        total += _note(string.concat(name, ": 4 acceptResult"));
        vm.snapshotValue("Deal", string.concat(name, ": sum"), total);
    }

    /// @dev Numbers as nodes send them: whole tokens, a payment of which a part goes back, every deposit above zero.
    function _agree(address who, string memory id) private {
        SharedStructs.DealTimeouts memory times = timeouts();
        times.submitResults.collateral = 1 ether;
        times.judgeResults.collateral = 1 ether;
        vm.prank(who);
        controller.agree(id, members(), times, SharedStructs.DealPricing(1 ether, 2 ether, 2, 1 ether));
    }

    function _note(string memory name) private returns (uint256) {
        return vm.snapshotGasLastCall("Deal", name);
    }
}
