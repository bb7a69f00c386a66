// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Governed} from "../governance/Governed.sol";
import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";
import {Schedule} from "../libraries/Schedule.sol";
import {Gpus} from "../attestation/Gpus.sol";
import {CoveredWorkers} from "../attestation/CoveredWorkers.sol";
import {Stake} from "./Stake.sol";
import {Workers} from "../market/Workers.sol";

/// @title Weights: which worker's GPUs count for which hour
/// @notice A worker counts for an epoch if it is covered throughout, its GPUs are vouched for throughout,
/// and the collateral for them has been locked, in a pool that has it, since before the epoch began. It is
/// counted as soon as that is certain: when an attestation or a verdict reaches beyond the epoch's end. So
/// an epoch's weights are final when it ends.
/// @dev Weights in tenths of an H100. Those of eight epochs share a word. Instants are Unix seconds in 32
/// bits, to the year 2106.
abstract contract Weights is Governed, ICoverageObserver {
    /// @notice What one GPU of a class weighs, in tenths of an H100.
    struct ClassWeight {
        bytes32 gpuClass;
        uint256 weight;
    }

    /// @dev How a worker's GPUs stand. One slot.
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

    error NotWorkers(address caller);
    error NotStake(address caller);
    error WeightOutOfBounds(uint256 value, uint256 max);

    /// @notice A worker counts for epochs [from, to), with `weight` in each.
    event Counted(address indexed worker, address indexed provider, uint256 from, uint256 to, uint256 weight);
    /// @notice It counts for epochs [from, to) no longer: its coverage ended early, or its GPUs are others.
    event Uncounted(
        address indexed worker, address indexed provider, uint256 from, uint256 to, uint256 weight
    );
    /// @notice A GPU of a class weighs `weight` tenths of an H100, in what is counted from now on,
    /// unfinished epochs included once their worker is weighed again.
    event ClassWeightSet(bytes32 indexed gpuClass, uint256 weight);

    uint256 public constant MAX_CLASS_WEIGHT = 1_000;
    uint256 internal constant PACKED = 8;

    Workers public immutable workers;
    Stake public immutable stake;
    /// @notice When emission begins, and its first epoch, Unix seconds.
    uint256 public immutable start;

    /// @notice Tenths of an H100 that a GPU of a class weighs.
    mapping(bytes32 gpuClass => uint256) public classWeight;
    mapping(address worker => Standing) private _standing;
    mapping(address provider => PoolStanding) internal _poolStanding;
    mapping(address provider => mapping(uint256 group => uint256)) internal _poolWeights;
    mapping(uint256 group => uint256) internal _totalWeights;

    constructor(Workers workers_, Stake stake_, ClassWeight[] memory classes) {
        (workers, stake, start) = (workers_, stake_, stake_.start());
        for (uint256 i; i < classes.length; ++i) {
            _setClassWeight(classes[i].gpuClass, classes[i].weight);
        }
    }

    // HOOKS

    function onCovered(address worker, address provider, uint256 coveredFrom, uint256 until) external {
        if (msg.sender != address(workers)) revert NotWorkers(msg.sender);
        Standing memory s = _standing[worker];
        if (s.weight != 0 && _count(s, worker, provider, coveredFrom, until)) _standing[worker] = s;
    }

    function onCoverageEnded(address worker, address provider) external {
        if (msg.sender != address(workers)) revert NotWorkers(msg.sender);
        Standing memory s = _standing[worker];
        if (_uncount(s, worker, provider)) _standing[worker] = s;
    }

    function onGpusConfirmed(address worker) external {
        weigh(worker);
    }

    /// @notice Looks at a worker's GPUs, their verdict, their collateral and its coverage, and counts what
    /// can be counted. Happens by itself; anybody may call it all the same, and it changes nothing that
    /// isn't so.
    function weigh(address worker) public virtual {
        Gpus.ConfirmedGpus memory gpus = workers.confirmedGpus(worker);
        Standing memory s = _standing[worker];
        (address provider,,) = workers.billing(worker);
        uint32 tag = uint32(uint256(keccak256(abi.encode(gpus.gpuClass, gpus.gpus))));
        uint256 weight = stake.isCollateralised(worker, gpus.gpuClass, gpus.gpus)
            ? classWeight[gpus.gpuClass] * gpus.gpus
            : 0;
        if (tag != s.gpusTag || weight != s.weight) _uncount(s, worker, provider);
        if (tag != s.gpusTag || s.gpusUntil < block.timestamp || s.weight == 0) {
            s.since = uint32(block.timestamp);
        }
        (s.weight, s.gpusTag, s.gpusUntil) = (uint32(weight), tag, uint32(gpus.until));
        CoveredWorkers.Coverage memory c = workers.coverageOf(worker);
        if (weight != 0) _count(s, worker, provider, c.start, c.until);
        _standing[worker] = s;
    }

    // VIEWS

    /// @notice The epoch that an instant is in; 0 for all before the first.
    function epochAt(uint256 instant) public view returns (uint256) {
        return instant < start ? 0 : (instant - start) / Schedule.EPOCH;
    }

    /// @notice What a pool's workers weigh in an epoch, and all workers together, in tenths of an H100.
    function weightsOf(address provider, uint256 epoch) external view returns (uint256 pool, uint256 total) {
        (uint256 group, uint256 shift) = _place(epoch);
        pool = uint32(_poolWeights[provider][group] >> shift);
        total = uint32(_totalWeights[group] >> shift);
    }

    /// @notice How a worker's GPUs stand.
    function standingOf(address worker) external view returns (Standing memory) {
        return _standing[worker];
    }

    /// @notice How a pool stands.
    function poolStandingOf(address provider) external view returns (PoolStanding memory) {
        return _poolStanding[provider];
    }

    // GOVERNANCE

    /// @notice Sets what a GPU of a class weighs, in tenths of an H100, up to 1,000. Epochs that are over
    /// stay as they are. Announced.
    function setClassWeight(bytes32 gpuClass, uint256 weight) external onlyOwner {
        _useAnnouncement();
        _setClassWeight(gpuClass, weight);
    }

    // INTERNAL

    function _setClassWeight(bytes32 gpuClass, uint256 weight) private {
        if (weight > MAX_CLASS_WEIGHT) revert WeightOutOfBounds(weight, MAX_CLASS_WEIGHT);
        classWeight[gpuClass] = weight;
        emit ClassWeightSet(gpuClass, weight);
    }

    function _setBacked(address provider, bool backed) internal {
        PoolStanding storage pool = _poolStanding[provider];
        pool.unbacked = !backed;
        pool.backedFrom = uint32(block.timestamp);
    }

    function _place(uint256 epoch) internal pure returns (uint256 group, uint256 shift) {
        return (epoch / PACKED, epoch % PACKED * 32);
    }

    /// @dev Counts the epochs from the present one on that lie in all of coverage, verdict, collateral.
    /// Changes `s`; true if it did.
    function _count(Standing memory s, address worker, address provider, uint256 coveredFrom, uint256 until)
        private
        returns (bool)
    {
        PoolStanding memory pool = _poolStanding[provider];
        if (pool.unbacked) return false;
        uint256 stoodFrom = _max(_max(coveredFrom, s.since), pool.backedFrom);
        // The first epoch that began no earlier, isn't over and isn't counted.
        uint256 from = _max(_max(epochAt(block.timestamp), _epochFrom(stoodFrom)), s.countedTo);
        uint256 to = epochAt(until < s.gpusUntil ? until : s.gpusUntil);
        if (from >= to) return false;
        if (from != s.countedTo) s.countedFrom = uint32(from);
        (s.countedTo, s.countedWeight) = (uint32(to), s.weight);
        // With coverage of more than an hour another worker of the pool may have been counted for a later
        // epoch first.
        if (pool.pendingFrom == 0 || from + 1 < pool.pendingFrom) {
            _poolStanding[provider].pendingFrom = uint32(from + 1);
        }
        _add(provider, from, to, s.weight, true);
        emit Counted(worker, provider, from, to, s.weight);
        return true;
    }

    /// @dev Takes back the epochs that aren't over yet. Changes `s`; true if it did.
    function _uncount(Standing memory s, address worker, address provider) private returns (bool) {
        uint256 from = _max(epochAt(block.timestamp), s.countedFrom);
        uint256 to = s.countedTo;
        if (from >= to) return false;
        s.countedTo = uint32(from);
        _add(provider, from, to, s.countedWeight, false);
        emit Uncounted(worker, provider, from, to, s.countedWeight);
        return true;
    }

    function _add(address provider, uint256 from, uint256 to, uint256 weight, bool more) private {
        mapping(uint256 group => uint256) storage poolWeights = _poolWeights[provider];
        while (from < to) {
            (uint256 group, uint256 shift) = _place(from);
            uint256 added;
            uint256 total = _totalWeights[group];
            for (; from < to && from / PACKED == group; ++from) {
                if (more && uint32(total >> shift) + weight > type(uint32).max) {
                    revert WeightOutOfBounds(uint32(total >> shift) + weight, type(uint32).max);
                }
                added |= weight << shift;
                shift += 32;
            }
            // No lane overflows into the next: a pool's is never above the total's, which was just checked.
            unchecked {
                if (more) {
                    (_totalWeights[group], poolWeights[group]) = (total + added, poolWeights[group] + added);
                } else {
                    (_totalWeights[group], poolWeights[group]) = (total - added, poolWeights[group] - added);
                }
            }
        }
    }

    /// @dev The first epoch that begins at an instant or later.
    function _epochFrom(uint256 instant) private view returns (uint256) {
        return instant <= start ? 0 : (instant - start + Schedule.EPOCH - 1) / Schedule.EPOCH;
    }

    function _max(uint256 a, uint256 b) private pure returns (uint256) {
        return a > b ? a : b;
    }
}
