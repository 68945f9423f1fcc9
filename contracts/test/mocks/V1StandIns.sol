// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @notice How the deployed v1 contracts behave where they differ from this set: people are told apart by `tx.origin`, and
/// two time-outs call a function of Payments that it does not have, so they revert without data. `lilypad-sdk/tests/it`
/// deploys these stand-ins; they hold no money. Source: the findings W-1 and W-3 of docs/contracts.md.
interface ISingular {
    function timeoutSubmitResult(string calldata, address, address, uint256, uint256) external;
    function timeoutJudgeResult(string calldata, address, address, uint256, uint256) external;
}

/// @notice Only the plural names.
contract V1Payments {
    function timeoutSubmitResults(string calldata, address, address, uint256, uint256) external {}
    function timeoutJudgeResults(string calldata, address, address, uint256, uint256) external {}
}

/// @notice One agreement for every deal, in any state.
contract V1Storage {
    uint256 public state;
    uint256 public agreedAt;
    uint256 public submittedAt;

    function set(uint256 newState, uint256 agreed, uint256 submitted) external {
        (state, agreedAt, submittedAt) = (newState, agreed, submitted);
    }

    function getAgreement(string calldata) external view returns (uint256[14] memory agreement) {
        (agreement[0], agreement[1], agreement[2]) = (state, agreedAt, agreedAt);
        (agreement[3], agreement[4], agreement[5]) = (agreedAt, agreedAt, submittedAt);
    }
}

/// @notice Neither `giveUp` nor anything else that v1 lacks.
contract V1Controller {
    V1Storage private immutable _store;
    ISingular private immutable _payments;
    address private immutable _jobCreator;
    address private immutable _resourceProvider;

    constructor(address store, address payments, address jobCreator, address resourceProvider) {
        (_store, _payments) = (V1Storage(store), ISingular(payments));
        (_jobCreator, _resourceProvider) = (jobCreator, resourceProvider);
    }

    function timeoutSubmitResult(string calldata id) external {
        require(tx.origin == _jobCreator, "Only JC");
        require(_store.state() == 1, "Not correct state");
        require(block.timestamp > _store.agreedAt() + 60, "Not timed out");
        _store.set(8, _store.agreedAt(), 0);
        _payments.timeoutSubmitResult(id, _resourceProvider, _jobCreator, 0, 0);
    }

    function timeoutJudgeResult(string calldata id) external {
        require(tx.origin == _resourceProvider, "Only RP");
        require(_store.state() == 2, "Not correct state");
        require(block.timestamp > _store.submittedAt() + 60, "Not timed out");
        _store.set(9, _store.agreedAt(), _store.submittedAt());
        _payments.timeoutJudgeResult(id, _resourceProvider, _jobCreator, 0, 0);
    }

    function timeoutMediateResult(string calldata) external {
        require(tx.origin == _resourceProvider || tx.origin == _jobCreator, "Only RP or JC");
        require(_store.state() == 4, "Not correct state");
        _store.set(10, _store.agreedAt(), _store.submittedAt());
    }
}
