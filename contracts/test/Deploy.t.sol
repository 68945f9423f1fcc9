// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Deploy} from "../script/Deploy.s.sol";
import {SharedStructs} from "../src/types/SharedStructs.sol";
import {Base} from "./Base.t.sol";

/// @notice The deployment script leaves a set that works.
contract DeployTest is Base {
    Deploy private _script;

    function setUp() public override {
        super.setUp();
        _script = new Deploy();
        _script.deploy(TREASURY, SOLVER);
        (token, payments, store) = (_script.token(), _script.payments(), _script.store());
        (mediation, controller) = (_script.mediation(), _script.controller());
        vm.prank(address(_script));
        token.transfer(RP, WALLET);
        vm.prank(address(_script));
        token.transfer(JC, WALLET);
    }

    function test_trust_is_as_documented() public view {
        vm.assertEq(token.getControllerAddress(), address(payments), "token trusts payments");
        vm.assertEq(payments.getControllerAddress(), address(controller), "payments trusts the controller");
        vm.assertEq(store.getControllerAddress(), address(controller), "storage trusts the controller");
        vm.assertEq(mediation.getControllerAddress(), address(controller), "mediation trusts the controller");
        vm.assertEq(_script.jobs().getControllerAddress(), SOLVER, "jobs trust the service");
        vm.assertEq(controller.getStorageAddress(), address(store), "storage");
        vm.assertEq(controller.getUsersAddress(), address(_script.users()), "users");
        vm.assertEq(controller.getPaymentsAddress(), address(payments), "payments");
        vm.assertEq(controller.getMediationAddress(), address(mediation), "mediation");
        vm.assertEq(controller.getJobCreatorAddress(), address(_script.jobs()), "jobs");
        vm.assertEq(controller.getPowAddress(), address(_script.pow()), "pow");
        vm.assertEq(_script.example().jobManager(), address(_script.jobs()), "example");
        vm.assertEq(_script.pow().owner(), address(_script), "the deployer owns pow");
        vm.assertEq(_script.proxyAdmin().owner(), address(_script), "and its proxy's admin");
        vm.assertEq(token.getTreasuryAddress(), TREASURY, "treasury");
    }

    function test_a_deal_works() public {
        submitted(1);
        accept();
        assertSettled(SharedStructs.AgreementState.ResultsAccepted);
        assertWallet(RP, 1010);
    }
}
