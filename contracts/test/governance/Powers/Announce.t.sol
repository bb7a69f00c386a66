// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {KeyService} from "../../../src/apps/KeyService.sol";
import {Admission} from "../../../src/attestation/Admission.sol";
import {Slashing} from "../../../src/economy/Slashing.sol";
import {Stake} from "../../../src/economy/Stake.sol";
import {Token} from "../../../src/economy/Token.sol";
import {Governed} from "../../../src/governance/Governed.sol";
import {IEmission} from "../../../src/interfaces/IEmission.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {ITreasury} from "../../../src/interfaces/ITreasury.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {change} from "../../stages/Economy.sol";
import {PowersStage} from "./PowersStage.sol";

contract PowersAnnounceTest is PowersStage {
    uint256 private constant CHANGES = 20;

    /// @dev Every change that could take, redirect or hold somebody's money, or lets somebody or something
    /// in.
    function test_what_the_owner_changes_is_announced() public {
        vm.prank(governance);
        service.setManifest(keccak256("the first one"));
        (Governed[CHANGES] memory contracts, bytes[CHANGES] memory calls) = changes();
        for (uint256 i; i < CHANGES; ++i) {
            fails(
                governance,
                contracts[i],
                calls[i],
                abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(calls[i]))
            );
            vm.prank(stranger);
            vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
            contracts[i].announce(calls[i]);
            vm.prank(governance);
            contracts[i].announce(calls[i]);
        }
        uint256 ready = block.timestamp + 22 days;
        vm.warp(ready - 1);
        for (uint256 i; i < CHANGES; ++i) {
            fails(
                governance,
                contracts[i],
                calls[i],
                abi.encodeWithSelector(Announcements.TooEarly.selector, keccak256(calls[i]), ready)
            );
        }
        vm.warp(ready);
        for (uint256 i; i < CHANGES; ++i) {
            fails(
                stranger,
                contracts[i],
                calls[i],
                abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger)
            );
            vm.prank(governance);
            (bool success,) = address(contracts[i]).call(calls[i]);
            vm.assertTrue(success);
            // Once; the fee is no higher than it is by now.
            if (i != 7) {
                fails(
                    governance,
                    contracts[i],
                    calls[i],
                    abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(calls[i]))
                );
            }
        }
    }

    function test_an_announcement_can_be_called_off_and_does_not_hang_over_anybody_for_ever() public {
        bytes memory call = abi.encodeCall(Stake.setSlasher, (governance));
        vm.prank(governance);
        bytes32 announced = stake.announce(call);
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        stake.callOff(announced);
        vm.prank(governance);
        stake.callOff(announced);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, announced));
        stake.callOff(announced);
        vm.warp(block.timestamp + 22 days);
        fails(governance, stake, call, abi.encodeWithSelector(Announcements.NotAnnounced.selector, announced));
        vm.prank(governance);
        stake.announce(call);
        vm.warp(block.timestamp + 36 days);
        fails(
            governance,
            stake,
            call,
            abi.encodeWithSelector(Announcements.TooLate.selector, announced, block.timestamp)
        );
        vm.assertEq(stake.slasher(), address(slashing));
    }

    function test_ownership_is_handed_over_three_weeks_after_it_was_announced() public {
        change(governance, token, abi.encodeWithSignature("transferOwnership(address)", stranger));
        vm.prank(stranger);
        token.acceptOwnership();
        vm.assertEq(token.owner(), stranger);
        fails(
            governance,
            market,
            abi.encodeWithSignature("renounceOwnership()"),
            abi.encodeWithSelector(
                Announcements.NotAnnounced.selector, keccak256(abi.encodeWithSignature("renounceOwnership()"))
            )
        );
        change(governance, market, abi.encodeWithSignature("renounceOwnership()"));
        vm.assertEq(market.owner(), address(0));
    }

    function changes()
        private
        view
        returns (Governed[CHANGES] memory contracts, bytes[CHANGES] memory calls)
    {
        (contracts[0], calls[0]) = (stake, abi.encodeCall(Stake.setSlasher, (governance)));
        (contracts[1], calls[1]) = (stake, abi.encodeCall(ITreasury.setTreasury, (governance)));
        (contracts[2], calls[2]) =
        (slashing, abi.encodeCall(Slashing.setPenalty, (ISlashing.Offence.Refusal, 1_000, 0)));
        (contracts[3], calls[3]) = (emission, abi.encodeCall(ITreasury.setTreasury, (governance)));
        (contracts[4], calls[4]) = (emission, abi.encodeCall(IEmission.setClassWeight, ("b300", 20)));
        (contracts[5], calls[5]) = (market, abi.encodeCall(ITreasury.setTreasury, (governance)));
        (contracts[6], calls[6]) = (market, abi.encodeCall(IMarket.setNoticePeriod, (1 hours)));
        (contracts[7], calls[7]) = (market, abi.encodeCall(ITill.setToken, (address(cloi), true, 2_000)));
        (contracts[8], calls[8]) = (token, abi.encodeCall(Token.allot, (governance, 1)));
        (contracts[9], calls[9]) = (token, abi.encodeWithSignature("transferOwnership(address)", stranger));
        (contracts[10], calls[10]) = (market, abi.encodeWithSignature("transferOwnership(address)", stranger));
        (contracts[11], calls[11]) =
        (slashing, abi.encodeWithSignature("transferOwnership(address)", stranger));
        (contracts[12], calls[12]) = (workers, abi.encodeCall(IWorkers.setCoveragePeriod, (1 days)));
        (contracts[13], calls[13]) = (workers, abi.encodeCall(IWorkers.setVerdictThreshold, (16)));
        (contracts[14], calls[14]) =
        (workers, abi.encodeWithSignature("transferOwnership(address)", stranger));
        (contracts[15], calls[15]) =
        (admission, abi.encodeCall(Admission.setFloor, (SoftwarePlatform.FMSPC, floor())));
        (contracts[16], calls[16]) =
        (admission, abi.encodeCall(Admission.setMeasurement, (keccak256("a spy"), 3)));
        (contracts[17], calls[17]) =
        (admission, abi.encodeWithSignature("transferOwnership(address)", stranger));
        (contracts[18], calls[18]) = (service, abi.encodeCall(KeyService.setManifest, (keccak256("a spy"))));
        (contracts[19], calls[19]) =
        (service, abi.encodeWithSignature("transferOwnership(address)", stranger));
    }

    function fails(address caller, Governed governed, bytes memory call, bytes memory reason) private {
        vm.prank(caller);
        (bool success, bytes memory found) = address(governed).call(call);
        vm.assertTrue(!success);
        vm.assertEq(keccak256(found), keccak256(reason));
    }
}
