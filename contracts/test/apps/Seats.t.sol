// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {KeyService} from "../../src/apps/KeyService.sol";
import {GUEST, IAdmission, VERIFIER} from "../../src/interfaces/IAdmission.sol";
import {IKeyService} from "../../src/interfaces/IKeyService.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {VerifiedNetwork} from "../stages/VerifiedNetwork.sol";

/// @dev Three seats that three providers fill, and three others who want them: somebody who holds
/// governance, and workers of another guest beside those of everybody else's.
contract SeatsTest is VerifiedNetwork {
    bytes32 private constant MANIFEST = keccak256("manifest");
    bytes32 private constant OTHER_GUEST = "another guest";

    KeyService private service;
    uint256[3] private rivals = [uint256(0x3001), 0x3002, 0x3003];
    uint256 private salt;

    function setUp() public override {
        super.setUp();
        service = new KeyService(governance, workers, market, MANIFEST);
        for (uint256 i; i < 3; ++i) {
            seat(i, keys[i]);
        }
        for (uint256 i; i < 3; ++i) {
            address owner = address(uint160(0xB1 + i));
            bytes memory signature = sign(rivals[i], joinDigest(owner, vm.addr(rivals[i])));
            vm.prank(owner);
            workers.register(vm.addr(rivals[i]), describe(), signature);
            pckIds[vm.addr(rivals[i])] = registerPlatform(0xE000 + i, 80 + i, bytes16(uint128(80 + i)));
        }
    }

    function measurements() internal pure override returns (IAdmission.MeasurementRoles[] memory roles) {
        roles = new IAdmission.MeasurementRoles[](2);
        roles[0] =
            IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf(keccak256("guest")), GUEST | VERIFIER);
        roles[1] = IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf(OTHER_GUEST), GUEST);
    }

    function test_governance_that_makes_all_instances_absent_replaces_one_a_week() public {
        vm.prank(governance);
        admission.suspendMeasurement(SoftwarePlatform.measurementOf(keccak256("guest")), GUEST);
        uint256 began = block.timestamp + 2 hours;
        absent();
        take(0, rivals[0]);
        refused(1, rivals[1]);
        vm.warp(began + 7 days - 1);
        refused(1, rivals[1]);
        // Nor does vacating come on top.
        vm.prank(governance);
        vm.expectRevert(abi.encodeWithSelector(IKeyService.OneSeatAtATime.selector, began + 7 days));
        service.vacate(1);
        vm.warp(began + 7 days);
        take(1, rivals[1]);
        refused(2, rivals[2]);
        // When the guest is back so is the third, as if nothing had been.
        vm.prank(governance);
        admission.suspendMeasurement(SoftwarePlatform.measurementOf(keccak256("guest")), 0);
        vm.roll(block.number + 2);
        renewVerifier(2);
        vm.warp(block.timestamp + 14 days);
        vm.assertTrue(!service.isFree(2));
    }

    function test_a_seat_that_was_vacated_is_not_followed_by_an_absent_one_within_a_week() public {
        vm.prank(governance);
        service.vacate(0);
        uint256 began = block.timestamp;
        absent();
        take(0, rivals[0]);
        refused(1, rivals[1]);
        vm.warp(began + 7 days);
        take(1, rivals[1]);
    }

    function test_leases_that_ended_leave_their_seats_whatever_was_put_out_lately() public {
        vm.prank(governance);
        service.vacate(0);
        IKeyService.Seat[3] memory seats = service.seats();
        for (uint256 i = 1; i < 3; ++i) {
            vm.prank(tenant);
            market.close(seats[i].lease, tenant);
            vm.assertTrue(service.isFree(i));
        }
        vm.roll(block.number + 2);
        for (uint256 i; i < 3; ++i) {
            take(i, rivals[i]);
        }
    }

    /// @dev Nobody is covered, everybody is reported, and an hour is over.
    function absent() private {
        vm.warp(block.timestamp + 1 hours);
        for (uint256 i; i < 3; ++i) {
            service.reportAbsence(i);
        }
        vm.warp(block.timestamp + 1 hours);
    }

    /// @dev Covers a rival, in the other guest, and has it take a seat.
    function take(uint256 index, uint256 key) private {
        cover(key);
        seat(index, key);
        vm.assertEq(service.seats()[index].worker, vm.addr(key));
    }

    function refused(uint256 index, uint256 key) private {
        cover(key);
        bytes32 lease = leaseOn(key);
        bytes memory consent = sign(key, service.consentDigest(index, lease, MANIFEST, block.timestamp + 600));
        bytes32 held = service.seats()[index].lease;
        vm.expectRevert(abi.encodeWithSelector(IKeyService.SeatTaken.selector, index, held));
        service.take(index, lease, block.timestamp + 600, consent);
    }

    function seat(uint256 index, uint256 key) private {
        bytes32 lease = leaseOn(key);
        bytes memory consent = sign(key, service.consentDigest(index, lease, MANIFEST, block.timestamp + 600));
        service.take(index, lease, block.timestamp + 600, consent);
    }

    function cover(uint256 key) private {
        postLists();
        vm.roll(block.number + 2);
        address who = vm.addr(key);
        uint256 number = block.number - 1;
        SoftwarePlatform.Guest memory guest = guestFor(who, number);
        guest.software = OTHER_GUEST;
        attestWith(who, pckIds[who], number, SoftwarePlatform.quote(guest, 0xE000 + key - rivals[0]));
    }

    function leaseOn(uint256 key) private returns (bytes32) {
        IMarket.Bid memory bid = makeBid(address(usdc), 1, ++salt);
        bid.worker = vm.addr(key);
        bytes memory signature = sign(key, market.bidDigest(bid));
        vm.prank(tenant);
        return market.open(bid, signature, 10_000, "", noPermit);
    }
}
