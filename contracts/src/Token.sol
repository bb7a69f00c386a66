// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";

/// @title CLOI, the network's token
/// @notice 18 decimals, never more than 1,000,000,000 whole tokens. Only holders of `MINTER` create tokens.
contract Token is ERC20Capped, ERC20Permit, AccessControl {
    /// @notice May create tokens up to the cap (the emission and claims contracts).
    bytes32 public constant MINTER = keccak256("MINTER");

    /// @param admin Grants and revokes `MINTER`: the governance executor.
    constructor(address admin) ERC20("Cloister", "CLOI") ERC20Permit("Cloister") ERC20Capped(1_000_000_000e18) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
    }

    /// @notice Creates `amount` base units for `to`. Reverts with `ERC20ExceededCap` above the cap.
    function mint(address to, uint256 amount) external onlyRole(MINTER) {
        _mint(to, amount);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Capped) {
        super._update(from, to, amount);
    }
}
