// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {X509} from "../../../src/attestation/X509.sol";
import {IPlatforms} from "../../../src/interfaces/IPlatforms.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {PlatformsStage} from "./PlatformsStage.sol";

contract PlatformsPostRevocationsTest is PlatformsStage {
    function test_revocation_lists_are_posted_by_anyone_and_stop_keys_and_authorities() public {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        bytes memory authority = SoftwarePlatform.authority(77, from, until);
        uint256[] memory serials = new uint256[](2);
        (serials[0], serials[1]) = (999, 1);
        bytes memory list =
            SoftwarePlatform.revocations(SoftwarePlatform.AUTHORITY_KEY, block.timestamp, serials);
        bytes memory forged = SoftwarePlatform.revocations(0xBAD, block.timestamp, serials);
        vm.expectRevert(X509.BadCertificateSignature.selector);
        platforms.postRevocations(forged, authority, 100);
        // The root's list is not the authority's.
        vm.expectRevert(X509.BadCertificateSignature.selector);
        platforms.postRevocations(list, "", 100);
        attestOnce();
        vm.prank(stranger);
        platforms.postRevocations(list, authority, 100);
        number = block.number;
        vm.roll(block.number + 2);
        refused(
            guestFor(worker, number), abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, pckKey)
        );
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, pckKey));
        this.again(1);

        // A new certificate of the same platform does, until the authority itself is revoked.
        bytes32 renewed = registerPlatform(PCK, 5, PPID);
        bytes memory quote = quoteFor(worker, number);
        attestWith(worker, renewed, number, quote);
        serials = new uint256[](1);
        serials[0] = 77;
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, serials), "", 100
        );
        number = block.number;
        vm.roll(block.number + 2);
        quote = quoteFor(worker, number);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.CertificateRevoked.selector, renewed));
        workers.attest(worker, renewed, number, TLS_KEY_HASH, quote);
        vm.expectRevert();
        this.again(6);
    }

    function test_an_empty_revocation_list_changes_nothing_and_one_from_the_future_is_refused() public {
        uint256[] memory none = new uint256[](0);
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, none), "", 100
        );
        attestOnce();
        bytes memory future =
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp + 1, none);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.ListNotValidYet.selector, block.timestamp + 1));
        platforms.postRevocations(future, "", 100);
    }

    function again(uint256 serial) external returns (bytes32) {
        return registerPlatform(PCK, serial, PPID);
    }
}
