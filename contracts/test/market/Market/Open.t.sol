// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {Errors} from "../../../src/interfaces/Errors.sol";
import {IMarket} from "../../../src/interfaces/IMarket.sol";
import {ITill} from "../../../src/interfaces/ITill.sol";
import {IWorkers} from "../../../src/interfaces/IWorkers.sol";
import {Till} from "../../../src/libraries/Till.sol";
import {Workers} from "../../../src/market/Workers.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {LeasedNetwork} from "../../stages/LeasedNetwork.sol";

/// @dev A provider that is a contract and signs by ERC-1271 whatever digest it was told to.
contract ContractProvider is IERC1271 {
    bytes32 private _approved;

    function approve(bytes32 digest) external {
        _approved = digest;
    }

    function join(Workers workers, address worker, IWorkers.Description calldata d, bytes calldata signature)
        external
    {
        workers.register(worker, d, signature);
    }

    function isValidSignature(bytes32 digest, bytes calldata) external view returns (bytes4) {
        return digest == _approved ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}

contract MarketOpenTest is LeasedNetwork {
    function test_open_escrows_the_deposit_and_remembers_the_bid() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes32 id = open();
        IMarket.Lease memory lease = market.leaseOf(id);
        vm.assertEq(id, market.bidDigest(bid));
        vm.assertEq(lease.tenant, tenant);
        vm.assertEq(lease.worker, worker);
        vm.assertEq(lease.ratePerSecond, RATE);
        vm.assertEq(lease.balance, DEPOSIT);
        vm.assertEq(lease.feeBps, 2_000);
        vm.assertEq(lease.manifestHash, keccak256("manifest"));
        vm.assertEq(market.tokens(lease.tokenIndex), address(usdc));
        vm.assertEq(usdc.balanceOf(address(market)), DEPOSIT);
    }

    function test_open_takes_a_bid_once_even_after_the_lease_is_closed() public {
        bytes32 id = open();
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, id);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidTaken.selector, id));
        market.open(bid, signature, DEPOSIT, "", noPermit);
        vm.prank(tenant);
        market.close(id, tenant);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidTaken.selector, id));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_refuses_what_is_wrong_with_a_bid() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, stranger));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.open(bid, signature, 0, "", noPermit);

        bid.ratePerSecond = 1;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, signature, DEPOSIT, "", noPermit);
        bid.ratePerSecond = RATE;

        vm.warp(uint256(bid.expiry) + 1);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidExpired.selector, bid.expiry));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        bid = makeBid(address(0xDEAD), RATE, 1);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(ITill.TokenNotAllowed.selector, address(0xDEAD)));
        market.open(bid, signature, DEPOSIT, "", noPermit);

        bid = makeBid(address(usdc), RATE, 1);
        bid.worker = stranger;
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.UnknownWorker.selector, stranger));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_refuses_a_worker_that_is_not_covered() public {
        (,, uint256 until) = workers.billing(worker);
        vm.warp(until);
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(Errors.WorkerNotCovered.selector, worker, until));
        market.open(bid, signature, DEPOSIT, "", noPermit);
    }

    function test_open_accepts_the_providers_signature_and_a_contract_providers() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(PROVIDER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        market.open(bid, signature, DEPOSIT, "", noPermit);

        ContractProvider contractProvider = new ContractProvider();
        uint256 otherKey = 0xC0DE;
        address other = vm.addr(otherKey);
        contractProvider.join(
            workers, other, describe(), sign(otherKey, joinDigest(address(contractProvider), other))
        );
        vm.roll(block.number + 2);
        bytes32 otherPck = registerPlatform(0xFACE, 2, "second platform");
        bytes memory quote = SoftwarePlatform.quote(guestFor(other, block.number - 1), 0xFACE);
        attestWith(other, otherPck, block.number - 1, quote);
        bid.worker = other;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, hex"00", DEPOSIT, "", noPermit);
        contractProvider.approve(market.bidDigest(bid));
        vm.prank(tenant);
        market.open(bid, hex"00", DEPOSIT, "", noPermit);
    }

    function test_open_takes_its_allowance_from_a_permit_even_if_it_was_handed_in_already() public {
        vm.prank(tenant);
        usdc.approve(address(market), 0);
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 1);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        uint256 deadline = block.timestamp + 60;
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256(
                    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
                ),
                tenant,
                address(market),
                DEPOSIT,
                usdc.nonces(tenant),
                deadline
            )
        );
        (uint8 v, bytes32 r, bytes32 s) =
            vm.sign(TENANT_KEY, keccak256(abi.encodePacked(hex"1901", usdc.DOMAIN_SEPARATOR(), structHash)));
        usdc.permit(tenant, address(market), DEPOSIT, deadline, v, r, s);
        vm.prank(tenant);
        bytes32 id = market.open(bid, signature, DEPOSIT, "", Till.Permit(DEPOSIT, deadline, v, r, s));
        vm.assertEq(market.leaseOf(id).balance, DEPOSIT);
        vm.assertEq(usdc.allowance(tenant, address(market)), 0);
    }

    function test_a_lease_is_opened_with_what_the_bid_asks_for_at_least() public {
        IMarket.Bid memory bid = makeBid(address(usdc), RATE, 2);
        (bid.room, bid.minimumDeposit) = (partOf(type(uint16).max), 3_600 * RATE);
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        vm.expectRevert(
            abi.encodeWithSelector(IMarket.DepositTooSmall.selector, 3_600 * RATE - 1, 3_600 * RATE)
        );
        market.open(bid, signature, 3_600 * RATE - 1, "", noPermit);
        // It is signed along with the rest.
        bid.minimumDeposit = 1;
        vm.prank(tenant);
        vm.expectRevert(Errors.BadSignature.selector);
        market.open(bid, signature, 1, "", noPermit);
        bid.minimumDeposit = 3_600 * RATE;
        vm.prank(tenant);
        market.open(bid, signature, 3_600 * RATE, "", noPermit);
    }

    function openingOf(uint80 rate, uint256 salt, bytes32 name) private returns (IMarket.Opening memory) {
        IMarket.Bid memory bid = makeBid(address(usdc), rate, salt);
        return IMarket.Opening(bid, sign(WORKER_KEY, market.bidDigest(bid)), DEPOSIT, name);
    }

    function test_openMany_takes_all_bids_for_the_sum_of_their_deposits() public {
        IMarket.Opening[] memory openings = new IMarket.Opening[](3);
        for (uint256 i; i < 3; ++i) {
            openings[i] = openingOf(RATE, i + 1, bytes32(abi.encodePacked("app/", uint8(48 + i))));
        }
        uint256 before = usdc.balanceOf(tenant);
        vm.prank(tenant);
        bytes32[] memory ids = market.openMany(openings, noPermit);
        vm.assertEq(before - usdc.balanceOf(tenant), 3 * DEPOSIT);
        for (uint256 i; i < 3; ++i) {
            vm.assertEq(ids[i], market.bidDigest(openings[i].bid));
            vm.assertEq(market.leaseOf(ids[i]).balance, DEPOSIT);
        }
    }

    function test_openMany_opens_none_where_one_can_not_be() public {
        IMarket.Opening[] memory openings = new IMarket.Opening[](2);
        openings[0] = openingOf(RATE, 1, "");
        openings[1] = openingOf(RATE, 1, "");
        bytes32 id = market.bidDigest(openings[0].bid);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.BidTaken.selector, id));
        market.openMany(openings, noPermit);

        openings[1] = openingOf(RATE, 2, "");
        openings[1].bid.token = address(cloi);
        vm.prank(tenant);
        vm.expectRevert(abi.encodeWithSelector(IMarket.MixedTokens.selector, address(usdc), address(cloi)));
        market.openMany(openings, noPermit);

        openings[1] = openingOf(RATE, 2, "");
        vm.prank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IMarket.NotTenant.selector, stranger));
        market.openMany(openings, noPermit);

        vm.prank(tenant);
        vm.expectRevert(Errors.ZeroAmount.selector);
        market.openMany(new IMarket.Opening[](0), noPermit);
        vm.assertEq(uint8(market.leaseOf(market.bidDigest(openings[0].bid)).state), 0);
        vm.assertEq(usdc.balanceOf(address(market)), 0);
    }
}
