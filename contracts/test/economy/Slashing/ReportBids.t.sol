// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ISlashing} from "../../../src/interfaces/ISlashing.sol";
import {vm} from "../../Vm.sol";
import {SlashingStage} from "./SlashingStage.sol";

contract SlashingReportBidsTest is SlashingStage {
    function test_two_prices_under_one_salt_cost_a_hundredth() public {
        IMarket.Bid memory a = makeBid(address(usdc), 16, 1);
        IMarket.Bid memory b = makeBid(address(usdc), 17, 1);
        bytes memory signatureA = sign(WORKER_KEY, market.bidDigest(a));
        bytes memory signatureB = sign(WORKER_KEY, market.bidDigest(b));
        vm.prank(stranger);
        vm.assertEq(slashing.reportBids(a, signatureA, b, signatureB), POOL / 100);
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportBids(a, signatureA, a, signatureA);
        IMarket.Bid memory c = makeBid(address(usdc), 17, 2);
        bytes memory signatureC = sign(WORKER_KEY, market.bidDigest(c));
        vm.expectRevert(ISlashing.NoContradiction.selector);
        slashing.reportBids(a, signatureA, c, signatureC);
    }
}
