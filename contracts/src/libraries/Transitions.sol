// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {DealTypes} from "../types/DealTypes.sol";
import {SharedStructs} from "../types/SharedStructs.sol";

/// @title The life of an agreement, as one table.
/// @notice action → (state it starts from, state it leads to, who may send it, which deadline, before or after it).
/// A forward action is possible up to its deadline, a time-out strictly after it, so never both.
library Transitions {
    enum Caller {
        Anyone,
        ResourceProvider,
        JobCreator,
        Mediation
    }

    /// @dev Which of the deal's four times applies, counted from when its stage began.
    enum Deadline {
        Agree,
        SubmitResults,
        JudgeResults,
        MediateResults
    }

    struct Rule {
        SharedStructs.AgreementState from;
        SharedStructs.AgreementState to;
        Caller caller;
        Deadline deadline;
        bool isTimeout;
    }

    /// @notice The row of `action`.
    function rule(DealTypes.Action action) internal pure returns (Rule memory) {
        if (action == DealTypes.Action.AddResult) {
            return _forward(
                SharedStructs.AgreementState.DealAgreed,
                SharedStructs.AgreementState.ResultsSubmitted,
                Caller.ResourceProvider,
                Deadline.SubmitResults
            );
        }
        // The provider cannot deliver and says so: same end as silence, but nobody is punished.
        if (action == DealTypes.Action.GiveUp) {
            return _forward(
                SharedStructs.AgreementState.DealAgreed,
                SharedStructs.AgreementState.TimeoutSubmitResults,
                Caller.ResourceProvider,
                Deadline.SubmitResults
            );
        }
        if (action == DealTypes.Action.AcceptResult) {
            return _forward(
                SharedStructs.AgreementState.ResultsSubmitted,
                SharedStructs.AgreementState.ResultsAccepted,
                Caller.JobCreator,
                Deadline.JudgeResults
            );
        }
        if (action == DealTypes.Action.CheckResult) {
            return _forward(
                SharedStructs.AgreementState.ResultsSubmitted,
                SharedStructs.AgreementState.ResultsChecked,
                Caller.JobCreator,
                Deadline.JudgeResults
            );
        }
        if (action == DealTypes.Action.MediationAccept) {
            return _forward(
                SharedStructs.AgreementState.ResultsChecked,
                SharedStructs.AgreementState.MediationAccepted,
                Caller.Mediation,
                Deadline.MediateResults
            );
        }
        if (action == DealTypes.Action.MediationReject) {
            return _forward(
                SharedStructs.AgreementState.ResultsChecked,
                SharedStructs.AgreementState.MediationRejected,
                Caller.Mediation,
                Deadline.MediateResults
            );
        }
        if (action == DealTypes.Action.TimeoutAgree) {
            return _timeout(
                SharedStructs.AgreementState.DealNegotiating, SharedStructs.AgreementState.TimeoutAgree, Deadline.Agree
            );
        }
        if (action == DealTypes.Action.TimeoutSubmitResult) {
            return _timeout(
                SharedStructs.AgreementState.DealAgreed,
                SharedStructs.AgreementState.TimeoutSubmitResults,
                Deadline.SubmitResults
            );
        }
        if (action == DealTypes.Action.TimeoutJudgeResult) {
            return _timeout(
                SharedStructs.AgreementState.ResultsSubmitted,
                SharedStructs.AgreementState.TimeoutJudgeResults,
                Deadline.JudgeResults
            );
        }
        return _timeout(
            SharedStructs.AgreementState.ResultsChecked,
            SharedStructs.AgreementState.TimeoutMediateResults,
            Deadline.MediateResults
        );
    }

    /// @notice The name of a state as v1's texts spell it. Only states that an action can start from.
    function name(SharedStructs.AgreementState state) internal pure returns (string memory) {
        if (state == SharedStructs.AgreementState.DealNegotiating) return "DealNegotiating";
        if (state == SharedStructs.AgreementState.DealAgreed) return "DealAgreed";
        if (state == SharedStructs.AgreementState.ResultsSubmitted) return "ResultsSubmitted";
        return "ResultsChecked";
    }

    function _forward(
        SharedStructs.AgreementState from,
        SharedStructs.AgreementState to,
        Caller caller,
        Deadline deadline
    ) private pure returns (Rule memory) {
        return Rule({from: from, to: to, caller: caller, deadline: deadline, isTimeout: false});
    }

    function _timeout(SharedStructs.AgreementState from, SharedStructs.AgreementState to, Deadline deadline)
        private
        pure
        returns (Rule memory)
    {
        return Rule({from: from, to: to, caller: Caller.Anyone, deadline: deadline, isTimeout: true});
    }
}
