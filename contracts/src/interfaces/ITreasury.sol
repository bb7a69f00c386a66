// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ITreasury: a contract that pays the treasury
interface ITreasury {
    /// @notice What is the treasury's goes to this account from now on.
    event TreasurySet(address treasury);

    /// @notice The account that what is the treasury's goes to.
    function treasury() external view returns (address);

    /// @notice Names another account. Announced. Reverts with `ZeroAddress`.
    function setTreasury(address treasury_) external;
}
