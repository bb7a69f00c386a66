// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Schedule} from "../src/libraries/Schedule.sol";
import {Shares} from "../src/libraries/Shares.sol";

/// @dev What holds for every value there is, not only for those that tests tried: each assertion is proven
/// by solc's SMTChecker with Z3 (proofs.test.ts). What is required is what Stake keeps true by its types and
/// checks.
contract Proofs {
    /// @dev Entering a pool and leaving it at once gains nothing.
    function entering_and_leaving_gains_nothing(uint96 amount, uint96 assets, uint128 shares) public pure {
        uint256 got = Shares.toShares(amount, assets, shares);
        assert(Shares.toAssets(got, uint256(assets) + amount, uint256(shares) + got) <= amount);
    }

    /// @dev A share's price, and with it what anybody's shares are worth, doesn't fall because somebody
    /// entered. Said without division, which the solver can't do here: (assets + 1) / (shares + VIRTUAL)
    /// before and after.
    function entering_takes_nothing_from_others(uint96 amount, uint96 assets, uint128 shares) public pure {
        uint256 got = Shares.toShares(amount, assets, shares);
        assert(
            (uint256(assets) + amount + 1) * (uint256(shares) + Shares.VIRTUAL)
                >= (uint256(assets) + 1) * (uint256(shares) + got + Shares.VIRTUAL)
        );
    }

    /// @dev Nor because somebody left, and what is left is enough for it.
    function leaving_takes_nothing_from_others(uint128 leaving, uint96 assets, uint128 shares, uint128 others) public pure {
        require(leaving <= shares && others <= shares - leaving);
        uint256 taken = Shares.toAssets(leaving, assets, shares);
        require(taken <= assets);
        assert(Shares.toAssets(others, assets - taken, shares - leaving) >= Shares.toAssets(others, assets, shares));
    }

    /// @dev All shares together are worth what the pool has, at the most, as long as a unit has no more than
    /// 10^6 shares, which is what the first one brings, and no operation lowers what a share is worth but a
    /// slash.
    function shares_are_worth_what_is_there(uint96 assets, uint128 shares) public pure {
        require(uint256(shares) <= uint256(assets) * Shares.VIRTUAL);
        assert(Shares.toAssets(shares, assets, shares) <= assets);
    }

    /// @dev Slashing raises nobody's worth.
    function slashing_raises_nobody(uint96 taken, uint96 assets, uint128 shares, uint128 others) public pure {
        require(taken <= assets && others <= shares);
        assert(Shares.toAssets(others, assets - taken, shares) <= Shares.toAssets(others, assets, shares));
    }

    /// @dev Whoever reports gets half of what it costs the provider itself at the most, so that nobody gains
    /// by reporting itself.
    function a_reporter_gets_less_than_the_provider_loses(uint96 taken, uint96 assets, uint128 own, uint128 shares) public pure {
        require(taken <= assets && own <= shares);
        uint256 reward = Shares.lossOf(own, taken, shares) / 2;
        assert(Shares.toAssets(own, assets - taken, shares) + 2 * reward <= Shares.toAssets(own, assets, shares));
    }

    /// @dev What two holders get of a reward is the reward, at the most.
    function no_more_is_owed_than_was_rewarded(uint96 reward, uint128 first, uint128 second) public pure {
        uint256 shares = uint256(first) + second;
        require(shares != 0);
        uint256 each = Shares.perShare(reward, shares);
        require(each <= type(uint128).max);
        assert(Shares.rewardOf(first, each) + Shares.rewardOf(second, each) <= reward);
    }

    /// @dev Two pools get of an hour's budget what there is, at the most.
    function no_more_is_earned_than_the_budget(uint96 budget, uint32 first, uint32 second) public pure {
        uint256 total = uint256(first) + second;
        require(total != 0);
        assert(uint256(budget) * first / total + uint256(budget) * second / total <= budget);
    }

    /// @dev A period has emitted a quarter of what was left, no less and no more, when it is over.
    function a_period_emits_a_quarter(uint96 left) public pure {
        assert(Schedule.within(left, Schedule.PERIOD) == left / 4);
    }
}
