// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Collateral} from "./Collateral.sol";
import {Schedule} from "../libraries/Schedule.sol";
import {Shares} from "../libraries/Shares.sol";

/// @title Pools: what stake and GPUs earn, and whose it is
/// @notice All active stake shares 40% of what the schedule emits, by amount and by the second. What a
/// provider's GPUs earn is shared half and half between it and its pool, by shares, for as long as they were
/// there. Rewards are kept apart from stake; Emission creates them when they are taken.
/// @dev Amounts in base units of CLOI.
abstract contract Pools is Collateral {
    using SafeCast for uint256;

    /// @dev Four slots.
    struct Pool {
        /// Active stake and its shares.
        uint96 assets;
        uint128 shares;
        /// Hundredths of a percent that the provider keeps of what its pool's stake earns, before it is
        /// shared.
        uint16 commissionBps;
        /// An announced higher one.
        uint16 nextCommissionBps;
        /// What is leaving, and its own shares.
        uint96 exitAssets;
        uint128 exitShares;
        /// What a unit of active stake had earned, times 2^96, when the pool was last brought up to date.
        uint128 paidPerAsset;
        /// Collateral of GPUs in service: the provider can't take out what leaves less. Others can, and then
        /// the GPUs earn nothing.
        uint96 locked;
        /// Unix seconds from which the announced commission holds; 0 if none was announced.
        uint32 nextCommissionFrom;
        /// Rewards ever shared out, per share, times `Shares.PRECISION`. `Shares.LEAST` keeps it below
        /// 2^128.
        uint128 rewardPerShare;
        /// The provider's commission and half of its GPUs' rewards, not yet taken.
        uint96 providerOwed;
    }

    /// @dev All active stake. One slot.
    struct Totals {
        /// What a unit of active stake has earned since the beginning, times 2^96.
        uint128 perAsset;
        uint96 active;
        /// Unix seconds up to which `perAsset` reckons.
        uint32 syncedAt;
    }

    struct Position {
        uint128 shares;
        /// The pool's `rewardPerShare` up to which `owed` reckons.
        uint128 paidPerShare;
        uint128 owed;
    }

    error ZeroAmount();
    error LengthsDiffer(uint256 providers, uint256 accounts);
    error UnsettledEpochs(address provider);
    error OutOfBounds(uint256 value, uint256 min, uint256 max);

    /// @notice A pool was brought up to date: its stake earned `stakeReward`, of which `commission` is the
    /// provider's, and its GPUs `gpuReward`, of which `providerPart` is the provider's.
    event PoolRewarded(
        address indexed provider,
        uint256 stakeReward,
        uint256 commission,
        uint256 gpuReward,
        uint256 providerPart
    );
    event RewardClaimed(address indexed provider, address indexed account, uint256 amount);
    event CommissionSet(address indexed provider, uint256 bps, uint256 from);
    event UnearnedCollected(uint256 amount);

    /// @notice Notice that a higher commission is announced with, in seconds. Who asks to leave earlier
    /// earns nothing, and pays none.
    uint256 public constant NOTICE = 7 days;
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    uint256 internal constant BPS = 10_000;
    uint256 private constant ASSET_PRECISION = 2 ** 96;
    /// @dev With less active stake than one CLOI in the whole network nobody earns, which keeps `perAsset`
    /// in its bounds: 280,000,000e18 × 2^96 / 1e18 < 2^128.
    uint256 private constant MIN_ACTIVE = 1e18;

    /// @notice When emission begins, Unix seconds.
    uint256 public immutable start;
    /// @notice Where slashed stake goes, less what the reporter gets, and what nobody could earn.
    address public treasury;
    /// @notice What all stake would have earned in times when there was none, for the treasury.
    uint256 public unearned;

    Totals internal _totals;
    mapping(address provider => Pool) internal _pool;
    mapping(address provider => mapping(address account => Position)) internal _position;

    constructor(uint256 start_, address treasury_) {
        if (treasury_ == address(0)) revert ZeroAddress();
        (start, treasury) = (start_, treasury_);
        _totals.syncedAt = start_.toUint32();
    }

    // REWARDS

    /// @notice Brings a pool up to date: shares out what its stake and its GPUs have earned. Happens by
    /// itself whenever somebody enters, leaves or claims. A pool with very many epochs to look at takes
    /// several calls.
    /// @return done Whether no ended epoch is left over.
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
        if (pool.nextCommissionFrom != 0 && pool.nextCommissionFrom <= block.timestamp) {
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

    /// @notice Pays an account's rewards of a pool out to it; its provider's commission and GPU rewards too.
    /// Anybody may call it.
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

    /// @notice The same for many at once, `accounts[i]` in the pool of `providers[i]`.
    function claimRewards(address[] calldata providers, address[] calldata accounts)
        external
        returns (uint256 amount)
    {
        if (providers.length != accounts.length) {
            revert LengthsDiffer(providers.length, accounts.length);
        }
        for (uint256 i; i < providers.length; ++i) {
            amount += claimReward(providers[i], accounts[i]);
        }
    }

    /// @notice Sends the treasury what stake would have earned while there was none. Anybody.
    function collectUnearned() external returns (uint256 amount) {
        _syncTotals();
        amount = unearned;
        if (amount == 0) revert ZeroAmount();
        unearned = 0;
        emit UnearnedCollected(amount);
        rewarder.pay(treasury, amount);
    }

    // PROVIDERS

    /// @notice Sets the caller's commission, in hundredths of a percent: a lower one at once, a higher one
    /// after a week.
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert OutOfBounds(bps, 0, MAX_COMMISSION_BPS);
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

    function poolOf(address provider) external view returns (Pool memory) {
        return _pool[provider];
    }

    /// @notice All active stake, and what a unit of it has earned, times 2^96, up to `syncedAt`.
    function totals() external view returns (Totals memory) {
        return _totals;
    }

    /// @notice An account's part of a pool: its shares, what they are worth now, and rewards it could claim
    /// as of the pool's last settlement (its provider's commission and GPU rewards included).
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

    /// @notice The commission that the next settlement after now takes, in hundredths of a percent.
    function commissionOf(address provider) external view returns (uint256) {
        Pool storage pool = _pool[provider];
        bool isDue = pool.nextCommissionFrom != 0 && pool.nextCommissionFrom <= block.timestamp;
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
