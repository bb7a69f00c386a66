// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token whose issuer can stop it, as that of USDC can.
contract PausableToken is ERC20("pausable", "P") {
    bool private _isPaused;

    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }

    function pause(bool on) external {
        _isPaused = on;
    }

    function _update(address from, address to, uint256 amount) internal override {
        require(!_isPaused, "paused");
        super._update(from, to, amount);
    }
}
