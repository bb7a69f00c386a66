// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {Announcements} from "../libraries/Announcements.sol";

/// @title Collateral: what GPUs need, and what is locked for them
/// @dev Amounts in base units of CLOI.
library Collateral {
    using Announcements for Announcements.Value;

    struct Book {
        /// What a GPU of a class needs.
        mapping(bytes32 gpuClass => Announcements.Value) perGpu;
        /// What is locked for a worker's GPUs, in its provider's pool.
        mapping(address worker => uint256) lockedFor;
    }

    /// @dev What a GPU of a class needs now.
    function perGpuOf(Book storage self, bytes32 gpuClass) internal view returns (uint256) {
        Announcements.Value memory value = self.perGpu[gpuClass];
        return value.get();
    }

    /// @dev What has to be locked for so many GPUs of a class: what they need now, or are announced to need
    /// where that is more.
    function toLock(Book storage self, bytes32 gpuClass, uint256 gpus) internal view returns (uint256) {
        return gpus * Math.max(perGpuOf(self, gpuClass), self.perGpu[gpuClass].next);
    }

    /// @dev Whether what is locked for a worker is enough for such GPUs. Never for a class that needs
    /// nothing, which isn't in.
    function isEnough(Book storage self, address worker, bytes32 gpuClass, uint256 gpus)
        internal
        view
        returns (bool)
    {
        uint256 perGpu = perGpuOf(self, gpuClass);
        return perGpu != 0 && self.lockedFor[worker] >= gpus * perGpu;
    }
}
