// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {LilypadOnChainJobCreator} from "../../src/LilypadOnChainJobCreator.sol";
import {LilypadToken} from "../../src/LilypadToken.sol";
import {ILilypadJobClient} from "../../src/interfaces/ILilypadJobs.sol";
import {ILilypadOnChainJobCreator} from "../../src/interfaces/ILilypadOnChainJobCreator.sol";
import {Walk} from "./Walk.sol";
import {Vm} from "../Vm.sol";

/// @notice A client that takes its result, refuses it, or uses the callback for an attack: 2 orders, 3 asks for the result
/// again, 4 for the deposit back.
contract FickleClient is ILilypadJobClient {
    LilypadOnChainJobCreator private immutable _jobs;
    uint256 public mood;
    /// @notice How often each result was taken.
    mapping(uint256 id => uint256) public taken;

    constructor(LilypadOnChainJobCreator jobs) {
        _jobs = jobs;
    }

    function order(address payee, uint256 mood_) external returns (uint256) {
        mood = mood_;
        return _jobs.runJob("cowsay:v0.0.4", new string[](0), payee);
    }

    function setMood(uint256 mood_) external {
        mood = mood_;
    }

    function submitResults(uint256 id, string calldata, string calldata) external {
        taken[id]++;
        if (mood == 1) revert("no");
        if (mood == 2) _jobs.runJob("cowsay:v0.0.4", new string[](0), address(this));
        if (mood == 3) _jobs.redeliver(id);
        if (mood == 4) _jobs.timeoutJob(id);
    }

    /// @notice For a refund; a failing callback must not keep it.
    function jobFailed(uint256 id, string calldata) external {
        if (mood == 1) revert("no");
        if (mood >= 2) _jobs.timeoutJob(id);
    }
}

/// @notice Two payees, two clients, a service, a stranger: orders, deliveries, failures, time-outs, callbacks that attack,
/// changing prices. A second book says what everybody must have.
contract JobsHandler {
    Vm private constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));
    address public constant SERVICE = address(0x4005);
    address public constant STRANGER = address(0x4006);

    struct Told {
        ILilypadOnChainJobCreator.Job job;
        bool refused;
    }

    LilypadToken private immutable _token;
    LilypadOnChainJobCreator private immutable _jobs;
    address private immutable _owner;
    FickleClient[2] public clients;
    uint256 private _now;
    uint256 private _price = 2 ether;
    Told[] private _told;
    mapping(address payee => mapping(address client => bool)) private _authorized;
    /// @notice What the open jobs hold.
    uint256 public heldTold;
    /// @notice What the service has earned.
    uint256 public earnedTold;
    uint256[2] public walletTold;
    /// @notice How often: orders, refused orders, deliveries, failures, time-outs, results asked for again, refused ends,
    /// changes of token refused.
    uint256[8] public worked;

    constructor(LilypadToken token, LilypadOnChainJobCreator jobs, address owner) {
        _token = token;
        _jobs = jobs;
        _owner = owner;
        _now = block.timestamp;
        clients = [new FickleClient(jobs), new FickleClient(jobs)];
        walletTold = [uint256(1e24), 1e24];
    }

    function payee(uint256 index) public pure returns (address) {
        return address(uint160(0x4000 + index));
    }

    function step(uint256 seed) external {
        seed = uint256(keccak256(abi.encode(seed)));
        uint256 what = seed % 32;
        seed >>= 64;
        if (what < 8) _order(seed);
        else if (what < 11) _authorize(seed);
        else if (what < 13) _setPrice(seed);
        else if (what == 13) _setToken();
        else if (what < 16) _wait(seed);
        else if (_told.length > 0) _end(what, seed);
    }

    function _order(uint256 seed) private {
        uint256 who = seed % 2;
        FickleClient client = clients[seed / 2 % 2];
        bool direct = seed / 4 % 8 == 0;
        address sender = direct ? (seed / 64 % 2 == 0 ? payee(who) : STRANGER) : address(client);
        bool may = sender == payee(who) || _authorized[payee(who)][sender];
        vm.recordLogs();
        uint256 id;
        bool done;
        if (direct) {
            vm.prank(sender);
            try _jobs.runJob("cowsay:v0.0.4", new string[](0), payee(who)) returns (uint256 given) {
                (id, done) = (given, true);
            } catch {}
        } else {
            try client.order(payee(who), seed / 128 % 5) returns (uint256 given) {
                (id, done) = (given, true);
            } catch {}
        }
        require(done == may, "an order at whose expense?");
        if (!done) {
            worked[1]++;
            return;
        }
        require(id == _told.length + 1, "I-23: ids are consecutive");
        Told storage told = _told.push();
        told.job = ILilypadOnChainJobCreator.Job(
            sender, payee(who), _price, _now + 1 days, ILilypadOnChainJobCreator.JobStatus.Open, false
        );
        heldTold += _price;
        walletTold[who] -= _price;
        require(_count(ILilypadOnChainJobCreator.JobAdded.selector) == 1, "I-23: one JobAdded a job");
        worked[0]++;
    }

    function _end(uint256 what, uint256 seed) private {
        uint256 id = 1 + (seed / 64 % 4 == 0 ? seed / 256 % _told.length : _told.length - 1 - _recent(seed));
        Told storage told = _told[id - 1];
        bool open = told.job.status == ILilypadOnChainJobCreator.JobStatus.Open;
        address sender = seed % 8 == 0 ? STRANGER : SERVICE;
        if (told.job.callingContract.code.length > 0) FickleClient(told.job.callingContract).setMood(seed / 8 % 6);
        vm.recordLogs();
        vm.prank(sender);
        if (what < 22) {
            try _jobs.submitResults(id, "deal", "QmData") {
                require(open && sender == SERVICE, "I-23: delivered twice, or by somebody");
                told.job.status = ILilypadOnChainJobCreator.JobStatus.Delivered;
                heldTold -= told.job.deposit;
                earnedTold += told.job.deposit;
                require(_count(ILilypadOnChainJobCreator.JobDelivered.selector) == 1, "I-23: one delivery");
                _taken(id, told);
                worked[2]++;
            } catch {
                require(!open || sender != SERVICE, "a delivery was refused");
                worked[6]++;
            }
        } else if (what < 25) {
            try _jobs.failJob(id, "no provider") {
                require(open && sender == SERVICE, "refunded twice, or by somebody");
                _refunded(told);
                worked[3]++;
            } catch {
                require(!open || sender != SERVICE, "a refund was refused");
                worked[6]++;
            }
        } else if (what < 29) {
            bool late = _now > told.job.deadline;
            try _jobs.timeoutJob(id) {
                require(open && late, "timed out in time, or twice");
                _refunded(told);
                worked[4]++;
            } catch {
                require(!open || !late, "a late job cannot be ended");
                worked[6]++;
            }
        } else {
            bool may = told.job.status == ILilypadOnChainJobCreator.JobStatus.Delivered && !told.job.acknowledged;
            try _jobs.redeliver(id) {
                require(may, "I-23: delivered again");
                _taken(id, told);
                worked[5]++;
            } catch {
                require(!may, "a result cannot be had");
                worked[6]++;
            }
        }
        require(
            keccak256(abi.encode(_jobs.getJob(id))) == keccak256(abi.encode(told.job)), "I-23: a job is not what it was"
        );
    }

    /// @dev After a callback: a content client has its result, once; a person has nothing to call.
    function _taken(uint256 id, Told storage told) private {
        address client = told.job.callingContract;
        require(_count(ILilypadOnChainJobCreator.JobAdded.selector) == 0, "a job from within a callback");
        if (client.code.length == 0) return;
        uint256 mood = FickleClient(client).mood();
        told.job.acknowledged = mood == 0 || mood == 5;
        require(FickleClient(client).taken(id) == (told.job.acknowledged ? 1 : 0), "I-23: taken once");
    }

    function _refunded(Told storage told) private {
        told.job.status = ILilypadOnChainJobCreator.JobStatus.Refunded;
        heldTold -= told.job.deposit;
        walletTold[told.job.payee == payee(0) ? 0 : 1] += told.job.deposit;
    }

    function _authorize(uint256 seed) private {
        address who = payee(seed % 2);
        address client = address(clients[seed / 2 % 2]);
        bool grant = seed / 4 % 4 != 0;
        vm.prank(who);
        if (grant) _jobs.authorizeClient(client);
        else _jobs.revokeClient(client);
        _authorized[who][client] = grant;
    }

    function _setPrice(uint256 seed) private {
        vm.prank(SERVICE);
        _jobs.setRequiredDeposit(1 + seed % 3 ether);
        _price = 1 + seed % 3 ether;
    }

    function _setToken() private {
        vm.prank(_owner);
        try _jobs.setTokenAddress(address(_token)) {
            require(heldTold == 0, "another token while deposits are held");
        } catch {
            require(heldTold > 0, "the token is the owner's");
            worked[7]++;
        }
    }

    function _wait(uint256 seed) private {
        uint256[4] memory times = [uint256(1), 1 hours, 1 days, 1 days + 1];
        _now += times[seed % 4];
        vm.warp(_now);
    }

    /// @notice I-23: counters, deposits and wallets.
    function check() external view {
        require(_jobs.nextJobID() == _told.length, "I-23: number of jobs");
        require(_jobs.heldDeposits() == heldTold, "I-23: deposits held");
        require(_token.balanceOf(address(_jobs)) == heldTold, "I-23: deposits are there");
        require(_token.balanceOf(SERVICE) == earnedTold, "earnings of the service");
        for (uint256 i = 0; i < 2; i++) {
            require(_token.balanceOf(payee(i)) == walletTold[i], "wallet of a payee");
        }
    }

    /// @notice All offers, as they were made.
    function checkAll() external view {
        for (uint256 id = 1; id <= _told.length; id++) {
            require(
                keccak256(abi.encode(_jobs.getJob(id))) == keccak256(abi.encode(_told[id - 1].job)), "I-23: an old job"
            );
        }
    }

    function _recent(uint256 seed) private view returns (uint256) {
        uint256 few = _told.length < 6 ? _told.length : 6;
        return seed / 256 % few;
    }

    function _count(bytes32 topic) private returns (uint256 count) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; i++) {
            if (logs[i].topics[0] == topic) count++;
        }
    }
}

contract JobsInvariantTest is Walk {
    JobsHandler private _handler;

    function setUp() public override {
        super.setUp();
        LilypadOnChainJobCreator jobs = new LilypadOnChainJobCreator();
        jobs.initialize(address(token));
        _handler = new JobsHandler(token, jobs, address(this));
        jobs.setControllerAddress(_handler.SERVICE());
        for (uint256 i = 0; i < 2; i++) {
            token.transfer(_handler.payee(i), 1e24);
            vm.prank(_handler.payee(i));
            token.approve(address(jobs), type(uint256).max);
            // So that an attack from a callback does not fail for want of money.
            address client = address(_handler.clients(i));
            token.transfer(client, 100 ether);
            vm.prank(client);
            token.approve(address(jobs), type(uint256).max);
        }
    }

    function walker() internal view override returns (address at, bytes4 step) {
        return (address(_handler), JobsHandler.step.selector);
    }

    /// forge-config: deep.invariant.runs = 20
    function invariant_I23_jobs_and_deposits() public view {
        _handler.check();
    }

    function afterInvariant() external view {
        _handler.checkAll();
    }

    function test_the_walk_does_everything() public {
        for (uint256 i = 0; i < 1500; i++) {
            _handler.step(i);
        }
        for (uint256 i = 0; i < 8; i++) {
            vm.assertTrue(_handler.worked(i) > 9, vm.toString(i));
        }
        _handler.check();
        _handler.checkAll();
    }
}
