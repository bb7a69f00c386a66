// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title What is too long for a transaction, kept in pieces as the code of contracts that do nothing
/// @dev A byte of code costs 200 gas once, and is read for next to nothing however often a list is gone
/// through.
library ListPieces {
    /// @notice A piece is too long to be stored, or isn't stored at the address given.
    error PieceNotStored();

    /// @notice Stores a piece, of at most 24,575 bytes (EIP-170); its address is what it is called by.
    function store(bytes calldata piece) internal returns (address at) {
        // PUSH3 length, DUP1, PUSH1 12, PUSH0, CODECOPY, PUSH0, RETURN and one byte to spare: returns what
        // stands behind. That begins with STOP, so that nobody can run it.
        bytes memory code =
            abi.encodePacked(hex"62", uint24(piece.length + 1), hex"80600c5f395ff300", hex"00", piece);
        assembly ("memory-safe") {
            at := create(0, add(code, 32), mload(code))
        }
        if (at == address(0)) revert PieceNotStored();
    }

    /// @notice Pieces put together again, in order.
    function join(address[] calldata pieces) internal view returns (bytes memory whole) {
        uint256 length;
        for (uint256 i; i < pieces.length; ++i) {
            if (pieces[i].code.length == 0) revert PieceNotStored();
            length += pieces[i].code.length - 1;
        }
        whole = new bytes(length);
        uint256 filled;
        for (uint256 i; i < pieces.length; ++i) {
            address piece = pieces[i];
            assembly ("memory-safe") {
                let size := sub(extcodesize(piece), 1)
                extcodecopy(piece, add(add(whole, 32), filled), 1, size)
                filled := add(filled, size)
            }
        }
    }
}
