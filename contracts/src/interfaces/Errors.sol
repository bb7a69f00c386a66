// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Errors: what several contracts refuse for
/// @notice One name and one selector for one reason, whichever contract gives it. What only one contract
/// refuses for is declared in that contract's interface, or in the library that finds it.
interface Errors {
    /// @notice An address is zero that must not be.
    error ZeroAddress();
    /// @notice An amount is zero: there is nothing to put in, to take out or to collect.
    error ZeroAmount();
    /// @notice A hash is zero that must name something.
    error ZeroHash();
    /// @notice `value` is less than `min` or more than `max`, in the unit of what was to be set.
    error OutOfBounds(uint256 value, uint256 min, uint256 max);
    /// @notice Two lists that belong together have `first` and `second` elements.
    error LengthsDiffer(uint256 first, uint256 second);
    /// @notice The signature isn't that of the account it has to be of.
    error BadSignature();
    /// @notice Nobody has registered this worker.
    error UnknownWorker(address worker);
    /// @notice `account` isn't the worker's provider: it called, or a verdict names it.
    error NotProvider(address account);
    /// @notice The worker's coverage ended at `until`, Unix seconds; 0 if it never had any.
    error WorkerNotCovered(address worker, uint256 until);
    /// @notice There is no such lease, or it is closed or refused.
    error LeaseNotOpen(bytes32 lease);
}
