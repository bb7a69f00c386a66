// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Treasury} from "../governance/Treasury.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IStake} from "../interfaces/IStake.sol";
import {Shares} from "../libraries/Shares.sol";
import {SlashRoom} from "../libraries/SlashRoom.sol";
import {Collateral} from "./Collateral.sol";
import {Pools} from "./Pools.sol";

/// @title Stake: one pool a provider, and delegators' shares in it
/// @notice See `IStake`. What GPUs lock is in `Collateral`, what stake earns in `Pools`.
contract Stake is Pools {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using SlashRoom for SlashRoom.Lately;

    /// @inheritdoc IStake
    uint256 public constant EXIT_SECONDS = 21 days;
    /// @inheritdoc IStake
    uint256 public constant MIN_OWN_BPS = 1_000;
    /// @inheritdoc IStake
    uint256 public constant MAX_SLASH_BPS = SlashRoom.MAX_BPS;
    /// @inheritdoc IStake
    uint256 public constant SLASH_PERIOD = SlashRoom.PERIOD;
    /// @inheritdoc IStake
    uint256 public constant MAX_REPORTER_BPS = 2_000;

    /// @inheritdoc IStake
    IERC20 public immutable token;

    /// @inheritdoc IStake
    address public slasher;

    /// @inheritdoc IStake
    mapping(address provider => uint256) public ownExitShares;
    /// @inheritdoc IStake
    uint256 public exitCount;
    mapping(uint256 id => Exit) private _exit;
    /// @inheritdoc IStake
    mapping(address account => uint256) public redelegatedAt;
    /// @inheritdoc IStake
    mapping(address provider => uint256) public movesHeldUntil;
    mapping(address provider => SlashRoom.Lately) private _slashed;

    /// @param owner Announces another slasher or treasury and sets collateral: the governance executor.
    /// @param classes What GPUs need at first.
    constructor(address owner, Parts memory parts, ClassCollateral[] memory classes)
        Ownable(owner)
        Collateral(parts.workers, parts.rewarder, classes)
        Pools(parts.start)
        Treasury(parts.treasury)
    {
        if (address(parts.token) == address(0)) revert Errors.ZeroAddress();
        (token, slasher) = (parts.token, parts.slasher);
        emit SlasherSet(parts.slasher);
    }

    // STAKE

    /// @inheritdoc IStake
    function delegate(address provider, uint256 amount) public returns (uint256 shares) {
        if (provider == address(0)) revert Errors.ZeroAddress();
        shares = _enter(provider, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @inheritdoc IStake
    function delegateWithPermit(
        address provider,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 shares) {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {}
            catch {}
        return delegate(provider, amount);
    }

    /// @inheritdoc IStake
    function requestExit(address provider, uint256 shares) external returns (uint256 id) {
        uint256 amount = _leave(provider, msg.sender, shares);
        Pool storage pool = _pool[provider];
        uint256 exitShares = Shares.toShares(amount, pool.exitAssets, pool.exitShares);
        if (exitShares == 0) revert Errors.ZeroAmount();
        pool.exitAssets += amount.toUint96();
        pool.exitShares += exitShares.toUint128();
        if (msg.sender == provider) ownExitShares[provider] += exitShares;
        id = ++exitCount;
        uint256 readyAt = block.timestamp + EXIT_SECONDS;
        _exit[id] = Exit(msg.sender, uint48(readyAt), provider, exitShares.toUint128());
        emit ExitRequested(id, provider, msg.sender, amount, shares, exitShares, readyAt);
    }

    /// @inheritdoc IStake
    function cancelExit(uint256 id) external returns (uint256 shares) {
        Exit memory e = _ownExit(id);
        uint256 amount = _takeExit(id, e);
        shares = _enter(e.provider, msg.sender, amount);
        emit ExitCancelled(id, e.provider, msg.sender, amount);
    }

    /// @inheritdoc IStake
    function withdraw(uint256 id) external returns (uint256 amount) {
        Exit memory e = _ownExit(id);
        if (block.timestamp < e.readyAt) revert NotReady(id, e.readyAt);
        amount = _takeExit(id, e);
        emit ExitWithdrawn(id, e.provider, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @inheritdoc IStake
    function redelegate(address from, address to, uint256 shares) external returns (uint256 newShares) {
        if (from == to) revert SamePool();
        if (from == msg.sender) revert ProviderStays();
        if (to == address(0)) revert Errors.ZeroAddress();
        uint256 last = redelegatedAt[msg.sender];
        if (last != 0 && block.timestamp < last + EXIT_SECONDS) {
            revert RedelegatedRecently(last + EXIT_SECONDS);
        }
        uint256 held = movesHeldUntil[from];
        if (block.timestamp < held) revert MovesHeld(from, held);
        redelegatedAt[msg.sender] = block.timestamp;
        uint256 amount = _leave(from, msg.sender, shares);
        newShares = _enter(to, msg.sender, amount);
        emit Redelegated(from, to, msg.sender, amount, shares);
    }

    // SLASHING

    /// @inheritdoc IStake
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        returns (uint256 taken)
    {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        if (reporterBps > MAX_REPORTER_BPS) revert Errors.OutOfBounds(reporterBps, 0, MAX_REPORTER_BPS);
        if (amount == 0) revert Errors.ZeroAmount();
        // What was earned until now was earned by the stake that was there. Should that fail, stake answers
        // all the same.
        try this.settle(provider) {} catch {}
        Pool storage pool = _pool[provider];
        uint256 whole = uint256(pool.assets) + pool.exitAssets;
        taken = amount;
        _slashed[provider].use(provider, whole, taken);
        uint256 exiting = taken * pool.exitAssets / whole;
        uint256 toReporter = reporter == address(0)
            ? 0
            : Math.min(taken * reporterBps / BPS, _ownLoss(provider, pool, taken - exiting, exiting) / 2);
        (uint256 assets, uint256 locked) = (pool.assets, pool.locked);
        pool.exitAssets -= exiting.toUint96();
        pool.assets = (assets - (taken - exiting)).toUint96();
        _totals.active -= (taken - exiting).toUint96();
        _tellBacked(provider, assets < locked, pool.assets < locked);
        emit Slashed(provider, taken - exiting, exiting, reporter, toReporter, reason);
        if (toReporter > 0) token.safeTransfer(reporter, toReporter);
        token.safeTransfer(treasury, taken - toReporter);
    }

    /// @inheritdoc IStake
    function holdMoves(address provider, uint256 until) external {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        uint256 latest = block.timestamp + EXIT_SECONDS;
        if (until > latest) revert Errors.OutOfBounds(until, 0, latest);
        movesHeldUntil[provider] = until;
        emit MovesHeldUntil(provider, until);
    }

    // VIEWS

    /// @inheritdoc IStake
    function slashRoomOf(address provider) external view returns (uint256) {
        Pool storage pool = _pool[provider];
        return _slashed[provider].roomOf(uint256(pool.assets) + pool.exitAssets);
    }

    /// @inheritdoc IStake
    function exitOf(uint256 id) external view returns (Exit memory) {
        return _exit[id];
    }

    /// @inheritdoc IStake
    function exitWorth(uint256 id) external view returns (uint256) {
        Exit memory e = _exit[id];
        Pool memory pool = _pool[e.provider];
        return Shares.toAssets(e.shares, pool.exitAssets, pool.exitShares);
    }

    // GOVERNANCE

    /// @inheritdoc IStake
    function setSlasher(address slasher_) external onlyOwner {
        _useAnnouncement();
        slasher = slasher_;
        emit SlasherSet(slasher_);
    }

    // INTERNAL

    /// @dev The pool is brought up to date first: who enters has no part in what was earned before.
    function _enter(address provider, address account, uint256 amount) private returns (uint256 shares) {
        if (amount == 0) revert Errors.ZeroAmount();
        _settleAll(provider);
        Position storage position = _accrue(provider, account);
        Pool storage pool = _pool[provider];
        (uint256 assets, uint256 locked) = (pool.assets, pool.locked);
        shares = Shares.toShares(amount, assets, pool.shares);
        if (shares == 0) revert NoShares();
        pool.assets = (assets + amount).toUint96();
        pool.shares += shares.toUint128();
        _totals.active += amount.toUint96();
        position.shares += shares.toUint128();
        if (account != provider) _requireOwnPart(provider, pool);
        _tellBacked(provider, assets < locked, assets + amount < locked);
        emit Delegated(provider, account, amount, shares);
    }

    function _leave(address provider, address account, uint256 shares) private returns (uint256 amount) {
        // What can't be reckoned holds nobody; who leaves then leaves the rewards since the last settlement
        // to those who stay.
        try this.settle(provider) returns (bool done) {
            if (!done) revert UnsettledEpochs(provider);
        } catch {}
        Position storage position = _accrue(provider, account);
        if (shares == 0) revert Errors.ZeroAmount();
        if (shares > position.shares) revert TooFewShares(position.shares, shares);
        Pool storage pool = _pool[provider];
        amount = Shares.toAssets(shares, pool.assets, pool.shares);
        position.shares -= shares.toUint128();
        pool.shares -= shares.toUint128();
        pool.assets -= amount.toUint96();
        _totals.active -= amount.toUint96();
        (uint256 assets, uint256 locked) = (pool.assets, pool.locked);
        if (account == provider) {
            if (assets < locked) revert CollateralLocked(assets, locked);
            // It goes last, or keeps its part.
            if (pool.shares > position.shares) _requireOwnPart(provider, pool);
        }
        _tellBacked(provider, assets + amount < locked, assets < locked);
    }

    /// @dev What of a slash is the provider's own loss, rounded down.
    function _ownLoss(address provider, Pool storage pool, uint256 active, uint256 exiting)
        private
        view
        returns (uint256)
    {
        return Shares.lossOf(_position[provider][provider].shares, active, pool.shares)
            + Shares.lossOf(ownExitShares[provider], exiting, pool.exitShares);
    }

    function _requireOwnPart(address provider, Pool storage pool) private view {
        uint256 own = _position[provider][provider].shares;
        uint256 needed = Math.ceilDiv(uint256(pool.shares) * MIN_OWN_BPS, BPS);
        if (own < needed) revert OwnPartTooSmall(own, needed);
    }

    function _ownExit(uint256 id) private view returns (Exit memory e) {
        e = _exit[id];
        if (e.account != msg.sender) revert NotYourExit(id);
    }

    function _takeExit(uint256 id, Exit memory e) private returns (uint256 amount) {
        Pool storage pool = _pool[e.provider];
        amount = Shares.toAssets(e.shares, pool.exitAssets, pool.exitShares);
        pool.exitShares -= e.shares;
        pool.exitAssets -= amount.toUint96();
        if (e.account == e.provider) ownExitShares[e.provider] -= e.shares;
        delete _exit[id];
    }
}
