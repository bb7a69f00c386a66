// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Errors} from "../interfaces/Errors.sol";
import {ISplitter} from "../interfaces/ISplitter.sol";
import {Governed} from "./Governed.sol";

/// @title Splitter: divides what comes in between the treasury and the community pool
/// @notice See `ISplitter`.
contract Splitter is ISplitter, Governed {
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    /// @inheritdoc ISplitter
    uint256 public constant MAX_SHARE_BPS = 5_000;
    uint256 private constant BPS = 10_000;

    /// @inheritdoc ISplitter
    address public immutable treasury;
    /// @inheritdoc ISplitter
    address public immutable pool;
    /// @inheritdoc ISplitter
    uint256 public shareBps;
    /// @inheritdoc ISplitter
    mapping(address token => uint256) public remainderOf;
    mapping(address token => Passed) private _passed;

    /// @param owner Announces the share: the governance executor.
    constructor(address owner, address treasury_, address pool_, uint256 shareBps_) Ownable(owner) {
        if (treasury_ == address(0) || pool_ == address(0)) revert Errors.ZeroAddress();
        (treasury, pool) = (treasury_, pool_);
        _setShare(shareBps_);
    }

    /// @inheritdoc ISplitter
    function split(address token) external returns (uint256 toTreasury, uint256 toPool) {
        uint256 amount = IERC20(token).balanceOf(address(this));
        if (amount == 0) revert Errors.ZeroAmount();
        uint256 parts = amount * shareBps + remainderOf[token];
        // Never more than came: the share is at most a half, and the remainder less than one unit.
        toPool = parts / BPS;
        toTreasury = amount - toPool;
        remainderOf[token] = parts % BPS;
        Passed storage passed = _passed[token];
        passed.toTreasury = (passed.toTreasury + toTreasury).toUint128();
        passed.toPool = (passed.toPool + toPool).toUint128();
        emit Split(token, toTreasury, toPool);
        if (toPool != 0) IERC20(token).safeTransfer(pool, toPool);
        if (toTreasury != 0) IERC20(token).safeTransfer(treasury, toTreasury);
    }

    /// @inheritdoc ISplitter
    function passedOf(address token) external view returns (Passed memory) {
        return _passed[token];
    }

    /// @inheritdoc ISplitter
    function setShare(uint256 shareBps_) external onlyOwner {
        _useAnnouncement();
        _setShare(shareBps_);
    }

    function _setShare(uint256 shareBps_) private {
        if (shareBps_ > MAX_SHARE_BPS) revert Errors.OutOfBounds(shareBps_, 0, MAX_SHARE_BPS);
        shareBps = shareBps_;
        emit ShareSet(shareBps_);
    }
}
