// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Announcements: changes that people can see coming
/// @notice Two kinds. A value that is announced takes the old one's place by itself at its instant
/// (`Value`). A change that is announced has to be made, not before it is ready and not after it has expired,
/// and can be called off until it is made (`Changes`).
/// @dev Instants in Unix seconds; 0 stands for none.
library Announcements {
    /// @dev A value that holds, and the one announced to take its place. One slot.
    struct Value {
        uint96 current;
        /// 0 where none was announced.
        uint96 next;
        /// From when `next` holds.
        uint48 from;
    }

    /// @dev When each announced change may be made.
    struct Changes {
        mapping(bytes32 change => uint256) readyAt;
    }

    /// @notice This change isn't announced, or it was made or called off.
    error NotAnnounced(bytes32 change);
    /// @notice This change may be made from `readyAt` on, Unix seconds.
    error TooEarly(bytes32 change, uint256 readyAt);
    /// @notice This change could be made until `expiredAt`, Unix seconds, and has to be announced again.
    error TooLate(bytes32 change, uint256 expiredAt);

    // VALUES

    /// @dev Whether what was announced for `from` holds now. For structs that pack a value of their own.
    function isDue(uint256 from) internal view returns (bool) {
        return from != 0 && from <= block.timestamp;
    }

    /// @dev The value that holds now.
    function get(Value memory self) internal view returns (uint256) {
        return isDue(self.from) ? self.next : self.current;
    }

    /// @dev Announces `next` for the instant `from`. What was announced before and isn't due is forgotten.
    function announce(Value storage self, uint96 next, uint256 from) internal {
        (self.current, self.next, self.from) = (uint96(get(self)), next, uint48(from));
    }

    // CHANGES

    /// @dev Announces a change that may be made from `readyAt` on. Announced again, it waits anew.
    function announce(Changes storage self, bytes32 change, uint256 readyAt) internal {
        self.readyAt[change] = readyAt;
    }

    /// @dev Calls a change off. Reverts with `NotAnnounced` where there is none.
    function callOff(Changes storage self, bytes32 change) internal {
        if (self.readyAt[change] == 0) revert NotAnnounced(change);
        delete self.readyAt[change];
    }

    /// @dev Uses an announcement up, which is good once. Reverts unless the change may be made now.
    /// @param expiry Seconds for which it can be made once it is ready.
    function use(Changes storage self, bytes32 change, uint256 expiry) internal {
        requireReady(change, self.readyAt[change], expiry);
        delete self.readyAt[change];
    }

    /// @dev Reverts unless a change that is ready at `readyAt` may be made now.
    function requireReady(bytes32 change, uint256 readyAt, uint256 expiry) internal view {
        if (readyAt == 0) revert NotAnnounced(change);
        if (block.timestamp < readyAt) revert TooEarly(change, readyAt);
        if (block.timestamp >= readyAt + expiry) revert TooLate(change, readyAt + expiry);
    }
}
