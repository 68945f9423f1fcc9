// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Bytes that are written once, kept as the code of an account.
/// @notice A byte of code costs 200 gas and an account 32,000, a slot of 32 bytes costs 22,100: from five slots on this is
/// cheaper, and reading all of it costs as much as reading one slot. Such an account never runs: its first byte is STOP.
library Records {
    /// @notice Writes `data`, whose first byte must be zero. At most 24,576 bytes.
    function write(bytes memory data) internal returns (address record) {
        // Creation code that returns what follows it:
        // PUSH2 size, DUP1, PUSH1 10, RETURNDATASIZE, CODECOPY, RETURNDATASIZE, RETURN.
        // forge-lint: disable-next-line(unsafe-typecast)
        bytes memory code = abi.encodePacked(hex"61", uint16(data.length), hex"80600a3d393df3", data);
        // Solidity has no other way to create code that is data.
        assembly ("memory-safe") {
            record := create(0, add(code, 32), mload(code))
        }
        // Only lack of gas could do that, and then nothing here runs any more.
        assert(record != address(0));
    }

    /// @notice The number of `size` bytes, at most 32, that starts at byte `start`.
    function number(bytes memory data, uint256 start, uint256 size) internal pure returns (uint256 value) {
        assert(start + size <= data.length);
        // Indexing byte by byte would cost a thousand gas for each number.
        assembly ("memory-safe") {
            value := shr(sub(256, mul(size, 8)), mload(add(add(data, 32), start)))
        }
    }

    function account(bytes memory data, uint256 start) internal pure returns (address) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return address(uint160(number(data, start, 20)));
    }

    /// @notice The `size` bytes that start at byte `start`.
    function text(bytes memory data, uint256 start, uint256 size) internal pure returns (string memory) {
        assert(start + size <= data.length);
        bytes memory part = new bytes(size);
        assembly ("memory-safe") {
            mcopy(add(part, 32), add(add(data, 32), start), size)
        }
        return string(part);
    }
}
