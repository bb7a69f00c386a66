// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IGoverned: a contract whose owner announces what it changes
/// @notice The owner is the governance executor. A function that says "Announced" can be called by the owner
/// only, `CHANGE_DELAY` after it announced that very call and before `CHANGE_EXPIRY` has passed. It reverts
/// with `Announcements.NotAnnounced`, `TooEarly` or `TooLate` otherwise.
interface IGoverned {
    /// @notice The owner may make the change `call` from `readyAt` on. `change` is the hash of the call.
    event Announced(bytes32 indexed change, bytes call, uint256 readyAt);
    /// @notice The owner will not make this change.
    event CalledOff(bytes32 indexed change);

    /// @notice Announces a change. Owner only.
    /// @param call The call of one of this contract's functions: selector and arguments.
    /// @return change Hash of the call.
    function announce(bytes calldata call) external returns (bytes32 change);

    /// @notice Calls an announced change off. Owner only. Reverts with `NotAnnounced` where there is none.
    function callOff(bytes32 change) external;

    /// @notice When an announced change may be made, Unix seconds; 0 where none is announced.
    function readyAt(bytes32 change) external view returns (uint256);

    /// @notice Seconds between an announcement and its change. An exit from a pool takes a day less
    /// (`IStake.EXIT_SECONDS`).
    function CHANGE_DELAY() external view returns (uint256);

    /// @notice Seconds for which a change can be made once it is ready.
    function CHANGE_EXPIRY() external view returns (uint256);
}
