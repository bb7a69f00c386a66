// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Collateral} from "./Collateral.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {Pools} from "./Pools.sol";
import {Shares} from "../libraries/Shares.sol";
import {SlashRoom} from "../libraries/SlashRoom.sol";
import {Workers} from "../market/Workers.sol";

/// @title Stake: one pool a provider, and delegators' shares in it
/// @notice A pool is a provider's collateral. Whoever puts CLOI in gets shares; leaving takes 21 days, in
/// which the stake can still be slashed. Slashing hits one pool, what is active in it and what is leaving it
/// alike, and never another one. Delegators can always leave: neither collateral nor rewards that can't be
/// reckoned hold them. A provider can't take out what is locked for its GPUs in service. What stake earns is
/// in Pools; a pool's worth changes by deposits, exits and slashing alone.
/// @dev Amounts in base units of CLOI. Rounding is always in favour of the pool (see Shares). Tokens sent
/// here by hand are nobody's and change nothing. Balance of CLOI ≥ stake + exits; equal where nobody sent
/// any by hand.
contract Stake is Pools {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using SlashRoom for SlashRoom.Lately;

    /// @notice What Stake is deployed with.
    struct Parts {
        IERC20 token;
        Workers workers;
        /// Reckons what GPUs earn and creates rewards.
        IRewarder rewarder;
        address slasher;
        address treasury;
        /// When emission begins, Unix seconds.
        uint256 start;
    }

    /// @dev One who is leaving. `shares` are exit shares of the pool's.
    struct Exit {
        address account;
        uint48 readyAt;
        address provider;
        uint128 shares;
    }

    error NoShares();
    error TooFewShares(uint256 found, uint256 asked);
    error NotYourExit(uint256 id);
    error NotReady(uint256 id, uint256 readyAt);
    error RedelegatedRecently(uint256 until);
    error OwnPartTooSmall(uint256 found, uint256 needed);
    error SamePool();
    error ProviderStays();
    error NotSlasher(address caller);
    error MovesHeld(address provider, uint256 until);

    event Delegated(address indexed provider, address indexed account, uint256 amount, uint256 shares);
    /// @notice `shares` became an exit worth `amount`, with `exitShares` of what is leaving the pool.
    event ExitRequested(
        uint256 indexed id,
        address indexed provider,
        address indexed account,
        uint256 amount,
        uint256 shares,
        uint256 exitShares,
        uint256 readyAt
    );
    /// @notice What was left of an exit is active stake again (see the `Delegated` before it).
    event ExitCancelled(
        uint256 indexed id, address indexed provider, address indexed account, uint256 amount
    );
    event ExitWithdrawn(
        uint256 indexed id, address indexed provider, address indexed account, uint256 amount
    );
    /// @notice `shares` of `from`'s pool, worth `amount`, became stake in `to`'s (see the `Delegated` before
    /// it).
    event Redelegated(
        address indexed from, address indexed to, address indexed account, uint256 amount, uint256 shares
    );
    event Slashed(
        address indexed provider,
        uint256 active,
        uint256 exiting,
        address reporter,
        uint256 reward,
        bytes32 reason
    );
    event SlasherSet(address slasher);
    event TreasurySet(address treasury);
    /// @notice Nobody moves stake out of a pool to another one before `until`.
    event MovesHeldUntil(address indexed provider, uint256 until);

    uint256 public constant EXIT_SECONDS = 21 days;
    /// @notice The part of a pool that has to be its provider's own before others may add to it.
    uint256 public constant MIN_OWN_BPS = 1_000;
    /// @notice The most that slashes take of a pool at once, all together; and as much again every
    /// `SLASH_PERIOD` seconds.
    uint256 public constant MAX_SLASH_BPS = SlashRoom.MAX_BPS;
    uint256 public constant SLASH_PERIOD = SlashRoom.PERIOD;
    uint256 public constant MAX_REPORTER_BPS = 2_000;

    IERC20 public immutable token;

    /// @notice Takes stake away on proof: the slashing contract.
    address public slasher;

    /// @notice Exit shares of a provider's pool that are its own.
    mapping(address provider => uint256) public ownExitShares;
    uint256 public exitCount;
    mapping(uint256 id => Exit) private _exit;
    mapping(address account => uint256) public redelegatedAt;
    /// @notice Until when nobody moves stake out of a pool to another one, Unix seconds. Leaving is never
    /// held.
    mapping(address provider => uint256) public movesHeldUntil;
    mapping(address provider => SlashRoom.Lately) private _slashed;

    /// @param owner Announces another slasher or treasury and sets collateral: the governance executor.
    /// @param classes What GPUs need at first.
    constructor(address owner, Parts memory parts, ClassCollateral[] memory classes)
        Ownable(owner)
        Collateral(parts.workers, parts.rewarder, classes)
        Pools(parts.start, parts.treasury)
    {
        if (address(parts.token) == address(0)) revert ZeroAddress();
        (token, slasher) = (parts.token, parts.slasher);
        emit SlasherSet(parts.slasher);
        emit TreasurySet(parts.treasury);
    }

    // STAKE

    /// @notice Puts `amount` into a provider's pool. A provider does so itself, first: a tenth of a pool has
    /// to be its own before others may add to it.
    function delegate(address provider, uint256 amount) public returns (uint256 shares) {
        if (provider == address(0)) revert ZeroAddress();
        shares = _enter(provider, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice The same with the allowance signed (ERC-2612) rather than sent. A permit that was used
    /// already does no harm.
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

    /// @notice Begins to leave with some shares; what they are worth can be withdrawn after 21 days, less
    /// what is slashed until then. Earns nothing from now on. Nobody but the pool's provider is ever held; a
    /// pool that lay idle for weeks is settled first.
    function requestExit(address provider, uint256 shares) external returns (uint256 id) {
        uint256 amount = _leave(provider, msg.sender, shares);
        Pool storage pool = _pool[provider];
        uint256 exitShares = Shares.toShares(amount, pool.exitAssets, pool.exitShares);
        if (exitShares == 0) revert ZeroAmount();
        pool.exitAssets += amount.toUint96();
        pool.exitShares += exitShares.toUint128();
        if (msg.sender == provider) ownExitShares[provider] += exitShares;
        id = ++exitCount;
        uint256 readyAt = block.timestamp + EXIT_SECONDS;
        _exit[id] = Exit(msg.sender, uint48(readyAt), provider, exitShares.toUint128());
        emit ExitRequested(id, provider, msg.sender, amount, shares, exitShares, readyAt);
    }

    /// @notice Stays after all: what is left of an exit is active stake again.
    function cancelExit(uint256 id) external returns (uint256 shares) {
        Exit memory e = _ownExit(id);
        uint256 amount = _takeExit(id, e);
        shares = _enter(e.provider, msg.sender, amount);
        emit ExitCancelled(id, e.provider, msg.sender, amount);
    }

    /// @notice Takes out what is left of an exit, once it is ready. Slashes reach it until it is taken out.
    function withdraw(uint256 id) external returns (uint256 amount) {
        Exit memory e = _ownExit(id);
        if (block.timestamp < e.readyAt) revert NotReady(id, e.readyAt);
        amount = _takeExit(id, e);
        emit ExitWithdrawn(id, e.provider, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Moves stake to another pool without the waiting time, at most once per waiting time and
    /// account. A provider can't leave its own pool this way: its stake answers for what it did there. Nor
    /// can anybody while a slash of the pool is announced.
    function redelegate(address from, address to, uint256 shares) external returns (uint256 newShares) {
        if (from == to) revert SamePool();
        if (from == msg.sender) revert ProviderStays();
        if (to == address(0)) revert ZeroAddress();
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

    /// @notice Takes `amount` out of a pool, of active and exiting stake in proportion. All slashes together
    /// take a tenth of both at once at the most, and a tenth every seven days from then on (`slashRoomOf`).
    /// The reporter gets `reporterBps` of it, but no more than half of what it costs the provider itself, so
    /// that no provider gains by reporting itself at its delegators' expense. The treasury gets the rest.
    /// Slasher only.
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        returns (uint256 taken)
    {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        if (reporterBps > MAX_REPORTER_BPS) revert OutOfBounds(reporterBps, 0, MAX_REPORTER_BPS);
        if (amount == 0) revert ZeroAmount();
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

    /// @notice Holds stake of a pool from moving to another one until `until`, for as long as exits take at
    /// the most; leaving it takes that long and is slashed along. Slasher only.
    function holdMoves(address provider, uint256 until) external {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        uint256 latest = block.timestamp + EXIT_SECONDS;
        if (until > latest) revert OutOfBounds(until, 0, latest);
        movesHeldUntil[provider] = until;
        emit MovesHeldUntil(provider, until);
    }

    // VIEWS

    /// @notice What slashes may take of a pool now, all together.
    function slashRoomOf(address provider) external view returns (uint256) {
        Pool storage pool = _pool[provider];
        return _slashed[provider].roomOf(uint256(pool.assets) + pool.exitAssets);
    }

    function exitOf(uint256 id) external view returns (Exit memory) {
        return _exit[id];
    }

    /// @notice What is left of an exit.
    function exitWorth(uint256 id) external view returns (uint256) {
        Exit memory e = _exit[id];
        Pool memory pool = _pool[e.provider];
        return Shares.toAssets(e.shares, pool.exitAssets, pool.exitShares);
    }

    // GOVERNANCE

    /// @notice Names who slashes. Zero for nobody. Announced.
    function setSlasher(address slasher_) external onlyOwner {
        _useAnnouncement();
        slasher = slasher_;
        emit SlasherSet(slasher_);
    }

    /// @notice Announced.
    function setTreasury(address treasury_) external onlyOwner {
        _useAnnouncement();
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    // INTERNAL

    /// @dev The pool is brought up to date first: who enters has no part in what was earned before.
    function _enter(address provider, address account, uint256 amount) private returns (uint256 shares) {
        if (amount == 0) revert ZeroAmount();
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
        if (account != provider) _checkOwnPart(provider, pool);
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
        if (shares == 0) revert ZeroAmount();
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
            if (pool.shares > position.shares) _checkOwnPart(provider, pool);
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

    function _checkOwnPart(address provider, Pool storage pool) private view {
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
