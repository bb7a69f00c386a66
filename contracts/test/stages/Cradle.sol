// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {vm} from "../Vm.sol";

/// @dev Creates one contract, whose address is known before: whom workers tell of coverage is fixed before
/// that contract can be there.
contract Cradle {
    function create(bytes memory code) external returns (address made) {
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        require(made != address(0), "what was to be created failed");
    }

    function next() external view returns (address) {
        return vm.computeCreateAddress(address(this), 1);
    }
}
