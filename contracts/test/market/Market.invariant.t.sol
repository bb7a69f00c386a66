// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {Market} from "../../src/market/Market.sol";
import {vm} from "../Vm.sol";
import {change} from "../stages/Economy.sol";
import {Network} from "../stages/Network.sol";

/// @dev Random actors doing random things with leases in two tokens, on two workers of one provider, while
/// governance changes what it may. It keeps its own plain books, second by second, against which the
/// invariants compare the contract's.
contract Handler is Network {
    bytes32[] public ids;
    mapping(bytes32 id => uint256) public deposited;
    mapping(bytes32 id => uint256) public returned;
    mapping(bytes32 id => uint256) public owed;
    mapping(bytes32 id => uint256) public lastSpent;
    uint256 public clock;
    uint256 public number;
    mapping(address worker => uint256) public coveredUntil;
    bool public spentFell;
    bool public isOvercharged;
    bool public isClosedEarly;
    /// From when on the provider may close a lease that it gave notice.
    mapping(bytes32 id => uint256) private _endsAt;
    uint256 private constant SECOND_KEY = 0xA11CF;
    /// Floors and certificates of this network end some day.
    uint256 private constant MOST_CHANGES = 8;
    uint256 private _salt;
    uint256 private _changes;
    uint256 private _listsAt;

    constructor() {
        setUp();
        _listsAt = clock = block.timestamp;
        number = block.number;
        register();
        address second = workerAt(1);
        bytes memory signature = sign(SECOND_KEY, joinDigest(provider, second));
        vm.prank(provider);
        workers.register(second, describe(), signature);
        cover(worker);
    }

    modifier inTime() {
        vm.warp(clock);
        vm.roll(number);
        _;
        _watch();
        clock = block.timestamp;
        number = block.number;
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function theMarket() external view returns (Market) {
        return market;
    }

    function workerAt(uint256 i) public view returns (address) {
        return i % 2 == 0 ? worker : vm.addr(SECOND_KEY);
    }

    function tokenAt(uint256 i) public view returns (address) {
        return i == 0 ? address(cloi) : address(usdc);
    }

    function accounts() external view returns (address[2] memory) {
        return [tenant, provider];
    }

    function open(uint256 seed, uint80 rate, uint256 deposit) external inTime {
        _open(seed, rate % 500 + 1, deposit % 1_000_000 + 1);
    }

    /// @dev With less than a second costs, or little more.
    function openDust(uint256 seed, uint80 rate, uint256 deposit) external inTime {
        _open(seed, rate % 20 + 1, deposit % 20 + 1);
    }

    function _open(uint256 seed, uint80 rate, uint256 deposit) private {
        address on = workerAt(seed >> 1);
        if (ids.length == 12 || coveredUntil[on] <= clock) return;
        IMarket.Bid memory bid = makeBid(tokenAt(seed % 2), rate, ++_salt);
        bid.worker = on;
        // Every other one has a notice of its own, of up to an hour.
        if (seed & 4 != 0) bid.noticeMinutes = uint16(seed >> 3) % 60 + 1;
        bytes memory signature = sign(on == worker ? WORKER_KEY : SECOND_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        bytes32 id = market.open(bid, signature, deposit, "", noPermit);
        ids.push(id);
        deposited[id] = deposit;
    }

    function pass(uint256 seconds_) external inTime {
        _pass(seconds_ % 400);
        vm.warp(clock);
    }

    function _pass(uint256 seconds_) private {
        uint256 end = clock + seconds_;
        for (uint256 i; i < ids.length; ++i) {
            IMarket.Lease memory lease = market.leaseOf(ids[i]);
            uint256 until = coveredUntil[lease.worker];
            if (lease.state != IMarket.State.Open || until <= clock) continue;
            owed[ids[i]] += lease.ratePerSecond * ((end < until ? end : until) - clock);
        }
        clock = end;
    }

    function presence(uint256 which) external inTime {
        cover(workerAt(which));
    }

    function leave(uint256 which) external inTime {
        address who = workerAt(which);
        vm.prank(who);
        workers.depart(who);
        if (clock < coveredUntil[who]) coveredUntil[who] = clock;
    }

    /// @dev How long an attestation covers, notice or a fee, announced and made 22 days later.
    function changeParameter(uint256 which, uint256 value) external inTime {
        if (++_changes > MOST_CHANGES) return;
        if (which % 3 == 0) {
            change(
                governance, workers, abi.encodeCall(IWorkers.setCoveragePeriod, (value % 1 days + 1 minutes))
            );
        } else if (which % 3 == 1) {
            change(governance, market, abi.encodeCall(IMarket.setNoticePeriod, (value % 2 days + 1 hours)));
        } else {
            change(
                governance, market, abi.encodeCall(ITill.setToken, (tokenAt(which % 2), true, value % 2_001))
            );
        }
        _pass(22 days);
    }

    function settle(uint256 seed, uint256 who) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found) return;
        vm.prank(who % 2 == 0 ? treasury : provider);
        market.settle(id);
    }

    function settleAll() external inTime {
        market.settleMany(ids);
    }

    function topUp(uint256 seed, uint256 amount) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found) return;
        amount = amount % 100_000 + 1;
        vm.prank(tenant);
        market.topUp(id, amount, noPermit);
        // What couldn't be paid is forgiven, so from here on no more than what was spent is owed.
        owed[id] = market.leaseOf(id).spent;
        deposited[id] += amount;
    }

    /// @dev To another price and another part of its worker, larger or smaller, with money or without.
    function resize(uint256 seed, uint80 rate, uint64 part, uint256 added) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found) return;
        address on = market.leaseOf(id).worker;
        added %= 1_000;
        if (coveredUntil[on] <= clock || market.leaseOf(id).balance + added == market.accrued(id)) return;
        IMarket.ResizeBid memory bid = makeResize(id, rate % 500 + 1, part % 5_000);
        bytes memory signature = sign(on == worker ? WORKER_KEY : SECOND_KEY, market.resizeDigest(bid));
        uint256 should = owed[id] < deposited[id] ? owed[id] : deposited[id];
        vm.prank(tenant);
        market.resize(bid, signature, added, noPermit);
        // Until now it cost what it cost before.
        if (market.leaseOf(id).spent > should) isOvercharged = true;
        owed[id] = market.leaseOf(id).spent;
        deposited[id] += added;
    }

    function closeByTenant(uint256 seed) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found) return;
        address token = market.tokens(market.leaseOf(id).tokenIndex);
        uint256 before = _balance(token, tenant);
        vm.prank(tenant);
        market.close(id, tenant);
        returned[id] = _balance(token, tenant) - before;
    }

    function refuse(uint256 seed) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found || market.leaseOf(id).spent != 0) return;
        vm.prank(market.leaseOf(id).worker);
        market.refuse(id);
        returned[id] = deposited[id];
        owed[id] = 0;
    }

    function noticeAndClose(uint256 seed) external inTime {
        (bytes32 id, bool found) = _pick(seed);
        if (!found) return;
        IMarket.Lease memory lease = market.leaseOf(id);
        if (_endsAt[id] == 0) {
            uint256 own = uint256(lease.noticeMinutes) * 60;
            _endsAt[id] = clock + (own == 0 ? market.noticePeriod() : own);
        }
        vm.prank(provider);
        market.giveNotice(id);
        bool isUsedUp = lease.balance - market.accrued(id) < uint256(lease.ratePerSecond) * 60;
        address token = market.tokens(lease.tokenIndex);
        uint256 before = market.credit(tenant, token);
        vm.prank(provider);
        try market.close(id, provider) {
            if (clock < _endsAt[id] && !isUsedUp) isClosedEarly = true;
            returned[id] = market.credit(tenant, token) - before;
        } catch {}
    }

    function withdraw(uint256 who, uint256 tokenSeed) external inTime {
        address token = tokenAt(tokenSeed % 2);
        if (who % 3 == 2) {
            if (market.fees(token) != 0) market.collect(token);
            return;
        }
        address account = who % 3 == 0 ? tenant : provider;
        if (market.credit(account, token) == 0) return;
        vm.prank(account);
        market.withdraw(token, account);
    }

    function cover(address who) private {
        if (block.timestamp > _listsAt + 30 days) {
            postLists();
            _listsAt = block.timestamp;
        }
        vm.roll(block.number + 2);
        attestWith(who, pckKey, block.number - 1, quoteFor(who, block.number - 1));
        uint256 until = block.timestamp + workers.coveragePeriod();
        if (until > coveredUntil[who]) coveredUntil[who] = until;
    }

    function _pick(uint256 seed) private view returns (bytes32 id, bool found) {
        if (ids.length == 0) return (0, false);
        id = ids[seed % ids.length];
        found = market.leaseOf(id).state == IMarket.State.Open;
    }

    function _balance(address token, address account) private view returns (uint256) {
        return token == address(cloi) ? cloi.balanceOf(account) : usdc.balanceOf(account);
    }

    function held(address token) external view returns (uint256) {
        return _balance(token, address(market));
    }

    function _watch() private {
        for (uint256 i; i < ids.length; ++i) {
            uint256 spent = market.leaseOf(ids[i]).spent;
            if (spent < lastSpent[ids[i]]) spentFell = true;
            lastSpent[ids[i]] = spent;
        }
    }
}

contract MarketInvariants {
    bool public constant IS_TEST = true;
    Handler private handler;
    Market private market;

    function setUp() public {
        handler = new Handler();
        market = handler.theMarket();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory s = new bytes4[](14);
        s[0] = Handler.open.selector;
        s[1] = Handler.pass.selector;
        s[2] = Handler.presence.selector;
        s[3] = Handler.leave.selector;
        s[4] = Handler.settle.selector;
        s[5] = Handler.settleAll.selector;
        s[6] = Handler.topUp.selector;
        s[7] = Handler.closeByTenant.selector;
        s[8] = Handler.refuse.selector;
        s[9] = Handler.noticeAndClose.selector;
        s[10] = Handler.withdraw.selector;
        s[11] = Handler.openDust.selector;
        s[12] = Handler.changeParameter.selector;
        s[13] = Handler.resize.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), s);
    }

    /// Token balance = escrow + credits + fees, for each token, at every step.
    /// forge-config: default.invariant.runs = 16
    function invariant_every_token_is_held_for_somebody() public view {
        for (uint256 t; t < 2; ++t) {
            address token = handler.tokenAt(t);
            uint256 sum;
            for (uint256 i; i < handler.count(); ++i) {
                IMarket.Lease memory lease = market.leaseOf(handler.ids(i));
                if (market.tokens(lease.tokenIndex) == token) sum += lease.balance;
            }
            sum += market.fees(token);
            address[2] memory accounts = handler.accounts();
            for (uint256 a; a < 2; ++a) {
                sum += market.credit(accounts[a], token);
            }
            vm.assertEq(handler.held(token), sum, "held = escrow + credits + fees");
        }
    }

    /// What open leases take of a worker is what is remembered of it.
    /// forge-config: default.invariant.runs = 16
    function invariant_room_is_taken_by_open_leases_alone() public view {
        for (uint256 w; w < 2; ++w) {
            uint64 taken;
            for (uint256 i; i < handler.count(); ++i) {
                IMarket.Lease memory lease = market.leaseOf(handler.ids(i));
                if (lease.state == IMarket.State.Open && lease.worker == handler.workerAt(w)) {
                    taken += lease.room;
                }
            }
            vm.assertEq(market.roomTaken(handler.workerAt(w)), taken);
        }
    }

    /// A provider closes no lease with money in it before the notice is over that its bid said.
    /// forge-config: default.invariant.runs = 16
    function invariant_notice_is_as_long_as_the_bid_said() public view {
        vm.assertTrue(!handler.isClosedEarly());
    }

    /// Nobody is paid for an uncovered second: spent never exceeds rate × covered seconds by plain books.
    /// forge-config: default.invariant.runs = 16
    function invariant_nothing_is_paid_for_uncovered_seconds() public view {
        for (uint256 i; i < handler.count(); ++i) {
            bytes32 id = handler.ids(i);
            vm.assertLe(market.leaseOf(id).spent, handler.owed(id), "spent <= rate x covered seconds");
        }
    }

    /// Spent never falls and never exceeds deposits; a closed lease gave back exactly the rest.
    /// forge-config: default.invariant.runs = 16
    function invariant_spent_is_monotonic_and_closing_returns_the_rest() public view {
        vm.assertTrue(!handler.spentFell());
        vm.assertTrue(!handler.isOvercharged(), "a resize settles at the old price");
        for (uint256 i; i < handler.count(); ++i) {
            bytes32 id = handler.ids(i);
            IMarket.Lease memory lease = market.leaseOf(id);
            vm.assertLe(lease.spent, handler.deposited(id), "spent <= deposits");
            if (lease.state != IMarket.State.Open) {
                vm.assertEq(lease.spent + handler.returned(id), handler.deposited(id), "rest returned");
            } else {
                vm.assertEq(lease.spent + lease.balance, handler.deposited(id), "rest held");
            }
        }
    }
}
