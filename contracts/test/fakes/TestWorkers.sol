// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Gpus} from "../../src/attestation/Gpus.sol";
import {ICoverageObserver} from "../../src/interfaces/ICoverageObserver.sol";
import {Coverage} from "../../src/libraries/Coverage.sol";

/// @title TestWorkers: stands for Workers in tests of stake and emission, where who vouches for coverage and
/// GPUs does not matter
contract TestWorkers {
    ICoverageObserver public observer;
    mapping(address worker => address) private _provider;
    mapping(address worker => Coverage.Record) private _coverage;
    mapping(address worker => Gpus.ConfirmedGpus) private _gpus;

    function setObserver(ICoverageObserver observer_) external {
        observer = observer_;
    }

    function join(address worker, address provider) external {
        _provider[worker] = provider;
    }

    /// @dev Covers a worker from now, or longer than it is, for some seconds.
    function cover(address worker, uint256 seconds_) external {
        Coverage.Record storage c = _coverage[worker];
        if (block.timestamp > c.until) c.start = uint48(block.timestamp);
        c.until = uint48(block.timestamp + seconds_);
        observer.onCovered(worker, _provider[worker], c.start, c.until);
    }

    function depart(address worker) external {
        _coverage[worker].until = uint48(block.timestamp);
        observer.onCoverageEnded(worker, _provider[worker]);
    }

    function confirm(address worker, bytes32 gpuClass, uint256 gpus, uint256 seconds_) external {
        _gpus[worker] = Gpus.ConfirmedGpus(gpuClass, uint16(gpus), uint48(block.timestamp + seconds_), 0);
        observer.onGpusConfirmed(worker);
    }

    function billing(address worker) external view returns (address, uint256, uint256) {
        return (_provider[worker], 0, _coverage[worker].until);
    }

    function coverageOf(address worker) external view returns (Coverage.Record memory) {
        return _coverage[worker];
    }

    function confirmedGpus(address worker) external view returns (Gpus.ConfirmedGpus memory) {
        return _gpus[worker];
    }

    function gpusOf(address worker) external view returns (bytes32, uint256) {
        Gpus.ConfirmedGpus memory g = _gpus[worker];
        if (g.until <= block.timestamp || _coverage[worker].until <= block.timestamp) return (0, 0);
        return (g.gpuClass, g.gpus);
    }
}
