// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Token} from "../../../src/economy/Token.sol";
import {IToken} from "../../../src/interfaces/IToken.sol";
import {vm} from "../../Vm.sol";
import {change} from "../../stages/Economy.sol";
import {PowersStage} from "./PowersStage.sol";

contract PowersAllotTest is PowersStage {
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
}
