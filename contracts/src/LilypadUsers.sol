// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {LilypadOwnable} from "./access/LilypadOwnable.sol";
import {ILilypadUsers} from "./interfaces/ILilypadUsers.sol";
import {SharedStructs} from "./types/SharedStructs.sol";

/// @notice See ILilypadUsers.
contract LilypadUsers is ILilypadUsers, LilypadOwnable, Initializable {
    /// @dev Longest metadata CID and URL, in bytes, and the most roles of a record.
    uint256 public constant MAX_TEXT_LENGTH = 2048;
    uint256 public constant MAX_ROLES = 4;

    /// @dev A list in order of entry: `next[address(0)]` is its first member, `previous[address(0)]` its last.
    struct List {
        uint256 count;
        mapping(address user => bool) member;
        mapping(address user => address) next;
        mapping(address user => address) previous;
    }

    mapping(address user => SharedStructs.User) private _users;
    mapping(SharedStructs.ServiceType serviceType => List) private _lists;

    /// @inheritdoc ILilypadUsers
    function initialize() external onlyOwner initializer {}

    /// @inheritdoc ILilypadUsers
    function updateUser(string calldata metadataCID, string calldata url, SharedStructs.ServiceType[] calldata roles)
        external
        returns (SharedStructs.User memory)
    {
        _requireText(metadataCID);
        _requireText(url);
        if (roles.length > MAX_ROLES) revert TooManyRoles(roles.length, MAX_ROLES);
        SharedStructs.User storage user = _users[msg.sender];
        user.userAddress = msg.sender;
        user.metadataCID = metadataCID;
        user.url = url;
        user.roles = roles;
        emit UserUpdated(msg.sender, metadataCID, url, roles);
        for (uint256 i = 0; i < 4; i++) {
            // forge-lint: disable-next-line(unsafe-typecast)
            SharedStructs.ServiceType serviceType = SharedStructs.ServiceType(uint8(i));
            if (_lists[serviceType].member[msg.sender] && !_hasRole(user, serviceType)) _remove(serviceType);
        }
        return user;
    }

    /// @inheritdoc ILilypadUsers
    function addUserToList(SharedStructs.ServiceType serviceType) external {
        SharedStructs.User storage user = _users[msg.sender];
        List storage list = _lists[serviceType];
        require(user.userAddress != address(0), "User must exist");
        require(!list.member[msg.sender], "User is already part of that list");
        require(_hasRole(user, serviceType), "User must have that role");
        address last = list.previous[address(0)];
        list.next[last] = msg.sender;
        list.previous[msg.sender] = last;
        list.previous[address(0)] = msg.sender;
        list.member[msg.sender] = true;
        list.count++;
        emit UserListed(msg.sender, serviceType);
    }

    /// @inheritdoc ILilypadUsers
    function removeUserFromList(SharedStructs.ServiceType serviceType) external {
        require(_users[msg.sender].userAddress != address(0), "User must exist");
        require(_lists[serviceType].member[msg.sender], "User is not part of that list");
        _remove(serviceType);
    }

    /// @inheritdoc ILilypadUsers
    function getUser(address userAddress) external view returns (SharedStructs.User memory) {
        return _users[userAddress];
    }

    /// @inheritdoc ILilypadUsers
    function showUsersInList(SharedStructs.ServiceType serviceType) external view returns (address[] memory) {
        return _page(_lists[serviceType], address(0), type(uint256).max);
    }

    /// @inheritdoc ILilypadUsers
    function showUsersInListAfter(SharedStructs.ServiceType serviceType, address cursor, uint256 limit)
        external
        view
        returns (address[] memory)
    {
        return _page(_lists[serviceType], cursor, limit);
    }

    /// @inheritdoc ILilypadUsers
    function countUsersInList(SharedStructs.ServiceType serviceType) external view returns (uint256) {
        return _lists[serviceType].count;
    }

    function _remove(SharedStructs.ServiceType serviceType) private {
        List storage list = _lists[serviceType];
        address previous = list.previous[msg.sender];
        address next = list.next[msg.sender];
        list.next[previous] = next;
        list.previous[next] = previous;
        delete list.next[msg.sender];
        delete list.previous[msg.sender];
        delete list.member[msg.sender];
        list.count--;
        emit UserUnlisted(msg.sender, serviceType);
    }

    function _page(List storage list, address cursor, uint256 limit) private view returns (address[] memory page) {
        uint256 size = limit < list.count ? limit : list.count;
        page = new address[](size);
        uint256 found = 0;
        for (address user = list.next[cursor]; user != address(0) && found < size; user = list.next[user]) {
            page[found++] = user;
        }
        if (found == size) return page;
        address[] memory rest = new address[](found);
        for (uint256 i = 0; i < found; i++) {
            rest[i] = page[i];
        }
        return rest;
    }

    function _hasRole(SharedStructs.User storage user, SharedStructs.ServiceType serviceType)
        private
        view
        returns (bool)
    {
        for (uint256 i = 0; i < user.roles.length; i++) {
            if (user.roles[i] == serviceType) return true;
        }
        return false;
    }

    function _requireText(string calldata text) private pure {
        if (bytes(text).length > MAX_TEXT_LENGTH) revert TextTooLong(bytes(text).length, MAX_TEXT_LENGTH);
    }
}
