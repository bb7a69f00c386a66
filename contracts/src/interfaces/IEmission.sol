// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ICoverageObserver} from "./ICoverageObserver.sol";
import {IRewarder} from "./IRewarder.sol";
import {IStake} from "./IStake.sol";
import {IToken} from "./IToken.sol";
import {ITreasury} from "./ITreasury.sol";
import {IWorkers} from "./IWorkers.sol";

/// @title IEmission: 700,000,000 CLOI over time, and never one unit more
/// @notice Of what the schedule emits (see `Schedule`), 20% are the treasury's, 40% all stake's, 40% GPU
/// workers', by weight and by the hour. An hour in which no GPU counted goes to the treasury. Tokens are
/// created when somebody takes them: stakers and providers through Stake, the treasury here.
///
/// A worker counts for an epoch, which is an hour, if it is covered throughout, its GPUs are vouched for
/// throughout, and the collateral for them has been locked, in a pool that has it, since before the epoch
/// began. It is counted as soon as that is certain: when an attestation or a verdict reaches beyond the
/// epoch's end. So an epoch's weights are final when it ends.
/// @dev Amounts in base units of CLOI, weights in tenths of an H100, instants in Unix seconds. What a pool
/// gets of an epoch is rounded down; the rest, less than one unit a pool and epoch, is never created.
interface IEmission is IRewarder, ICoverageObserver, ITreasury {
    /// @notice What one GPU of a class weighs.
    struct ClassWeight {
        bytes32 gpuClass;
        uint256 weight;
    }

    /// @dev How a worker's GPUs stand. One slot. Instants are Unix seconds in 32 bits, to the year 2106.
    struct Standing {
        /// Of all its GPUs; 0 without collateral for them.
        uint32 weight;
        /// From when its collateral has been locked, and the same GPUs vouched for without a gap.
        uint32 since;
        uint32 gpusUntil;
        /// Tells GPUs apart: the first bits of a hash over class and number.
        uint32 gpusTag;
        /// Epochs [countedFrom, countedTo) were counted last, each with `countedWeight`.
        uint32 countedFrom;
        uint32 countedTo;
        uint32 countedWeight;
    }

    /// @dev How a pool stands. One slot.
    struct PoolStanding {
        /// One more than the first epoch that may have something to settle; 0 if none has.
        uint32 pendingFrom;
        /// From when it has had the collateral that is locked in it; nothing if it hasn't.
        uint32 backedFrom;
        bool unbacked;
    }

    /// @notice Only Workers may call that.
    error NotWorkers(address caller);
    /// @notice Only Stake may call that.
    error NotStake(address caller);
    /// @notice More was asked for than the schedule has emitted and nobody took yet.
    error OverSchedule(uint256 asked, uint256 left);

    /// @notice A worker counts for epochs [from, to), with `weight` in each.
    event Counted(address indexed worker, address indexed provider, uint256 from, uint256 to, uint256 weight);
    /// @notice It counts for epochs [from, to) no longer: its coverage ended early, or its GPUs are others.
    event Uncounted(
        address indexed worker, address indexed provider, uint256 from, uint256 to, uint256 weight
    );
    /// @notice A GPU of a class weighs `weight`, in what is counted from now on, unfinished epochs included
    /// once their worker is weighed again.
    event ClassWeightSet(bytes32 indexed gpuClass, uint256 weight);
    /// @notice A pool's GPUs earned `amount` in epochs [from, to).
    event GpusRewarded(address indexed provider, uint256 from, uint256 to, uint256 amount);
    /// @notice `amount` was created for an account.
    event Paid(address indexed account, uint256 amount);
    /// @notice The treasury took `amount`, of which `unearned` are GPU budgets of epochs up to `to` that
    /// nobody earned.
    event Collected(address indexed treasury, uint256 amount, uint256 unearned, uint256 to);

    /// @notice Takes the treasury's 20% up to now, and GPU budgets that nobody earned, of at most `epochs`
    /// epochs. Anybody. Reverts with `ZeroAmount`.
    function collect(uint256 epochs) external returns (uint256 amount);

    // VIEWS

    /// @notice What a pool's GPUs have earned that isn't settled, of at most `MAX_EPOCHS` epochs.
    function pendingOf(address provider) external view returns (uint256 amount);

    /// @notice What GPU workers share in an epoch.
    function gpuBudgetOf(uint256 epoch) external pure returns (uint256);

    /// @notice Everything the schedule has emitted until now, whether it was taken or not.
    function emitted() external view returns (uint256);

    /// @notice The epoch that an instant is in; 0 for all before the first.
    function epochAt(uint256 instant) external view returns (uint256);

    /// @notice What a pool's workers weigh in an epoch, and all workers together.
    function weightsOf(address provider, uint256 epoch) external view returns (uint256 pool, uint256 total);

    /// @notice How a worker's GPUs stand.
    function standingOf(address worker) external view returns (Standing memory);

    /// @notice How a pool stands.
    function poolStandingOf(address provider) external view returns (PoolStanding memory);

    /// @notice What a GPU of a class weighs.
    function classWeight(bytes32 gpuClass) external view returns (uint256);

    /// @notice The token that is created.
    function token() external view returns (IToken);

    /// @notice Whose coverage and GPUs count.
    function workers() external view returns (IWorkers);

    /// @notice Whose collateral counts, and who pays stakers and providers.
    function stake() external view returns (IStake);

    /// @notice When emission begins, and its first epoch.
    function start() external view returns (uint256);

    /// @notice What was created so far.
    function minted() external view returns (uint256);

    /// @notice What the treasury has taken of its 20%.
    function collected() external view returns (uint256);

    /// @notice The first epoch whose GPU budget the treasury hasn't gone through.
    function collectedTo() external view returns (uint256);

    /// @notice The most epochs that one settlement goes through.
    function MAX_EPOCHS() external view returns (uint256);

    /// @notice The most that a GPU can weigh.
    function MAX_CLASS_WEIGHT() external view returns (uint256);

    // GOVERNANCE

    /// @notice Sets what a GPU of a class weighs. Epochs that are over stay as they are. Announced. Reverts
    /// with `OutOfBounds` beyond `MAX_CLASS_WEIGHT`.
    function setClassWeight(bytes32 gpuClass, uint256 weight) external;
}
