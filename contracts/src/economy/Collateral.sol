// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Treasury} from "../governance/Treasury.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {IStake} from "../interfaces/IStake.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Announcements} from "../libraries/Announcements.sol";

/// @title Collateral: what GPUs in service lock of their provider's pool
/// @notice See `IStake`.
abstract contract Collateral is IStake, Treasury {
    using Announcements for Announcements.Value;
    using SafeCast for uint256;

    /// @inheritdoc IStake
    uint256 public constant RELEASE_AFTER = 1 days;

    /// @inheritdoc IStake
    IWorkers public immutable workers;
    /// @inheritdoc IStake
    IRewarder public immutable rewarder;

    mapping(bytes32 gpuClass => Announcements.Value) private _perGpu;
    /// @inheritdoc IStake
    mapping(address worker => uint256) public lockedFor;

    constructor(IWorkers workers_, IRewarder rewarder_, ClassCollateral[] memory classes) {
        if (address(workers_) == address(0) || address(rewarder_) == address(0)) revert Errors.ZeroAddress();
        (workers, rewarder) = (workers_, rewarder_);
        for (uint256 i; i < classes.length; ++i) {
            _perGpu[classes[i].gpuClass].current = classes[i].amount;
            emit CollateralPerGpuSet(classes[i].gpuClass, classes[i].amount, block.timestamp);
        }
    }

    /// @inheritdoc IStake
    function syncCollateral(address worker) external {
        (address provider,,) = workers.billing(worker);
        if (provider == address(0)) revert Errors.UnknownWorker(worker);
        (bytes32 gpuClass, uint256 gpus) = workers.gpusOf(worker);
        if (msg.sender != provider) {
            uint256 until = workers.confirmedGpus(worker).until;
            if (gpus != 0 || until + RELEASE_AFTER > block.timestamp) revert Errors.NotProvider(msg.sender);
        }
        uint256 needed = gpus * Math.max(collateralPerGpu(gpuClass), _perGpu[gpuClass].next);
        uint256 held = lockedFor[worker];
        if (needed != held) {
            uint256 locked = _changeLocked(provider, needed, held);
            lockedFor[worker] = needed;
            emit CollateralSet(provider, worker, needed, locked);
        }
        rewarder.weigh(worker);
    }

    /// @inheritdoc IStake
    function collateralPerGpu(bytes32 gpuClass) public view returns (uint256) {
        Announcements.Value memory perGpu = _perGpu[gpuClass];
        return perGpu.get();
    }

    /// @inheritdoc IStake
    function isCollateralised(address worker, bytes32 gpuClass, uint256 gpus) external view returns (bool) {
        uint256 perGpu = collateralPerGpu(gpuClass);
        return perGpu != 0 && lockedFor[worker] >= gpus * perGpu;
    }

    /// @inheritdoc IStake
    function setCollateralPerGpu(bytes32 gpuClass, uint256 amount) external onlyOwner {
        uint256 from = block.timestamp + CHANGE_DELAY;
        _perGpu[gpuClass].announce(amount.toUint96(), from);
        emit CollateralPerGpuSet(gpuClass, amount, from);
    }

    /// @dev Changes what is locked in a provider's pool for one of its workers from `held` to `needed`.
    /// Reverts with `CollateralLocked` where the pool has less than is locked then. Returns what is locked
    /// for all of them.
    function _changeLocked(address provider, uint256 needed, uint256 held)
        internal
        virtual
        returns (uint256 locked);
}
