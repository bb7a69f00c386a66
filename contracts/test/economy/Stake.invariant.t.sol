// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Emission} from "../../src/economy/Emission.sol";
import {Stake} from "../../src/economy/Stake.sol";
import {IStake} from "../../src/interfaces/IStake.sol";
import {Schedule} from "../../src/libraries/Schedule.sol";
import {vm} from "../Vm.sol";
import {OpenToken} from "../fakes/OpenToken.sol";
import {Economy} from "../stages/Economy.sol";

/// @dev Any of 4,096 accounts doing random things with eight pools, of two workers each, and their GPUs, by
/// the CLOI and by the unit; and governance slashing and changing what it may. Keeps plain books of what
/// everybody put in, took out and was slashed of.
contract StakeHandler is Economy {
    uint256 public constant POOLS = 8;
    uint256 public constant WORKERS = 16;
    address private constant REPORTER = address(0x4E90);

    uint256[] public exits;
    address[] public known;
    mapping(address account => bool) private _isKnown;
    mapping(address account => uint256) public putIn;
    mapping(address account => uint256) public takenOut;
    uint256 public slashed;
    uint256 public donated;
    uint256 public clock = START;
    /// A slash made somebody's stake worth more, or touched another pool.
    bool public slashRaised;
    /// Rounding gave an account more than it gave up.
    bool public gained;
    /// A pool could not be settled, or claimed in.
    bool public stuck;
    /// Somebody who isn't a pool's provider could not leave it.
    bool public held;
    /// Reporting brought more than half of what it cost the provider.
    bool public reportPaid;

    constructor() {
        begin();
        for (uint256 i; i < POOLS; ++i) {
            fake.join(workerOf(i), account(i));
            fake.join(workerOf(i + POOLS), account(i));
            _put(account(i), account(i), 5_000e18 + i);
        }
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function account(uint256 i) public pure returns (address) {
        return address(uint160(0xAC0000 + i % 4_096));
    }

    function workerOf(uint256 i) public pure returns (address) {
        return address(uint160(0xF00000 + i % WORKERS));
    }

    function contracts() external view returns (OpenToken, Stake, Emission) {
        return (token, stake, emission);
    }

    function knownCount() external view returns (uint256) {
        return known.length;
    }

    function delegate(uint256 who, uint256 to, uint256 amount) external inTime {
        _put(account(who), account(to % POOLS), amount % 10_000e18 + 1);
    }

    function delegateDust(uint256 who, uint256 to, uint256 amount) external inTime {
        _put(account(who), account(to % POOLS), amount % 20 + 1);
    }

    /// @dev By somebody who is there already.
    function requestExit(uint256 who, uint256 from, uint256 part) external inTime {
        address provider_ = account(from % POOLS);
        address a = known[who % known.length];
        (uint256 shares,,) = stake.positionOf(provider_, a);
        if (shares != 0) _leave(provider_, a, part % shares + 1);
    }

    /// @dev Of some, or of all who are there, and a hair more or less than units are worth.
    function emptyPool(uint256 from, uint256 dust, uint256 staying) external inTime {
        address provider_ = account(from % POOLS);
        fake.depart(workerOf(from % POOLS));
        fake.depart(workerOf(from % POOLS + POOLS));
        for (uint256 i; i < 2; ++i) {
            vm.prank(provider_);
            stake.syncCollateral(workerOf(from % POOLS + i * POOLS));
        }
        // The provider was the first that was known, and goes last.
        for (uint256 i = known.length; i > 0; --i) {
            (uint256 shares,,) = stake.positionOf(provider_, known[i - 1]);
            if (shares > 2e6 && dust % 2 == 0) {
                _leave(provider_, known[i - 1], 1_999_999 - dust % 999_999);
                (shares,,) = stake.positionOf(provider_, known[i - 1]);
            }
            if (shares != 0 && staying % 4_096 != i) _leave(provider_, known[i - 1], shares);
        }
    }

    function _leave(address provider_, address a, uint256 shares) private {
        while (!stake.settle(provider_)) {}
        (, uint256 worth,) = stake.positionOf(provider_, a);
        IStake.Pool memory pool = stake.poolOf(provider_);
        vm.prank(a);
        try stake.requestExit(provider_, shares) returns (uint256 id) {
            exits.push(id);
            (, uint256 left,) = stake.positionOf(provider_, a);
            if (left + stake.exitWorth(id) > worth + 2) gained = true;
        } catch {
            // What isn't worth a unit has nothing to leave with.
            if (a != provider_ && shares * (uint256(pool.assets) + 1) >= uint256(pool.shares) + 1e6) {
                held = true;
            }
        }
    }

    function cancelExit(uint256 which) external inTime {
        if (exits.length == 0) return;
        uint256 id = exits[which % exits.length];
        vm.prank(stake.exitOf(id).account);
        try stake.cancelExit(id) {} catch {}
    }

    function withdraw(uint256 which) external inTime {
        if (exits.length == 0) return;
        uint256 id = exits[which % exits.length];
        address who = stake.exitOf(id).account;
        vm.prank(who);
        try stake.withdraw(id) returns (uint256 amount) {
            takenOut[who] += amount;
        } catch {}
    }

    function redelegate(uint256 who, uint256 from, uint256 to, uint256 part) external inTime {
        address a = known[who % known.length];
        (uint256 shares,,) = stake.positionOf(account(from % POOLS), a);
        if (shares == 0) return;
        vm.prank(a);
        try stake.redelegate(account(from % POOLS), account(to % POOLS), part % shares + 1) {} catch {}
    }

    function claim(uint256 who, uint256 from) external inTime {
        try stake.claimReward(account(from % POOLS), known[who % known.length]) {}
        catch {
            stuck = true;
        }
    }

    function settle(uint256 which) external inTime {
        try stake.settle(account(which % POOLS)) {}
        catch {
            stuck = true;
        }
    }

    function slash(uint256 whose, uint256 amount) external inTime {
        address provider_ = account(whose % POOLS);
        uint256[POOLS] memory before;
        for (uint256 i; i < POOLS; ++i) {
            before[i] = stake.poolOf(account(i)).assets;
        }
        (, uint256 own,) = stake.positionOf(provider_, provider_);
        own += _ownExits(provider_);
        uint256 held = token.balanceOf(REPORTER);
        uint256 most = amount % 3 == 0 ? stake.slashRoomOf(provider_) : amount % 500e18;
        try stake.slash(provider_, most + 1 - amount % 2, REPORTER, 2_000, "proof") returns (uint256 taken) {
            slashed += taken;
        } catch {}
        (, uint256 left,) = stake.positionOf(provider_, provider_);
        // Worths are rounded down, before and after, each exit's by itself.
        if ((token.balanceOf(REPORTER) - held) * 2 > own + exits.length + 2 - left - _ownExits(provider_)) {
            reportPaid = true;
        }
        for (uint256 i; i < POOLS; ++i) {
            uint256 now_ = stake.poolOf(account(i)).assets;
            if (now_ > before[i] || (account(i) != provider_ && now_ != before[i])) slashRaised = true;
        }
    }

    function _ownExits(address provider_) private view returns (uint256 sum) {
        for (uint256 i; i < exits.length; ++i) {
            IStake.Exit memory e = stake.exitOf(exits[i]);
            if (e.account == provider_ && e.provider == provider_) sum += stake.exitWorth(exits[i]);
        }
    }

    function setCommission(uint256 who, uint256 bps) external inTime {
        vm.prank(account(who % POOLS));
        stake.setCommission(bps % 5_001);
    }

    /// @dev For up to a day: as long as governance may let an attestation last.
    function serve(uint256 which, uint256 gpus, uint256 minutes_) external inTime {
        bytes32 class = [bytes32("h100"), "h200", "b200"][which % 3];
        uint256 seconds_ = minutes_ % 2 == 0 ? 1 hours : (minutes_ % 1_440 + 1) * 1 minutes;
        fake.cover(workerOf(which), seconds_);
        fake.confirm(workerOf(which), class, gpus % 4 + 1, minutes_ % 3 == 0 ? 1 hours : seconds_);
        vm.prank(account(which % POOLS));
        try stake.syncCollateral(workerOf(which)) {} catch {}
    }

    function depart(uint256 which) external inTime {
        fake.depart(workerOf(which));
    }

    /// @dev What a GPU weighs or needs, announced and made three weeks later.
    function changeClass(uint256 which, uint256 value, bool weight) external inTime {
        bytes32 class = [bytes32("h100"), "h200", "b200"][which % 3];
        if (!weight) return stake.setCollateralPerGpu(class, value % 3_000e18);
        emission.announce(abi.encodeCall(emission.setClassWeight, (class, value % 40)));
        clock += 22 days;
        vm.warp(clock);
        emission.setClassWeight(class, value % 40);
        for (uint256 w; w < WORKERS; ++w) {
            emission.weigh(workerOf(w));
        }
    }

    function weigh(uint256 which) external inTime {
        emission.weigh(workerOf(which));
    }

    function holdMoves(uint256 whose, uint256 seconds_) external inTime {
        stake.holdMoves(account(whose % POOLS), clock + seconds_ % 21 days);
    }

    function collect() external inTime {
        try emission.collect(1_000) {} catch {}
        try stake.collectUnearned() {} catch {}
    }

    function donate(uint256 amount) external inTime {
        token.mint(address(stake), amount % 10e18);
        donated += amount % 10e18;
    }

    /// @dev Some hours, in which most workers stay in service.
    function hours_(uint256 count, uint256 absent) external {
        for (uint256 i; i <= count % 5; ++i) {
            clock += 1_700;
            vm.warp(clock);
            for (uint256 w; w < WORKERS; ++w) {
                (bytes32 class, uint256 gpus) = fake.gpusOf(workerOf(w));
                if (gpus != 0 && absent % 64 != w) renew(workerOf(w), class, gpus);
            }
        }
    }

    function pass(uint256 seconds_) external {
        clock += seconds_ % 10 days;
        vm.warp(clock);
    }

    function _put(address who, address to, uint256 amount) private {
        if (!_isKnown[who]) {
            _isKnown[who] = true;
            known.push(who);
            fund(who);
        }
        vm.prank(who);
        try stake.delegate(to, amount) {
            putIn[who] += amount;
        } catch {}
    }
}

contract StakeInvariants {
    bool public constant IS_TEST = true;
    uint256 private constant POOLS = 8;
    /// What rounding may leave uncreated in a run, in base units: each settlement less than some hundreds.
    uint256 private constant DUST = 1e6;

    StakeHandler private handler;
    OpenToken private token;
    Stake private stake;
    Emission private emission;

    function setUp() public {
        handler = new StakeHandler();
        (token, stake, emission) = handler.contracts();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// forge-config: default.invariant.runs = 8
    /// forge-config: default.invariant.depth = 200
    function invariant_nobody_gains_by_slashing_or_rounding_and_no_more_is_created_than_emitted() public {
        vm.warp(handler.clock());
        vm.assertTrue(!handler.slashRaised(), "slashing raises nobody's worth and touches one pool");
        vm.assertTrue(!handler.gained(), "rounding is in favour of the pool");
        vm.assertTrue(!handler.stuck(), "a pool can always be settled and claimed in");
        vm.assertTrue(!handler.held(), "who isn't its provider can always leave a pool");
        vm.assertTrue(!handler.reportPaid(), "a report brings half of what it costs the provider at the most");
        vm.assertLe(emission.minted(), emission.emitted(), "no more is created than was emitted");
    }

    /// @dev At the end of each run, since it takes long.
    function afterInvariant() public {
        vm.warp(handler.clock());
        _checkStake();
        _checkRewards();
    }

    /// @dev Stake and exits are there to the unit, and shares are worth what their pools have at the most.
    function _checkStake() private view {
        uint256 held;
        uint256 active;
        uint256 count = handler.knownCount();
        for (uint256 p; p < POOLS; ++p) {
            IStake.Pool memory pool = stake.poolOf(handler.account(p));
            held += uint256(pool.assets) + pool.exitAssets;
            active += pool.assets;
            uint256 worths;
            uint256 shares;
            for (uint256 i; i < count; ++i) {
                (uint256 s, uint256 worth,) = stake.positionOf(handler.account(p), handler.known(i));
                (shares, worths) = (shares + s, worths + worth);
            }
            vm.assertEq(shares, pool.shares, "all shares are somebody's");
            vm.assertLe(worths, pool.assets, "shares are worth what the pool has, at the most");
            // Each holder's worth is rounded down by less than a unit, and the virtual shares are worth
            // about one.
            vm.assertLe(pool.assets, worths + count + 10, "and no less, but for a unit a holder");
        }
        vm.assertEq(stake.totals().active, active, "all active stake is reckoned with");
        vm.assertEq(held + handler.donated(), token.balanceOf(address(stake)), "stake and exits are there");
        uint256 putIn;
        uint256 takenOut;
        for (uint256 i; i < count; ++i) {
            address account = handler.known(i);
            putIn += handler.putIn(account);
            takenOut += handler.takenOut(account);
            vm.assertLe(
                handler.takenOut(account),
                handler.putIn(account) + 1_000,
                "nobody takes out more than it put in"
            );
        }
        vm.assertEq(
            putIn, takenOut + handler.slashed() + held, "what was put in is there, taken out or slashed"
        );
    }

    /// @dev Everything emitted is created, owed to somebody, still to be earned in this hour, or dust.
    function _checkRewards() private {
        uint256 count = handler.knownCount();
        uint256 owed = emission.minted();
        for (uint256 p; p < POOLS; ++p) {
            address provider = handler.account(p);
            while (!stake.settle(provider)) {}
            for (uint256 i; i < count; ++i) {
                (,, uint256 rewards) = stake.positionOf(provider, handler.known(i));
                owed += rewards;
            }
        }
        owed += stake.unearned();
        uint256 before = emission.minted();
        try emission.collect(type(uint128).max) {} catch {}
        owed += emission.minted() - before;
        uint256 emitted = emission.emitted();
        uint256 elapsed = block.timestamp - stake.start();
        uint256 thisHour = Schedule.forStake(elapsed) - Schedule.forStake(elapsed / 1 hours * 1 hours);
        vm.assertLe(owed + thisHour, emitted, "no more is owed than was emitted");
        vm.assertGe(owed + thisHour + DUST, emitted, "and no less, but for dust");
    }
}
