// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Gpus} from "../attestation/Gpus.sol";
import {Treasury} from "../governance/Treasury.sol";
import {Errors} from "../interfaces/Errors.sol";
import {ICoverageObserver} from "../interfaces/ICoverageObserver.sol";
import {IEmission} from "../interfaces/IEmission.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {IStake} from "../interfaces/IStake.sol";
import {IToken} from "../interfaces/IToken.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Coverage} from "../libraries/Coverage.sol";
import {EpochWeights} from "../libraries/EpochWeights.sol";
import {Schedule} from "../libraries/Schedule.sol";

/// @title Emission: 700,000,000 CLOI over time, and never one unit more
/// @notice See `IEmission`.
contract Emission is IEmission, Treasury {
    using EpochWeights for EpochWeights.Book;

    /// @inheritdoc IEmission
    uint256 public constant MAX_EPOCHS = 512;
    /// @inheritdoc IEmission
    uint256 public constant MAX_CLASS_WEIGHT = 1_000;
    /// @dev The most epochs that an attestation reaches ahead (`IWorkers.MAX_COVERAGE_PERIOD`).
    uint256 private constant AHEAD = 24;

    /// @inheritdoc IEmission
    IToken public immutable token;
    /// @inheritdoc IEmission
    IWorkers public immutable workers;
    /// @inheritdoc IEmission
    IStake public immutable stake;
    /// @inheritdoc IEmission
    uint256 public immutable start;

    /// @inheritdoc IEmission
    uint256 public minted;
    /// @inheritdoc IEmission
    uint256 public collected;
    /// @inheritdoc IEmission
    uint256 public collectedTo;
    /// @inheritdoc IEmission
    mapping(bytes32 gpuClass => uint256) public classWeight;

    mapping(address worker => Standing) private _standing;
    mapping(address provider => PoolStanding) private _poolStanding;
    EpochWeights.Book private _weights;

    modifier onlyStake() {
        if (msg.sender != address(stake)) revert NotStake(msg.sender);
        _;
    }

    modifier onlyWorkers() {
        if (msg.sender != address(workers)) revert NotWorkers(msg.sender);
        _;
    }

    /// @param owner Announces class weights and the treasury: the governance executor.
    /// @param classes What GPUs weigh at first.
    constructor(
        address owner,
        IToken token_,
        IWorkers workers_,
        IStake stake_,
        address treasury_,
        ClassWeight[] memory classes
    ) Ownable(owner) Treasury(treasury_) {
        if (address(token_) == address(0)) revert Errors.ZeroAddress();
        (token, workers, stake, start) = (token_, workers_, stake_, stake_.start());
        for (uint256 i; i < classes.length; ++i) {
            _setClassWeight(classes[i].gpuClass, classes[i].weight);
        }
    }

    // WORKERS

    /// @inheritdoc ICoverageObserver
    function onCovered(address worker, address provider, uint256 coveredFrom, uint256 until)
        external
        onlyWorkers
    {
        Standing memory s = _standing[worker];
        if (s.weight != 0 && _count(s, worker, provider, coveredFrom, until)) _standing[worker] = s;
    }

    /// @inheritdoc ICoverageObserver
    function onCoverageEnded(address worker, address provider) external onlyWorkers {
        Standing memory s = _standing[worker];
        if (_uncount(s, worker, provider)) _standing[worker] = s;
    }

    /// @inheritdoc ICoverageObserver
    function onGpusConfirmed(address worker) external {
        weigh(worker);
    }

    /// @inheritdoc IRewarder
    function weigh(address worker) public {
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
        Coverage.Record memory c = workers.coverageOf(worker);
        if (weight != 0) _count(s, worker, provider, c.start, c.until);
        _standing[worker] = s;
    }

    // STAKE

    /// @inheritdoc IRewarder
    function settle(address provider) external onlyStake returns (uint256 amount, bool done) {
        uint256 pending = _poolStanding[provider].pendingFrom;
        if (pending == 0) return (0, true);
        uint256 closed = epochAt(block.timestamp);
        if (pending > closed) return (0, true);
        uint256 to = _upTo(pending - 1, closed, MAX_EPOCHS);
        amount = _weights.earned(provider, pending - 1, to);
        done = to == closed;
        _poolStanding[provider].pendingFrom =
            done && amount == 0 && !_weights.countsFrom(provider, to, AHEAD) ? 0 : uint32(to + 1);
        if (amount != 0) emit GpusRewarded(provider, pending - 1, to, amount);
    }

    /// @inheritdoc IRewarder
    function pay(address account, uint256 amount) external onlyStake {
        _pay(account, amount);
    }

    /// @inheritdoc IRewarder
    function setBacked(address provider, bool backed) external onlyStake {
        PoolStanding storage pool = _poolStanding[provider];
        pool.unbacked = !backed;
        pool.backedFrom = uint32(block.timestamp);
    }

    // TREASURY

    /// @inheritdoc IEmission
    function collect(uint256 epochs) external returns (uint256 amount) {
        uint256 due = Schedule.forTreasury(_elapsed());
        amount = due - collected;
        collected = due;
        uint256 from = collectedTo;
        uint256 to = _upTo(from, epochAt(block.timestamp), epochs);
        uint256 unearned = _weights.unearned(from, to);
        collectedTo = to;
        amount += unearned;
        if (amount == 0) revert Errors.ZeroAmount();
        emit Collected(treasury, amount, unearned, to);
        _pay(treasury, amount);
    }

    // VIEWS

    /// @inheritdoc IEmission
    function pendingOf(address provider) external view returns (uint256 amount) {
        uint256 pending = _poolStanding[provider].pendingFrom;
        uint256 closed = epochAt(block.timestamp);
        if (pending == 0 || pending > closed) return 0;
        return _weights.earned(provider, pending - 1, _upTo(pending - 1, closed, MAX_EPOCHS));
    }

    /// @inheritdoc IEmission
    function gpuBudgetOf(uint256 epoch) external pure returns (uint256) {
        Schedule.Cursor memory cursor = Schedule.first();
        uint256 before = Schedule.forGpusBefore(cursor, epoch);
        return Schedule.forGpusBefore(cursor, epoch + 1) - before;
    }

    /// @inheritdoc IEmission
    function emitted() external view returns (uint256) {
        return Schedule.emitted(_elapsed());
    }

    /// @inheritdoc IEmission
    function epochAt(uint256 instant) public view returns (uint256) {
        return instant < start ? 0 : (instant - start) / Schedule.EPOCH;
    }

    /// @inheritdoc IEmission
    function weightsOf(address provider, uint256 epoch) external view returns (uint256 pool, uint256 total) {
        return _weights.at(provider, epoch);
    }

    /// @inheritdoc IEmission
    function standingOf(address worker) external view returns (Standing memory) {
        return _standing[worker];
    }

    /// @inheritdoc IEmission
    function poolStandingOf(address provider) external view returns (PoolStanding memory) {
        return _poolStanding[provider];
    }

    // GOVERNANCE

    /// @inheritdoc IEmission
    function setClassWeight(bytes32 gpuClass, uint256 weight) external onlyOwner {
        _useAnnouncement();
        _setClassWeight(gpuClass, weight);
    }

    // INTERNAL

    function _setClassWeight(bytes32 gpuClass, uint256 weight) private {
        if (weight > MAX_CLASS_WEIGHT) revert Errors.OutOfBounds(weight, 0, MAX_CLASS_WEIGHT);
        classWeight[gpuClass] = weight;
        emit ClassWeightSet(gpuClass, weight);
    }

    function _elapsed() private view returns (uint256) {
        return block.timestamp <= start ? 0 : block.timestamp - start;
    }

    /// @dev The last word on supply, whatever else went wrong: no more is created than the schedule has
    /// emitted.
    function _pay(address account, uint256 amount) private {
        uint256 left = Schedule.emitted(_elapsed()) - minted;
        if (amount > left) revert OverSchedule(amount, left);
        minted += amount;
        emit Paid(account, amount);
        token.mint(account, amount);
    }

    /// @dev Counts the epochs from the present one on that lie in all of coverage, verdict, collateral.
    /// Changes `s`; true if it did.
    function _count(Standing memory s, address worker, address provider, uint256 coveredFrom, uint256 until)
        private
        returns (bool)
    {
        PoolStanding memory pool = _poolStanding[provider];
        if (pool.unbacked) return false;
        uint256 stoodFrom = Math.max(Math.max(coveredFrom, s.since), pool.backedFrom);
        // The first epoch that began no earlier, isn't over and isn't counted.
        uint256 from = Math.max(Math.max(epochAt(block.timestamp), _epochFrom(stoodFrom)), s.countedTo);
        uint256 to = epochAt(until < s.gpusUntil ? until : s.gpusUntil);
        if (from >= to) return false;
        if (from != s.countedTo) s.countedFrom = uint32(from);
        (s.countedTo, s.countedWeight) = (uint32(to), s.weight);
        // With coverage of more than an hour another worker of the pool may have been counted for a later
        // epoch first.
        if (pool.pendingFrom == 0 || from + 1 < pool.pendingFrom) {
            _poolStanding[provider].pendingFrom = uint32(from + 1);
        }
        _weights.add(provider, from, to, s.weight);
        emit Counted(worker, provider, from, to, s.weight);
        return true;
    }

    /// @dev Takes back the epochs that aren't over yet. Changes `s`; true if it did.
    function _uncount(Standing memory s, address worker, address provider) private returns (bool) {
        uint256 from = Math.max(epochAt(block.timestamp), s.countedFrom);
        uint256 to = s.countedTo;
        if (from >= to) return false;
        s.countedTo = uint32(from);
        _weights.remove(provider, from, to, s.countedWeight);
        emit Uncounted(worker, provider, from, to, s.countedWeight);
        return true;
    }

    /// @dev The first epoch that begins at an instant or later.
    function _epochFrom(uint256 instant) private view returns (uint256) {
        return instant <= start ? 0 : (instant - start + Schedule.EPOCH - 1) / Schedule.EPOCH;
    }

    /// @dev `closed`, or the epoch that is `most` after `from` where that comes first.
    function _upTo(uint256 from, uint256 closed, uint256 most) private pure returns (uint256) {
        return closed - from > most ? from + most : closed;
    }
}
