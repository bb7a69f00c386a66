// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Platforms} from "../../src/attestation/Platforms.sol";
import {RevocationFund} from "../../src/attestation/RevocationFund.sol";
import {IPlatforms} from "../../src/interfaces/IPlatforms.sol";
import {IRevocationFund} from "../../src/interfaces/IRevocationFund.sol";
import {ListPieces} from "../../src/libraries/ListPieces.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {Network} from "../stages/Network.sol";

/// @dev Revocation lists: needed, of any length, and paid back.
contract RevocationsTest is Network {
    RevocationFund private fund;
    bytes private authority;
    uint256 private posted;
    address private poster = address(0x9057);

    function setUp() public override {
        super.setUp();
        register();
        attest();
        posted = block.timestamp;
        authority = SoftwarePlatform.authority(77, block.timestamp - 1 days, block.timestamp + 365 days);
        fund = new RevocationFund(platforms);
        vm.deal(address(fund), 1 ether);
        vm.fee(1 gwei);
    }

    // FRESHNESS

    function test_a_platform_serves_and_is_registered_only_while_both_lists_are_fresh() public {
        uint256 next = posted + 30 days;
        vm.warp(next + 7 days);
        attest();
        vm.warp(block.timestamp + 1);
        vm.roll(block.number + 2);
        refused(next);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, next));
        this.registerAgain();
        // The authority's alone is not enough, since authorities are revoked by the root.
        platforms.postRevocations(listOf(block.timestamp, 0), authority, 0);
        refused(next);
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, new uint256[](0)), "", 0
        );
        attest();
        this.registerAgain();
    }

    function test_no_list_has_ever_been_posted_no_platform_is_registered() public {
        (uint256 x, uint256 y) = vm.publicKeyP256(SoftwarePlatform.ROOT_KEY);
        platforms = new Platforms(x, y, admission);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, 0));
        this.registerAgain();
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, new uint256[](0)), "", 0
        );
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, 0));
        this.registerAgain();
    }

    function test_an_older_list_makes_nothing_fresh_and_what_it_revokes_is_revoked() public {
        uint256 next = platforms.authorityOf(authorityId()).nextUpdate;
        vm.warp(posted + 20 days);
        platforms.postRevocations(listOf(posted - 1, 3), authority, 10);
        vm.assertEq(platforms.authorityOf(authorityId()).nextUpdate, next);
        vm.assertTrue(platforms.pckKeyOf(pckIdOf(serialOf(1))).revoked);
    }

    /// Whoever is revoked can't have its own name left out and pass for fresh.
    function test_a_list_is_fresh_only_once_all_of_it_was_gone_through() public {
        vm.warp(posted + 29 days);
        bytes memory list = listOf(block.timestamp, 5);
        uint256 next = platforms.authorityOf(authorityId()).nextUpdate;
        for (uint256 i; i < 2; ++i) {
            (uint256 added, bool renewed) = platforms.postRevocations(list, authority, 2);
            vm.assertEq(added, 2);
            vm.assertTrue(!renewed);
            vm.assertEq(platforms.authorityOf(authorityId()).nextUpdate, next);
        }
        vm.assertTrue(!platforms.pckKeyOf(pckIdOf(serialOf(4))).revoked);
        (uint256 last, bool done) = platforms.postRevocations(list, authority, 2);
        vm.assertEq(last, 1);
        vm.assertTrue(done);
        vm.assertEq(platforms.authorityOf(authorityId()).nextUpdate, block.timestamp + 30 days);
        vm.assertTrue(platforms.pckKeyOf(pckIdOf(serialOf(4))).revoked);
        // The same entries in a newer list needn't be gone through again.
        vm.warp(block.timestamp + 25 days);
        (last, done) = platforms.postRevocations(listOf(block.timestamp, 5), authority, 0);
        vm.assertTrue(last == 0 && done);
    }

    // LENGTH

    function test_a_list_of_more_than_64_KiB_is_posted_in_parts() public {
        bytes memory list = listOf(block.timestamp, 1_750);
        vm.assertGe(list.length, 65_536);
        uint256 added;
        for (uint256 i; i < 5; ++i) {
            (uint256 more,) = platforms.postRevocations(list, authority, 350);
            // What a transaction may use (EIP-7825).
            vm.assertLe(vm.snapshotGasLastCall("Gas", "postRevocations: 350 of 1,750 entries"), 1 << 24);
            added += more;
        }
        vm.assertEq(added, 1_750);
        vm.assertTrue(platforms.pckKeyOf(pckIdOf(serialOf(1_749))).revoked);
    }

    /// Longer than any one transaction's data may be: in pieces, which are stored first.
    function test_a_list_of_half_a_megabyte_is_posted_from_pieces() public {
        bytes memory list = listOf(block.timestamp + 1, 13_000);
        vm.warp(block.timestamp + 1);
        vm.assertGe(list.length, 500_000);
        address[] memory pieces = new address[]((list.length + 24_574) / 24_575);
        for (uint256 i; i < pieces.length; ++i) {
            pieces[i] = fund.store(part(list, i * 24_575));
        }
        vm.prank(poster, poster);
        fund.postPieces(pieces, authority, 250);
        vm.assertLe(vm.snapshotGasLastCall("Gas", "postPieces: 250 of 13,000 entries"), 1 << 24);
        vm.assertTrue(platforms.pckKeyOf(pckIdOf(serialOf(249))).revoked);
        vm.assertTrue(!platforms.pckKeyOf(pckIdOf(serialOf(250))).revoked);
        pieces[0] = stranger;
        vm.expectRevert(ListPieces.PieceNotStored.selector);
        fund.postPieces(pieces, authority, 250);
    }

    // MONEY

    /// In a transaction of its own forge lets gas cost nothing.
    /// forge-config: default.isolate = false
    function test_who_posts_what_is_of_use_is_paid_back_and_nothing_twice() public {
        bytes memory list = listOf(block.timestamp + 1, 3);
        vm.warp(block.timestamp + 1);
        uint256 before = gasleft();
        uint256 paid = post(list);
        // What the call took here, its own 21,000 and its data; making the list took nothing.
        uint256 gas = before - gasleft() + 21_000 + 16 * (list.length + authority.length);
        vm.assertGe(paid, gas * 0.8 gwei);
        vm.assertLe(paid, gas * 1.1 gwei);
        vm.assertEq(poster.balance, paid);
        vm.assertEq(post(list), 0);
        // A newer one that says the same, while the one before is good for weeks.
        vm.warp(block.timestamp + 15 days);
        vm.assertEq(post(listOf(block.timestamp, 3)), 0);
        // The list of 15 days ago is due 20 days after it was made.
        vm.warp(block.timestamp + 21 days);
        vm.assertGe(post(listOf(block.timestamp, 3)), 1);
        vm.assertEq(post(listOf(block.timestamp, 3)), 0);
    }

    function test_an_old_list_that_is_due_itself_renews_nothing() public {
        vm.warp(posted + 30 days);
        vm.assertEq(post(listOf(posted + 5 days, 0)), 0);
    }

    /// forge-config: default.isolate = false
    function test_the_fund_pays_no_more_than_it_has_and_no_contract_and_no_price_above_its_limit() public {
        bytes memory list = listOf(block.timestamp + 1, 3);
        vm.warp(block.timestamp + 1);
        vm.prank(stranger, poster);
        vm.expectRevert(abi.encodeWithSelector(IRevocationFund.NotAnAccount.selector, stranger));
        fund.post(list, authority, 10);
        vm.fee(1_000 gwei);
        vm.prank(poster, poster);
        uint256 paid = fund.post(list, authority, 1);
        vm.assertLe(paid, 360_000 * 20 gwei);
        vm.deal(address(fund), 7);
        vm.assertEq(post(list), 7);
        vm.assertEq(address(fund).balance, 0);
    }

    // CERTIFICATES

    function test_a_platform_ends_with_its_authority() public {
        uint256 instant = block.timestamp;
        bytes memory brief = SoftwarePlatform.authority(78, instant, instant + 10 minutes);
        platforms.postRevocations(listOf(instant, 0), brief, 0);
        bytes32 key = platforms.registerPlatform(
            SoftwarePlatform.pck(0xFACE, 9, "ninth", SoftwarePlatform.SVNS, instant, instant + 365 days),
            brief
        );
        vm.assertEq(platforms.pckKeyOf(key).notAfter, instant + 10 minutes);
        vm.roll(block.number + 2);
        bytes memory quote = SoftwarePlatform.quote(guestFor(worker, block.number - 1), 0xFACE);
        vm.warp(instant + 10 minutes + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IPlatforms.CertificateNotValidNow.selector, 0, instant + 10 minutes)
        );
        workers.attest(worker, key, block.number - 1, TLS_KEY_HASH, quote);
    }

    function registerAgain() external {
        registerPlatform(PCK, 1, PPID);
    }

    function refused(uint256 next) private {
        bytes memory quote = quoteFor(worker, block.number - 1);
        vm.prank(worker);
        vm.expectRevert(abi.encodeWithSelector(IPlatforms.RevocationsOutdated.selector, next));
        workers.attest(worker, pckKey, block.number - 1, TLS_KEY_HASH, quote);
    }

    function post(bytes memory list) private returns (uint256) {
        vm.prank(poster, poster);
        return fund.post(list, authority, 10);
    }

    function authorityId() private pure returns (bytes32) {
        (uint256 x, uint256 y) = vm.publicKeyP256(SoftwarePlatform.ROOT_KEY);
        return keccak256(abi.encode(x, y, 77));
    }

    function pckIdOf(uint256 serial) private pure returns (bytes32) {
        (uint256 x, uint256 y) = vm.publicKeyP256(SoftwarePlatform.AUTHORITY_KEY);
        return keccak256(abi.encode(x, y, serial));
    }

    /// @dev Of the `i`th entry: 20 bytes, as Intel's have.
    function serialOf(uint256 i) private pure returns (uint256) {
        return (1 << 156) + i;
    }

    /// @dev A list of the authority's with entries as Intel's have, less the reason: SEQUENCE of INTEGER and
    /// UTCTime.
    function listOf(uint256 thisUpdate, uint256 count) private pure returns (bytes memory) {
        bytes memory all = new bytes(count * 39);
        bytes memory one = bytes.concat(hex"30250214", bytes20(0), hex"170d3235303130313030303030305a");
        for (uint256 i; i < count; ++i) {
            uint256 serial = serialOf(i);
            assembly ("memory-safe") {
                let at := add(add(all, 32), mul(i, 39))
                mcopy(at, add(one, 32), 39)
                // Twenty bytes from the fifth on.
                mstore(add(at, 4), or(shl(96, serial), and(mload(add(at, 4)), sub(shl(96, 1), 1))))
            }
        }
        bytes memory tbs = SoftwarePlatform.der(
            0x30,
            bytes.concat(
                hex"020101",
                hex"300a06082a8648ce3d040302",
                hex"300e310c300a06035504030c03616263",
                SoftwarePlatform.time(thisUpdate),
                SoftwarePlatform.time(thisUpdate + 30 days),
                count == 0 ? bytes("") : SoftwarePlatform.der(0x30, all)
            )
        );
        return SoftwarePlatform.signed(tbs, SoftwarePlatform.AUTHORITY_KEY);
    }

    function part(bytes memory data, uint256 from) private pure returns (bytes memory cut) {
        uint256 length = data.length - from < 24_575 ? data.length - from : 24_575;
        cut = new bytes(length);
        assembly ("memory-safe") {
            mcopy(add(cut, 32), add(add(data, 32), from), length)
        }
    }
}
