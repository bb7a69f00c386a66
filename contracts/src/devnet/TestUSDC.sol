// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title A stable token for development networks
/// @notice 6 decimals and worth nothing: anybody may create any amount. Its constructor refuses every chain
/// but 31337.
contract TestUSDC is ERC20, ERC20Permit {
    /// @notice This token exists on development chains only.
    error NotADevelopmentChain(uint256 chainId);

    constructor() ERC20("USD Coin (test)", "USDC") ERC20Permit("USD Coin (test)") {
        if (block.chainid != 31337) revert NotADevelopmentChain(block.chainid);
    }

    function decimals() public pure override returns (uint8) {
        return 6;
    }

    /// @notice Creates `amount` base units for `to`.
    function mint(address to, uint256 amount) external {
        _mint(to, amount);
    }
}
