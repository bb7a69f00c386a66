// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Errors} from "../interfaces/Errors.sol";
import {ITill} from "../interfaces/ITill.sol";

/// @title Till: the tokens that a contract takes, owes and pays out
/// @notice A contract that takes money keeps it in a till: which tokens it takes and at what fee, what it
/// owes to whom (`credit`), and what of it is the treasury's (`fees`). Money leaves a till when whoever is
/// owed takes it.
/// @dev Whatever a contract holds beside the till is its own to count: for every token, its balance = what it
/// holds for others + credits + fees. Tokens must move exactly the amount asked: no fee on transfer, no
/// rebasing. Amounts in base units of their token; fees in hundredths of a percent.
library Till {
    using SafeERC20 for IERC20;

    /// @dev How a token is taken. One slot.
    struct Terms {
        bool allowed;
        /// Index into `Books.tokens`.
        uint8 index;
        /// Of what is paid from now on.
        uint16 feeBps;
    }

    struct Books {
        mapping(address token => Terms) termsOf;
        /// Every token that was ever allowed, by index from 0 to `tokenCount` - 1.
        mapping(uint256 index => address) tokens;
        uint256 tokenCount;
        /// Waits for the treasury.
        mapping(address token => uint256) fees;
        /// May be withdrawn by the account.
        mapping(address account => mapping(address token => uint256)) credit;
    }

    /// @notice An ERC-2612 permit for the contract; `deadline` zero means none is given.
    struct Permit {
        uint256 value;
        uint256 deadline;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    uint256 internal constant MAX_FEE_BPS = 2_000;
    uint256 private constant BPS = 10_000;

    // TOKENS

    /// @dev Allows or disallows a token and sets its fee. Returns whether a known token's fee was raised.
    function setToken(Books storage self, address token, bool allowed, uint256 feeBps)
        internal
        returns (bool isRaised)
    {
        if (token == address(0)) revert Errors.ZeroAddress();
        if (feeBps > MAX_FEE_BPS) revert Errors.OutOfBounds(feeBps, 0, MAX_FEE_BPS);
        Terms memory terms = self.termsOf[token];
        if (self.tokens[terms.index] == token) {
            isRaised = feeBps > terms.feeBps;
        } else {
            if (self.tokenCount > type(uint8).max) revert ITill.TooManyTokens();
            terms.index = uint8(self.tokenCount);
            self.tokens[self.tokenCount++] = token;
        }
        (terms.allowed, terms.feeBps) = (allowed, uint16(feeBps));
        self.termsOf[token] = terms;
        emit ITill.TokenSet(token, allowed, feeBps);
    }

    /// @dev The terms of a token. Reverts with `TokenNotAllowed` where it isn't taken.
    function requireAllowed(Books storage self, address token) internal view returns (Terms memory terms) {
        terms = self.termsOf[token];
        if (!terms.allowed) revert ITill.TokenNotAllowed(token);
    }

    // IN

    /// @dev Takes `amount` from the caller, with its permit where one is given.
    function pull(address token, uint256 amount, Permit calldata permit) internal {
        if (permit.deadline != 0) {
            // A permit that somebody else has handed in already leaves the allowance it grants, so a failure
            // is no harm.
            try IERC20Permit(token)
                .permit(
                    msg.sender, address(this), permit.value, permit.deadline, permit.v, permit.r, permit.s
                ) {}
                catch {}
        }
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
    }

    // OWED

    /// @dev The fee on `amount`, rounded down, and whether that is all of it.
    function feeOf(uint96 amount, uint16 feeBps) internal pure returns (uint256 fee, bool isExact) {
        // 96 and 16 bits fit.
        unchecked {
            uint256 product = uint256(amount) * feeBps;
            (fee, isExact) = (product / BPS, product % BPS == 0);
        }
    }

    /// @dev Owes `amount` to an account.
    function owe(Books storage self, address account, address token, uint256 amount) internal {
        if (amount != 0) self.credit[account][token] += amount;
    }

    /// @dev Owes `fee` to the treasury.
    function oweFee(Books storage self, address token, uint256 fee) internal {
        if (fee != 0) self.fees[token] += fee;
    }

    // OUT

    /// @dev Sends all that the caller is owed in `token` to `to`.
    function withdraw(Books storage self, address token, address to) internal returns (uint256 amount) {
        if (to == address(0)) revert Errors.ZeroAddress();
        amount = self.credit[msg.sender][token];
        if (amount == 0) revert Errors.ZeroAmount();
        self.credit[msg.sender][token] = 0;
        emit ITill.Withdrawn(msg.sender, token, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @dev Sends the fees in `token` to the treasury.
    function collect(Books storage self, address token, address treasury) internal returns (uint256 amount) {
        amount = self.fees[token];
        if (amount == 0) revert Errors.ZeroAmount();
        self.fees[token] = 0;
        emit ITill.FeesCollected(token, treasury, amount);
        IERC20(token).safeTransfer(treasury, amount);
    }
}
