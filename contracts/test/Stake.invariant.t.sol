// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Stake} from "../src/Stake.sol";
import {Token} from "../src/Token.sol";
import {Workers} from "../src/Workers.sol";
import {FakeWorkers} from "./Stake.t.sol";
import {vm} from "./Vm.sol";

/// @dev Sixteen accounts doing random things with four pools. It keeps plain books of what everybody put in, took out and was
/// slashed of.
contract StakeHandler {
    Token public token;
    Stake public stake;
    address public treasury = address(0x7EA);
    uint256[] public exits;
    mapping(address account => uint256) public putIn;
    mapping(address account => uint256) public takenOut;
    uint256 public rewarded;
    uint256 public slashed;
    uint256 public clock = 1_750_000_000;
    /// A slash made somebody else's stake worth more.
    bool public slashRaised;

    constructor() {
        vm.warp(clock);
        token = new Token(address(this));
        token.grantRole(token.MINTER(), address(this));
        stake = new Stake(address(this), token, Workers(address(new FakeWorkers())), treasury);
        stake.setRoles(address(this), address(this));
        token.mint(address(this), 100_000_000e18);
        token.approve(address(stake), type(uint256).max);
        for (uint256 i; i < 16; ++i) {
            token.mint(account(i), 10_000_000e18);
            vm.prank(account(i));
            token.approve(address(stake), type(uint256).max);
        }
        for (uint256 i; i < 4; ++i) {
            _put(account(i), account(i), 1_000e18);
        }
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function account(uint256 i) public pure returns (address) {
        return address(uint160(0xAC0000 + i % 16));
    }

    function delegate(uint256 who, uint256 to, uint256 amount) external inTime {
        _put(account(who), account(to % 4), amount % 10_000e18 + 1);
    }

    function requestExit(uint256 who, uint256 from, uint256 part) external inTime {
        address provider = account(from % 4);
        (uint256 shares,,) = stake.positionOf(provider, account(who));
        if (shares == 0) return;
        vm.prank(account(who));
        try stake.requestExit(provider, part % shares + 1) returns (uint256 id) {
            exits.push(id);
        } catch {}
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
        (uint256 shares,,) = stake.positionOf(account(from % 4), account(who));
        if (shares == 0) return;
        vm.prank(account(who));
        try stake.redelegate(account(from % 4), account(to % 4), part % shares + 1) {} catch {}
    }

    function reward(uint256 to, uint256 amount) external inTime {
        amount = amount % 1_000e18 + 1;
        stake.reward(account(to % 4), amount);
        rewarded += amount;
    }

    function claim(uint256 who, uint256 from) external inTime {
        try stake.claimReward(account(from % 4), account(who)) returns (uint256 amount) {
            takenOut[account(who)] += amount;
        } catch {}
    }

    function slash(uint256 whose, uint256 amount) external inTime {
        address provider = account(whose % 4);
        uint256[4] memory before;
        for (uint256 i; i < 4; ++i) {
            before[i] = stake.poolOf(account(i)).assets;
        }
        try stake.slash(provider, amount % 500e18 + 1, address(0), 0, "proof") returns (uint256 taken) {
            slashed += taken;
        } catch {}
        for (uint256 i; i < 4; ++i) {
            if (stake.poolOf(account(i)).assets > before[i]) slashRaised = true;
            if (account(i) != provider && stake.poolOf(account(i)).assets != before[i]) slashRaised = true;
        }
    }

    function setCommission(uint256 who, uint256 bps) external inTime {
        vm.prank(account(who % 4));
        stake.setCommission(bps % 5_001);
    }

    function donate(uint256 amount) external inTime {
        token.transfer(address(stake), amount % 10e18);
    }

    function pass(uint256 seconds_) external {
        clock += seconds_ % 10 days;
        vm.warp(clock);
    }

    function _put(address who, address to, uint256 amount) private {
        vm.prank(who);
        try stake.delegate(to, amount) {
            putIn[who] += amount;
        } catch {}
    }
}

contract StakeInvariants {
    bool public constant IS_TEST = true;

    StakeHandler private handler;

    function setUp() public {
        handler = new StakeHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    /// @dev What everybody could take, exits and rewards included, is there.
    /// forge-config: default.invariant.runs = 32
    function invariant_everything_owed_is_there() public view {
        Stake stake = handler.stake();
        uint256 owed;
        for (uint256 p; p < 4; ++p) {
            address provider = handler.account(p);
            Stake.Pool memory pool = stake.poolOf(provider);
            owed += uint256(pool.assets) + pool.exitAssets;
            uint256 worths;
            for (uint256 i; i < 16; ++i) {
                (, uint256 worth, uint256 rewards) = stake.positionOf(provider, handler.account(i));
                worths += worth;
                owed += rewards;
            }
            vm.assertLe(worths, pool.assets, "shares are worth what the pool has, at the most");
        }
        vm.assertLe(owed, handler.token().balanceOf(address(stake)), "stake, exits and rewards are there");
        vm.assertTrue(!handler.slashRaised(), "slashing raises nobody's worth and touches one pool");
        _nobodyTookTooMuch();
    }

    /// @dev Nobody takes out more than everything put in and rewarded leaves for it.
    function _nobodyTookTooMuch() private view {
        uint256 putIn;
        uint256 takenOut;
        for (uint256 i; i < 16; ++i) {
            putIn += handler.putIn(handler.account(i));
            takenOut += handler.takenOut(handler.account(i));
        }
        vm.assertLe(takenOut + handler.slashed(), putIn + handler.rewarded(), "no more out than in");
    }
}
