// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Verdicts} from "../../src/attestation/Verdicts.sol";
import {Emission} from "../../src/economy/Emission.sol";
import {Slashing} from "../../src/economy/Slashing.sol";
import {Stake} from "../../src/economy/Stake.sol";
import {Token} from "../../src/economy/Token.sol";
import {Power} from "../../src/governance/Power.sol";
import {Vouchers} from "../../src/inference/Vouchers.sol";
import {ICoverageObserver} from "../../src/interfaces/ICoverageObserver.sol";
import {IEmission} from "../../src/interfaces/IEmission.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {vm} from "../Vm.sol";
import {Cradle} from "./Cradle.sol";
import {VerifiedNetwork} from "./VerifiedNetwork.sol";

/// @dev The whole network with stake, deployed as a real one is: nothing is set afterwards, and all of it is
/// governance's.
abstract contract StakedNetwork is VerifiedNetwork {
    uint256 internal constant POOL = 20_000e18;
    /// What this contract may create for those who stake.
    uint256 internal constant OWN_ALLOTMENT = 10_000_000e18;

    Cradle private _cradle;
    Token internal token;
    Stake internal stake;
    Emission internal emission;
    Slashing internal slashing;
    Vouchers internal vouchers;

    function setUp() public virtual override {
        super.setUp();
        Emission predicted = Emission(_cradle.next());
        address[] memory minters = new address[](2);
        (minters[0], minters[1]) = (address(predicted), address(this));
        uint256[] memory amounts = new uint256[](2);
        (amounts[0], amounts[1]) = (700_000_000e18, OWN_ALLOTMENT);
        token = new Token(governance, minters, amounts);
        IStake.ClassCollateral[] memory collateral = new IStake.ClassCollateral[](1);
        collateral[0] = IStake.ClassCollateral("h100", 1_250e18);
        IEmission.ClassWeight[] memory weights = new IEmission.ClassWeight[](1);
        weights[0] = IEmission.ClassWeight("h100", 10);
        vouchers = new Vouchers(market, treasury, governance, tokenFees());
        address slasher = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        Power power = new Power(vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1));
        stake = new Stake(
            governance,
            IStake.Parts(token, workers, predicted, power, slasher, treasury, block.timestamp),
            collateral
        );
        slashing = new Slashing(governance, workers, market, vouchers, stake);
        bytes memory arguments = abi.encode(governance, token, workers, stake, treasury, weights);
        emission = Emission(_cradle.create(bytes.concat(type(Emission).creationCode, arguments)));
        vm.assertEq(address(emission), address(predicted));
        vm.assertEq(address(slashing), slasher);
    }

    function observer() internal override returns (ICoverageObserver) {
        _cradle = new Cradle();
        return ICoverageObserver(_cradle.next());
    }

    function fund(address account, uint256 amount) internal {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(stake), type(uint256).max);
    }

    function delegate(address account, address to, uint256 amount) internal returns (uint256 shares) {
        vm.prank(account);
        return stake.delegate(to, amount);
    }

    /// @dev What a stolen key of the worker's can do: two receipts for one unit of work.
    function contradict(uint64 sequence) internal returns (uint256 taken) {
        (
            ISlashing.Receipt memory a,
            bytes memory signatureA,
            ISlashing.Receipt memory b,
            bytes memory signatureB
        ) = twoReceipts(sequence);
        return slashing.reportReceipts(a, signatureA, b, signatureB);
    }

    function twoReceipts(uint64 sequence)
        internal
        view
        returns (
            ISlashing.Receipt memory a,
            bytes memory signatureA,
            ISlashing.Receipt memory b,
            bytes memory signatureB
        )
    {
        a = ISlashing.Receipt(worker, keccak256("lease"), 1, sequence, keccak256("one"));
        b = ISlashing.Receipt(worker, keccak256("lease"), 1, sequence, keccak256("two"));
        (signatureA, signatureB) = (receiptBy(WORKER_KEY, a), receiptBy(WORKER_KEY, b));
    }

    function receiptBy(uint256 key, ISlashing.Receipt memory receipt) internal view returns (bytes memory) {
        return sign(key, slashing.receiptDigest(receipt));
    }

    /// @dev Has the worker's GPUs confirmed. Verifiers renew as well, so that their word counts.
    function confirm() internal {
        vm.roll(block.number + 2);
        for (uint256 i; i < 2; ++i) {
            renewVerifier(i);
        }
        Verdicts.Verdict memory verdict = gpus();
        workers.confirmGpus(verdict, signed(verdict, 2), claimed(verdict), gpuIds());
    }
}
