// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ILilypadJobManager} from "./ILilypadJobs.sol";

/// @title Lets contracts order jobs, and holds the deposit of each until it is delivered or given back.
///
///     runJob ─► Open ─┬─ submitResults (service) ─► Delivered   deposit to the service, callback to the client
///                     ├─ failJob (service)       ─► Refunded    deposit to the payee
///                     └─ timeoutJob (anyone, after JOB_TIMEOUT) ─► Refunded
///
/// @notice The service is the "controller" of this contract: the account that runs the jobs off chain. A deposit is its
/// price for one job. A callback that fails changes nothing for the service; the result stays here and anyone may send
/// `redeliver` until the client has taken it. During a callback no function of this contract that changes a job can be
/// called: order the next job in a later transaction.
interface ILilypadOnChainJobCreator is ILilypadJobManager {
    enum JobStatus {
        Unknown,
        Open,
        Delivered,
        Refunded
    }

    struct Job {
        address callingContract;
        address payee;
        uint256 deposit;
        /// Seconds; `timeoutJob` works after it.
        uint256 deadline;
        JobStatus status;
        /// Whether the client's `submitResults` has been called and has returned.
        bool acknowledged;
    }

    /// @notice A job was ordered and paid for.
    event JobAdded(uint256 id, address calling_contract, address payee, string module, string[] inputs);
    /// @notice The same, to be found by number, client and payee.
    event JobOrdered(uint256 indexed id, address indexed callingContract, address indexed payee, uint256 deposit);
    /// @notice A job's result is here and the service is paid.
    event JobDelivered(uint256 indexed id, string dealId, string dataId);
    /// @notice The client took the result, or failed to.
    event JobCallback(uint256 indexed id, bool succeeded);
    /// @notice A job came to nothing and its deposit went back.
    event JobRefunded(uint256 indexed id, address indexed payee, uint256 deposit, string reason);
    /// @notice `payee` lets `client` order at its expense, or no longer does.
    event ClientAuthorized(address indexed payee, address indexed client, bool authorized);
    /// @notice The deposit of later jobs changed.
    event RequiredDepositChanged(uint256 deposit);
    /// @notice The token changed.
    event TokenChanged(address indexed previousToken, address indexed newToken);

    /// @notice The module is not `name:version` or `host/owner/repository:version`.
    error MalformedModule();
    /// @notice Input number `index` is not `name=value`, is too long, or repeats a name.
    error MalformedInput(uint256 index);
    /// @notice More inputs than a job may have.
    error TooManyInputs(uint256 count, uint256 max);
    /// @notice `payee` has not called `authorizeClient(client)`.
    error ClientNotAuthorized(address payee, address client);
    /// @notice The job is not waiting for this.
    error WrongJobStatus(uint256 id, JobStatus status);
    /// @notice The client has taken the result already.
    error AlreadyAcknowledged(uint256 id);
    /// @notice The job's deadline has not passed.
    error JobNotTimedOut(uint256 id, uint256 deadline);
    /// @notice Too little gas is left for the callback that the client is owed.
    error NotEnoughGas();
    /// @notice The token cannot change while deposits are held.
    error DepositsHeld(uint256 amount);
    /// @notice The token refused a transfer.
    error TransferFailed();

    /// @notice Names the token. Owner only, once.
    function initialize(address _tokenAddress) external;
    /// @notice Names the token. Owner only, while no deposit is held.
    function setTokenAddress(address _tokenAddress) external;
    /// @notice Sets the deposit of later jobs, more than zero. Service only.
    function setRequiredDeposit(uint256 cost) external;
    /// @notice As `getRequiredDeposit`.
    function requiredDeposit() external view returns (uint256);
    /// @notice Number of the latest job; 0 before the first.
    function nextJobID() external view returns (uint256);
    /// @notice Lets `client` order jobs at the caller's expense, as far as its approval reaches.
    function authorizeClient(address client) external;
    /// @notice Takes that back.
    function revokeClient(address client) external;
    /// @notice Whether `client` may order at the expense of `payee`.
    function isAuthorizedClient(address payee, address client) external view returns (bool);
    /// @notice Delivers a result: pays the service, calls the client. Service only, once a job.
    function submitResults(uint256 id, string calldata dealId, string calldata dataId) external;
    /// @notice Ends a job that came to nothing: the deposit goes back. Service only.
    function failJob(uint256 id, string calldata reason) external;
    /// @notice The same for a job that the service forgot. Anyone, after the job's deadline.
    function timeoutJob(uint256 id) external;
    /// @notice Calls the client again that failed to take its result. Anyone.
    function redeliver(uint256 id) external;
    /// @notice A job; its status is `Unknown` if there is none of this number.
    function getJob(uint256 id) external view returns (Job memory);
    /// @notice The result of a delivered job, else empty.
    function getJobResult(uint256 id) external view returns (string memory dealId, string memory dataId);
    /// @notice Sum of the deposits of open jobs.
    function heldDeposits() external view returns (uint256);
}
