// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EscrowLedger} from "../libraries/EscrowLedger.sol";

/// @title Turns each transition into movements of money.
/// @notice For the controller only. What goes back, is paid or is slashed comes from the ledger of deposits; amounts that
/// v1's signatures repeat (collaterals, fee) are ignored, except those that are being deposited and `jobCost`.
interface ILilypadPayments {
    enum PaymentReason {
        PaymentCollateral,
        ResultsCollateral,
        TimeoutCollateral,
        JobPayment,
        MediationFee
    }

    enum PaymentDirection {
        PaidIn,
        PaidOut,
        Refunded,
        Slashed
    }

    /// @notice Money moved. `payee` is the payer of what is PaidIn, the receiver of what is PaidOut or Refunded, and
    /// the punished party of what is Slashed.
    event Payment(string dealId, address payee, uint256 amount, PaymentReason reason, PaymentDirection direction);
    /// @notice The same, to be found by `dealKey` = keccak256(bytes(dealId)) and payee.
    event DealPayment(
        bytes32 indexed dealKey, address indexed payee, uint256 amount, PaymentReason reason, PaymentDirection direction
    );
    /// @notice The token changed.
    event TokenChanged(address indexed previousToken, address indexed newToken);
    /// @notice The token can never change again.
    event TokenLocked(address indexed token);

    /// @notice Names the token. Owner only, once.
    function initialize(address _tokenAddress) external;
    function setTokenAddress(address _tokenAddress) external;
    function getTokenAddress() external view returns (address);
    function disableChangeTokenAddress() external;

    /// @notice What `party` has deposited for a deal and not got back.
    function escrowOf(string calldata dealId, address party) external view returns (EscrowLedger.Held memory);

    function agreeResourceProvider(string calldata dealId, address resourceProvider, uint256 timeoutCollateral) external;
    function agreeJobCreator(
        string calldata dealId,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external;
    function addResult(
        string calldata dealId,
        address resourceProvider,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external;
    /// @notice Everything back to both.
    function giveUp(string calldata dealId, address resourceProvider, address jobCreator) external;
    function acceptResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 jobCost,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external;
    function checkResult(string calldata dealId, address jobCreator, uint256 timeoutCollateral, uint256 mediationFee)
        external;
    /// @notice The fee goes to the deal's mediator, whom the mediation contract names.
    function mediationAcceptResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 jobCost,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external;
    /// @notice See `mediationAcceptResult`.
    function mediationRejectResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external;
    function timeoutAgreeRefundResourceProvider(
        string calldata dealId,
        address resourceProvider,
        uint256 timeoutCollateral
    ) external;
    function timeoutAgreeRefundJobCreator(
        string calldata dealId,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external;
    function timeoutSubmitResults(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external;
    /// @notice v1's controller spelled `timeoutSubmitResults` so.
    function timeoutSubmitResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 timeoutCollateral
    ) external;
    /// @notice The job cost is read from the storage contract.
    function timeoutJudgeResults(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external;
    /// @notice v1's controller spelled `timeoutJudgeResults` so.
    function timeoutJudgeResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 resultsCollateral,
        uint256 timeoutCollateral
    ) external;
    /// @notice The job cost is read from the storage contract.
    function timeoutMediateResult(
        string calldata dealId,
        address resourceProvider,
        address jobCreator,
        uint256 paymentCollateral,
        uint256 resultsCollateral,
        uint256 mediationFee
    ) external;
}
