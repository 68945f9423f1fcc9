// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A contract that orders a cow and keeps what it said.
interface IExampleClient {
    /// @notice A cow was ordered.
    event JobCreated(uint256 id, string message);
    /// @notice The result arrived.
    event JobCompleted(uint256 id, string dealId, string dataId);
    /// @notice The job came to nothing; the caller has its deposit back.
    event JobCancelled(uint256 id, string reason);

    /// @notice Names the job manager. Owner only, once.
    function initialize(address _jobManagerAddress) external;
    /// @notice Names the job manager of later orders. Owner only.
    function setJobManagerAddress(address _jobManagerAddress) external;
    /// @notice Orders `cowsay:v0.0.4` with `Message=<message>` at the caller's expense: it has approved the job manager
    /// in the token and has called `authorizeClient` there with the address of this contract.
    function runCowsay(string calldata message) external;
    /// @notice CID of the result folder of a job; empty before it is done.
    function getJobResult(uint256 _jobID) external view returns (string memory);
}
