// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../types/SharedStructs.sol";

/// @title The public directory of services. Everyone writes only their own record.
interface ILilypadUsers {
    /// @notice A record was created or replaced.
    event UserUpdated(address indexed user, string metadataCID, string url, SharedStructs.ServiceType[] roles);
    /// @notice A user entered a list.
    event UserListed(address indexed user, SharedStructs.ServiceType indexed serviceType);
    /// @notice A user left a list, also by dropping the role.
    event UserUnlisted(address indexed user, SharedStructs.ServiceType indexed serviceType);

    /// @notice For deployment order only; nothing to set. Owner only, once.
    function initialize() external;
    /// @notice The record of `userAddress`; all fields empty for a stranger.
    function getUser(address userAddress) external view returns (SharedStructs.User memory);
    /// @notice Creates or replaces the caller's record. Leaves the lists of roles that are no longer held.
    function updateUser(string calldata metadataCID, string calldata url, SharedStructs.ServiceType[] calldata roles)
        external
        returns (SharedStructs.User memory);
    /// @notice Puts the caller, who must hold the role, at the end of a list.
    function addUserToList(SharedStructs.ServiceType serviceType) external;
    /// @notice Takes the caller off a list; the others keep their order.
    function removeUserFromList(SharedStructs.ServiceType serviceType) external;
    /// @notice A whole list, in order of entry.
    function showUsersInList(SharedStructs.ServiceType serviceType) external view returns (address[] memory);
    /// @notice Up to `limit` users after `cursor` (zero: from the start), in order of entry.
    function showUsersInListAfter(SharedStructs.ServiceType serviceType, address cursor, uint256 limit)
        external
        view
        returns (address[] memory);
    /// @notice How many users a list has.
    function countUsersInList(SharedStructs.ServiceType serviceType) external view returns (uint256);
}
