// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Base} from "./Base.t.sol";

/// @notice What one deal costs, with ids as long as the network's and parties that never had a deal. The budget is the
/// whole life, agree twice, result, acceptance, measured within one transaction: the four transactions of a real chain add
/// about 230,000 for their start, their calldata and storage that each touches first.
contract GasTest is Base {
    uint256 private constant BUDGET = 930_000;

    function test_life_of_a_deal_stays_below_its_budget() public {
        string memory id = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
        uint256 total = 0;
        vm.prank(RP);
        uint256 before = gasleft();
        controller.agree(id, members(), timeouts(), pricing());
        total += before - gasleft();
        vm.prank(JC);
        before = gasleft();
        controller.agree(id, members(), timeouts(), pricing());
        total += before - gasleft();
        vm.prank(RP);
        before = gasleft();
        controller.addResult(id, id, id, 1);
        total += before - gasleft();
        vm.prank(JC);
        before = gasleft();
        controller.acceptResult(id);
        total += before - gasleft();
        vm.assertLt(total, BUDGET, "gas of a deal");
    }
}
