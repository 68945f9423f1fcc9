// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadOnChainJobCreator} from "../interfaces/ILilypadOnChainJobCreator.sol";

/// @title What a contract may order: texts that every node reads the same way.
library JobRequests {
    uint256 internal constant MAX_MODULE_LENGTH = 256;
    uint256 internal constant MAX_INPUTS = 32;
    uint256 internal constant MAX_INPUT_LENGTH = 4096;

    /// @notice Refuses a module that is not two texts of letters, digits and `.-_/` with one colon between them, the
    /// second without `/`.
    function requireModule(string calldata module) internal pure {
        bytes calldata text = bytes(module);
        uint256 colon = 0;
        if (text.length > MAX_MODULE_LENGTH) revert ILilypadOnChainJobCreator.MalformedModule();
        for (uint256 i = 0; i < text.length; i++) {
            bool isColon = text[i] == ":" && colon == 0 && i != 0;
            if (isColon) colon = i;
            bool allowed = isColon || _isName(text[i]) || (text[i] == "/" && colon == 0 && i != 0);
            if (!allowed) revert ILilypadOnChainJobCreator.MalformedModule();
        }
        if (colon == 0 || colon + 1 == text.length) revert ILilypadOnChainJobCreator.MalformedModule();
    }

    /// @notice Refuses inputs that are not `name=value` with a name of letters, digits and `.-_`, each name once.
    function requireInputs(string[] calldata inputs) internal pure {
        if (inputs.length > MAX_INPUTS) revert ILilypadOnChainJobCreator.TooManyInputs(inputs.length, MAX_INPUTS);
        bytes32[] memory names = new bytes32[](inputs.length);
        for (uint256 i = 0; i < inputs.length; i++) {
            names[i] = _name(bytes(inputs[i]), i);
            for (uint256 j = 0; j < i; j++) {
                if (names[j] == names[i]) revert ILilypadOnChainJobCreator.MalformedInput(i);
            }
        }
    }

    /// @dev The hash of what stands before the first `=`.
    function _name(bytes calldata input, uint256 index) private pure returns (bytes32) {
        if (input.length > MAX_INPUT_LENGTH) revert ILilypadOnChainJobCreator.MalformedInput(index);
        uint256 length = 0;
        while (length < input.length && _isName(input[length])) length++;
        if (length == 0 || length == input.length || input[length] != "=") {
            revert ILilypadOnChainJobCreator.MalformedInput(index);
        }
        return keccak256(input[:length]);
    }

    function _isName(bytes1 character) private pure returns (bool) {
        return (character >= "a" && character <= "z") || (character >= "A" && character <= "Z")
            || (character >= "0" && character <= "9") || character == "." || character == "-" || character == "_";
    }
}
