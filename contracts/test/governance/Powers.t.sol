// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {KeyService} from "../../src/apps/KeyService.sol";
import {Admission} from "../../src/attestation/Admission.sol";
import {Slashing} from "../../src/economy/Slashing.sol";
import {Stake} from "../../src/economy/Stake.sol";
import {Token} from "../../src/economy/Token.sol";
import {Governed} from "../../src/governance/Governed.sol";
import {IEmission} from "../../src/interfaces/IEmission.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../src/interfaces/ISlashing.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {IToken} from "../../src/interfaces/IToken.sol";
import {ITreasury} from "../../src/interfaces/ITreasury.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {Announcements} from "../../src/libraries/Announcements.sol";
import {SlashRoom} from "../../src/libraries/SlashRoom.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {change} from "../stages/Economy.sol";
import {StakedNetwork} from "../stages/StakedNetwork.sol";

/// @dev What governance and whoever has its key can do, and how long people have to leave before.
contract PowersTest is StakedNetwork {
    uint256 private constant CHANGES = 20;
    KeyService private service;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market);
        fund(provider, POOL);
        delegate(provider, provider, POOL);
        attest();
    }

    // STAKE

    function test_nobody_else_slashes_before_everybody_could_have_left() public {
        vm.prank(governance);
        vm.expectRevert();
        stake.setSlasher(governance);
        bytes memory call = abi.encodeCall(Stake.setSlasher, (governance));
        vm.prank(governance);
        stake.announce(call);
        vm.prank(provider);
        uint256 shares = POOL * 1e6;
        stake.requestExit(provider, shares);
        vm.warp(block.timestamp + 22 days - 1);
        vm.prank(governance);
        vm.expectRevert(
            abi.encodeWithSelector(Announcements.TooEarly.selector, keccak256(call), block.timestamp + 1)
        );
        stake.setSlasher(governance);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IStake.NotSlasher.selector, governance));
        stake.slash(provider, 1, stranger, 2_000, "no proof at all");
        vm.prank(provider);
        stake.withdraw(1);
        vm.assertGe(token.balanceOf(provider), POOL - 1);
    }

    function test_whoever_slashes_takes_a_tenth_at_once_and_a_tenth_a_week() public {
        vm.prank(address(slashing));
        stake.slash(provider, POOL / 10, stranger, 2_000, "no proof at all");
        for (uint256 i; i < 50; ++i) {
            vm.prank(address(slashing));
            vm.expectRevert(abi.encodeWithSelector(SlashRoom.SlashedEnough.selector, provider, 1, 0));
            stake.slash(provider, 1, stranger, 2_000, "no proof at all");
        }
        // Four times a day for three weeks, all that there is room for.
        for (uint256 i; i < 21 * 4; ++i) {
            vm.warp(block.timestamp + 6 hours);
            uint256 room = stake.slashRoomOf(provider);
            vm.prank(address(slashing));
            stake.slash(provider, room, stranger, 2_000, "no proof at all");
        }
        // (1 − 1/10) e^(−3/10)
        vm.assertGe(stake.poolOf(provider).assets, POOL * 66 / 100);
        vm.assertLe(stake.poolOf(provider).assets, POOL * 67 / 100);
    }

    /// forge-config: default.fuzz.runs = 32
    function testFuzz_in_any_week_slashes_take_a_fifth_of_a_pool_at_the_most(uint256 seed) public {
        uint256[32] memory whole;
        uint256[32] memory instant;
        for (uint256 i; i < 32; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            vm.warp(block.timestamp + seed % 1 days);
            (whole[i], instant[i]) = (stake.poolOf(provider).assets, block.timestamp);
            uint256 room = stake.slashRoomOf(provider);
            uint256 asked = room == 0 ? 1 : seed % 3 == 0 ? room : (seed >> 8) % (room + room / 8 + 2);
            vm.prank(address(slashing));
            try stake.slash(provider, asked, stranger, 2_000, "proof") {
                vm.assertLe(asked, room);
            } catch {
                vm.assertTrue(asked > room || asked == 0);
            }
            uint256 left = stake.poolOf(provider).assets;
            for (uint256 j; j <= i; ++j) {
                if (instant[j] + 7 days >= block.timestamp) vm.assertGe(left, whole[j] * 8 / 10);
            }
        }
    }

    function test_many_workers_on_one_machine_burn_no_more_than_one() public {
        vm.roll(block.number + 2);
        for (uint256 i; i < 20; ++i) {
            uint256 key = 0x5000 + i;
            address w = vm.addr(key);
            bytes memory joined = sign(key, joinDigest(provider, w));
            vm.prank(provider);
            workers.register(w, describe(), joined);
            uint256 number = block.number - 1;
            attestWith(w, pckKey, number, SoftwarePlatform.quote(guestFor(w, number), PCK));
            ISlashing.Receipt memory a = ISlashing.Receipt(w, "lease", 1, 1, "one");
            ISlashing.Receipt memory b = ISlashing.Receipt(w, "lease", 1, 1, "two");
            (bytes memory signatureA, bytes memory signatureB) =
                (sign(key, slashing.receiptDigest(a)), sign(key, slashing.receiptDigest(b)));
            if (i > 0) {
                vm.expectRevert(
                    abi.encodeWithSelector(
                        ISlashing.ReportedRecently.selector, provider, block.timestamp + 1 days
                    )
                );
            }
            slashing.reportReceipts(a, signatureA, b, signatureB);
        }
        vm.assertEq(stake.poolOf(provider).assets, POOL * 95 / 100);
        // Nor do other offences add up beyond the pool's bound, and what was refused is not lost.
        for (uint64 day = 1; day <= 4; ++day) {
            vm.warp(block.timestamp + 1 days);
            ISlashing.Receipt memory a = ISlashing.Receipt(worker, "lease", 1, day, "one");
            ISlashing.Receipt memory b = ISlashing.Receipt(worker, "lease", 1, day, "two");
            (bytes memory signatureA, bytes memory signatureB) =
                (sign(WORKER_KEY, slashing.receiptDigest(a)), sign(WORKER_KEY, slashing.receiptDigest(b)));
            if (day == 2 || day == 3) vm.expectRevert();
            slashing.reportReceipts(a, signatureA, b, signatureB);
        }
    }

    function test_contradicting_bids_that_the_provider_signed_cost_stake_as_they_can_be_taken() public {
        IMarket.Bid memory a = makeBid(address(usdc), 16, 1);
        IMarket.Bid memory b = makeBid(address(usdc), 17, 1);
        bytes memory signatureA = sign(PROVIDER_KEY, market.bidDigest(a));
        bytes memory signatureB = sign(WORKER_KEY, market.bidDigest(b));
        bytes memory forged = sign(TENANT_KEY, market.bidDigest(b));
        vm.expectRevert(abi.encodeWithSelector(ISlashing.NotSignedByWorker.selector, worker));
        slashing.reportBids(a, signatureA, b, forged);
        vm.assertEq(slashing.reportBids(a, signatureA, b, signatureB), POOL / 100);
    }

    // SUPPLY

    function test_nobody_creates_more_than_its_allotment_and_emission_keeps_its_own() public {
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IToken.OverAllotment.selector, governance, 1, 0));
        token.mint(governance, 1);
        uint256 left = OWN_ALLOTMENT - POOL;
        vm.expectRevert(abi.encodeWithSelector(IToken.OverAllotment.selector, address(this), left + 1, left));
        token.mint(stranger, left + 1);
        token.mint(stranger, left);
        // Governance can't allot what is emission's, however long it waits.
        uint256 free = 300_000_000e18 - OWN_ALLOTMENT;
        vm.assertEq(token.unallotted(), free);
        bytes memory call = abi.encodeCall(Token.allot, (governance, free + 1));
        vm.prank(governance);
        token.announce(call);
        vm.warp(block.timestamp + 22 days);
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IToken.OverCap.selector, free + 1, free));
        token.allot(governance, free + 1);
        // A contract for claims gets what is nobody's, three weeks after everybody could read of it.
        vm.prank(governance);
        vm.expectRevert();
        token.allot(stranger, free);
        change(governance, token, abi.encodeCall(Token.allot, (stranger, free)));
        vm.prank(stranger);
        token.mint(stranger, free);
        vm.assertEq(token.totalSupply() + token.allotted(address(emission)), token.cap());
        // And emission goes on as if nothing had happened.
        uint256 claimed = stake.claimReward(provider, provider);
        vm.assertGe(claimed, 1_000_000e18);
        vm.assertEq(token.balanceOf(provider), claimed);
    }

    // ANNOUNCEMENTS

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
        (contracts[16], calls[16]) = (admission, abi.encodeCall(Admission.setImage, (keccak256("a spy"), 3)));
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
