// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Token} from "../../src/economy/Token.sol";
import {Ballots} from "../../src/governance/Ballots.sol";
import {Grants} from "../../src/governance/Grants.sol";
import {Power} from "../../src/governance/Power.sol";
import {Tracks} from "../../src/governance/Tracks.sol";
import {IBallots} from "../../src/interfaces/IBallots.sol";
import {ITracks} from "../../src/interfaces/ITracks.sol";
import {Vm, vm} from "../Vm.sol";
import {FakeSafe} from "../fakes/FakeSafe.sol";
import {Target} from "../fakes/Target.sol";
import {Economy} from "./Economy.sol";
import {Row, digestOf, packRows} from "./VoteRows.sol";

/// @dev Ballots over an economy: a provider with two delegators, and a holder of liquid CLOI, each with a
/// key.
abstract contract BallotBox is Economy {
    uint256 internal constant PROVIDER = 0x1001;
    uint256 internal constant FIRST = 0x1002;
    uint256 internal constant SECOND = 0x1003;
    uint256 internal constant HOLDER = 0x1004;
    uint32 internal constant LIQUID = 1;
    uint32 internal constant POOL = 2;
    uint32 internal constant ALL = type(uint32).max;
    uint8 internal constant PARAMETERS = 0;
    uint8 internal constant TREASURY = 1;
    uint8 internal constant ANY = 4;
    uint8 internal constant EMERGENCY_TRACK = 6;
    uint256 internal constant VOTING = 5 days;

    Power internal power;
    Tracks internal tracks;
    Grants internal grants;
    Ballots internal ballots;
    FakeSafe internal safe;
    Target internal target;
    Token internal governed;
    address internal council = address(0xC0);
    address internal committee = address(0xC1);
    address internal proposer = address(0x9);

    function beginBallots() internal {
        begin();
        power = Power(address(stake.power()));
        safe = new FakeSafe();
        target = new Target();
        governed = new Token(address(safe), new address[](0), new uint256[](0));
        ITracks.AllowedCall[] memory allowed = new ITracks.AllowedCall[](2);
        allowed[0] = ITracks.AllowedCall(PARAMETERS, address(target), Target.set.selector);
        allowed[1] = ITracks.AllowedCall(EMERGENCY_TRACK, address(target), Target.set.selector);
        ITracks.TokenLimit[] memory limits = new ITracks.TokenLimit[](2);
        limits[0] = ITracks.TokenLimit(TREASURY, address(token), spendingLimit());
        limits[1] = ITracks.TokenLimit(TREASURY, address(0), ITracks.Limit(1 ether, 1 ether, 7 days));
        grants = new Grants(address(safe));
        // The next contract but one.
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        tracks = new Tracks(address(safe), next, address(grants), trackRules(), allowed, limits);
        ballots = new Ballots(
            Ballots.Parts(
                address(token), address(power), tracks, address(safe), council, committee, "cloister.eth"
            )
        );
        safe.enableModule(address(ballots));
        address prov = vm.addr(PROVIDER);
        fundFor(prov, prov, 100_000 * ONE);
        fundFor(vm.addr(FIRST), prov, 50_000 * ONE);
        fundFor(vm.addr(SECOND), prov, 30_000 * ONE);
        token.mint(vm.addr(HOLDER), 200_000 * ONE);
        vm.prank(vm.addr(HOLDER));
        token.delegate(vm.addr(HOLDER));
        token.mint(proposer, 50_000 * ONE);
        vm.prank(proposer);
        token.delegate(proposer);
        vm.prank(proposer);
        token.approve(address(ballots), type(uint256).max);
        vm.warp(block.timestamp + 1 hours);
    }

    function fundFor(address account, address pool, uint256 amount) internal {
        fund(account);
        put(account, pool, amount);
    }

    /// @dev Of CLOI: one and a half ballots of the cap.
    function spendingLimit() internal pure returns (ITracks.Limit memory) {
        return ITracks.Limit(uint112(1_000 * ONE), uint112(1_500 * ONE), 7 days);
    }

    function trackRules() internal pure returns (ITracks.Track[] memory rules) {
        rules = new ITracks.Track[](8);
        for (uint256 i; i < 8; ++i) {
            rules[i] = ITracks.Track({
                bond: 1_000e18,
                minPower: 10_000e18,
                votingPeriod: uint32(VOTING),
                confirmPeriod: 1 days,
                timelock: i == ANY ? 22 days : 2 days,
                approvalStart: 9_000,
                approvalEnd: 6_000,
                supportStart: 5_000,
                supportEnd: 1_000,
                approvalAgain: 8_000,
                supportAgain: 3_000
            });
        }
    }

    function basic(uint8 track, IBallots.Call[] memory calls)
        internal
        pure
        returns (IBallots.Proposal memory)
    {
        return IBallots.Proposal(
            track,
            IBallots.Kind.Basic,
            3,
            address(0),
            new address[](0),
            calls,
            "cloister:1",
            keccak256("text")
        );
    }

    function choosing(IBallots.Kind kind, uint8 choices) internal pure returns (IBallots.Proposal memory) {
        return IBallots.Proposal(
            0,
            kind,
            choices,
            address(0),
            new address[](0),
            new IBallots.Call[](0),
            "cloister:2",
            keccak256("2")
        );
    }

    function oneCall(address to, bytes memory data, bool announced)
        internal
        pure
        returns (IBallots.Call[] memory calls)
    {
        calls = new IBallots.Call[](1);
        calls[0] = IBallots.Call(to, 0, data, announced);
    }

    function setting(uint256 value) internal view returns (IBallots.Call[] memory) {
        return oneCall(address(target), abi.encodeCall(Target.set, (value)), false);
    }

    function propose(IBallots.Proposal memory proposal) internal returns (bytes32) {
        vm.prank(proposer);
        return ballots.propose(proposal);
    }

    /// @dev A row whose `from` says whatever it says.
    function row(bytes32 id, uint256 key, bytes memory choice, uint256 timestamp, uint32 parts)
        internal
        view
        returns (Row memory made)
    {
        made.timestamp = uint64(timestamp);
        (made.parts, made.choice) = (parts, choice);
        made.fromHash = keccak256(abi.encode(key));
        (made.v, made.r, made.s) = vm.sign(key, digest(id, made));
    }

    function digest(bytes32 id, Row memory one) internal view returns (bytes32) {
        return digestOf(ballots.ballotOf(id).kind, ballots.space(), id, one);
    }

    function number(uint32 choice) internal pure returns (bytes memory) {
        return abi.encodePacked(choice);
    }

    function single(Row memory one) internal pure returns (Row[] memory rows) {
        rows = new Row[](1);
        rows[0] = one;
    }

    function postRow(bytes32 id, Row memory one) internal {
        ballots.post(id, packRows(single(one)));
    }

    /// @dev Signs and posts a vote of now, with everything that the voter has.
    function cast(bytes32 id, uint256 key, uint32 choice) internal {
        postRow(id, row(id, key, number(choice), block.timestamp, ALL));
    }

    /// @dev Posts a row and returns why it was skipped; reverts where it counts.
    function skipped(bytes32 id, Row memory one) internal returns (IBallots.Reason reason) {
        vm.recordLogs();
        postRow(id, one);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i; i < logs.length; ++i) {
            if (logs[i].topics[0] != IBallots.Skipped.selector) continue;
            (, reason) = abi.decode(logs[i].data, (uint256, IBallots.Reason));
            return reason;
        }
        revert("the row counts");
    }

    function tally(bytes32 id, uint256 choice) internal view returns (uint256) {
        return ballots.tallyOf(id)[choice - 1];
    }

    function assertState(bytes32 id, IBallots.State state) internal view {
        vm.assertEq(uint256(ballots.stateOf(id)), uint256(state));
    }

    function assertReason(IBallots.Reason a, IBallots.Reason b) internal pure {
        vm.assertEq(uint256(a), uint256(b));
    }

    /// @dev Has a ballot pass and waits until it can be queued.
    function pass(bytes32 id) internal {
        cast(id, HOLDER, 1);
        cast(id, PROVIDER, 1);
        vm.warp(ballots.postingEndOf(id));
        assertState(id, IBallots.State.Passed);
    }

    /// @dev The same, queued and past its timelock.
    function passAndWait(bytes32 id, IBallots.Call[] memory calls) internal {
        pass(id);
        ballots.queue(id, calls);
        vm.warp(ballots.ballotOf(id).executableAt);
        assertState(id, IBallots.State.Executable);
    }
}

abstract contract BallotBoxTest is BallotBox {
    bool public constant IS_TEST = true;

    function setUp() public virtual {
        beginBallots();
    }
}
