// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title ITill: what a contract that takes money shows of its till
/// @dev Amounts in base units of their token; fees in hundredths of a percent. See `Till`.
interface ITill {
    /// @notice A token that is taken, and what of 10,000 parts of what is paid in it are the treasury's.
    struct TokenFee {
        address token;
        uint256 feeBps;
    }

    /// @notice The contract doesn't take this token now.
    error TokenNotAllowed(address token);
    /// @notice 256 tokens were allowed already, and one more can't be.
    error TooManyTokens();

    /// @notice A token is taken, or not, and `feeBps` of what is paid in it are the treasury's.
    event TokenSet(address indexed token, bool allowed, uint256 feeBps);
    /// @notice `account` took all it was owed in `token`, and had it sent to `to`.
    event Withdrawn(address indexed account, address indexed token, address to, uint256 amount);
    /// @notice The fees that had come together in `token` were sent to the treasury.
    event FeesCollected(address indexed token, address treasury, uint256 amount);

    /// @notice Sends all that the caller is owed in `token` to `to`.
    /// Reverts with `ZeroAddress` where `to` is zero, and with `ZeroAmount` where nothing is owed.
    /// @return amount What was sent.
    function withdraw(address token, address to) external returns (uint256 amount);

    /// @notice Sends the fees collected in `token` to the treasury. Anybody may call.
    /// Reverts with `ZeroAmount` where there are none.
    /// @return amount What was sent.
    function collect(address token) external returns (uint256 amount);

    /// @notice Allows or disallows a token and sets its fee. Owner only. A known token's higher fee is
    /// announced; what is new, lower or closes the door holds at once. What is open already keeps its fee.
    /// Reverts with `ZeroAddress`, with `OutOfBounds` beyond `MAX_FEE_BPS`, and with `TooManyTokens`.
    function setToken(address token, bool allowed, uint256 feeBps) external;

    /// @notice What an account may withdraw.
    function credit(address account, address token) external view returns (uint256);

    /// @notice Fees that wait for the treasury.
    function fees(address token) external view returns (uint256);

    /// @notice Every token that was ever allowed, by index from 0 to `tokenCount` - 1; zero beyond.
    function tokens(uint256 index) external view returns (address);

    /// @notice How many tokens were ever allowed.
    function tokenCount() external view returns (uint256);

    /// @notice Whether a token is taken, its index in `tokens`, and the fee on what is opened now.
    function termsOf(address token) external view returns (bool allowed, uint8 index, uint16 feeBps);

    /// @notice The highest fee there can be.
    function MAX_FEE_BPS() external view returns (uint256);
}
