// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Shares: what shares of a heap are worth, and what rewards come to for each
/// @dev Everything is rounded down, which is in favour of who stays. Stake is below 2^96 and shares are
/// below 2^128, so that no product overflows; one that did would revert. What is said here of all values is
/// proven in contracts/proofs.
library Shares {
    /// @dev A heap counts as if it had so many shares, and one unit, more than it has (OpenZeppelin's
    /// virtual offset for ERC-4626): an attack on whoever comes first costs more than it brings.
    uint256 internal constant VIRTUAL = 1e6;
    uint256 internal constant PRECISION = 1e27;
    /// @dev With fewer shares than this, of some 10^-8 CLOI, a pool shares nothing out. So the sum of all
    /// that is ever shared out, less than 10^27 base units, comes to less than 2^128 a share.
    uint256 internal constant LEAST = 1e16;

    /// @dev Shares that `amount` brings in a heap of `assets` and `shares`.
    function toShares(uint256 amount, uint256 assets, uint256 shares) internal pure returns (uint256) {
        return amount * (shares + VIRTUAL) / (assets + 1);
    }

    /// @dev What `amount` of all `shares` is worth.
    function toAssets(uint256 amount, uint256 assets, uint256 shares) internal pure returns (uint256) {
        return amount * (assets + 1) / (shares + VIRTUAL);
    }

    /// @dev What `amount` of all `shares` loses where `taken` is taken out of the heap.
    function lossOf(uint256 amount, uint256 taken, uint256 shares) internal pure returns (uint256) {
        return amount * taken / (shares + VIRTUAL);
    }

    /// @dev What each share gets of `reward`, times `PRECISION`. There must be shares.
    function perShare(uint256 reward, uint256 shares) internal pure returns (uint256) {
        return reward * PRECISION / shares;
    }

    /// @dev What `shares` get where each gets `each`, times `PRECISION`.
    function rewardOf(uint256 shares, uint256 each) internal pure returns (uint256) {
        return shares * each / PRECISION;
    }
}
