// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../types/SharedStructs.sol";
import {EscrowLedger} from "./EscrowLedger.sol";
import {Records} from "./Records.sol";

/// @title The record that keeps a result.
/// @notice Zero byte, time of submission (5 bytes), instruction count (16), length of the results id (2), results id, data
/// id. A record of no bytes is a result that was not submitted: its numbers are zero.
library Results {
    using Records for bytes;

    uint256 private constant SUBMITTED_AT = 1;
    uint256 private constant COUNT = 6;
    uint256 private constant LENGTH = 22;
    uint256 private constant TEXTS = 24;

    /// @notice Writes a record. Ids of at most 65,535 bytes.
    function record(uint40 time, string calldata resultsId, string calldata dataId, uint256 count)
        internal
        returns (address)
    {
        // forge-lint: disable-next-line(unsafe-typecast)
        uint16 length = uint16(bytes(resultsId).length);
        return Records.write(abi.encodePacked(hex"00", time, EscrowLedger.checked(count), length, resultsId, dataId));
    }

    function submittedAt(bytes memory result) internal pure returns (uint256) {
        return result.length == 0 ? 0 : result.number(SUBMITTED_AT, 5);
    }

    function instructionCount(bytes memory result) internal pure returns (uint256) {
        return result.length == 0 ? 0 : result.number(COUNT, 16);
    }

    /// @notice A record in v1's shape.
    function load(bytes memory result, string calldata dealId) internal pure returns (SharedStructs.Result memory) {
        uint256 dataStart = TEXTS + result.number(LENGTH, 2);
        return SharedStructs.Result({
            dealId: dealId,
            resultsId: result.text(TEXTS, dataStart - TEXTS),
            dataId: result.text(dataStart, result.length - dataStart),
            instructionCount: instructionCount(result)
        });
    }
}
