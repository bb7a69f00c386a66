// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Stake} from "../../../src/economy/Stake.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {IStake} from "../../../src/interfaces/IStake.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {SlashRoom} from "../../../src/libraries/SlashRoom.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {PowersStage} from "./PowersStage.sol";

contract PowersSlashTest is PowersStage {
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
}
