// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {SharedStructs} from "../types/SharedStructs.sol";

/// @title The one contract that the parties of a deal talk to; also the registry of the others.
/// @notice A party is `msg.sender`, so a contract can be one. Time-outs may be sent by anyone: their money goes only to
/// the parties (and slashed deposits to the treasury).
interface ILilypadController {
    /// @notice A neighbour changed; `name` is the one of its setter, such as `Storage`.
    event NeighbourChanged(string name, address indexed previousAddress, address indexed newAddress);

    /// @notice Names all neighbours. Owner only, once.
    function initialize(
        address _storageAddress,
        address _usersAddress,
        address _paymentsAddress,
        address _mediationAddress,
        address _jobCreatorAddress,
        address _powAddress
    ) external;
    function setStorageAddress(address _storageAddress) external;
    function getStorageAddress() external view returns (address);
    function setUsersAddress(address _usersAddress) external;
    function getUsersAddress() external view returns (address);
    function setPaymentsAddress(address _paymentsAddress) external;
    function getPaymentsAddress() external view returns (address);
    function setMediationAddress(address _mediationAddress) external;
    function getMediationAddress() external view returns (address);
    function setJobCreatorAddress(address _jobCreatorAddress) external;
    function getJobCreatorAddress() external view returns (address);
    function setPowAddress(address _powAddress) external;
    function getPowAddress() external view returns (address);

    /// @notice The caller, one of the two parties, agrees to the terms and deposits its collateral. The deal is agreed
    /// when the other party has sent equal terms within `timeouts.agree`.
    function agree(
        string calldata dealId,
        SharedStructs.DealMembers calldata members,
        SharedStructs.DealTimeouts calldata timeouts,
        SharedStructs.DealPricing calldata pricing
    ) external returns (SharedStructs.Agreement memory);
    /// @notice The resource provider delivers, within `timeouts.submitResults`, and deposits the results collateral.
    function addResult(
        string calldata dealId,
        string calldata resultsId,
        string calldata dataId,
        uint256 instructionCount
    ) external;
    /// @notice The resource provider cannot deliver and says so, within `timeouts.submitResults`: everyone gets their
    /// deposits back, the state is `TimeoutSubmitResults`.
    function giveUp(string calldata dealId) external;
    /// @notice The job creator pays, within `timeouts.judgeResults`.
    function acceptResult(string calldata dealId) external;
    /// @notice The job creator asks a mediator, within `timeouts.judgeResults`, and deposits the fee.
    function checkResult(string calldata dealId) external;
    /// @notice The mediator's verdict, within `timeouts.mediateResults`. Mediation contract only.
    function mediationAcceptResult(string calldata dealId) external;
    /// @notice See `mediationAcceptResult`; the results collateral is slashed.
    function mediationRejectResult(string calldata dealId) external;
    /// @notice Returns the deposit of an unanswered proposal: the caller's own, else the oldest open one.
    function timeoutAgree(string calldata dealId) external;
    /// @notice Returns the deposit of `proposer`'s unanswered proposal.
    function timeoutAgreeFor(string calldata dealId, address proposer) external;
    /// @notice No result in time: the job creator gets everything back, the provider's deposit is slashed.
    function timeoutSubmitResult(string calldata dealId) external;
    /// @notice No judgement in time: the provider is paid, the job creator's judging deposit is slashed.
    function timeoutJudgeResult(string calldata dealId) external;
    /// @notice No verdict in time: the provider is paid, the rest and the fee go back.
    function timeoutMediateResult(string calldata dealId) external;
}
