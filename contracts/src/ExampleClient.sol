// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Initializable} from "@openzeppelin/contracts/proxy/utils/Initializable.sol";
import {LilypadOwnable} from "./access/LilypadOwnable.sol";
import {LilypadConsumer} from "./client/LilypadConsumer.sol";
import {IExampleClient} from "./interfaces/IExampleClient.sol";

/// @notice See IExampleClient.
contract ExampleClient is IExampleClient, LilypadConsumer, LilypadOwnable, Initializable {
    mapping(uint256 id => string dataId) private _results;

    /// @inheritdoc IExampleClient
    function initialize(address _jobManagerAddress) external initializer {
        setJobManagerAddress(_jobManagerAddress);
    }

    /// @inheritdoc IExampleClient
    function setJobManagerAddress(address _jobManagerAddress) public onlyOwner {
        require(_jobManagerAddress != address(0), "Job manager address");
        _setJobManager(_jobManagerAddress);
    }

    /// @inheritdoc IExampleClient
    function runCowsay(string calldata message) external {
        string[] memory inputs = new string[](1);
        inputs[0] = string.concat("Message=", message);
        uint256 id = _order("cowsay:v0.0.4", inputs, msg.sender);
        emit JobCreated(id, message);
    }

    /// @inheritdoc IExampleClient
    function getJobResult(uint256 _jobID) external view returns (string memory) {
        return _results[_jobID];
    }

    function _onResult(uint256 id, string calldata dealId, string calldata dataId) internal override {
        _results[id] = dataId;
        emit JobCompleted(id, dealId, dataId);
    }

    function _onFailure(uint256 id, string calldata reason) internal override {
        emit JobCancelled(id, reason);
    }
}
