// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ECDSA on P-256 by the precompile (EIP-7951, RIP-7212)
/// @dev OpenZeppelin's library refuses the higher of the two equivalent `s`, which half of all vendors'
/// signatures have.
library P256 {
    address private constant PRECOMPILE = address(0x100);

    /// @notice Whether (r, s) is a signature over `hash` by the key (x, y). False too for points off the
    /// curve, numbers out of range, and on a chain without the precompile.
    function verify(bytes32 hash, uint256 r, uint256 s, uint256 x, uint256 y) internal view returns (bool) {
        (bool done, bytes memory answer) = PRECOMPILE.staticcall(abi.encode(hash, r, s, x, y));
        return done && answer.length == 32 && abi.decode(answer, (uint256)) == 1;
    }
}
