// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title The nouns of the v1 ABI: order and layout are fixed, clients decode them by position.
library SharedStructs {
    enum ServiceType {
        Solver,
        Mediator,
        ResourceProvider,
        JobCreator
    }

    /// @dev Also the answer for an unknown deal: `DealNegotiating`.
    enum AgreementState {
        DealNegotiating,
        DealAgreed,
        ResultsSubmitted,
        ResultsAccepted,
        ResultsChecked,
        MediationAccepted,
        MediationRejected,
        TimeoutAgree,
        TimeoutSubmitResults,
        TimeoutJudgeResults,
        TimeoutMediateResults
    }

    struct User {
        address userAddress;
        string metadataCID;
        string url;
        ServiceType[] roles;
    }

    struct DealMembers {
        address solver;
        address jobCreator;
        address resourceProvider;
        address[] mediators;
    }

    /// @dev `timeout` in seconds, `collateral` in base units of the token.
    struct DealTimeout {
        uint256 timeout;
        uint256 collateral;
    }

    struct DealTimeouts {
        DealTimeout agree;
        DealTimeout submitResults;
        DealTimeout judgeResults;
        DealTimeout mediateResults;
    }

    /// @dev Amounts in base units of the token; `resultsCollateralMultiple` is a plain factor.
    struct DealPricing {
        uint256 instructionPrice;
        uint256 paymentCollateral;
        uint256 resultsCollateralMultiple;
        uint256 mediationFee;
    }

    struct Deal {
        string dealId;
        DealMembers members;
        DealTimeouts timeouts;
        DealPricing pricing;
    }

    struct Result {
        string dealId;
        string resultsId;
        string dataId;
        uint256 instructionCount;
    }

    /// @dev Times are seconds of `block.timestamp`, 0 for a stage that has not happened.
    struct Agreement {
        AgreementState state;
        uint256 resourceProviderAgreedAt;
        uint256 jobCreatorAgreedAt;
        uint256 dealCreatedAt;
        uint256 dealAgreedAt;
        uint256 resultsSubmittedAt;
        uint256 resultsAcceptedAt;
        uint256 resultsCheckedAt;
        uint256 mediationAcceptedAt;
        uint256 mediationRejectedAt;
        uint256 timeoutAgreeAt;
        uint256 timeoutSubmitResultsAt;
        uint256 timeoutJudgeResultsAt;
        uint256 timeoutMediateResultsAt;
    }
}
