// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title What the core adds to the v1 nouns.
library DealTypes {
    /// @dev Everything that can move an agreement once both parties have agreed, and the time-out of an agreement that
    /// never came about.
    enum Action {
        AddResult,
        GiveUp,
        AcceptResult,
        CheckResult,
        MediationAccept,
        MediationReject,
        TimeoutAgree,
        TimeoutSubmitResult,
        TimeoutJudgeResult,
        TimeoutMediateResult
    }

    enum ProposalStatus {
        None,
        Open,
        TimedOut
    }

    /// @dev One party's consent to terms, while the other party's is missing.
    /// `termsHash` = keccak256(abi.encode(members, timeouts, pricing)).
    struct Proposal {
        bytes32 termsHash;
        uint40 agreedAt;
        uint40 agreeTimeout;
        bool byResourceProvider;
        ProposalStatus status;
    }

    /// @dev What a transition means for the money. `jobCost` is already limited to the payment collateral.
    struct Outcome {
        address resourceProvider;
        address jobCreator;
        uint256 jobCost;
        uint256 paymentCollateral;
        uint256 resultsCollateral;
        uint256 submitCollateral;
        uint256 judgeCollateral;
        uint256 mediationFee;
    }
}
