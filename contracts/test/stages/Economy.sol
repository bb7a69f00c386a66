// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Emission} from "../../src/economy/Emission.sol";
import {Stake} from "../../src/economy/Stake.sol";
import {Governed} from "../../src/governance/Governed.sol";
import {Power} from "../../src/governance/Power.sol";
import {IEmission} from "../../src/interfaces/IEmission.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {Workers} from "../../src/market/Workers.sol";
import {vm} from "../Vm.sol";
import {OpenToken} from "../fakes/OpenToken.sol";
import {TestWorkers} from "../fakes/TestWorkers.sol";

/// @dev Deploys both, with `self`, the calling contract, as governance and as the slasher.
function deployEconomy(address self, OpenToken token, Workers workers, address treasury, uint256 start)
    returns (Stake stake, Emission emission)
{
    Emission predicted = Emission(vm.computeCreateAddress(self, vm.getNonce(self) + 2));
    Power power = new Power(vm.computeCreateAddress(self, vm.getNonce(self) + 1));
    IStake.ClassCollateral[] memory collateral = new IStake.ClassCollateral[](3);
    collateral[0] = IStake.ClassCollateral("h100", 1_250e18);
    collateral[1] = IStake.ClassCollateral("h200", 1_875e18);
    collateral[2] = IStake.ClassCollateral("b200", 2_250e18);
    IEmission.ClassWeight[] memory weights = new IEmission.ClassWeight[](3);
    weights[0] = IEmission.ClassWeight("h100", 10);
    weights[1] = IEmission.ClassWeight("h200", 15);
    weights[2] = IEmission.ClassWeight("b200", 18);
    stake = new Stake(self, IStake.Parts(token, workers, predicted, power, self, treasury, start), collateral);
    emission = new Emission(self, token, workers, stake, treasury, weights);
    vm.assertEq(address(emission), address(predicted));
    token.allotNow(address(emission), 700_000_000e18);
}

/// @dev Announces a change of a governed contract's, lets the time pass and makes it, as `owner`.
function change(address owner, Governed governed, bytes memory call) {
    vm.prank(owner);
    governed.announce(call);
    vm.warp(block.timestamp + 22 days);
    vm.prank(owner);
    (bool success,) = address(governed).call(call);
    vm.assertTrue(success, "an announced change is made");
}

/// @dev Stake and Emission with workers whose coverage is a matter of saying so. Time begins with emission.
abstract contract Economy {
    uint256 internal constant ONE = 1e18;
    uint256 internal constant START = 1_750_000_000;

    OpenToken internal token;
    TestWorkers internal fake;
    Stake internal stake;
    Emission internal emission;
    address internal provider = address(0xA);
    address internal other = address(0xB);
    address internal alice = address(0xC);
    address internal bob = address(0xD);
    address internal worker = address(0xF0);
    address internal secondWorker = address(0xF1);
    address internal treasury = address(0x7EA);

    function begin() internal {
        vm.warp(START);
        fake = new TestWorkers();
        token = new OpenToken(address(this));
        token.allotNow(address(this), 300_000_000e18);
        (stake, emission) = deployEconomy(address(this), token, Workers(address(fake)), treasury, START);
        fake.setObserver(emission);
        fake.join(worker, provider);
        fake.join(secondWorker, other);
        address[4] memory accounts = [provider, other, alice, bob];
        for (uint256 i; i < 4; ++i) {
            fund(accounts[i]);
        }
    }

    function fund(address account) internal {
        token.mint(account, 1_000_000 * ONE);
        vm.prank(account);
        token.approve(address(stake), type(uint256).max);
    }

    function put(address account, address to, uint256 amount) internal returns (uint256) {
        vm.prank(account);
        return stake.delegate(to, amount);
    }

    /// @dev Goes to `seconds_` after the beginning of an epoch.
    function toEpoch(uint256 epoch, uint256 seconds_) internal {
        vm.warp(START + epoch * 1 hours + seconds_);
    }

    /// @dev Puts a worker with GPUs into service, covered and vouched for from now for an hour, with
    /// collateral in its own pool.
    function serve(address w, address owner, bytes32 class, uint256 gpus) internal {
        put(owner, owner, gpus * stake.collateralPerGpu(class));
        renew(w, class, gpus);
        vm.prank(owner);
        stake.syncCollateral(w);
    }

    function renew(address w, bytes32 class, uint256 gpus) internal {
        fake.cover(w, 1 hours);
        fake.confirm(w, class, gpus, 1 hours);
    }
}

abstract contract EconomyTest is Economy {
    bool public constant IS_TEST = true;

    function setUp() public virtual {
        begin();
    }
}
