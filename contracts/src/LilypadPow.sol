// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {OwnableUpgradeable} from "@openzeppelin/contracts-upgradeable/access/OwnableUpgradeable.sol";
import {Initializable} from "@openzeppelin/contracts-upgradeable/proxy/utils/Initializable.sol";
import {ILilypadErrors} from "./interfaces/ILilypadErrors.sol";
import {ILilypadPow} from "./interfaces/ILilypadPow.sol";

/// @notice See ILilypadPow. For use behind LilypadPowProxy only.
contract LilypadPow is ILilypadPow, ILilypadErrors, Initializable, OwnableUpgradeable {
    uint256 public constant WINDOW_BLOCKS = 30;
    /// @dev Longest node id, in bytes.
    uint256 public constant MAX_NODE_ID_LENGTH = 256;
    /// @dev Below it a proof takes more than 2^56 hashes; above, the variation of the target would overflow.
    uint256 public constant MIN_DIFFICULTY = 1 << 200;
    uint256 public constant MAX_DIFFICULTY = type(uint256).max / 110;
    uint256 private constant FIRST_DIFFICULTY = 555460709263765739036470010701196062214039696708679004195670928130048;

    // The order of these is the layout of deployed proxies, slots 101 to 108: append only.
    /// @notice Target of challenges before the variation of 90 to 110 %.
    uint256 public targetDifficulty;
    // Keys without names: the getters are part of the v1 ABI.
    /// @notice Proofs by miner and index.
    mapping(address => POWSubmission[]) public powSubmissions;
    /// @notice Addresses with proofs, by index.
    address[] public miners;
    /// @notice The open challenge of a miner.
    mapping(address => Challenge) public lastChallenges;
    /// @notice How many proofs there are.
    uint256 public validProofs;
    /// @notice Not used; part of the layout.
    uint256 public startTime;
    /// @notice First block of the latest round.
    uint256 public window_start;
    /// @notice The block at which the latest round is over.
    uint256 public window_end;
    /// @inheritdoc ILilypadPow
    address public pendingOwner;
    /// @notice Number of the latest round, from 1.
    uint256 public round;
    /// @notice The latest round in which a miner has a proof.
    mapping(address miner => uint256) public provenRound;

    /// @dev The implementation itself has no owner and never gets one.
    constructor() {
        _disableInitializers();
    }

    /// @inheritdoc ILilypadPow
    function initialize() external initializer {
        __Ownable_init();
        targetDifficulty = FIRST_DIFFICULTY;
    }

    // Owner

    /// @inheritdoc ILilypadPow
    function triggerNewPowRound() external onlyOwner {
        // Two rounds that begin in one block have the same challenges, so they are one: a proof counts in it once.
        if (block.number != window_start) round++;
        window_start = block.number;
        window_end = block.number + WINDOW_BLOCKS;
        emit NewPowRound();
    }

    /// @inheritdoc ILilypadPow
    function change_difficulty(uint256 difficulty) external onlyOwner {
        if (difficulty < MIN_DIFFICULTY || difficulty > MAX_DIFFICULTY) {
            revert DifficultyOutOfBounds(MIN_DIFFICULTY, MAX_DIFFICULTY);
        }
        emit DifficultyChanged(targetDifficulty, difficulty);
        targetDifficulty = difficulty;
    }

    /// @notice Offers ownership; `newOwner` takes it with `acceptOwnership`. Owner only.
    function transferOwnership(address newOwner) public override onlyOwner {
        require(newOwner != address(0), "Ownable: new owner is the zero address");
        pendingOwner = newOwner;
        emit OwnershipTransferStarted(owner(), newOwner);
    }

    /// @inheritdoc ILilypadPow
    function acceptOwnership() external {
        require(msg.sender == pendingOwner, "Ownable: caller is not the new owner");
        delete pendingOwner;
        _transferOwnership(msg.sender);
    }

    /// @notice Always fails: without an owner there are no rounds.
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipCannotBeRenounced();
    }

    // Miners

    /// @inheritdoc ILilypadPow
    function generateChallenge(string calldata nodeId) external {
        checkTimeWindow();
        _requireUnproven();
        if (bytes(nodeId).length > MAX_NODE_ID_LENGTH) revert TextTooLong(bytes(nodeId).length, MAX_NODE_ID_LENGTH);
        bytes32 challenge = _challenge(block.timestamp, nodeId);
        uint256 difficulty = calculate_difficulty();
        lastChallenges[msg.sender] = Challenge(challenge, difficulty, nodeId, block.timestamp);
        emit GenerateChallenge(challenge, difficulty);
        emit ChallengeGenerated(msg.sender, challenge, difficulty);
    }

    /// @inheritdoc ILilypadPow
    function submitWork(uint256 nonce, string calldata nodeId) external {
        checkTimeWindow();
        _requireUnproven();
        Challenge memory open = lastChallenges[msg.sender];
        bool same = open.timestamp != 0 && open.challenge == _challenge(open.timestamp, nodeId);
        require(same, "Work submit not compatable with challenge");
        require(
            uint256(keccak256(abi.encodePacked(open.challenge, nonce))) < open.difficulty,
            "Work does not meet difficulty target"
        );
        validProofs++;
        provenRound[msg.sender] = round;
        if (powSubmissions[msg.sender].length == 0) miners.push(msg.sender);
        powSubmissions[msg.sender].push(
            POWSubmission(msg.sender, nodeId, nonce, open.timestamp, block.timestamp, open.challenge, open.difficulty)
        );
        delete lastChallenges[msg.sender];
        emit ValidPOWSubmitted(
            msg.sender, nodeId, nonce, open.timestamp, block.timestamp, open.challenge, open.difficulty
        );
    }

    // Reading

    /// @inheritdoc ILilypadPow
    function checkTimeWindow() public view {
        require(block.number < window_end, "proof windows has closed");
    }

    /// @inheritdoc ILilypadPow
    function calculate_difficulty() public view returns (uint256) {
        return targetDifficulty * (90 + block.prevrandao % 21) / 100;
    }

    /// @inheritdoc ILilypadPow
    function getMinerCount() external view returns (uint256) {
        return miners.length;
    }

    /// @inheritdoc ILilypadPow
    function getMiners() external view returns (address[] memory) {
        return miners;
    }

    /// @inheritdoc ILilypadPow
    function getMinersPage(uint256 start, uint256 limit) external view returns (address[] memory page) {
        page = new address[](_size(miners.length, start, limit));
        for (uint256 i = 0; i < page.length; i++) {
            page[i] = miners[start + i];
        }
    }

    /// @inheritdoc ILilypadPow
    function getMinerPowSubmissionCount(address addr) external view returns (uint256) {
        return powSubmissions[addr].length;
    }

    /// @inheritdoc ILilypadPow
    function getMinerPowSubmissions(address addr) external view returns (POWSubmission[] memory) {
        return powSubmissions[addr];
    }

    /// @inheritdoc ILilypadPow
    function getMinerPowSubmissionsPage(address addr, uint256 start, uint256 limit)
        external
        view
        returns (POWSubmission[] memory page)
    {
        page = new POWSubmission[](_size(powSubmissions[addr].length, start, limit));
        for (uint256 i = 0; i < page.length; i++) {
            page[i] = powSubmissions[addr][start + i];
        }
    }

    function _requireUnproven() private view {
        if (provenRound[msg.sender] == round) revert RoundAlreadyProven(msg.sender);
    }

    /// @dev Nobody else's, and of no other round.
    function _challenge(uint256 timestamp, string calldata nodeId) private view returns (bytes32) {
        return keccak256(abi.encodePacked(timestamp, window_start, msg.sender, nodeId));
    }

    function _size(uint256 length, uint256 start, uint256 limit) private pure returns (uint256) {
        if (start >= length) return 0;
        return length - start < limit ? length - start : limit;
    }
}
