// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Governed} from "../governance/Governed.sol";

/// @title CLOI, the network's token
/// @notice 18 decimals, never more than 1,000,000,000 whole tokens. Each of them belongs to at most one
/// allotment: an amount that one account, the minter, may create. An allotment is never taken back, raised
/// by another's loss or shared, so what emission has yet to create can't run out. What isn't allotted when
/// the token is deployed can be allotted by its owner, 22 days after it announced so; nobody can create
/// anything otherwise.
contract Token is ERC20Capped, ERC20Permit, Governed {
    error OverAllotment(address minter, uint256 asked, uint256 left);
    error OverCap(uint256 asked, uint256 left);
    error LengthsDiffer(uint256 minters, uint256 amounts);

    /// @notice `minter` may create `amount` base units more than before.
    event Allotted(address indexed minter, uint256 amount);

    /// @notice Base units that an account may still create.
    mapping(address minter => uint256) public allotted;
    /// @notice Base units that are nobody's to create.
    uint256 public unallotted;

    /// @param owner Announces further allotments: the governance executor.
    /// @param minters Who may create tokens from the beginning: the Emission contract and, where there is
    /// one, the Claims contract.
    /// @param amounts Base units that each of them may create.
    constructor(address owner, address[] memory minters, uint256[] memory amounts)
        ERC20("Cloister", "CLOI")
        ERC20Permit("Cloister")
        ERC20Capped(1_000_000_000e18)
        Ownable(owner)
    {
        if (minters.length != amounts.length) {
            revert LengthsDiffer(minters.length, amounts.length);
        }
        unallotted = cap();
        for (uint256 i; i < minters.length; ++i) {
            _allot(minters[i], amounts[i]);
        }
    }

    /// @notice Creates `amount` base units for `to`, out of the caller's allotment.
    function mint(address to, uint256 amount) external {
        uint256 left = allotted[msg.sender];
        if (amount > left) revert OverAllotment(msg.sender, amount, left);
        allotted[msg.sender] = left - amount;
        _mint(to, amount);
    }

    /// @notice Lets `minter` create `amount` base units of what is nobody's yet. Announced.
    function allot(address minter, uint256 amount) external onlyOwner {
        _useAnnouncement();
        _allot(minter, amount);
    }

    function _allot(address minter, uint256 amount) internal {
        if (amount > unallotted) revert OverCap(amount, unallotted);
        unallotted -= amount;
        allotted[minter] += amount;
        emit Allotted(minter, amount);
    }

    function _update(address from, address to, uint256 amount) internal override(ERC20, ERC20Capped) {
        super._update(from, to, amount);
    }
}
