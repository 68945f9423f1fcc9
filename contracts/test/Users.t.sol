// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice A service publishes where it is found.
contract UsersTest is Base {
    SharedStructs.ServiceType private constant S = SharedStructs.ServiceType.Solver;
    SharedStructs.ServiceType private constant M = SharedStructs.ServiceType.Mediator;

    function test_a_stranger_has_an_empty_record() public view {
        SharedStructs.User memory user = users.getUser(STRANGER);
        vm.assertEq(user.userAddress, address(0), "address");
        vm.assertEq(user.url, "", "url");
        vm.assertEq(user.roles.length, 0, "roles");
    }

    function test_a_solver_registers_and_is_found() public {
        _register(SOLVER, S);
        vm.prank(SOLVER);
        users.addUserToList(S);
        SharedStructs.User memory user = users.getUser(SOLVER);
        vm.assertEq(user.userAddress, SOLVER, "address");
        vm.assertEq(user.metadataCID, "cid", "cid");
        vm.assertEq(user.url, "http://here", "url");
        vm.assertEq(users.showUsersInList(S).length, 1, "list");
        vm.assertEq(users.showUsersInList(S)[0], SOLVER, "member");
    }

    function test_v1_texts() public {
        vm.startPrank(SOLVER, SOLVER);
        expectText("User must exist");
        users.addUserToList(S);
        expectText("User must exist");
        users.removeUserFromList(S);
        vm.stopPrank();
        _register(SOLVER, S);
        vm.startPrank(SOLVER, SOLVER);
        expectText("User must have that role");
        users.addUserToList(M);
        expectText("User is not part of that list");
        users.removeUserFromList(S);
        users.addUserToList(S);
        expectText("User is already part of that list");
        users.addUserToList(S);
        vm.stopPrank();
    }

    function test_leaving_keeps_the_order_of_the_others() public {
        address[4] memory all = [RP, JC, MEDIATOR, SOLVER];
        for (uint256 i = 0; i < all.length; i++) {
            _register(all[i], S);
            vm.prank(all[i]);
            users.addUserToList(S);
        }
        vm.prank(JC);
        users.removeUserFromList(S);
        _listIs(RP, MEDIATOR, SOLVER);
        vm.prank(RP);
        users.removeUserFromList(S);
        vm.prank(RP);
        users.addUserToList(S);
        _listIs(MEDIATOR, SOLVER, RP);
        vm.prank(RP);
        users.removeUserFromList(S);
        vm.prank(JC);
        users.addUserToList(S);
        _listIs(MEDIATOR, SOLVER, JC);
        vm.assertEq(users.countUsersInList(S), 3, "count");
        address[] memory page = users.showUsersInListAfter(S, MEDIATOR, 1);
        vm.assertEq(page.length, 1, "page");
        vm.assertEq(page[0], SOLVER, "after the cursor");
        vm.assertEq(users.showUsersInListAfter(S, JC, 5).length, 0, "past the end");
    }

    function test_W21_dropping_a_role_leaves_its_list() public {
        _register(SOLVER, S);
        vm.prank(SOLVER);
        users.addUserToList(S);
        _register(SOLVER, M);
        vm.assertEq(users.showUsersInList(S).length, 0, "left");
        vm.prank(SOLVER);
        users.addUserToList(M);
        vm.assertEq(users.showUsersInList(M)[0], SOLVER, "the new one");
    }

    function test_W21_records_are_bounded() public {
        string memory long = string(new bytes(2049));
        SharedStructs.ServiceType[] memory none = new SharedStructs.ServiceType[](0);
        expectError(ILilypadErrors.TextTooLong.selector, 2049, 2048);
        users.updateUser("", long, none);
        expectError(ILilypadErrors.TextTooLong.selector, 2049, 2048);
        users.updateUser(long, "", none);
        expectError(ILilypadErrors.TooManyRoles.selector, 5, 4);
        users.updateUser("", "", new SharedStructs.ServiceType[](5));
    }

    /// @dev Members are exactly those who entered and did not leave, each once, whatever the order of steps.
    function testFuzz_a_list_is_what_entered_and_did_not_leave(uint8[40] memory steps) public {
        address[5] memory all = [RP, JC, MEDIATOR, SOLVER, STRANGER];
        bool[5] memory inside;
        for (uint256 i = 0; i < all.length; i++) {
            _register(all[i], S);
        }
        uint256 count = 0;
        for (uint256 i = 0; i < steps.length; i++) {
            uint256 who = steps[i] % 5;
            vm.prank(all[who]);
            if (inside[who]) {
                users.removeUserFromList(S);
                count--;
            } else {
                users.addUserToList(S);
                count++;
            }
            inside[who] = !inside[who];
        }
        address[] memory list = users.showUsersInList(S);
        vm.assertEq(list.length, count, "count");
        for (uint256 i = 0; i < all.length; i++) {
            uint256 found = 0;
            for (uint256 j = 0; j < list.length; j++) {
                if (list[j] == all[i]) found++;
            }
            vm.assertEq(found, inside[i] ? 1 : 0, "once, if inside");
        }
    }

    function _register(address who, SharedStructs.ServiceType role) private {
        SharedStructs.ServiceType[] memory roles = new SharedStructs.ServiceType[](1);
        roles[0] = role;
        vm.prank(who);
        users.updateUser("cid", "http://here", roles);
    }

    function _listIs(address first, address second, address third) private view {
        address[] memory list = users.showUsersInList(S);
        vm.assertEq(list.length, 3, "length");
        vm.assertEq(list[0], first, "first");
        vm.assertEq(list[1], second, "second");
        vm.assertEq(list[2], third, "third");
    }
}
