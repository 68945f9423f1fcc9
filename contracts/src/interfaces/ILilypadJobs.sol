// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title What a contract that orders jobs is called with.
interface ILilypadJobClient {
    /// @notice The job `id` is done. Called by the job manager, once, with a limited amount of gas.
    /// @param dealId The deal in which it ran.
    /// @param dataId CID of the folder that it left: `stdout`, `stderr`, `exitCode` and its outputs.
    function submitResults(uint256 id, string calldata dealId, string calldata dataId) external;
}

/// @title What a contract that orders jobs may also have.
interface ILilypadJobFailureClient {
    /// @notice The job `id` came to nothing and its deposit went back to the payee. Called by the job manager, once.
    function jobFailed(uint256 id, string calldata reason) external;
}

/// @title Orders jobs, as a client sees it.
interface ILilypadJobManager {
    /// @notice Orders a job and takes its deposit, `getRequiredDeposit()`, from the wallet of `payee`, who must have
    /// approved this contract for it in the token (not, as on the v1 contracts, the service).
    /// @param module `name:version`, or `host/owner/repository:version`.
    /// @param inputs `name=value` each.
    /// @param payee The caller, or someone who has called `authorizeClient(caller)`.
    /// @return id Number of the job, from 1.
    function runJob(string calldata module, string[] calldata inputs, address payee) external returns (uint256 id);
    /// @notice Deposit of the next job, in base units of the token.
    function getRequiredDeposit() external view returns (uint256);
    /// @notice The token of the deposits.
    function getTokenAddress() external view returns (address);
}
