// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IGoverned} from "../interfaces/IGoverned.sol";
import {Announcements} from "../libraries/Announcements.sol";

/// @title Governed: an owner whose changes are announced longer ahead than stake takes to leave
/// @notice A change that could take, redirect or hold somebody's money is announced with its whole call, 22
/// days ahead. The owner makes it by that very call, within two weeks from then, and can call it off until
/// it is made. Handing over ownership is such a change, and so is giving it up.
/// @dev Functions that make such a change call `_useAnnouncement`. What a contract begins with is set by its
/// constructor, so that nothing has to be changed at once.
abstract contract Governed is IGoverned, Ownable2Step {
    using Announcements for Announcements.Changes;

    /// @inheritdoc IGoverned
    uint256 public constant CHANGE_DELAY = 22 days;
    /// @inheritdoc IGoverned
    uint256 public constant CHANGE_EXPIRY = 14 days;

    Announcements.Changes private _changes;

    /// @inheritdoc IGoverned
    function announce(bytes calldata call) external onlyOwner returns (bytes32 change) {
        change = keccak256(call);
        uint256 ready = block.timestamp + CHANGE_DELAY;
        _changes.announce(change, ready);
        emit Announced(change, call, ready);
    }

    /// @inheritdoc IGoverned
    function callOff(bytes32 change) external onlyOwner {
        _changes.callOff(change);
        emit CalledOff(change);
    }

    /// @inheritdoc IGoverned
    function readyAt(bytes32 change) external view returns (uint256) {
        return _changes.readyAt[change];
    }

    /// @notice Offers ownership to an account, which has to accept it. Announced.
    function transferOwnership(address newOwner) public override onlyOwner {
        _useAnnouncement();
        super.transferOwnership(newOwner);
    }

    /// @notice Gives ownership up for good, so that nothing can be changed any more. Announced.
    function renounceOwnership() public override onlyOwner {
        _useAnnouncement();
        super.renounceOwnership();
    }

    /// @dev Reverts unless the call that is being made was announced, is ready and hasn't expired. An
    /// announcement is good once.
    function _useAnnouncement() internal {
        _changes.use(keccak256(msg.data), CHANGE_EXPIRY);
    }
}
