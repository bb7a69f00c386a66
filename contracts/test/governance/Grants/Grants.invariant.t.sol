// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Grants} from "../../../src/governance/Grants.sol";
import {Splitter} from "../../../src/governance/Splitter.sol";
import {IGrants} from "../../../src/interfaces/IGrants.sol";
import {ISplitter} from "../../../src/interfaces/ISplitter.sol";
import {vm} from "../../Vm.sol";
import {OpenToken} from "../../fakes/OpenToken.sol";

/// @dev Money that comes in and is split, the owner, grantees and anybody, in any order, over time. The
/// handler is the treasury, and owns pool and splitter.
contract Handler {
    uint256 public constant MINTED = 1e27 / 10;
    address public constant GRANTEE = address(0x6A);
    /// Few, so that each is acted on often.
    uint256 private constant MAX_GRANTS = 4;

    OpenToken public token;
    Grants public grants;
    Splitter public splitter;
    uint256 public clock = 1_750_000_000;
    /// By the handler's own books.
    uint256 public collected;
    uint256 public donated;
    uint256 public paid;
    uint256 public returned;
    uint256 public granted;
    uint256 public reclaimed;
    /// The pool's share of all that came, in 1/10,000 units.
    uint256 public shared;

    constructor() {
        vm.warp(clock);
        token = new OpenToken(address(this));
        token.allotNow(address(this), MINTED);
        token.mint(address(this), MINTED);
        grants = new Grants(address(this));
        splitter = new Splitter(address(this), address(this), address(grants), 2_500);
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function pass(uint256 seconds_) external {
        clock += seconds_ % 10 days;
    }

    /// @dev Fees of any size, the smallest as well, that anybody passes on.
    function collect(uint256 amount, address caller) external inTime {
        amount = 1 + amount % (amount % 2 == 0 ? 10 : 1e21);
        token.transfer(address(splitter), amount);
        vm.prank(caller);
        splitter.split(address(token));
        collected += amount;
        shared += amount * splitter.shareBps();
    }

    /// @dev Seldom, since it takes three weeks.
    function setShare(uint256 shareBps) external inTime {
        if (shareBps % 8 != 0) return;
        bytes memory call = abi.encodeCall(splitter.setShare, (shareBps % 5_001));
        splitter.announce(call);
        clock += 22 days;
        vm.warp(clock);
        (bool success,) = address(splitter).call(call);
        require(success, "the share was announced");
    }

    function donate(uint256 amount) external inTime {
        amount %= 1e20;
        token.transfer(address(grants), amount);
        donated += amount;
    }

    function open(uint256 seed) external inTime {
        if (grants.count() == MAX_GRANTS) return;
        uint256 sum = 0;
        IGrants.Terms[] memory terms = new IGrants.Terms[](1 + seed % 3);
        for (uint256 index = 0; index < terms.length; ++index) {
            seed = uint256(keccak256(abi.encode(seed)));
            terms[index] = IGrants.Terms(
                uint96(1 + seed % 1e20),
                uint40(clock + 1 + (seed >> 128) % 400 days),
                uint40((seed >> 64) % 60 days)
            );
            sum += terms[index].amount;
        }
        grants.open(GRANTEE, address(token), bytes32(seed), terms);
        granted += sum;
    }

    function confirm(uint256 seed) external inTime {
        for (uint256 i; i < 12; ++i) {
            (uint256 id, uint256 index) = (1 + (seed % 4 + i) % 4, (seed / 4 + i / 4) % 3);
            try grants.confirm(id, index) {
                return;
            } catch {}
        }
    }

    function cancel(uint256 id) external inTime {
        returned += grants.cancel(some(id));
    }

    function reclaim(uint256 amount) external inTime {
        amount %= 1e20;
        grants.reclaim(address(token), amount);
        reclaimed += amount;
    }

    function sendBack(uint256 seed, address caller) external inTime {
        for (uint256 i; i < 12; ++i) {
            vm.prank(caller);
            try grants.sendBack(1 + i % 4, (seed % 3 + i / 4) % 3) returns (uint256 amount) {
                returned += amount;
                return;
            } catch {}
        }
    }

    function withdraw(uint256 seed, address caller) external inTime {
        for (uint256 i; i < 12; ++i) {
            vm.prank(caller);
            try grants.withdraw(1 + (seed % 4 + i) % 4, i / 4) returns (uint256 amount) {
                paid += amount;
                if (seed % 2 == 0) return;
            } catch {}
        }
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

    /// @dev Treasury + pool = collected, to the unit, and the pool's part is exactly its share.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_what_is_collected_is_the_treasurys_and_the_pools() public view {
        (Splitter splitter, address token) = (handler.splitter(), address(handler.token()));
        ISplitter.Passed memory passed = splitter.passedOf(token);
        vm.assertEq(uint256(passed.toTreasury) + passed.toPool, handler.collected());
        vm.assertEq(uint256(passed.toPool) * 10_000 + splitter.remainderOf(token), handler.shared());
        vm.assertEq(OpenToken(token).balanceOf(address(splitter)), 0);
    }

    /// @dev Pool = free + reserved, and each unit that was granted was paid, went back or is set aside.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_the_pool_is_free_and_reserved() public view {
        (Grants grants, OpenToken token) = (handler.grants(), handler.token());
        IGrants.Book memory book = grants.bookOf(address(token));
        uint256 held = token.balanceOf(address(grants));
        uint256 income = handler.splitter().passedOf(address(token)).toPool + handler.donated();
        vm.assertEq(held, grants.free(address(token)) + book.reserved);
        vm.assertEq(held, income - book.paid - handler.reclaimed());
        vm.assertEq(book.granted, uint256(book.paid) + book.returned + book.reserved);
        vm.assertEq(book.granted, handler.granted());
        vm.assertEq(book.paid, handler.paid());
        vm.assertEq(book.returned, handler.returned());
        vm.assertEq(token.balanceOf(handler.GRANTEE()), book.paid);
    }

    /// @dev Nobody is owed more than is set aside, and no milestone pays more than it was granted.
    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_what_is_owed_is_reserved() public view {
        Grants grants = handler.grants();
        uint256 owed = 0;
        for (uint256 id = 1; id <= grants.count(); ++id) {
            (,,,, IGrants.Milestone[] memory milestones) = grants.grantOf(id);
            for (uint256 index = 0; index < milestones.length; ++index) {
                vm.assertLe(milestones[index].paid, milestones[index].amount);
                owed += milestones[index].amount - milestones[index].paid;
            }
        }
        vm.assertEq(owed, grants.bookOf(address(handler.token())).reserved);
    }
}
