// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadPow} from "../../src/LilypadPow.sol";
import {LilypadPowProxy} from "../../src/LilypadPowProxy.sol";
import {LilypadProxyAdmin} from "../../src/LilypadProxyAdmin.sol";
import {ILilypadPow} from "../../src/interfaces/ILilypadPow.sol";
import {Walk} from "./Walk.sol";
import {Vm} from "../Vm.sol";

/// @notice Four miners and the owner at random: rounds, challenges, proofs that are right, too weak, repeated, late or another
/// miner's.
contract PowHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    uint256 private constant MINERS = 4;

    LilypadPow private immutable _pow;
    LilypadPow private immutable _implementation;
    address private immutable _owner;
    uint256 private _block = 1000;
    uint256 private _time = 1_700_000_000;
    uint256 private _start;

    /// @dev A miner's open challenge: in which window (a round begun in the same block has the same) and with which label it was
    /// made.
    struct Open {
        bytes32 challenge;
        uint256 difficulty;
        uint256 window;
        uint256 timestamp;
        bool second;
    }

    mapping(address miner => Open) private _open;
    mapping(address miner => uint256) private _provenIn;
    mapping(bytes32 challenge => bool) private _consumed;
    address[] private _listed;
    uint256 private _round;
    mapping(address miner => bytes32[]) private _proofs;
    uint256 private _nonce;
    /// @notice How often: rounds, challenges, proofs, refusals, attempts to initialise.
    uint256[5] public worked;

    constructor(LilypadPow pow, LilypadPow implementation, address owner) {
        _pow = pow;
        _implementation = implementation;
        _owner = owner;
    }

    function miner(uint256 index) public pure returns (address) {
        return address(uint160(0x3000 + index));
    }

    function step(uint256 seed) external {
        seed = uint256(keccak256(abi.encode(seed)));
        address who = miner(seed / 64 % MINERS);
        uint256 what = seed % 16;
        seed >>= 64;
        if (what < 2) _trigger(who, seed);
        else if (what < 6) _challenge(who, seed);
        else if (what < 11) _submit(who, seed);
        else if (what == 11) _initialize(who);
        else _wait(seed);
        _checkWindow();
    }

    function _trigger(address who, uint256 seed) private {
        address sender = seed % 4 == 0 ? who : _owner;
        vm.prank(sender);
        try _pow.triggerNewPowRound() {
            require(sender == _owner, "a round of somebody else");
            // One that begins twice in a block is one.
            if (_block != _start) _round++;
            _start = _block;
            worked[0]++;
        } catch {
            require(sender != _owner, "the owner's round");
        }
    }

    function _challenge(address who, uint256 seed) private {
        vm.prevrandao(bytes32(seed));
        bool second = seed % 2 == 0;
        bool may = _isOpen() && _provenIn[who] != _round;
        vm.prank(who);
        try _pow.generateChallenge(_label(second)) {
            require(may, "I-25: a challenge outside of a round, or after a proof");
            (bytes32 challenge, uint256 difficulty,,) = _pow.lastChallenges(who);
            _open[who] = Open(challenge, difficulty, _start, _time, second);
            worked[1]++;
        } catch {
            require(!may, "no challenge");
        }
    }

    function _submit(address who, uint256 seed) private {
        Open memory open = _open[who];
        // Mostly its own, with the right label and enough work; else another's challenge, another label, or too little work.
        if (seed % 8 == 0) open.challenge = _open[miner(seed / 8 % MINERS)].challenge;
        bool second = seed / 64 % 8 == 0 ? !open.second : open.second;
        bool works = seed / 512 % 8 != 0;
        uint256 nonce = _nonce++ << 32;
        while (
            (uint256(keccak256(abi.encodePacked(open.challenge, nonce))) < open.difficulty) != works
                && open.difficulty != 0
        ) nonce++;
        bool may = _open[who].challenge != 0 && _isOpen() && _provenIn[who] != _round && second == _open[who].second
            && _open[who].window == _start
            && uint256(keccak256(abi.encodePacked(_open[who].challenge, nonce))) < _open[who].difficulty;
        vm.recordLogs();
        vm.prank(who);
        try _pow.submitWork(nonce, _label(second)) {
            require(may, "I-25: a proof that is none");
            _accepted(who, nonce);
            worked[2]++;
        } catch {
            require(!may, "a proof was refused");
            worked[3]++;
        }
    }

    function _accepted(address who, uint256 nonce) private {
        Open memory open = _open[who];
        require(!_consumed[open.challenge], "I-25: a challenge was used twice");
        _consumed[open.challenge] = true;
        ILilypadPow.POWSubmission memory proof = ILilypadPow.POWSubmission(
            who, _label(open.second), nonce, open.timestamp, _time, open.challenge, open.difficulty
        );
        Vm.Log[] memory logs = vm.getRecordedLogs();
        require(logs.length == 1 && logs[0].topics[0] == ILilypadPow.ValidPOWSubmitted.selector, "I-24: one event");
        bytes memory told = abi.encode(
            proof.walletAddress,
            proof.nodeId,
            proof.nonce,
            proof.start_timestamp,
            proof.complete_timestamp,
            proof.challenge,
            proof.difficulty
        );
        require(keccak256(logs[0].data) == keccak256(told), "I-24: the event of a proof");
        if (_proofs[who].length == 0) _listed.push(who);
        _proofs[who].push(keccak256(abi.encode(proof)));
        _provenIn[who] = _round;
        delete _open[who];
    }

    /// @dev I-27: nobody initialises anything again, neither the proxy nor what is behind it.
    function _initialize(address who) private {
        for (uint256 i = 0; i < 4; i++) {
            LilypadPow target = i % 2 == 0 ? _pow : _implementation;
            vm.prank(i < 2 ? who : _owner);
            (bool done,) = address(target).call(abi.encodeCall(_pow.initialize, ()));
            require(!done, "I-27: initialised again");
        }
        require(_pow.owner() == _owner && _implementation.owner() == address(0), "I-27: owner");
        worked[4]++;
    }

    function _wait(uint256 seed) private {
        uint256[6] memory blocks = [uint256(0), 1, 1, 5, 29, 30];
        _block += blocks[seed % 6];
        _time += seed / 8 % 50;
        vm.roll(_block);
        vm.warp(_time);
    }

    /// @dev I-26.
    function _checkWindow() private view {
        (uint256 start, uint256 end) = (_pow.window_start(), _pow.window_end());
        if (_round == 0) require(start == 0 && end == 0, "I-26: a window before the first round");
        else require(start == _start && end == _start + 30, "I-26: window");
    }

    /// @notice I-24, I-25: what is stored, all of it, against what was accepted.
    function checkStore() external view {
        uint256 sum = 0;
        for (uint256 i = 0; i < MINERS; i++) {
            address who = miner(i);
            ILilypadPow.POWSubmission[] memory proofs = _pow.getMinerPowSubmissions(who);
            require(proofs.length == _proofs[who].length, "I-24: proofs of a miner");
            require(_pow.getMinerPowSubmissionCount(who) == proofs.length, "I-24: count of a miner");
            for (uint256 j = 0; j < proofs.length; j++) {
                require(keccak256(abi.encode(proofs[j])) == _proofs[who][j], "I-25: another proof than was accepted");
                require(
                    uint256(keccak256(abi.encodePacked(proofs[j].challenge, proofs[j].nonce))) < proofs[j].difficulty,
                    "I-25: work"
                );
            }
            sum += proofs.length;
        }
        require(_pow.validProofs() == sum && sum == worked[2], "I-24: all proofs");
        require(keccak256(abi.encode(_pow.getMiners())) == keccak256(abi.encode(_listed)), "I-24: miners");
        require(_pow.getMinerCount() == _listed.length, "I-24: count of miners");
    }

    function _isOpen() private view returns (bool) {
        return _round > 0 && _block < _start + 30;
    }

    function _label(bool second) private pure returns (string memory) {
        return second ? "node-2" : "node-1";
    }
}

contract PowInvariantTest is Walk {
    PowHandler private _handler;

    function setUp() public override {
        super.setUp();
        LilypadPow implementation = new LilypadPow();
        LilypadPow pow =
            LilypadPow(address(new LilypadPowProxy(address(implementation), address(new LilypadProxyAdmin()))));
        // About one nonce of 120 is a proof.
        pow.change_difficulty(pow.MAX_DIFFICULTY());
        _handler = new PowHandler(pow, implementation, address(this));
    }

    function walker() internal view override returns (address at, bytes4 step) {
        return (address(_handler), PowHandler.step.selector);
    }

    /// @dev I-25 to I-27 are checked by the handler, after each step.
    /// forge-config: deep.invariant.runs = 20
    function invariant_I24_counters_and_proofs() public view {
        _handler.checkStore();
    }

    function test_the_walk_does_everything() public {
        for (uint256 i = 0; i < 500; i++) {
            _handler.step(i);
        }
        for (uint256 i = 0; i < 5; i++) {
            vm.assertTrue(_handler.worked(i) > 9, vm.toString(i));
        }
        _handler.checkStore();
    }
}
