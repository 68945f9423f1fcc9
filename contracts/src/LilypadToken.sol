// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Pausable} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Pausable.sol";
import {ControllerOwnable} from "./access/ControllerOwnable.sol";
import {ILilypadToken} from "./interfaces/ILilypadToken.sol";

/// @notice See ILilypadToken.
contract LilypadToken is ILilypadToken, ERC20Pausable, ControllerOwnable {
    mapping(address party => uint256) private _escrow;
    address private _treasury;

    /// @param initialSupply Base units; all of it goes to the deployer, none is ever made or burnt afterwards.
    constructor(string memory name, string memory symbol, uint256 initialSupply) ERC20(name, symbol) {
        _treasury = msg.sender;
        emit TreasuryChanged(address(0), msg.sender);
        _mint(msg.sender, initialSupply);
    }

    /// @inheritdoc ILilypadToken
    function payEscrow(uint256 amount) external onlyController returns (bool) {
        return _payIn(msg.sender, amount);
    }

    /// @inheritdoc ILilypadToken
    function payEscrowFrom(address fromAddress, uint256 amount) external onlyController returns (bool) {
        return _payIn(fromAddress, amount);
    }

    /// @inheritdoc ILilypadToken
    function refundEscrow(address toAddress, uint256 amount) external onlyController returns (bool) {
        return _payOut(toAddress, toAddress, amount);
    }

    /// @inheritdoc ILilypadToken
    function payJob(address fromAddress, address toAddress, uint256 amount) external onlyController returns (bool) {
        return _payOut(fromAddress, toAddress, amount);
    }

    /// @inheritdoc ILilypadToken
    function slashEscrow(address slashedAddress, uint256 amount) external onlyController returns (bool) {
        return _payOut(slashedAddress, _treasury, amount);
    }

    /// @inheritdoc ILilypadToken
    function pause() external onlyOwner {
        _pause();
    }

    /// @inheritdoc ILilypadToken
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @inheritdoc ILilypadToken
    function setTreasuryAddress(address treasuryAddress) external onlyOwner {
        if (treasuryAddress == address(0) || treasuryAddress == address(this)) revert ZeroAddress();
        emit TreasuryChanged(_treasury, treasuryAddress);
        _treasury = treasuryAddress;
    }

    /// @inheritdoc ILilypadToken
    function getTreasuryAddress() external view returns (address) {
        return _treasury;
    }

    /// @inheritdoc ILilypadToken
    function escrowBalanceOf(address _address) external view returns (uint256) {
        return _escrow[_address];
    }

    function _payIn(address from, uint256 amount) private returns (bool) {
        _escrow[from] += amount;
        _transfer(from, address(this), amount);
        return true;
    }

    function _payOut(address from, address to, uint256 amount) private returns (bool) {
        require(to != address(0), "LilypadToken: toAddress cannot be zero address");
        uint256 held = _escrow[from];
        require(held >= amount, "LilypadToken: not enough funds in escrow");
        unchecked {
            held -= amount;
        }
        _escrow[from] = held;
        _transfer(address(this), to, amount);
        return true;
    }
}
