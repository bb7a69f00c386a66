// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token that calls an account before each transfer, as those of ERC-777 do.
contract CallingToken is ERC20("calling", "C") {
    address private _called;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function callBefore(address called) external {
        _called = called;
    }

    function _update(address from, address to, uint256 amount) internal override {
        if (from != address(0) && _called != address(0)) {
            (bool done, bytes memory returned) = _called.call(abi.encodeWithSignature("onTransfer()"));
            require(done, string(returned));
        }
        super._update(from, to, amount);
    }
}
