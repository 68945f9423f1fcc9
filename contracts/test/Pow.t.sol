// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ITransparentUpgradeableProxy} from "@openzeppelin/contracts/proxy/transparent/TransparentUpgradeableProxy.sol";
import {LilypadPow} from "../src/LilypadPow.sol";
import {LilypadPowProxy} from "../src/LilypadPowProxy.sol";
import {LilypadProxyAdmin} from "../src/LilypadProxyAdmin.sol";
import {ILilypadErrors} from "../src/interfaces/ILilypadErrors.sol";
import {ILilypadPow} from "../src/interfaces/ILilypadPow.sol";
import {Base} from "./Base.t.sol";

/// @notice A later implementation.
contract NextPow is LilypadPow {
    function version() external pure returns (uint256) {
        return 2;
    }
}

/// @notice Rounds of proof of work. The difficulty is set so that a proof is found at once.
contract PowTest is Base {
    LilypadProxyAdmin internal admin;
    LilypadPow internal pow;
    address internal constant MINER = 0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65;
    uint256 internal constant FIRST = 555460709263765739036470010701196062214039696708679004195670928130048;

    function setUp() public override {
        super.setUp();
        admin = new LilypadProxyAdmin();
        pow = LilypadPow(address(new LilypadPowProxy(address(new LilypadPow()), address(admin))));
    }

    // Vectors of the existing network

    function test_hashes_equal_the_published_ones() public pure {
        _hash(
            0xfee0189632650f971536773d9a1b206be28e51d05ba0cb69822a510c51fb6fd3,
            72370055773322622139731865630429942408293740416025352524660990004945723953319,
            443192418834346142200278491975317489603423531200023451519802250835435
        );
        _hash(
            0x2e4ca2481a7be8a4eb273f51f6a0c2fdd087b6b8c454f8b01ef0a3363a2af5b1,
            43422033463993573283839119378257965444976244249615211514796594002967424872419,
            966523245404442851743534066101454470539015745906990078402535205323382
        );
        _hash(
            0x11a6a01d551d3b67ff379de86cc8925d7263699e1ef1d8d354d8cce4afbc5a8e,
            43422033463993573283839119378257965444976244249615211514796594002967425219662,
            307594137868831890037396147605669724284685912141686536312861196068997
        );
    }

    function test_the_challenge_equals_the_published_one() public {
        vm.roll(6_000_000);
        pow.triggerNewPowRound();
        _challenge();
        (bytes32 challenge,,, uint256 timestamp) = pow.lastChallenges(MINER);
        vm.assertTrue(challenge == 0x38f0edde20c421accd6e6e00d66c9343f7f3199d8e4f4482067f97dc91475770, "challenge");
        vm.assertEq(timestamp, START, "time");
        vm.assertTrue(
            keccak256(abi.encodePacked(challenge, uint256(0)))
                == 0xa98ed98643e5c66451710c8ed3f1c6d88ab50b5568ee0992a2a7c80eb31619ab,
            "hash"
        );
    }

    function test_difficulty_follows_the_random_factor() public {
        vm.assertEq(pow.targetDifficulty(), FIRST, "target");
        vm.prevrandao(bytes32(uint256(1)));
        vm.assertEq(
            pow.calculate_difficulty(),
            505469245430026822523187709738088416614776124004897893818060544598343,
            "as on Arbitrum"
        );
        vm.prevrandao(bytes32(uint256(20)));
        vm.assertEq(pow.calculate_difficulty(), FIRST * 110 / 100, "most");
    }

    // A round

    function test_a_proof_is_kept_and_announced() public {
        _open();
        (bytes32 challenge, uint256 difficulty,,) = pow.lastChallenges(MINER);
        vm.warp(START + 9);
        uint256 nonce = _nonce(challenge, difficulty, true);
        vm.expectEmit(false, false, false, true, address(pow));
        emit ILilypadPow.ValidPOWSubmitted(MINER, "node-1", nonce, START, START + 9, challenge, difficulty);
        vm.prank(MINER);
        pow.submitWork(nonce, "node-1");
        vm.assertEq(pow.validProofs(), 1, "proofs");
        vm.assertEq(pow.getMinerCount(), 1, "miners");
        vm.assertEq(pow.miners(0), MINER, "miner");
        vm.assertEq(pow.getMiners()[0], MINER, "miner");
        vm.assertEq(pow.getMinerPowSubmissionCount(MINER), 1, "count");
        ILilypadPow.POWSubmission memory proof = pow.getMinerPowSubmissions(MINER)[0];
        vm.assertEq(proof.complete_timestamp, START + 9, "time");
        vm.assertEq(proof.nodeId, "node-1", "node");
        (bytes32 cleared,,,) = pow.lastChallenges(MINER);
        vm.assertTrue(cleared == 0, "challenge is used up");
    }

    function test_only_the_challenged_node_in_the_same_round() public {
        _open();
        expectText("Work submit not compatable with challenge");
        vm.prank(MINER);
        pow.submitWork(0, "node-2");
        expectText("Work submit not compatable with challenge");
        vm.prank(STRANGER);
        pow.submitWork(0, "node-1");
        vm.roll(block.number + 1);
        pow.triggerNewPowRound();
        expectText("Work submit not compatable with challenge");
        vm.prank(MINER);
        pow.submitWork(0, "node-1");
    }

    function test_too_little_work_is_refused() public {
        _open();
        (bytes32 challenge, uint256 difficulty,,) = pow.lastChallenges(MINER);
        uint256 nonce = _nonce(challenge, difficulty, false);
        expectText("Work does not meet difficulty target");
        vm.prank(MINER);
        pow.submitWork(nonce, "node-1");
    }

    function test_a_window_has_thirty_blocks() public {
        expectText("proof windows has closed");
        _challenge();
        vm.roll(2000);
        pow.triggerNewPowRound();
        vm.assertEq(pow.window_start(), 2000, "start");
        vm.assertEq(pow.window_end(), 2030, "end");
        vm.roll(2029);
        _challenge();
        vm.roll(2030);
        expectText("proof windows has closed");
        _challenge();
        expectText("proof windows has closed");
        vm.prank(MINER);
        pow.submitWork(0, "node-1");
    }

    // Findings

    function test_W17_nobody_initialises_the_implementation_or_the_proxy() public {
        LilypadPow implementation = new LilypadPow();
        expectText("Initializable: contract is already initialized");
        implementation.initialize();
        vm.assertEq(implementation.owner(), address(0), "no owner");
        expectText("Initializable: contract is already initialized");
        pow.initialize();
        vm.assertEq(pow.owner(), address(this), "the deployer");
    }

    function test_W18_ownership_moves_in_two_steps() public {
        pow.transferOwnership(STRANGER);
        vm.assertEq(pow.owner(), address(this), "not yet");
        expectText("Ownable: caller is not the new owner");
        vm.prank(MINER);
        pow.acceptOwnership();
        vm.prank(STRANGER);
        pow.acceptOwnership();
        vm.assertEq(pow.owner(), STRANGER, "now");
        vm.assertEq(pow.pendingOwner(), address(0), "done");
        expectText("Ownable: caller is not the owner");
        pow.transferOwnership(MINER);
        vm.prank(STRANGER);
        expectText("Ownable: new owner is the zero address");
        pow.transferOwnership(address(0));
        vm.prank(STRANGER);
        expectError(ILilypadErrors.OwnershipCannotBeRenounced.selector);
        pow.renounceOwnership();
    }

    function test_W22_one_proof_a_round() public {
        _prove();
        expectError(ILilypadPow.RoundAlreadyProven.selector, MINER);
        _challenge();
        expectError(ILilypadPow.RoundAlreadyProven.selector, MINER);
        vm.prank(MINER);
        pow.submitWork(0, "node-1");
        _prove();
        vm.assertEq(pow.validProofs(), 2, "the next round");
        vm.assertEq(pow.getMinerCount(), 1, "one miner");
    }

    /// @dev Challenges of two rounds that begin in one block are equal: the same work must not count twice.
    function test_W22_a_round_that_begins_twice_in_a_block_is_one() public {
        _open();
        (bytes32 challenge, uint256 difficulty,,) = pow.lastChallenges(MINER);
        uint256 nonce = _nonce(challenge, difficulty, true);
        vm.prank(MINER);
        pow.submitWork(nonce, "node-1");
        pow.triggerNewPowRound();
        expectError(ILilypadPow.RoundAlreadyProven.selector, MINER);
        _challenge();
        vm.roll(block.number + 1);
        pow.triggerNewPowRound();
        _challenge();
        vm.assertEq(pow.validProofs(), 1, "proofs");
    }

    function test_W22_pages_instead_of_everything() public {
        for (uint256 i = 0; i < 3; i++) {
            _prove();
        }
        vm.assertEq(pow.getMinerPowSubmissionsPage(MINER, 1, 1).length, 1, "page");
        vm.assertEq(
            pow.getMinerPowSubmissionsPage(MINER, 1, 1)[0].nonce, pow.getMinerPowSubmissions(MINER)[1].nonce, "second"
        );
        vm.assertEq(pow.getMinerPowSubmissionsPage(MINER, 2, 9).length, 1, "the rest");
        vm.assertEq(pow.getMinerPowSubmissionsPage(MINER, 3, 9).length, 0, "none");
        vm.assertEq(pow.getMinersPage(0, 9)[0], MINER, "miners");
        vm.assertEq(pow.getMinersPage(1, type(uint256).max).length, 0, "no more");
    }

    function test_W22_node_ids_and_difficulty_are_bounded() public {
        pow.triggerNewPowRound();
        expectError(ILilypadErrors.TextTooLong.selector, 257, 256);
        pow.generateChallenge(string(new bytes(257)));
        uint256 min = pow.MIN_DIFFICULTY();
        uint256 max = pow.MAX_DIFFICULTY();
        expectError(ILilypadPow.DifficultyOutOfBounds.selector, min, max);
        pow.change_difficulty(min - 1);
        expectError(ILilypadPow.DifficultyOutOfBounds.selector, min, max);
        pow.change_difficulty(max + 1);
        pow.change_difficulty(max);
        vm.prevrandao(bytes32(uint256(20)));
        vm.assertTrue(pow.calculate_difficulty() > 0, "no overflow");
        pow.change_difficulty(min);
    }

    function test_rounds_and_difficulty_are_the_owners() public {
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        pow.triggerNewPowRound();
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        pow.change_difficulty(FIRST);
    }

    // Upgrading

    function test_an_upgrade_keeps_the_state() public {
        _prove();
        admin.upgrade(ITransparentUpgradeableProxy(address(pow)), address(new NextPow()));
        vm.assertEq(NextPow(address(pow)).version(), 2, "the next one");
        vm.assertEq(pow.validProofs(), 1, "proofs");
        vm.assertEq(pow.owner(), address(this), "owner");
        expectText("Ownable: caller is not the owner");
        vm.prank(STRANGER);
        admin.upgrade(ITransparentUpgradeableProxy(address(pow)), address(1));
    }

    function test_the_layout_is_that_of_deployed_proxies() public {
        _prove();
        vm.assertEq(address(uint160(uint256(vm.load(address(pow), bytes32(uint256(51)))))), address(this), "51 owner");
        vm.assertEq(uint256(vm.load(address(pow), bytes32(uint256(101)))), pow.targetDifficulty(), "101 target");
        vm.assertEq(uint256(vm.load(address(pow), bytes32(uint256(103)))), 1, "103 miners");
        vm.assertEq(uint256(vm.load(address(pow), bytes32(uint256(105)))), 1, "105 proofs");
        vm.assertEq(uint256(vm.load(address(pow), bytes32(uint256(107)))), pow.window_start(), "107 start");
        vm.assertEq(uint256(vm.load(address(pow), bytes32(uint256(108)))), pow.window_end(), "108 end");
    }

    // Helpers

    function _hash(bytes32 challenge, uint256 nonce, uint256 value) private pure {
        vm.assertEq(uint256(keccak256(abi.encodePacked(challenge, nonce))), value, "hash");
    }

    function _challenge() private {
        vm.prank(MINER);
        pow.generateChallenge("node-1");
    }

    /// @dev A round in which about one nonce of 120 is a proof, and a challenge.
    function _open() private {
        vm.roll(block.number + 1);
        pow.change_difficulty(pow.MAX_DIFFICULTY());
        pow.triggerNewPowRound();
        _challenge();
    }

    function _prove() private {
        _open();
        (bytes32 challenge, uint256 difficulty,,) = pow.lastChallenges(MINER);
        uint256 nonce = _nonce(challenge, difficulty, true);
        vm.prank(MINER);
        pow.submitWork(nonce, "node-1");
    }

    function _nonce(bytes32 challenge, uint256 difficulty, bool proof) private pure returns (uint256 nonce) {
        while ((uint256(keccak256(abi.encodePacked(challenge, nonce))) < difficulty) != proof) nonce++;
    }
}
