// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadOwnable} from "./LilypadOwnable.sol";

/// @title A contract with one trusted caller, which the owner names.
abstract contract ControllerOwnable is LilypadOwnable {
    address private _controller;
    bool private _controllerLocked;

    /// @notice The trusted caller changed.
    event ControllerChanged(address indexed previousController, address indexed newController);
    /// @notice The trusted caller can never change again.
    event ControllerLocked(address indexed controller);

    modifier onlyController() {
        address controller = _controller;
        require(controller != address(0), "ControllerOwnable: Controller address must be defined");
        require(controller == msg.sender, "ControllerOwnable: Only the controller can call this method");
        _;
    }

    /// @notice Names the trusted caller. Owner only.
    function setControllerAddress(address _controllerAddress) public onlyOwner {
        require(_controllerAddress != address(0), "ControllerOwnable: Controller address must be defined");
        require(!_controllerLocked, "ControllerOwnable: canChangeControllerAddress is disabled");
        emit ControllerChanged(_controller, _controllerAddress);
        _controller = _controllerAddress;
    }

    /// @notice The trusted caller, zero before it was named.
    function getControllerAddress() public view returns (address) {
        return _controller;
    }

    /// @notice Fixes the trusted caller for ever. Owner only.
    function disableChangeControllerAddress() public onlyOwner {
        _controllerLocked = true;
        emit ControllerLocked(_controller);
    }
}
