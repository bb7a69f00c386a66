// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IStake} from "../interfaces/IStake.sol";
import {Announcements} from "../libraries/Announcements.sol";
import {Schedule} from "../libraries/Schedule.sol";
import {Shares} from "../libraries/Shares.sol";
import {Collateral} from "./Collateral.sol";

/// @title Pools: what stake and GPUs earn, and whose it is
/// @notice See `IStake`.
abstract contract Pools is Collateral {
    using SafeCast for uint256;

    /// @inheritdoc IStake
    uint256 public constant NOTICE = 7 days;
    /// @inheritdoc IStake
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    uint256 internal constant BPS = 10_000;
    uint256 private constant ASSET_PRECISION = 2 ** 96;
    /// @dev With less active stake than one CLOI in the whole network nobody earns, which keeps `perAsset`
    /// in its bounds: 280,000,000e18 × 2^96 / 1e18 < 2^128.
    uint256 private constant MIN_ACTIVE = 1e18;

    /// @inheritdoc IStake
    uint256 public immutable start;
    /// @inheritdoc IStake
    uint256 public unearned;

    Totals internal _totals;
    mapping(address provider => Pool) internal _pool;
    mapping(address provider => mapping(address account => Position)) internal _position;

    constructor(uint256 start_) {
        start = start_;
        _totals.syncedAt = start_.toUint32();
    }

    // REWARDS

    /// @inheritdoc IStake
    function settle(address provider) public returns (bool done) {
        Pool storage pool = _pool[provider];
        uint256 shares = pool.shares;
        uint256 perAsset = _syncTotals();
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
        emit PoolRewarded(provider, stakeReward, commission, gpuReward, providerPart);
    }

    /// @inheritdoc IStake
    function claimReward(address provider, address account) public returns (uint256 amount) {
        settle(provider);
        Position storage position = _accrue(provider, account);
        amount = position.owed;
        if (amount > 0) position.owed = 0;
        if (account == provider) {
            amount += _pool[provider].providerOwed;
            _pool[provider].providerOwed = 0;
        }
        if (amount == 0) return 0;
        emit RewardClaimed(provider, account, amount);
        rewarder.pay(account, amount);
    }

    /// @inheritdoc IStake
    function claimRewards(address[] calldata providers, address[] calldata accounts)
        external
        returns (uint256 amount)
    {
        if (providers.length != accounts.length) {
            revert Errors.LengthsDiffer(providers.length, accounts.length);
        }
        for (uint256 i; i < providers.length; ++i) {
            amount += claimReward(providers[i], accounts[i]);
        }
    }

    /// @inheritdoc IStake
    function collectUnearned() external returns (uint256 amount) {
        _syncTotals();
        amount = unearned;
        if (amount == 0) revert Errors.ZeroAmount();
        unearned = 0;
        emit UnearnedCollected(amount);
        rewarder.pay(treasury, amount);
    }

    // PROVIDERS

    /// @inheritdoc IStake
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert Errors.OutOfBounds(bps, 0, MAX_COMMISSION_BPS);
        _settleAll(msg.sender);
        Pool storage pool = _pool[msg.sender];
        uint256 from = block.timestamp;
        if (bps <= pool.commissionBps) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), 0, 0);
        } else {
            from += NOTICE;
            (pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), uint32(from));
        }
        emit CommissionSet(msg.sender, bps, from);
    }

    // VIEWS

    /// @inheritdoc IStake
    function poolOf(address provider) external view returns (Pool memory) {
        return _pool[provider];
    }

    /// @inheritdoc IStake
    function totals() external view returns (Totals memory) {
        return _totals;
    }

    /// @inheritdoc IStake
    function positionOf(address provider, address account)
        external
        view
        returns (uint256 shares, uint256 worth, uint256 rewards)
    {
        Position memory position = _position[provider][account];
        Pool memory pool = _pool[provider];
        shares = position.shares;
        worth = Shares.toAssets(shares, pool.assets, pool.shares);
        rewards = position.owed + Shares.rewardOf(shares, pool.rewardPerShare - position.paidPerShare);
        if (account == provider) rewards += pool.providerOwed;
    }

    /// @inheritdoc IStake
    function commissionOf(address provider) external view returns (uint256) {
        Pool storage pool = _pool[provider];
        bool isDue = Announcements.isDue(pool.nextCommissionFrom);
        return isDue ? pool.nextCommissionBps : pool.commissionBps;
    }

    // INTERNAL

    /// @inheritdoc Collateral
    function _changeLocked(address provider, uint256 needed, uint256 held)
        internal
        override
        returns (uint256 locked)
    {
        Pool storage pool = _pool[provider];
        (uint256 assets, uint256 before) = (pool.assets, pool.locked);
        locked = before + needed - held;
        if (needed > held && locked > assets) revert CollateralLocked(assets, locked);
        pool.locked = locked.toUint96();
        _tellBacked(provider, assets < before, assets < locked);
    }

    /// @dev Brings a pool up to date, or reverts where that takes more than one call: `settle` it first.
    function _settleAll(address provider) internal {
        if (!settle(provider)) revert UnsettledEpochs(provider);
    }

    /// @dev What a unit of active stake has earned until now, times 2^96.
    function _syncTotals() private returns (uint256 perAsset) {
        Totals memory t = _totals;
        if (block.timestamp <= t.syncedAt) return t.perAsset;
        uint256 reward = Schedule.forStakeBetween(t.syncedAt - start, block.timestamp - start);
        if (t.active < MIN_ACTIVE) unearned += reward;
        else t.perAsset += uint128(reward * ASSET_PRECISION / t.active);
        t.syncedAt = uint32(block.timestamp);
        _totals = t;
        return t.perAsset;
    }

    /// @dev Tells Emission where a pool came to have less than is locked in it, or has it again.
    function _tellBacked(address provider, bool wasShort, bool isShort) internal {
        if (wasShort != isShort) rewarder.setBacked(provider, !isShort);
    }

    /// @dev Brings what an account is owed up to date, before its shares change.
    function _accrue(address provider, address account) internal returns (Position storage position) {
        position = _position[provider][account];
        uint128 perShare = _pool[provider].rewardPerShare;
        uint256 shares = position.shares;
        if (shares != 0) {
            position.owed += Shares.rewardOf(shares, perShare - position.paidPerShare).toUint128();
        }
        if (position.paidPerShare != perShare) position.paidPerShare = perShare;
    }
}
