// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {Tracks} from "../../../src/governance/Tracks.sol";
import {IBallots} from "../../../src/interfaces/IBallots.sol";
import {ITracks} from "../../../src/interfaces/ITracks.sol";
import {vm} from "../../Vm.sol";
import {BallotBox} from "../../stages/BallotBox.sol";

/// @dev Ballots of any amounts that are executed at any times; the handler is the contract of ballots, and
/// keeps plain books.
contract TracksHandler is BallotBox {
    Tracks public box;
    address public constant TOKEN = address(0x70C);
    uint256 public clock = 1_750_000_000;
    uint256[] public movedAt;
    uint256[] public moved;
    /// Refused what fits, or said a wrong time from which it does.
    bool public broken;

    constructor() {
        ITracks.TokenLimit[] memory limits = new ITracks.TokenLimit[](1);
        limits[0] = ITracks.TokenLimit(TREASURY, TOKEN, spendingLimit());
        box = new Tracks(
            address(this), address(this), address(1), trackRules(), new ITracks.AllowedCall[](0), limits
        );
    }

    function pass(uint256 seconds_) external {
        clock += seconds_ % 4 days;
    }

    function charge(uint256 first, uint256 second) external {
        vm.warp(clock);
        (first, second) = (1 + first % (700 * ONE), 1 + second % (300 * ONE));
        IBallots.Call[] memory calls = new IBallots.Call[](2);
        calls[0] = IBallots.Call(TOKEN, 0, abi.encodeCall(IERC20.transfer, (alice, first)), false);
        calls[1] = IBallots.Call(TOKEN, 0, abi.encodeCall(IERC20.transfer, (alice, second)), false);
        box.requireAllowed(TREASURY, calls);
        uint256 left = box.leftOf(TREASURY, TOKEN);
        uint256 fitsAt = box.fitsAt(TREASURY, TOKEN, first + second);
        try box.charge(TREASURY, calls) {
            if (first + second > left || fitsAt > clock) broken = true;
            movedAt.push(clock);
            moved.push(first + second);
        } catch {
            if (first + second <= left || fitsAt <= clock) broken = true;
            vm.warp(fitsAt - 1);
            if (box.leftOf(TREASURY, TOKEN) >= first + second) broken = true;
            vm.warp(fitsAt);
            if (box.leftOf(TREASURY, TOKEN) < first + second) broken = true;
        }
    }

    function count() external view returns (uint256) {
        return moved.length;
    }

    function budget() external pure returns (uint256, uint256) {
        return (spendingLimit().budget, spendingLimit().window);
    }
}

contract TracksInvariantTest {
    TracksHandler private _handler;

    function setUp() public {
        _handler = new TracksHandler();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(_handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        targets = new FuzzSelector[](1);
        targets[0].addr = address(_handler);
        targets[0].selectors = new bytes4[](2);
        targets[0].selectors[0] = TracksHandler.pass.selector;
        targets[0].selectors[1] = TracksHandler.charge.selector;
    }

    /// @dev In no time as long as the window does a track move more than its budget, whatever passes.
    /// forge-config: default.invariant.runs = 12
    /// forge-config: default.invariant.depth = 64
    function invariant_no_window_has_more_than_the_budget() public view {
        vm.assertTrue(!_handler.broken(), "broken");
        (uint256 budget, uint256 window) = _handler.budget();
        // Windows that begin with a payment are the fullest.
        for (uint256 i; i < _handler.count(); ++i) {
            uint256 sum = 0;
            for (uint256 j = i; j < _handler.count(); ++j) {
                if (_handler.movedAt(j) < _handler.movedAt(i) + window) sum += _handler.moved(j);
            }
            vm.assertLe(sum, budget, "over budget");
        }
    }
}

struct FuzzSelector {
    address addr;
    bytes4[] selectors;
}
