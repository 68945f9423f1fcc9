// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadUsers} from "../../src/LilypadUsers.sol";
import {SharedStructs} from "../../src/types/SharedStructs.sol";
import {Walk} from "./Walk.sol";
import {Vm} from "../Vm.sol";

/// @notice Five people change their records, enter and leave lists at random. A plain array remembers who must be where.
contract UsersHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant PEOPLE = 5;

    LilypadUsers private immutable _users;
    address[][4] private _lists;
    mapping(address who => bytes32) private _record;
    mapping(address who => uint256) private _roles;
    /// @notice How often: a record changed, somebody entered, left, was refused.
    uint256[4] public worked;

    constructor(LilypadUsers users) {
        _users = users;
        for (uint256 i = 0; i < PEOPLE; i++) {
            _record[_person(i)] = _recordOf(_person(i));
        }
    }

    function step(uint256 seed) external {
        seed = uint256(keccak256(abi.encode(seed)));
        address who = _person(seed % PEOPLE);
        uint256 list = seed / PEOPLE % 4;
        uint256 what = seed / 32 % 8;
        if (what == 0) _update(who, seed / 256);
        else if (what < 5) _enter(who, list);
        else _leave(who, list);
        // The list is the array, and the record that of the last update; of the others one, each in its turn.
        _compare(list, seed % 3 + 1);
        _compare(seed / 64 % 4, 2);
        _compareRecord(who);
        _compareRecord(_person(seed / 512 % PEOPLE));
    }

    function _compareRecord(address who) private view {
        require(_record[who] == _recordOf(who), "I-22: a record changed");
    }

    /// @notice All of them.
    function check() external view {
        for (uint256 i = 0; i < PEOPLE; i++) {
            _compareRecord(_person(i));
        }
        for (uint256 i = 0; i < 4; i++) {
            _compare(i, 5);
        }
    }

    function _update(address who, uint256 seed) private {
        uint256 count = seed % 4;
        SharedStructs.ServiceType[] memory roles = new SharedStructs.ServiceType[](count);
        uint256 bits = 0;
        for (uint256 i = 0; i < count; i++) {
            uint256 role = seed / 8 >> (2 * i) & 3;
            roles[i] = SharedStructs.ServiceType(role);
            bits |= 1 << role;
        }
        SharedStructs.User memory user =
            SharedStructs.User(who, seed % 2 == 0 ? "cid" : "", seed % 5 == 0 ? "" : "url", roles);
        vm.prank(who);
        _users.updateUser(user.metadataCID, user.url, roles);
        _record[who] = keccak256(abi.encode(user));
        _roles[who] = bits;
        for (uint256 i = 0; i < 4; i++) {
            if (bits & (1 << i) == 0) _drop(i, who);
        }
        worked[0]++;
    }

    function _enter(address who, uint256 list) private {
        bool may = _roles[who] & (1 << list) != 0 && !_isIn(list, who);
        vm.prank(who);
        try _users.addUserToList(SharedStructs.ServiceType(list)) {
            require(may, "I-22: entered without the role, or twice");
            _lists[list].push(who);
            worked[1]++;
        } catch {
            require(!may, "I-22: refused without a reason");
            worked[3]++;
        }
    }

    function _leave(address who, uint256 list) private {
        bool may = _isIn(list, who);
        vm.prank(who);
        try _users.removeUserFromList(SharedStructs.ServiceType(list)) {
            require(may, "I-22: left a list without being in it");
            _drop(list, who);
            worked[2]++;
        } catch {
            require(!may, "I-22: could not leave");
            worked[3]++;
        }
    }

    function _compare(uint256 list, uint256 limit) private view {
        SharedStructs.ServiceType kind = SharedStructs.ServiceType(list);
        address[] memory told = _lists[list];
        require(
            keccak256(abi.encode(_users.showUsersInList(kind))) == keccak256(abi.encode(told)),
            "I-22: members of a list"
        );
        require(_users.countUsersInList(kind) == told.length, "I-22: count of a list");
        if (told.length == 0) return;
        address[] memory page = _users.showUsersInListAfter(kind, told[0], limit);
        require(page.length == (told.length - 1 < limit ? told.length - 1 : limit), "I-22: length of a page");
        for (uint256 i = 0; i < page.length; i++) {
            require(page[i] == told[1 + i], "I-22: page");
        }
    }

    function _isIn(uint256 list, address who) private view returns (bool) {
        for (uint256 i = 0; i < _lists[list].length; i++) {
            if (_lists[list][i] == who) return true;
        }
        return false;
    }

    function _drop(uint256 list, address who) private {
        address[] storage told = _lists[list];
        uint256 kept = 0;
        for (uint256 i = 0; i < told.length; i++) {
            if (told[i] != who) told[kept++] = told[i];
        }
        if (kept < told.length) told.pop();
    }

    function _recordOf(address who) private view returns (bytes32) {
        return keccak256(abi.encode(_users.getUser(who)));
    }

    function _person(uint256 index) private pure returns (address) {
        return address(uint160(0x2000 + index));
    }
}

contract UsersInvariantTest is Walk {
    UsersHandler private _handler;

    function setUp() public override {
        super.setUp();
        _handler = new UsersHandler(users);
    }

    function walker() internal view override returns (address at, bytes4 step) {
        return (address(_handler), UsersHandler.step.selector);
    }

    /// forge-config: deep.invariant.runs = 20
    function invariant_I22_lists_and_records() public view {
        _handler.check();
    }

    function test_the_walk_does_everything() public {
        for (uint256 i = 0; i < 500; i++) {
            _handler.step(i);
        }
        for (uint256 i = 0; i < 4; i++) {
            vm.assertTrue(_handler.worked(i) > 9, vm.toString(i));
        }
    }
}
