// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Splitter} from "../../../src/governance/Splitter.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {Announcements} from "../../../src/libraries/Announcements.sol";
import {vm} from "../../Vm.sol";
import {OpenToken} from "../../fakes/OpenToken.sol";

contract SplitterTest {
    address private constant OWNER = address(0x5AFE);
    address private constant TREASURY = address(0x7E);
    address private constant POOL = address(0x9001);
    address private constant ANYBODY = address(0xA1);

    OpenToken private token;
    Splitter private splitter;

    function setUp() public {
        vm.warp(1_750_000_000);
        token = new OpenToken(address(this));
        token.allotNow(address(this), 1_000e18);
        token.mint(address(this), 1_000e18);
        splitter = new Splitter(OWNER, TREASURY, POOL, 1_000);
    }

    function come(uint256 amount) private returns (uint256 toTreasury, uint256 toPool) {
        token.transfer(address(splitter), amount);
        vm.prank(ANYBODY);
        return splitter.split(address(token));
    }

    function test_anybody_has_what_came_divided_by_the_share() public {
        (uint256 toTreasury, uint256 toPool) = come(50e18 + 9);
        vm.assertEq(toPool, 5e18);
        vm.assertEq(toTreasury, 45e18 + 9);
        vm.assertEq(token.balanceOf(POOL), toPool);
        vm.assertEq(token.balanceOf(TREASURY), toTreasury);
        vm.expectRevert(Errors.ZeroAmount.selector);
        splitter.split(address(token));
    }

    function test_whoever_splits_often_makes_the_pool_lose_nothing() public {
        for (uint256 i; i < 25; ++i) {
            come(1);
        }
        vm.assertEq(token.balanceOf(POOL), 2);
        vm.assertEq(token.balanceOf(TREASURY), 23);
        vm.assertEq(splitter.remainderOf(address(token)), 5_000);
    }

    function test_the_share_is_announced_by_the_owner_and_at_most_a_half() public {
        bytes memory call = abi.encodeCall(splitter.setShare, (5_000));
        vm.prank(ANYBODY);
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, ANYBODY));
        splitter.setShare(5_000);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Announcements.NotAnnounced.selector, keccak256(call)));
        splitter.setShare(5_000);
        vm.prank(OWNER);
        splitter.announce(call);
        vm.prank(OWNER);
        splitter.announce(abi.encodeCall(splitter.setShare, (5_001)));
        vm.warp(block.timestamp + 22 days);
        vm.prank(OWNER);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 5_001, 0, 5_000));
        splitter.setShare(5_001);
        vm.prank(OWNER);
        splitter.setShare(5_000);
        (uint256 toTreasury, uint256 toPool) = come(3);
        vm.assertEq(toTreasury, 2);
        vm.assertEq(toPool, 1);
    }

    function test_it_is_deployed_with_a_treasury_a_pool_and_a_share_within_bounds() public {
        vm.expectRevert(Errors.ZeroAddress.selector);
        new Splitter(OWNER, address(0), POOL, 0);
        vm.expectRevert(Errors.ZeroAddress.selector);
        new Splitter(OWNER, TREASURY, address(0), 0);
        vm.expectRevert(abi.encodeWithSelector(Errors.OutOfBounds.selector, 5_001, 0, 5_000));
        new Splitter(OWNER, TREASURY, POOL, 5_001);
    }

    function testFuzz_nothing_is_lost_or_made(uint96[8] calldata amounts, uint16 shareBps) public {
        shareBps = uint16(shareBps % 5_001);
        splitter = new Splitter(OWNER, TREASURY, POOL, shareBps);
        uint256 sum = 0;
        for (uint256 i; i < amounts.length; ++i) {
            uint256 amount = 1 + amounts[i] % 100e18;
            sum += amount;
            come(amount);
        }
        vm.assertEq(token.balanceOf(POOL), sum * shareBps / 10_000);
        vm.assertEq(token.balanceOf(TREASURY) + token.balanceOf(POOL), sum);
    }
}
