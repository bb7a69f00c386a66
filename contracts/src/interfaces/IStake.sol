// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IPower} from "./IPower.sol";
import {IRewarder} from "./IRewarder.sol";
import {ITreasury} from "./ITreasury.sol";
import {IWorkers} from "./IWorkers.sol";

/// @title IStake: one pool a provider, and delegators' shares in it
/// @notice A pool is a provider's collateral. Whoever puts CLOI in gets shares; leaving takes 21 days, in
/// which the stake can still be slashed. Slashing hits one pool, what is active in it and what is leaving it
/// alike, and never another one. Delegators can always leave: neither collateral nor rewards that can't be
/// computed hold them. A provider can't take out what is locked for its GPUs in service. A pool's worth
/// changes by deposits, exits and slashing alone.
///
/// All active stake shares 40% of what the schedule emits, by amount and by the second. What a provider's
/// GPUs earn is shared half and half between it and its pool, by shares, for as long as they were there.
/// Rewards are kept apart from stake; Emission creates them when they are taken.
///
/// A GPU earns emission only with collateral for it: active stake of its provider's pool. While it is locked
/// the provider itself can't take it out; delegators may leave all the same, and with less than is locked the
/// pool's GPUs earn nothing.
/// @dev Amounts in base units of CLOI, parts in hundredths of a percent, instants in Unix seconds. Rounding
/// is always in favour of the pool (see `Shares`). Tokens sent here by hand are nobody's and change
/// nothing. Balance of CLOI ≥ stake + exits; equal where nobody sent any by hand.
interface IStake is ITreasury {
    /// @notice What Stake is deployed with.
    struct Parts {
        IERC20 token;
        IWorkers workers;
        /// Reckons what GPUs earn and creates rewards.
        IRewarder rewarder;
        /// Is told of all active stake, for votes.
        IPower power;
        address slasher;
        address treasury;
        /// When emission begins, Unix seconds.
        uint256 start;
    }

    /// @dev One who is leaving. `shares` are exit shares of the pool's.
    struct Exit {
        address account;
        uint48 readyAt;
        address provider;
        uint128 shares;
    }

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

    /// @notice What one GPU of a class needs.
    struct ClassCollateral {
        bytes32 gpuClass;
        uint96 amount;
    }

    /// @notice The amount is too small to bring a share.
    error NoShares();
    /// @notice The account has `found` shares of the pool.
    error TooFewShares(uint256 found, uint256 asked);
    /// @notice There is no such exit of the caller's.
    error NotYourExit(uint256 id);
    /// @notice The exit can be taken out from `readyAt` on.
    error NotReady(uint256 id, uint256 readyAt);
    /// @notice The account moved stake to another pool lately, and may again from `until` on.
    error RedelegatedRecently(uint256 until);
    /// @notice The provider has `found` shares of its pool, and has to have `needed`: a tenth.
    error OwnPartTooSmall(uint256 found, uint256 needed);
    /// @notice Stake can't be moved from a pool to the same one.
    error SamePool();
    /// @notice A provider's own stake can't be moved to another pool; it can leave with the waiting time.
    error ProviderStays();
    /// @notice Only the slasher may do that.
    error NotSlasher(address caller);
    /// @notice A slash of the pool is announced: stake can leave it, but not be moved to another before
    /// `until`.
    error MovesHeld(address provider, uint256 until);
    /// @notice The pool has more epochs to settle than one call can: `settle` it first.
    error UnsettledEpochs(address provider);
    /// @notice The pool has, or would have, `assets`, of which `locked` is collateral of GPUs in service.
    error CollateralLocked(uint256 assets, uint256 locked);

    /// @notice An account put `amount` in for `shares`, by a deposit, a move or an exit that it cancelled.
    event Delegated(address indexed provider, address indexed account, uint256 amount, uint256 shares);
    /// @notice `shares` became an exit worth `amount`, with `exitShares` of what is leaving the pool.
    event ExitRequested(
        uint256 indexed id,
        address indexed provider,
        address indexed account,
        uint256 amount,
        uint256 shares,
        uint256 exitShares,
        uint256 readyAt
    );
    /// @notice What was left of an exit is active stake again (see the `Delegated` before it).
    event ExitCancelled(
        uint256 indexed id, address indexed provider, address indexed account, uint256 amount
    );
    /// @notice What was left of an exit was taken out.
    event ExitWithdrawn(
        uint256 indexed id, address indexed provider, address indexed account, uint256 amount
    );
    /// @notice `shares` of `from`'s pool, worth `amount`, became stake in `to`'s (see the `Delegated` before
    /// it).
    event Redelegated(
        address indexed from, address indexed to, address indexed account, uint256 amount, uint256 shares
    );
    /// @notice A pool lost `active` and `exiting` stake, of which `reward` went to the reporter and the rest
    /// to the treasury.
    event Slashed(
        address indexed provider,
        uint256 active,
        uint256 exiting,
        address reporter,
        uint256 reward,
        bytes32 reason
    );
    /// @notice This account slashes from now on; nobody does if it is zero.
    event SlasherSet(address slasher);
    /// @notice Nobody moves stake out of a pool to another one before `until`.
    event MovesHeldUntil(address indexed provider, uint256 until);
    /// @notice A pool was brought up to date: its stake earned `stakeReward`, of which `commission` is the
    /// provider's, and its GPUs `gpuReward`, of which `providerPart` is the provider's.
    event PoolRewarded(
        address indexed provider,
        uint256 stakeReward,
        uint256 commission,
        uint256 gpuReward,
        uint256 providerPart
    );
    /// @notice An account was paid its rewards of a pool.
    event RewardClaimed(address indexed provider, address indexed account, uint256 amount);
    /// @notice A provider keeps `bps` of what its pool's stake earns, from `from` on.
    event CommissionSet(address indexed provider, uint256 bps, uint256 from);
    /// @notice The treasury was paid what stake would have earned while there was none.
    event UnearnedCollected(uint256 amount);
    /// @notice So much is locked for a worker now, and for all workers of its provider together.
    event CollateralSet(address indexed provider, address indexed worker, uint256 amount, uint256 locked);
    /// @notice A GPU of a class needs `amount` of its provider's pool, from `from` on.
    event CollateralPerGpuSet(bytes32 indexed gpuClass, uint256 amount, uint256 from);

    // STAKE

    /// @notice Puts `amount` into a provider's pool. Anybody, once the provider itself did: a tenth of a pool
    /// has to be its own before others may add to it.
    /// Reverts with `ZeroAddress`, `ZeroAmount`, `NoShares`, `OwnPartTooSmall`, `UnsettledEpochs`, or as the
    /// token does.
    function delegate(address provider, uint256 amount) external returns (uint256 shares);

    /// @notice The same with the allowance signed (ERC-2612) rather than sent. A permit that was used
    /// already does no harm.
    function delegateWithPermit(
        address provider,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 shares);

    /// @notice Begins to leave with some shares; what they are worth can be withdrawn after 21 days, less
    /// what is slashed until then. Earns nothing from now on. Nobody but the pool's provider is ever held.
    /// Reverts with `ZeroAmount`, `TooFewShares`, `UnsettledEpochs` (a pool that lay idle for weeks is
    /// settled first) and, the provider only, `CollateralLocked` or `OwnPartTooSmall`.
    /// @return id The exit's number.
    function requestExit(address provider, uint256 shares) external returns (uint256 id);

    /// @notice Stays after all: what is left of an exit is active stake again. Its account only.
    /// Reverts with `NotYourExit`, or as `delegate` does.
    function cancelExit(uint256 id) external returns (uint256 shares);

    /// @notice Takes out what is left of an exit, once it is ready. Its account only. Slashes reach it until
    /// it is taken out. Reverts with `NotYourExit` or `NotReady`.
    function withdraw(uint256 id) external returns (uint256 amount);

    /// @notice Moves stake to another pool without the waiting time, at most once per waiting time and
    /// account. A provider can't leave its own pool this way: its stake answers for what it did there. Nor
    /// can anybody while a slash of the pool is announced.
    /// Reverts with `SamePool`, `ProviderStays`, `ZeroAddress`, `RedelegatedRecently`, `MovesHeld`, or as
    /// `requestExit` and `delegate` do.
    function redelegate(address from, address to, uint256 shares) external returns (uint256 newShares);

    // REWARDS

    /// @notice Brings a pool up to date: shares out what its stake and its GPUs have earned. Anybody. Happens
    /// by itself whenever somebody enters, leaves or claims. A pool with very many epochs to go through takes
    /// several calls.
    /// @return done Whether no ended epoch is left over.
    function settle(address provider) external returns (bool done);

    /// @notice Pays an account's rewards of a pool out to it; its provider's commission and GPU rewards too.
    /// Anybody may call it.
    function claimReward(address provider, address account) external returns (uint256 amount);

    /// @notice The same for many at once, `accounts[i]` in the pool of `providers[i]`. Reverts with
    /// `LengthsDiffer`.
    function claimRewards(address[] calldata providers, address[] calldata accounts)
        external
        returns (uint256 amount);

    /// @notice Sends the treasury what stake would have earned while there was none. Anybody. Reverts with
    /// `ZeroAmount`.
    function collectUnearned() external returns (uint256 amount);

    // PROVIDERS

    /// @notice Sets the caller's commission: a lower one at once, a higher one after `NOTICE`.
    /// Reverts with `OutOfBounds` or `UnsettledEpochs`.
    function setCommission(uint256 bps) external;

    /// @notice Makes what is locked for a worker what its GPUs need: those that verifiers vouch for now,
    /// times what their class needs, or is announced to need where that is more. Its provider may do so at
    /// any time. Once nobody has vouched for them for `RELEASE_AFTER`, anybody may, so that a provider that
    /// is gone holds nobody's stake. Reverts with `UnknownWorker`, `NotProvider` or `CollateralLocked`.
    function syncCollateral(address worker) external;

    // SLASHING

    /// @notice Takes `amount` out of a pool, of active and exiting stake in proportion. All slashes together
    /// take a tenth of both at once at the most, and a tenth every seven days from then on (`slashRoomOf`).
    /// The reporter gets `reporterBps` of it, but no more than half of what it costs the provider itself, so
    /// that no provider gains by reporting itself at its delegators' expense. The treasury gets the rest.
    /// Slasher only. Reverts with `NotSlasher`, `OutOfBounds`, `ZeroAmount` or `SlashRoom.SlashedEnough`.
    /// @param reporter Zero for none.
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        returns (uint256 taken);

    /// @notice Holds stake of a pool from moving to another one until `until`, for as long as exits take at
    /// the most; leaving takes that long and is slashed along. Slasher only. Reverts with `NotSlasher` or
    /// `OutOfBounds`.
    function holdMoves(address provider, uint256 until) external;

    // VIEWS

    /// @notice A provider's pool.
    function poolOf(address provider) external view returns (Pool memory);

    /// @notice All active stake, and what a unit of it has earned, times 2^96, up to `syncedAt`.
    function totals() external view returns (Totals memory);

    /// @notice An account's part of a pool: its shares, what they are worth now, and rewards it could claim
    /// as of the pool's last settlement (its provider's commission and GPU rewards included).
    function positionOf(address provider, address account)
        external
        view
        returns (uint256 shares, uint256 worth, uint256 rewards);

    /// @notice The commission that the next settlement after now takes.
    function commissionOf(address provider) external view returns (uint256);

    /// @notice An exit; all zero where it was cancelled or taken out.
    function exitOf(uint256 id) external view returns (Exit memory);

    /// @notice What is left of an exit.
    function exitWorth(uint256 id) external view returns (uint256);

    /// @notice How many exits were ever requested.
    function exitCount() external view returns (uint256);

    /// @notice Exit shares of a provider's pool that are its own.
    function ownExitShares(address provider) external view returns (uint256);

    /// @notice When an account last moved stake from one pool to another; 0 if it never did.
    function redelegatedAt(address account) external view returns (uint256);

    /// @notice Until when nobody moves stake out of a pool to another one. Leaving is never held.
    function movesHeldUntil(address provider) external view returns (uint256);

    /// @notice What slashes may take of a pool now, all together.
    function slashRoomOf(address provider) external view returns (uint256);

    /// @notice What a GPU of a class needs of its provider's pool now.
    function collateralPerGpu(bytes32 gpuClass) external view returns (uint256);

    /// @notice Whether what is locked for a worker is enough for such GPUs. Never for a class that nothing
    /// is asked for.
    function isCollateralised(address worker, bytes32 gpuClass, uint256 gpus) external view returns (bool);

    /// @notice Collateral that is locked for a worker's GPUs, in its provider's pool.
    function lockedFor(address worker) external view returns (uint256);

    /// @notice What all stake would have earned in times when there was none, for the treasury.
    function unearned() external view returns (uint256);

    /// @notice The token that is staked.
    function token() external view returns (IERC20);

    /// @notice Whose GPUs need collateral.
    function workers() external view returns (IWorkers);

    /// @notice Computes what GPUs earn and creates rewards: the Emission contract.
    function rewarder() external view returns (IRewarder);

    /// @notice What votes are weighed by, and is told of all active stake.
    function power() external view returns (IPower);

    /// @notice Takes stake away on proof: the slashing contract.
    function slasher() external view returns (address);

    /// @notice When emission begins.
    function start() external view returns (uint256);

    /// @notice Seconds that an exit takes.
    function EXIT_SECONDS() external view returns (uint256);

    /// @notice The part of a pool that has to be its provider's own before others may add to it.
    function MIN_OWN_BPS() external view returns (uint256);

    /// @notice The most that slashes take of a pool at once, all together; and as much again every
    /// `SLASH_PERIOD` seconds.
    function MAX_SLASH_BPS() external view returns (uint256);

    /// @notice Seconds in which slashes may take `MAX_SLASH_BPS` again.
    function SLASH_PERIOD() external view returns (uint256);

    /// @notice The largest part of a slash that a reporter can get.
    function MAX_REPORTER_BPS() external view returns (uint256);

    /// @notice Notice that a higher commission is announced with, in seconds. Who asks to leave earlier
    /// earns nothing, and pays none.
    function NOTICE() external view returns (uint256);

    /// @notice The highest commission there can be.
    function MAX_COMMISSION_BPS() external view returns (uint256);

    /// @notice Seconds after which anybody may let go of collateral for GPUs that nobody vouches for any
    /// more.
    function RELEASE_AFTER() external view returns (uint256);

    // GOVERNANCE

    /// @notice Names who slashes. Zero for nobody. Announced.
    function setSlasher(address slasher_) external;

    /// @notice Sets what a GPU of a class needs of its provider's pool, from 22 days on (`CHANGE_DELAY`):
    /// more can be locked already until then, less would let others earn at once. Zero takes the class out.
    /// Owner only.
    function setCollateralPerGpu(bytes32 gpuClass, uint256 amount) external;
}
