// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {IStake} from "../interfaces/IStake.sol";
import {Announcements} from "../libraries/Announcements.sol";
import {Schedule} from "../libraries/Schedule.sol";
import {Shares} from "../libraries/Shares.sol";

/// @title Pools: the books of stake, what it earns, and whose that is
/// @notice See `IStake`.
/// @dev Amounts in base units of CLOI. No token is moved here, and nobody's right to do something is checked.
library Pools {
    using SafeCast for uint256;

    struct Book {
        IStake.Totals totals;
        /// What all stake would have earned in times when there was none.
        uint256 unearned;
        mapping(address provider => IStake.Pool) pool;
        mapping(address provider => mapping(address account => IStake.Position)) position;
        /// Exit shares of a provider's pool that are its own.
        mapping(address provider => uint256) ownExitShares;
    }

    uint256 internal constant BPS = 10_000;
    /// @dev The part of a pool that has to be its provider's own before others may add to it.
    uint256 internal constant MIN_OWN_BPS = 1_000;
    uint256 private constant ASSET_PRECISION = 2 ** 96;
    /// @dev With less active stake than one CLOI in the whole network nobody earns, which keeps `perAsset`
    /// in its bounds: 280,000,000e18 × 2^96 / 1e18 < 2^128.
    uint256 private constant MIN_ACTIVE = 1e18;

    // REWARDS

    /// @dev What a unit of active stake has earned until now, times 2^96.
    /// @param start When emission began, Unix seconds.
    function sync(Book storage self, uint256 start) internal returns (uint256 perAsset) {
        IStake.Totals memory t = self.totals;
        if (block.timestamp <= t.syncedAt) return t.perAsset;
        uint256 reward = Schedule.forStakeBetween(t.syncedAt - start, block.timestamp - start);
        if (t.active < MIN_ACTIVE) self.unearned += reward;
        else t.perAsset += uint128(reward * ASSET_PRECISION / t.active);
        t.syncedAt = uint32(block.timestamp);
        self.totals = t;
        return t.perAsset;
    }

    /// @dev Shares out what a pool's stake and GPUs have earned. Returns whether no ended epoch is left over.
    function settle(Book storage self, address provider, uint256 start, IRewarder rewarder)
        internal
        returns (bool done)
    {
        IStake.Pool storage pool = self.pool[provider];
        uint256 shares = pool.shares;
        uint256 perAsset = sync(self, start);
        uint256 stakeReward = uint256(pool.assets) * (perAsset - pool.paidPerAsset) / ASSET_PRECISION;
        pool.paidPerAsset = uint128(perAsset);
        // A pool that next to nobody has a share of leaves all to its provider.
        bool isShared = shares >= Shares.LEAST;
        // An announced commission holds from the first settlement after its date, never for what was earned
        // before.
        uint256 commission = isShared ? stakeReward * pool.commissionBps / BPS : stakeReward;
        if (Announcements.isDue(pool.nextCommissionFrom)) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) =
            (pool.nextCommissionBps, 0, 0);
        }
        uint256 gpuReward;
        (gpuReward, done) = rewarder.settle(provider);
        if (stakeReward + gpuReward == 0) return done;
        uint256 providerPart = isShared ? gpuReward / 2 : gpuReward;
        uint256 shared = stakeReward - commission + gpuReward - providerPart;
        pool.providerOwed += (commission + providerPart).toUint96();
        if (shared > 0) pool.rewardPerShare += Shares.perShare(shared, shares).toUint128();
        emit IStake.PoolRewarded(provider, stakeReward, commission, gpuReward, providerPart);
    }

    /// @dev Takes all that an account is owed of a pool out of the books.
    function takeOwed(Book storage self, address provider, address account)
        internal
        returns (uint256 amount)
    {
        IStake.Position storage position = _accrue(self, provider, account);
        amount = position.owed;
        if (amount > 0) position.owed = 0;
        if (account == provider) {
            IStake.Pool storage pool = self.pool[provider];
            amount += pool.providerOwed;
            pool.providerOwed = 0;
        }
    }

    /// @dev What an account is owed of a pool as of the pool's last settlement.
    function owedTo(Book storage self, address provider, address account) internal view returns (uint256) {
        IStake.Position memory position = self.position[provider][account];
        IStake.Pool storage pool = self.pool[provider];
        uint256 owed =
            position.owed + Shares.rewardOf(position.shares, pool.rewardPerShare - position.paidPerShare);
        return account == provider ? owed + pool.providerOwed : owed;
    }

    /// @dev The commission that the next settlement after now takes.
    function commissionOf(Book storage self, address provider) internal view returns (uint256) {
        IStake.Pool storage pool = self.pool[provider];
        return Announcements.isDue(pool.nextCommissionFrom) ? pool.nextCommissionBps : pool.commissionBps;
    }

    // STAKE

    /// @dev Adds active stake. Reverts with `NoShares`, or with `OwnPartTooSmall` for anybody but the
    /// provider.
    function add(Book storage self, address provider, address account, uint256 amount)
        internal
        returns (uint256 shares)
    {
        IStake.Position storage position = _accrue(self, provider, account);
        IStake.Pool storage pool = self.pool[provider];
        uint256 assets = pool.assets;
        shares = Shares.toShares(amount, assets, pool.shares);
        if (shares == 0) revert IStake.NoShares();
        pool.assets = (assets + amount).toUint96();
        pool.shares += shares.toUint128();
        self.totals.active += amount.toUint96();
        position.shares += shares.toUint128();
        if (account != provider) _requireOwnPart(self, provider);
    }

    /// @dev Takes active stake out. Reverts with `TooFewShares` and, the provider only, with
    /// `CollateralLocked` or `OwnPartTooSmall`.
    function remove(Book storage self, address provider, address account, uint256 shares)
        internal
        returns (uint256 amount)
    {
        IStake.Position storage position = _accrue(self, provider, account);
        if (shares > position.shares) revert IStake.TooFewShares(position.shares, shares);
        IStake.Pool storage pool = self.pool[provider];
        amount = Shares.toAssets(shares, pool.assets, pool.shares);
        position.shares -= shares.toUint128();
        pool.shares -= shares.toUint128();
        pool.assets -= amount.toUint96();
        self.totals.active -= amount.toUint96();
        if (account != provider) return amount;
        if (pool.assets < pool.locked) revert IStake.CollateralLocked(pool.assets, pool.locked);
        // It goes last, or keeps its part.
        if (pool.shares > position.shares) _requireOwnPart(self, provider);
    }

    // EXITS

    /// @dev Adds to what is leaving a pool. Returns exit shares.
    function addExit(Book storage self, address provider, address account, uint256 amount)
        internal
        returns (uint256 shares)
    {
        IStake.Pool storage pool = self.pool[provider];
        shares = Shares.toShares(amount, pool.exitAssets, pool.exitShares);
        pool.exitAssets += amount.toUint96();
        pool.exitShares += shares.toUint128();
        if (account == provider) self.ownExitShares[provider] += shares;
    }

    /// @dev Takes what `shares` of what is leaving a pool are worth out of the books.
    function removeExit(Book storage self, address provider, address account, uint128 shares)
        internal
        returns (uint256 amount)
    {
        IStake.Pool storage pool = self.pool[provider];
        amount = Shares.toAssets(shares, pool.exitAssets, pool.exitShares);
        pool.exitShares -= shares;
        pool.exitAssets -= amount.toUint96();
        if (account == provider) self.ownExitShares[provider] -= shares;
    }

    // SLASHING

    /// @dev Everything in a pool, what is leaving it included.
    function wholeOf(Book storage self, address provider) internal view returns (uint256) {
        IStake.Pool storage pool = self.pool[provider];
        return uint256(pool.assets) + pool.exitAssets;
    }

    /// @dev Takes `taken` out of a pool that has `whole`, of active and exiting stake in proportion. Returns
    /// what of it was exiting, and what of it is the provider's own loss, rounded down.
    function slash(Book storage self, address provider, uint256 taken, uint256 whole)
        internal
        returns (uint256 exiting, uint256 ownLoss)
    {
        IStake.Pool storage pool = self.pool[provider];
        exiting = taken * pool.exitAssets / whole;
        uint256 active = taken - exiting;
        ownLoss = Shares.lossOf(self.position[provider][provider].shares, active, pool.shares)
            + Shares.lossOf(self.ownExitShares[provider], exiting, pool.exitShares);
        pool.exitAssets -= exiting.toUint96();
        pool.assets -= active.toUint96();
        self.totals.active -= active.toUint96();
    }

    /// @dev Brings what an account is owed up to date, before its shares change.
    function _accrue(Book storage self, address provider, address account)
        private
        returns (IStake.Position storage position)
    {
        position = self.position[provider][account];
        uint128 perShare = self.pool[provider].rewardPerShare;
        uint256 shares = position.shares;
        if (shares != 0) {
            position.owed += Shares.rewardOf(shares, perShare - position.paidPerShare).toUint128();
        }
        if (position.paidPerShare != perShare) position.paidPerShare = perShare;
    }

    function _requireOwnPart(Book storage self, address provider) private view {
        uint256 own = self.position[provider][provider].shares;
        uint256 needed = Math.ceilDiv(uint256(self.pool[provider].shares) * MIN_OWN_BPS, BPS);
        if (own < needed) revert IStake.OwnPartTooSmall(own, needed);
    }
}
