// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {LilypadConsumer} from "lilypad/client/LilypadConsumer.sol";

/// @notice Asks a cow, at the asker's expense, and remembers the CID of its answer.
contract Oracle is LilypadConsumer {
    enum Answer {
        None,
        Waiting,
        Given,
        Failed
    }

    mapping(uint256 id => address) public askerOf;
    mapping(uint256 id => Answer) public answers;
    mapping(uint256 id => string) public dataIds;

    constructor(address jobManager_) {
        _setJobManager(jobManager_);
    }

    function ask(string calldata question) external returns (uint256 id) {
        string[] memory inputs = new string[](1);
        inputs[0] = string.concat("Message=", question);
        id = _order("cowsay:v0.0.4", inputs, msg.sender);
        askerOf[id] = msg.sender;
        answers[id] = Answer.Waiting;
    }

    function _onResult(uint256 id, string calldata, string calldata dataId) internal override {
        answers[id] = Answer.Given;
        dataIds[id] = dataId;
    }

    function _onFailure(uint256 id, string calldata) internal override {
        answers[id] = Answer.Failed;
    }
}
