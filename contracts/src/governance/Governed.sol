// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

/// @title Governed: an owner whose changes are announced longer ahead than stake takes to leave
/// @notice A change that could take, redirect or hold somebody's money is announced with its whole call, 22
/// days ahead. The owner makes it by that very call, within two weeks from then, and can call it off until
/// it is made. Handing over ownership is such a change, and so is giving it up.
/// @dev Functions that make such a change call `_useAnnouncement`. What a contract begins with is set by its
/// constructor, so that nothing has to be changed at once.
abstract contract Governed is Ownable2Step {
    error NotAnnounced(bytes32 change);
    error TooEarly(bytes32 change, uint256 readyAt);
    error TooLate(bytes32 change, uint256 expiredAt);

    /// @notice The owner may make the change `call` from `readyAt` on. `change` is the hash of the call.
    event Announced(bytes32 indexed change, bytes call, uint256 readyAt);
    event CalledOff(bytes32 indexed change);

    /// @notice Seconds between an announcement and the change, and from then on until it can't be made any
    /// more. An exit from a pool takes a day less (`Stake.EXIT_SECONDS`).
    uint256 public constant CHANGE_DELAY = 22 days;
    uint256 public constant CHANGE_EXPIRY = 14 days;

    /// @notice When an announced change may be made, Unix seconds; 0 where none is announced.
    mapping(bytes32 change => uint256) public readyAt;

    /// @notice Announces a change: the call of one of this contract's functions, selector and arguments.
    function announce(bytes calldata call) external onlyOwner returns (bytes32 change) {
        change = keccak256(call);
        uint256 ready = block.timestamp + CHANGE_DELAY;
        readyAt[change] = ready;
        emit Announced(change, call, ready);
    }

    /// @notice Calls an announced change off.
    function callOff(bytes32 change) external onlyOwner {
        if (readyAt[change] == 0) revert NotAnnounced(change);
        delete readyAt[change];
        emit CalledOff(change);
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
        bytes32 change = keccak256(msg.data);
        uint256 ready = readyAt[change];
        if (ready == 0) revert NotAnnounced(change);
        if (block.timestamp < ready) revert TooEarly(change, ready);
        if (block.timestamp >= ready + CHANGE_EXPIRY) revert TooLate(change, ready + CHANGE_EXPIRY);
        delete readyAt[change];
    }
}
