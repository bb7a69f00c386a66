// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {vm} from "../../Vm.sol";
import {BallotBox} from "../../stages/BallotBox.sol";
import {Row, packRows} from "../../stages/VoteRows.sol";

/// @dev Eight voters, two of them providers, of whom some are in both pools; a few ballots at a time. They
/// vote, change their minds, post parts of what they have, in any order and again; council and committee do
/// what they may; anybody queues, executes and pays bonds. Keeps plain books of who voted last and for what.
contract BallotsHandler is BallotBox {
    uint256 public constant VOTERS = 8;
    uint256 public constant MOST = 4;
    uint256 private constant KEY = 0x7000;
    uint256 public clock;
    address[VOTERS] public voter;
    bytes32[] public ids;
    /// Bonds that weren't paid yet, by the handler's own books.
    uint256 public bonds;
    mapping(bytes32 id => mapping(uint256 voter => uint32)) public choiceOf;
    mapping(bytes32 id => mapping(uint256 voter => uint256)) public votedAt;
    mapping(bytes32 id => mapping(uint256 voter => uint32)) public partsOf;
    mapping(bytes32 id => uint256) public contentOf;
    /// A ballot that was executed twice, or changed its mind after an end.
    bool public broken;

    constructor() {
        beginBallots();
        for (uint256 i; i < VOTERS; ++i) {
            address account = vm.addr(KEY + i);
            voter[i] = account;
            fund(account);
            address home = voter[i % 2];
            put(account, home, (10_000 + 1_000 * i) * ONE + i);
            if (i >= 4) put(account, voter[1 - i % 2], (3_000 + i) * ONE + 1);
            if (i % 3 != 0) {
                vm.prank(account);
                token.delegate(account);
            }
        }
        token.mint(proposer, 1_000_000 * ONE);
        token.mint(address(safe), 10_000 * ONE);
        clock = block.timestamp + 1 hours;
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function count() external view returns (uint256) {
        return ids.length;
    }

    function box() external view returns (IBallots, address) {
        return (ballots, address(token));
    }

    function calls(bytes32 id) public view returns (IBallots.Call[] memory) {
        uint256 value = contentOf[id];
        return value < 2 ? setting(value) : paying();
    }

    /// @dev Of the track's budget, enough that a second one of them has to wait.
    function paying() private view returns (IBallots.Call[] memory) {
        bytes memory data = abi.encodeCall(IERC20.transfer, (address(1), 1_000 * ONE));
        return oneCall(address(token), data, false);
    }

    function proposeOne(uint256 seed) external inTime {
        if (ids.length == MOST) return;
        // Of few contents, so that some are vetoed and come again, or wait for each other's budget.
        uint256 value = seed % 3;
        uint8 track = value == 2 ? TREASURY : seed % 7 < 3 ? EMERGENCY_TRACK : PARAMETERS;
        bytes32 id = propose(basic(track, value == 2 ? paying() : setting(value)));
        contentOf[id] = value;
        ids.push(id);
        bonds += 1_000 * ONE;
        clock += 1;
    }

    function pass(uint256 seconds_) external inTime {
        clock += seconds_ % 12 hours;
    }

    function passLong(uint256 seconds_) external inTime {
        clock += seconds_ % 4 days;
    }

    function post(uint256 which, uint256 who, uint32 choice, uint256 ago, uint32 parts) external inTime {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        uint256 i = who % VOTERS;
        choice = choice % 3 + 1;
        parts %= 8;
        Row memory one = row(id, KEY + i, number(choice), clock - ago % 1 days, parts);
        IBallots.Vote memory before = ballots.voteOf(id, voter[i]);
        try ballots.post(id, packRows(single(one))) {} catch {}
        IBallots.Vote memory vote = ballots.voteOf(id, voter[i]);
        if (vote.timestamp == one.timestamp && vote.choice == choice) {
            (choiceOf[id][i], votedAt[id][i]) = (choice, one.timestamp);
        }
        // What was counted before stays counted, and time doesn't go back.
        if (vote.parts & before.parts != before.parts || vote.timestamp < before.timestamp) broken = true;
        partsOf[id][i] = vote.parts;
    }

    function voteByTransaction(uint256 which, uint256 who, uint32 choice) external inTime {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        uint256 i = who % VOTERS;
        choice = choice % 3 + 1;
        vm.prank(voter[i]);
        try ballots.vote(id, number(choice), ALL) {
            (choiceOf[id][i], votedAt[id][i]) = (choice, clock);
            partsOf[id][i] = ballots.voteOf(id, voter[i]).parts;
        } catch {}
    }

    function brake(uint256 which, uint256 how) external inTime {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        vm.prank(how % 3 == 1 ? committee : council);
        if (how % 3 == 0) try ballots.veto(id) {} catch {}
        if (how % 3 == 1) try ballots.hasten(id) {} catch {}
        if (how % 3 == 2) try ballots.markSpam(id) {} catch {}
    }

    function carryOut(uint256 which, uint256 how) external inTime {
        if (ids.length == 0) return;
        bytes32 id = ids[which % ids.length];
        IBallots.State before = ballots.stateOf(id);
        if (how % 3 == 0) try ballots.queue(id, calls(id)) {} catch {}
        if (how % 3 == 1) {
            try ballots.execute(id, calls(id)) {
                if (before != IBallots.State.Executable) broken = true;
            } catch {}
        }
        if (how % 3 == 2) {
            try ballots.payBond(id) {
                bonds -= 1_000 * ONE;
            } catch {}
        }
    }

    /// @dev Whether somebody with nothing brings a ballot to its end, from wherever it stands.
    function ends(bytes32 id) external returns (bool) {
        vm.warp(clock);
        for (uint256 i; i < 4; ++i) {
            try ballots.queue(id, calls(id)) {} catch {}
            try ballots.execute(id, calls(id)) {} catch {}
            // The longest that any state lasts.
            vm.warp(block.timestamp + 16 days);
        }
        return ballots.stateOf(id) > IBallots.State.Executable;
    }
}

contract BallotsInvariantTest {
    bool public constant IS_TEST = true;
    BallotsHandler private _handler;
    IBallots private _ballots;

    function setUp() public {
        _handler = new BallotsHandler();
        (_ballots,) = _handler.box();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    /// forge-config: default.invariant.runs = 24
    /// forge-config: default.invariant.depth = 64
    function invariant_ballots_count_pay_and_end() public view {
        vm.assertTrue(!_handler.broken(), "broken");
    }

    /// @dev After each run, which is as good as after each call and takes a hundredth of the time.
    function afterInvariant() public {
        _countAnew();
        _end();
    }

    /// @dev What each vote weighs is reckoned anew, from what there was at stake and who else voted.
    function _countAnew() private view {
        for (uint256 n; n < _handler.count(); ++n) {
            bytes32 id = _handler.ids(n);
            uint256[3] memory sums;
            for (uint256 i; i < _handler.VOTERS(); ++i) {
                if (_handler.votedAt(id, i) == 0) continue;
                uint256 weight = _weightOf(id, i);
                vm.assertEq(_ballots.voteOf(id, _handler.voter(i)).weight, weight, "weight");
                sums[_handler.choiceOf(id, i) - 1] += weight;
            }
            uint256[] memory tally = _ballots.tallyOf(id);
            for (uint256 i; i < 3; ++i) {
                vm.assertEq(tally[i], sums[i], "tally");
            }
            vm.assertEq(_ballots.ballotOf(id).turnout, sums[0] + sums[1] + sums[2], "turnout");
            vm.assertLe(sums[0] + sums[1] + sums[2], _ballots.ballotOf(id).electorate);
        }
    }

    /// @dev Bonds are there, and a stranger brings every ballot to an end.
    function _end() private {
        (, address token) = _handler.box();
        vm.assertEq(Balances(token).balanceOf(address(_ballots)), _handler.bonds(), "bonds");
        for (uint256 n; n < _handler.count(); ++n) {
            vm.assertTrue(_handler.ends(_handler.ids(n)), "a ballot has no end");
        }
    }

    /// @dev By the definition: liquid, own stake, and of a provider the pool less what its delegators cast.
    function _weightOf(bytes32 id, uint256 i) private view returns (uint256 weight) {
        Stakes power = Stakes(_ballots.power());
        address account = _handler.voter(i);
        uint256 at = _ballots.ballotOf(id).snapshot;
        uint32 parts = _handler.partsOf(id, i);
        if (parts & 1 != 0) weight = Balances(_ballots.token()).getPastVotes(account, at);
        for (uint256 p; p < 2; ++p) {
            if (parts >> (p + 1) & 1 == 0) continue;
            address pool = power.poolAt(account, p);
            weight += pool == account ? _restOf(id, account, at) : power.stakeAt(pool, account, at);
        }
    }

    function _restOf(bytes32 id, address provider, uint256 at) private view returns (uint256 rest) {
        Stakes power = Stakes(_ballots.power());
        rest = power.poolAssetsAt(provider, at);
        for (uint256 i; i < _handler.VOTERS(); ++i) {
            address account = _handler.voter(i);
            uint32 parts = _handler.partsOf(id, i);
            for (uint256 p; p < 2; ++p) {
                if (account == provider || parts >> (p + 1) & 1 == 0) continue;
                if (power.poolAt(account, p) == provider) rest -= power.stakeAt(provider, account, at);
            }
        }
    }
}

interface Balances {
    function balanceOf(address account) external view returns (uint256);
    function getPastVotes(address account, uint256 time) external view returns (uint256);
}

interface Stakes {
    function poolAt(address account, uint256 index) external view returns (address);
    function stakeAt(address provider, address account, uint256 time) external view returns (uint256);
    function poolAssetsAt(address provider, uint256 time) external view returns (uint256);
}
