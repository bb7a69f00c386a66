// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Governed} from "../governance/Governed.sol";

/// @title LeaseTerms: what leases are paid in, what of it is the treasury's, and how long a notice is
/// @notice Governance changes them within bounds. A lease keeps the fee that it was opened with.
abstract contract LeaseTerms is Governed {
    using SafeERC20 for IERC20;

    struct TokenTerms {
        bool allowed;
        uint8 index;
        /// Hundredths of a percent of what is paid, for leases that are opened now.
        uint16 feeBps;
    }

    error ZeroAddress();
    error ZeroAmount();
    error TokenNotAllowed(address token);
    error TooManyTokens();
    error OutOfBounds(uint256 value, uint256 min, uint256 max);

    event FeesCollected(address indexed token, address treasury, uint256 amount);
    event TokenSet(address indexed token, bool allowed, uint256 feeBps);
    event TreasurySet(address treasury);
    event NoticePeriodSet(uint256 seconds_);

    uint256 public constant MAX_FEE_BPS = 2_000;
    uint256 public constant MIN_NOTICE_PERIOD = 1 hours;
    uint256 public constant MAX_NOTICE_PERIOD = 30 days;

    /// @notice Who the fees are sent to.
    address public treasury;
    /// @notice Seconds between a provider's notice and its right to close.
    uint256 public noticePeriod = 1 days;
    /// @notice Every token that was ever allowed, by index from 0 to `tokenCount` - 1.
    mapping(uint256 index => address) public tokens;
    uint256 public tokenCount;
    mapping(address token => TokenTerms) public termsOf;
    /// @notice Base units of fees that wait for the treasury.
    mapping(address token => uint256) public fees;

    constructor(address treasury_) {
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    /// @notice Sends the fees collected in `token` to the treasury. Anybody may call.
    function collect(address token) external returns (uint256 amount) {
        amount = fees[token];
        if (amount == 0) revert ZeroAmount();
        fees[token] = 0;
        emit FeesCollected(token, treasury, amount);
        IERC20(token).safeTransfer(treasury, amount);
    }

    // GOVERNANCE

    /// @notice Allows or disallows a token for new leases and sets its fee. Open leases keep their fee. A
    /// higher fee is announced; what is new, lower or closes the door to new leases holds at once.
    function setToken(address token, bool allowed, uint256 feeBps) external onlyOwner {
        if (token == address(0)) revert ZeroAddress();
        if (feeBps > MAX_FEE_BPS) revert OutOfBounds(feeBps, 0, MAX_FEE_BPS);
        TokenTerms memory terms = termsOf[token];
        if (tokens[terms.index] == token) {
            if (feeBps > terms.feeBps) _useAnnouncement();
        } else {
            if (tokenCount > type(uint8).max) revert TooManyTokens();
            terms.index = uint8(tokenCount);
            tokens[tokenCount++] = token;
        }
        terms.allowed = allowed;
        terms.feeBps = uint16(feeBps);
        termsOf[token] = terms;
        emit TokenSet(token, allowed, feeBps);
    }

    /// @notice Announced.
    function setTreasury(address treasury_) external onlyOwner {
        _useAnnouncement();
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    /// @notice Sets the notice period, from an hour to 30 days. Notices already given keep theirs.
    /// Announced.
    function setNoticePeriod(uint256 seconds_) external onlyOwner {
        _useAnnouncement();
        if (seconds_ < MIN_NOTICE_PERIOD || seconds_ > MAX_NOTICE_PERIOD) {
            revert OutOfBounds(seconds_, MIN_NOTICE_PERIOD, MAX_NOTICE_PERIOD);
        }
        noticePeriod = seconds_;
        emit NoticePeriodSet(seconds_);
    }
}
