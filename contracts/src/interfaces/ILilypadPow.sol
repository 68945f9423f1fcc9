// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Rounds in which providers prove that their hardware is online.
///
///     owner: triggerNewPowRound ─► 30 blocks ─► provider: generateChallenge ─► search off chain ─► submitWork
///
/// @notice A proof is a nonce for which keccak256(challenge ‖ nonce) is below the challenge's difficulty; each provider
/// proves once a round. Rounds are counted in blocks, which on Arbitrum are those of Ethereum (about 12 s each); the varying
/// part of the difficulty comes from `block.prevrandao`, which Arbitrum fixes at 1. `nodeId` is a label that nobody checks.
interface ILilypadPow {
    struct POWSubmission {
        address walletAddress;
        string nodeId;
        uint256 nonce;
        uint256 start_timestamp;
        uint256 complete_timestamp;
        bytes32 challenge;
        uint256 difficulty;
    }

    struct Challenge {
        bytes32 challenge;
        uint256 difficulty;
        string nodeId;
        uint256 timestamp;
    }

    /// @notice A challenge was made for the sender of the transaction.
    event GenerateChallenge(bytes32 challenge, uint256 difficulty);
    /// @notice A challenge was made, to be found by miner.
    event ChallengeGenerated(address indexed miner, bytes32 challenge, uint256 difficulty);
    /// @notice A round began.
    event NewPowRound();
    /// @notice A proof was accepted.
    event ValidPOWSubmitted(
        address walletAddress,
        string nodeId,
        uint256 nonce,
        uint256 start_timestamp,
        uint256 complete_timestamp,
        bytes32 challenge,
        uint256 difficulty
    );
    /// @notice The target of later challenges changed.
    event DifficultyChanged(uint256 previousDifficulty, uint256 newDifficulty);
    /// @notice The owner wants `newOwner` to take over.
    event OwnershipTransferStarted(address indexed previousOwner, address indexed newOwner);

    /// @notice This miner has a proof in the open round.
    error RoundAlreadyProven(address miner);
    /// @notice A difficulty that nobody can meet, or that everybody does.
    error DifficultyOutOfBounds(uint256 min, uint256 max);

    /// @notice Makes the caller the owner. Once, inside the deployment of the proxy.
    function initialize() external;
    /// @notice Begins a round of 30 blocks; an open one is replaced and its challenges are void, unless it began in this very
    /// block: then it goes on. Owner only.
    function triggerNewPowRound() external;
    /// @notice Sets the target of later challenges, before the variation of 90 to 110 %. Owner only.
    function change_difficulty(uint256 difficulty) external;
    /// @notice Takes over what the owner offered with `transferOwnership`.
    function acceptOwnership() external;
    /// @notice Makes the caller's challenge for the open round, in place of an earlier one.
    function generateChallenge(string calldata nodeId) external;
    /// @notice Proves the caller's challenge.
    function submitWork(uint256 nonce, string calldata nodeId) external;

    /// @notice Fails unless a round is open.
    function checkTimeWindow() external view;
    /// @notice The difficulty of a challenge made in this block.
    function calculate_difficulty() external view returns (uint256);
    /// @notice How many addresses have proven something.
    function getMinerCount() external view returns (uint256);
    /// @notice All of them, oldest first.
    function getMiners() external view returns (address[] memory);
    /// @notice Up to `limit` of them from index `start`.
    function getMinersPage(uint256 start, uint256 limit) external view returns (address[] memory);
    /// @notice How many proofs `addr` has.
    function getMinerPowSubmissionCount(address addr) external view returns (uint256);
    /// @notice All of them, oldest first.
    function getMinerPowSubmissions(address addr) external view returns (POWSubmission[] memory);
    /// @notice Up to `limit` of them from index `start`.
    function getMinerPowSubmissionsPage(address addr, uint256 start, uint256 limit)
        external
        view
        returns (POWSubmission[] memory);
    /// @notice The address to which ownership is offered, else zero.
    function pendingOwner() external view returns (address);
}
