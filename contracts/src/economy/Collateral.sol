// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Governed} from "../governance/Governed.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {Workers} from "../market/Workers.sol";

/// @title Collateral: what GPUs in service lock of their provider's pool
/// @notice A GPU earns emission only with collateral for it: active stake of its provider's pool. While it
/// is locked the provider itself can't take it out; delegators may leave all the same, and with less than is
/// locked the pool's GPUs earn nothing.
/// @dev Amounts in base units of CLOI.
abstract contract Collateral is Governed {
    using SafeCast for uint256;

    /// @notice What one GPU of a class needs.
    struct ClassCollateral {
        bytes32 gpuClass;
        uint96 amount;
    }

    /// @dev What a class's GPU needs, and an announced amount with the instant (Unix seconds) from which it
    /// holds.
    struct Terms {
        uint96 amount;
        uint96 next;
        uint32 nextFrom;
    }

    error ZeroAddress();
    error NotProvider(address caller);
    error UnknownWorker(address worker);
    error CollateralLocked(uint256 assets, uint256 locked);

    /// @notice So much is locked for a worker now, and for all workers of its provider together.
    event CollateralSet(address indexed provider, address indexed worker, uint256 amount, uint256 locked);
    event CollateralPerGpuSet(bytes32 indexed gpuClass, uint256 amount, uint256 from);

    /// @notice Seconds after which anybody may let go of collateral for GPUs that nobody vouches for any
    /// more.
    uint256 public constant RELEASE_AFTER = 1 days;

    Workers public immutable workers;
    /// @notice Reckons what GPUs earn and creates rewards: the Emission contract.
    IRewarder public immutable rewarder;

    mapping(bytes32 gpuClass => Terms) private _terms;
    /// @notice Collateral that is locked for a worker's GPUs, in its provider's pool.
    mapping(address worker => uint256) public lockedFor;

    constructor(Workers workers_, IRewarder rewarder_, ClassCollateral[] memory classes) {
        if (address(workers_) == address(0) || address(rewarder_) == address(0)) revert ZeroAddress();
        (workers, rewarder) = (workers_, rewarder_);
        for (uint256 i; i < classes.length; ++i) {
            _terms[classes[i].gpuClass] = Terms(classes[i].amount, 0, 0);
            emit CollateralPerGpuSet(classes[i].gpuClass, classes[i].amount, block.timestamp);
        }
    }

    /// @notice Locks, or lets go of, the collateral that a worker's GPUs need: what verifiers vouch for now,
    /// times what its class needs, or is announced to need where that is more. Its provider may do so at any
    /// time. Once nobody has vouched for them for a day, anybody may let go, so that a provider that is gone
    /// holds nobody's stake.
    function setCollateral(address worker) external {
        (address provider,,) = workers.billing(worker);
        if (provider == address(0)) revert UnknownWorker(worker);
        (bytes32 gpuClass, uint256 gpus) = workers.gpusOf(worker);
        if (msg.sender != provider) {
            uint256 until = workers.confirmedGpus(worker).until;
            if (gpus != 0 || until + RELEASE_AFTER > block.timestamp) revert NotProvider(msg.sender);
        }
        uint256 needed = gpus * Math.max(collateralPerGpu(gpuClass), _terms[gpuClass].next);
        uint256 held = lockedFor[worker];
        if (needed != held) {
            uint256 locked = _changeLocked(provider, needed, held);
            lockedFor[worker] = needed;
            emit CollateralSet(provider, worker, needed, locked);
        }
        rewarder.weigh(worker);
    }

    /// @notice What a GPU of a class needs of its provider's pool now.
    function collateralPerGpu(bytes32 gpuClass) public view returns (uint256) {
        Terms memory c = _terms[gpuClass];
        return c.nextFrom != 0 && c.nextFrom <= block.timestamp ? c.next : c.amount;
    }

    /// @notice Whether what is locked for a worker is enough for such GPUs. Never for a class that nothing
    /// is asked for.
    function isCollateralised(address worker, bytes32 gpuClass, uint256 gpus) external view returns (bool) {
        uint256 perGpu = collateralPerGpu(gpuClass);
        return perGpu != 0 && lockedFor[worker] >= gpus * perGpu;
    }

    /// @notice Sets what a GPU of a class needs of its provider's pool, from `CHANGE_DELAY` on: more can be
    /// locked already until then, less would let others earn at once. Zero takes the class out.
    function setCollateralPerGpu(bytes32 gpuClass, uint256 amount) external onlyOwner {
        uint256 from = block.timestamp + CHANGE_DELAY;
        _terms[gpuClass] = Terms(uint96(collateralPerGpu(gpuClass)), amount.toUint96(), uint32(from));
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
