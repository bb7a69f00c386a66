// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grants} from "../../../src/governance/Grants.sol";
import {IGrants} from "../../../src/interfaces/IGrants.sol";
import {vm} from "../../Vm.sol";
import {OpenToken} from "../../fakes/OpenToken.sol";

/// @dev The owner, grantees and anybody in any order, over time.
contract Handler {
    uint256 public constant MINTED = 1e27 / 10;
    address public constant GRANTEE = address(0x6A);
    /// Few, so that each is acted on often.
    uint256 private constant MAX_GRANTS = 4;

    OpenToken public token;
    Grants public grants;
    uint256 public clock = 1_750_000_000;
    /// By the handler's own books.
    uint256 public paid;
    uint256 public returned;
    uint256 public funded;

    constructor() {
        vm.warp(clock);
        token = new OpenToken(address(this));
        token.allotNow(address(this), MINTED);
        token.mint(address(this), MINTED);
        grants = new Grants(address(this), address(token));
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function pass(uint256 seconds_) external {
        clock += seconds_ % 10 days;
    }

    function open(uint256 seed) external inTime {
        if (grants.count() == MAX_GRANTS) return;
        uint256 before = funded;
        IGrants.Terms[] memory terms = new IGrants.Terms[](1 + seed % 3);
        for (uint256 index = 0; index < terms.length; ++index) {
            seed = uint256(keccak256(abi.encode(seed)));
            terms[index] = IGrants.Terms(
                uint96(1 + seed % 1e20),
                uint40(clock + 1 + (seed >> 128) % 90 days),
                uint40((seed >> 64) % 60 days)
            );
            funded += terms[index].amount;
        }
        token.approve(address(grants), funded - before);
        grants.open(GRANTEE, bytes32(seed), terms);
    }

    function confirm(uint256 id, uint256 index) external inTime {
        grants.confirm(some(id), index % 3);
    }

    function cancel(uint256 id) external inTime {
        returned += grants.cancel(some(id));
    }

    function sendBack(uint256 id, uint256 index, address caller) external inTime {
        id = some(id);
        vm.prank(caller);
        returned += grants.sendBack(id, index % 3);
    }

    function withdraw(uint256 id, uint256 index, address caller) external inTime {
        id = some(id);
        vm.prank(caller);
        paid += grants.withdraw(id, index % 3);
    }

    function some(uint256 seed) private view returns (uint256) {
        uint256 count = grants.count();
        return count == 0 ? 1 : 1 + seed % count;
    }
}

contract GrantsInvariantTest {
    Handler private handler;

    function setUp() public {
        handler = new Handler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_paid_returned_and_held_are_what_was_funded() public view {
        (Grants grants, OpenToken token) = (handler.grants(), handler.token());
        uint256 held = token.balanceOf(address(grants));
        vm.assertEq(grants.paid() + grants.returned() + held, grants.funded());
        vm.assertEq(grants.funded(), handler.funded());
        vm.assertEq(grants.paid(), handler.paid());
        vm.assertEq(grants.returned(), handler.returned());
        vm.assertEq(token.balanceOf(handler.GRANTEE()), grants.paid());
        vm.assertEq(token.balanceOf(address(handler)), handler.MINTED() + grants.returned() - grants.funded());
    }

    /// @dev Nobody is owed more than is there.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_what_is_owed_is_held() public view {
        Grants grants = handler.grants();
        uint256 owed = 0;
        for (uint256 id = 1; id <= grants.count(); ++id) {
            (,,, IGrants.Milestone[] memory milestones) = grants.grantOf(id);
            for (uint256 index = 0; index < milestones.length; ++index) {
                owed += milestones[index].amount - milestones[index].paid;
            }
        }
        vm.assertEq(owed, handler.token().balanceOf(address(grants)));
    }
}
