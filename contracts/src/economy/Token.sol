// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {Governed} from "../governance/Governed.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IToken} from "../interfaces/IToken.sol";

/// @title CLOI, the network's token
/// @notice See `IToken`.
contract Token is IToken, ERC20Capped, ERC20Permit, Governed {
    /// @inheritdoc IToken
    mapping(address minter => uint256) public allotted;
    /// @inheritdoc IToken
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
            revert Errors.LengthsDiffer(minters.length, amounts.length);
        }
        unallotted = cap();
        for (uint256 i; i < minters.length; ++i) {
            _allot(minters[i], amounts[i]);
        }
    }

    /// @inheritdoc IToken
    function mint(address to, uint256 amount) external {
        uint256 left = allotted[msg.sender];
        if (amount > left) revert OverAllotment(msg.sender, amount, left);
        allotted[msg.sender] = left - amount;
        _mint(to, amount);
    }

    /// @inheritdoc IToken
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
