// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Votes} from "@openzeppelin/contracts/governance/utils/Votes.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC20Votes} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Votes.sol";
import {Nonces} from "@openzeppelin/contracts/utils/Nonces.sol";
import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {Governed} from "../governance/Governed.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IToken} from "../interfaces/IToken.sol";

/// @title CLOI, the network's token
/// @notice See `IToken`.
contract Token is IToken, ERC20Capped, ERC20Permit, ERC20Votes, Governed {
    using Checkpoints for Checkpoints.Trace208;

    /// @inheritdoc IToken
    mapping(address minter => uint256) public allotted;
    /// @inheritdoc IToken
    uint256 public unallotted;

    /// @dev Votes of all who are registered, by the second.
    Checkpoints.Trace208 private _registered;

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

    // VOTES

    /// @inheritdoc IToken
    function clock() public view override(IToken, Votes) returns (uint48) {
        return uint48(block.timestamp);
    }

    /// @inheritdoc IToken
    function CLOCK_MODE() public pure override(IToken, Votes) returns (string memory) {
        return "mode=timestamp";
    }

    /// @inheritdoc IToken
    function getPastTotalSupply(uint256 timepoint) public view override(IToken, Votes) returns (uint256) {
        return _registered.upperLookupRecent(_validateTimepoint(timepoint));
    }

    /// @inheritdoc ERC20Permit
    function nonces(address owner) public view override(ERC20Permit, Nonces) returns (uint256) {
        return super.nonces(owner);
    }

    function _update(address from, address to, uint256 amount)
        internal
        override(ERC20, ERC20Capped, ERC20Votes)
    {
        super._update(from, to, amount);
    }

    /// @dev Without OpenZeppelin's history of the supply, which each reward that is created would add to.
    function _transferVotingUnits(address from, address to, uint256 amount) internal override {
        _moveDelegateVotes(delegates(from), delegates(to), amount);
    }

    function _moveDelegateVotes(address from, address to, uint256 amount) internal override {
        super._moveDelegateVotes(from, to, amount);
        if ((from == address(0)) == (to == address(0)) || amount == 0) return;
        // Below the cap, as all that is registered is of what there is.
        uint208 registered = _registered.latest();
        _registered.push(
            clock(), from == address(0) ? registered + uint208(amount) : registered - uint208(amount)
        );
    }
}
