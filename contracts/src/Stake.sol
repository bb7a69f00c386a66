// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Collateral} from "./Collateral.sol";
import {IRewarder} from "./IRewarder.sol";
import {Schedule} from "./Schedule.sol";
import {Shares} from "./Shares.sol";
import {Workers} from "./Workers.sol";

/// @title Stake: one pool a provider, and delegators' shares in it
/// @notice A pool is a provider's collateral. Whoever puts CLOI in gets shares; leaving takes 21 days, in which the stake can still be
/// slashed. Slashing hits one pool, what is active in it and what is leaving it alike, and never another one. Rewards are
/// kept apart from stake, so that a pool's worth changes by deposits, exits and slashing alone. Delegators can always leave: neither
/// collateral nor rewards that can't be reckoned hold them. A provider can't take out what is locked for its GPUs in service.
/// All active stake shares 40% of what the schedule emits, by amount and by the second. What a provider's GPUs earn is shared
/// half and half between it and its pool, by shares, for as long as they were there.
/// @dev Amounts in base units of CLOI. Rounding is always in favour of the pool (see Shares). Tokens sent here by hand are nobody's
/// and change nothing.
/// Balance of CLOI ≥ stake + exits; equal where nobody sent any by hand. Rewards aren't held: Emission creates them when taken.
contract Stake is Collateral {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;

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

    /// @dev Four slots.
    struct Pool {
        /// Active stake and its shares.
        uint96 assets;
        uint128 shares;
        /// Hundredths of a percent that the provider keeps of what its pool's stake earns, before it is shared.
        uint16 commissionBps;
        /// An announced higher one.
        uint16 nextCommissionBps;
        /// What is leaving, and its own shares.
        uint96 exitAssets;
        uint128 exitShares;
        /// What a unit of active stake had earned, times 2^96, when the pool was last brought up to date.
        uint128 paidPerAsset;
        /// Collateral of GPUs in service: the provider can't take out what leaves less. Others can, and then the GPUs earn nothing.
        uint96 locked;
        /// Unix seconds from which the announced commission holds; 0 if none was announced.
        uint32 nextCommissionFrom;
        /// Rewards ever shared out, per share, times `Shares.PRECISION`. `Shares.LEAST` keeps it below 2^128.
        uint128 rewardPerShare;
        /// The provider's commission and half of its GPUs' rewards, not yet taken.
        uint96 providerOwed;
    }

    /// @dev What slashes took of a pool lately. One slot.
    struct SlashedLately {
        /// Of `WHOLE`, as of `at`. It wears off evenly, by `MAX_SLASH_BPS` in `SLASH_PERIOD`.
        uint64 part;
        uint48 at;
    }

    /// @dev All active stake. One slot.
    struct Totals {
        /// What a unit of active stake has earned since the beginning, times 2^96.
        uint128 perAsset;
        uint96 active;
        /// Unix seconds up to which `perAsset` reckons.
        uint32 syncedAt;
    }

    struct Position {
        uint128 shares;
        /// The pool's `rewardPerShare` up to which `owed` reckons.
        uint128 paidPerShare;
        uint128 owed;
    }

    /// @dev One who is leaving. `shares` are exit shares of the pool's.
    struct Exit {
        address account;
        uint48 readyAt;
        address provider;
        uint128 shares;
    }

    error ZeroAmount();
    error NoShares();
    error TooFewShares(uint256 found, uint256 asked);
    error NotYourExit(uint256 id);
    error NotReady(uint256 id, uint256 readyAt);
    error RedelegatedRecently(uint256 until);
    error OwnPartTooSmall(uint256 found, uint256 needed);
    error SamePool();
    error LengthsDiffer(uint256 providers, uint256 accounts);
    error ProviderStays();
    error UnsettledEpochs(address provider);
    error NotSlasher(address caller);
    error OutOfBounds(uint256 value, uint256 min, uint256 max);
    error SlashedEnough(address provider, uint256 asked, uint256 room);
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
    event ExitCancelled(uint256 indexed id, address indexed provider, address indexed account, uint256 amount);
    event ExitWithdrawn(uint256 indexed id, address indexed provider, address indexed account, uint256 amount);
    /// @notice `shares` of `from`'s pool, worth `amount`, became stake in `to`'s (see the `Delegated` before it).
    event Redelegated(address indexed from, address indexed to, address indexed account, uint256 amount, uint256 shares);
    /// @notice A pool was brought up to date: its stake earned `stakeReward`, of which `commission` is the provider's, and its GPUs
    /// `gpuReward`, of which `providerPart` is the provider's.
    event PoolRewarded(
        address indexed provider, uint256 stakeReward, uint256 commission, uint256 gpuReward, uint256 providerPart
    );
    event RewardClaimed(address indexed provider, address indexed account, uint256 amount);
    event Slashed(address indexed provider, uint256 active, uint256 exiting, address reporter, uint256 reward, bytes32 reason);
    event CommissionSet(address indexed provider, uint256 bps, uint256 from);
    event UnearnedCollected(uint256 amount);
    event SlasherSet(address slasher);
    event TreasurySet(address treasury);
    /// @notice Nobody moves stake out of a pool to another one before `until`.
    event MovesHeldUntil(address indexed provider, uint256 until);

    uint256 public constant EXIT_SECONDS = 21 days;
    /// @notice Notice that a higher commission is announced with, in seconds. Who asks to leave earlier earns nothing, and pays none.
    uint256 public constant NOTICE = 7 days;
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    /// @notice The part of a pool that has to be its provider's own before others may add to it.
    uint256 public constant MIN_OWN_BPS = 1_000;
    /// @notice The most that slashes take of a pool at once, all together; and as much again every `SLASH_PERIOD` seconds.
    uint256 public constant MAX_SLASH_BPS = 1_000;
    uint256 public constant SLASH_PERIOD = 7 days;
    uint256 public constant MAX_REPORTER_BPS = 2_000;
    uint256 private constant BPS = 10_000;
    uint256 private constant WHOLE = 1e18;
    uint256 private constant MAX_SLASH = WHOLE * MAX_SLASH_BPS / BPS;

    uint256 private constant ASSET_PRECISION = 2 ** 96;
    /// @dev With less active stake than one CLOI in the whole network nobody earns, which keeps `perAsset` in its bounds:
    /// 280,000,000e18 × 2^96 / 1e18 < 2^128.
    uint256 private constant MIN_ACTIVE = 1e18;

    IERC20 public immutable token;
    /// @notice When emission begins, Unix seconds.
    uint256 public immutable start;

    /// @notice Where slashed stake goes, less what the reporter gets.
    address public treasury;
    /// @notice Takes stake away on proof: the slashing contract.
    address public slasher;
    /// @notice What all stake would have earned in times when there was none, for the treasury.
    uint256 public unearned;

    /// @notice Exit shares of a provider's pool that are its own.
    mapping(address provider => uint256) public ownExitShares;
    uint256 public exitCount;
    Totals private _totals;
    mapping(address provider => Pool) private _pool;
    mapping(address provider => mapping(address account => Position)) private _position;
    mapping(uint256 id => Exit) private _exit;
    mapping(address account => uint256) public redelegatedAt;
    /// @notice Until when nobody moves stake out of a pool to another one, Unix seconds. Leaving is never held.
    mapping(address provider => uint256) public movesHeldUntil;
    mapping(address provider => SlashedLately) private _slashed;

    /// @param owner Announces another slasher or treasury and sets collateral: the governance executor.
    /// @param classes What GPUs need at first.
    constructor(address owner, Parts memory parts, ClassCollateral[] memory classes)
        Ownable(owner)
        Collateral(parts.workers, parts.rewarder, classes)
    {
        if (address(parts.token) == address(0) || parts.treasury == address(0)) revert ZeroAddress();
        (token, slasher, treasury, start) = (parts.token, parts.slasher, parts.treasury, parts.start);
        _totals.syncedAt = parts.start.toUint32();
        emit SlasherSet(parts.slasher);
        emit TreasurySet(parts.treasury);
    }

    // STAKE

    /// @notice Puts `amount` into a provider's pool. A provider does so itself, first: a tenth of a pool has to be its own
    /// before others may add to it.
    function delegate(address provider, uint256 amount) public returns (uint256 shares) {
        if (provider == address(0)) revert ZeroAddress();
        shares = _enter(provider, msg.sender, amount);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice The same with the allowance signed (ERC-2612) rather than sent. A permit that was used already does no harm.
    function delegateWithPermit(address provider, uint256 amount, uint256 deadline, uint8 v, bytes32 r, bytes32 s)
        external
        returns (uint256 shares)
    {
        try IERC20Permit(address(token)).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return delegate(provider, amount);
    }

    /// @notice Begins to leave with some shares; what they are worth can be withdrawn after 21 days, less what is slashed until
    /// then. Earns nothing from now on. Nobody but the pool's provider is ever held; a pool that lay idle for weeks is settled first.
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

    /// @notice Takes out what is left of an exit, once it is ready.
    function withdraw(uint256 id) external returns (uint256 amount) {
        Exit memory e = _ownExit(id);
        if (block.timestamp < e.readyAt) revert NotReady(id, e.readyAt);
        amount = _takeExit(id, e);
        emit ExitWithdrawn(id, e.provider, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Moves stake to another pool without the waiting time, at most once per waiting time and account. A provider can't leave
    /// its own pool this way: its stake answers for what it did there. Nor can anybody while a slash of the pool is announced.
    function redelegate(address from, address to, uint256 shares) external returns (uint256 newShares) {
        if (from == to) revert SamePool();
        if (from == msg.sender) revert ProviderStays();
        if (to == address(0)) revert ZeroAddress();
        uint256 last = redelegatedAt[msg.sender];
        if (last != 0 && block.timestamp < last + EXIT_SECONDS) revert RedelegatedRecently(last + EXIT_SECONDS);
        uint256 held = movesHeldUntil[from];
        if (block.timestamp < held) revert MovesHeld(from, held);
        redelegatedAt[msg.sender] = block.timestamp;
        uint256 amount = _leave(from, msg.sender, shares);
        newShares = _enter(to, msg.sender, amount);
        emit Redelegated(from, to, msg.sender, amount, shares);
    }

    // REWARDS

    /// @notice Brings a pool up to date: shares out what its stake and its GPUs have earned. Happens by itself whenever somebody
    /// enters, leaves or claims. A pool with very many epochs to look at takes several calls.
    /// @return done Whether no ended epoch is left over.
    function settle(address provider) public returns (bool done) {
        Pool storage pool = _pool[provider];
        uint256 shares = pool.shares;
        uint256 perAsset = _syncTotals();
        uint256 stakeReward = uint256(pool.assets) * (perAsset - pool.paidPerAsset) / ASSET_PRECISION;
        pool.paidPerAsset = uint128(perAsset);
        // A pool that next to nobody has a share of leaves all to its provider.
        bool isShared = shares >= Shares.LEAST;
        // An announced commission holds from the first settlement after its date, never for what was earned before.
        uint256 commission = isShared ? stakeReward * pool.commissionBps / BPS : stakeReward;
        if (pool.nextCommissionFrom != 0 && pool.nextCommissionFrom <= block.timestamp) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) = (pool.nextCommissionBps, 0, 0);
        }
        uint256 gpuReward;
        (gpuReward, done) = rewarder.settle(provider);
        if (stakeReward + gpuReward == 0) return done;
        uint256 providerPart = isShared ? gpuReward / 2 : gpuReward;
        uint256 shared = stakeReward - commission + gpuReward - providerPart;
        pool.providerOwed += (commission + providerPart).toUint96();
        if (shared > 0) pool.rewardPerShare += Shares.perShare(shared, shares).toUint128();
        emit PoolRewarded(provider, stakeReward, commission, gpuReward, providerPart);
    }

    /// @notice Pays an account's rewards of a pool out to it; its provider's commission and GPU rewards too. Anybody may call it.
    function claimReward(address provider, address account) public returns (uint256 amount) {
        settle(provider);
        Position storage position = _accrue(provider, account);
        amount = position.owed;
        if (amount > 0) position.owed = 0;
        if (account == provider) {
            amount += _pool[provider].providerOwed;
            _pool[provider].providerOwed = 0;
        }
        if (amount == 0) return 0;
        emit RewardClaimed(provider, account, amount);
        rewarder.pay(account, amount);
    }

    /// @notice The same for many at once, `accounts[i]` in the pool of `providers[i]`.
    function claimRewards(address[] calldata providers, address[] calldata accounts) external returns (uint256 amount) {
        if (providers.length != accounts.length) revert LengthsDiffer(providers.length, accounts.length);
        for (uint256 i; i < providers.length; ++i) amount += claimReward(providers[i], accounts[i]);
    }

    /// @notice Sends the treasury what stake would have earned while there was none. Anybody.
    function collectUnearned() external returns (uint256 amount) {
        _syncTotals();
        amount = unearned;
        if (amount == 0) revert ZeroAmount();
        unearned = 0;
        emit UnearnedCollected(amount);
        rewarder.pay(treasury, amount);
    }

    // PROVIDERS

    /// @notice Sets the caller's commission, in hundredths of a percent: a lower one at once, a higher one after a week.
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert OutOfBounds(bps, 0, MAX_COMMISSION_BPS);
        _settleAll(msg.sender);
        Pool storage pool = _pool[msg.sender];
        uint256 from = block.timestamp;
        if (bps <= pool.commissionBps) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), 0, 0);
        } else {
            from += NOTICE;
            (pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), uint32(from));
        }
        emit CommissionSet(msg.sender, bps, from);
    }

    // SLASHING

    /// @notice Takes `amount` out of a pool, of active and exiting stake in proportion. All slashes together take a tenth of both at once
    /// at the most, and a tenth every seven days from then on (`slashRoomOf`). The reporter gets `reporterBps` of it, but no more
    /// than half of what it costs the provider itself, so that no provider gains by reporting itself at its delegators' expense. The
    /// treasury gets the rest. Slasher only.
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        returns (uint256 taken)
    {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        if (reporterBps > MAX_REPORTER_BPS) revert OutOfBounds(reporterBps, 0, MAX_REPORTER_BPS);
        if (amount == 0) revert ZeroAmount();
        // What was earned until now was earned by the stake that was there. Should that fail, stake answers all the same.
        try this.settle(provider) {} catch {}
        Pool storage pool = _pool[provider];
        uint256 whole = uint256(pool.assets) + pool.exitAssets;
        taken = amount;
        _useSlashRoom(provider, whole, taken);
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

    /// @notice Holds stake of a pool from moving to another one until `until`, for as long as exits take at the most; leaving it takes that
    /// long and is slashed along. Slasher only.
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
        return (uint256(pool.assets) + pool.exitAssets) * (MAX_SLASH - _slashedPart(provider)) / WHOLE;
    }

    function poolOf(address provider) external view returns (Pool memory) {
        return _pool[provider];
    }

    function exitOf(uint256 id) external view returns (Exit memory) {
        return _exit[id];
    }

    /// @notice All active stake, and what a unit of it has earned, times 2^96, up to `syncedAt`.
    function totals() external view returns (Totals memory) {
        return _totals;
    }

    /// @notice An account's part of a pool: its shares, what they are worth now, and rewards it could claim as of the pool's last
    /// settlement (its provider's commission and GPU rewards included).
    function positionOf(address provider, address account)
        external
        view
        returns (uint256 shares, uint256 worth, uint256 rewards)
    {
        Position memory position = _position[provider][account];
        Pool memory pool = _pool[provider];
        shares = position.shares;
        worth = Shares.toAssets(shares, pool.assets, pool.shares);
        rewards = position.owed + Shares.rewardOf(shares, pool.rewardPerShare - position.paidPerShare);
        if (account == provider) rewards += pool.providerOwed;
    }

    /// @notice What is left of an exit.
    function exitWorth(uint256 id) external view returns (uint256) {
        Exit memory e = _exit[id];
        Pool memory pool = _pool[e.provider];
        return Shares.toAssets(e.shares, pool.exitAssets, pool.exitShares);
    }

    /// @notice The commission that the next settlement after now takes, in hundredths of a percent.
    function commissionOf(address provider) external view returns (uint256) {
        Pool storage pool = _pool[provider];
        bool isDue = pool.nextCommissionFrom != 0 && pool.nextCommissionFrom <= block.timestamp;
        return isDue ? pool.nextCommissionBps : pool.commissionBps;
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

    /// @inheritdoc Collateral
    function _changeLocked(address provider, uint256 needed, uint256 held) internal override returns (uint256 locked) {
        Pool storage pool = _pool[provider];
        (uint256 assets, uint256 before) = (pool.assets, pool.locked);
        locked = before + needed - held;
        if (needed > held && locked > assets) revert CollateralLocked(assets, locked);
        pool.locked = locked.toUint96();
        _tellBacked(provider, assets < before, assets < locked);
    }

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
        // What can't be reckoned holds nobody; who leaves then leaves the rewards since the last settlement to those who stay.
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

    /// @dev Brings a pool up to date, or reverts where that takes more than one call: `settle` it first.
    function _settleAll(address provider) private {
        if (!settle(provider)) revert UnsettledEpochs(provider);
    }

    /// @dev What a unit of active stake has earned until now, times 2^96.
    function _syncTotals() private returns (uint256 perAsset) {
        Totals memory t = _totals;
        if (block.timestamp <= t.syncedAt) return t.perAsset;
        uint256 reward = Schedule.forStakeBetween(t.syncedAt - start, block.timestamp - start);
        if (t.active < MIN_ACTIVE) unearned += reward;
        else t.perAsset += uint128(reward * ASSET_PRECISION / t.active);
        t.syncedAt = uint32(block.timestamp);
        _totals = t;
        return t.perAsset;
    }

    /// @dev What slashes took of a pool lately and hasn't worn off, of `WHOLE`.
    function _slashedPart(address provider) private view returns (uint256) {
        SlashedLately memory s = _slashed[provider];
        uint256 worn = (block.timestamp - s.at) * MAX_SLASH / SLASH_PERIOD;
        return s.part > worn ? s.part - worn : 0;
    }

    /// @dev Takes `taken` of `whole` out of what slashes may take of a pool.
    function _useSlashRoom(address provider, uint256 whole, uint256 taken) private {
        uint256 part = _slashedPart(provider);
        uint256 room = whole * (MAX_SLASH - part) / WHOLE;
        if (taken > room) revert SlashedEnough(provider, taken, room);
        _slashed[provider] = SlashedLately(uint64(part + Math.ceilDiv(taken * WHOLE, whole)), uint48(block.timestamp));
    }

    /// @dev Tells Emission where a pool came to have less than is locked in it, or has it again.
    function _tellBacked(address provider, bool wasShort, bool isShort) private {
        if (wasShort != isShort) rewarder.setBacked(provider, !isShort);
    }

    /// @dev What of a slash is the provider's own loss, rounded down.
    function _ownLoss(address provider, Pool storage pool, uint256 active, uint256 exiting) private view returns (uint256) {
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

    /// @dev Brings what an account is owed up to date, before its shares change.
    function _accrue(address provider, address account) private returns (Position storage position) {
        position = _position[provider][account];
        uint128 perShare = _pool[provider].rewardPerShare;
        uint256 shares = position.shares;
        if (shares != 0) position.owed += Shares.rewardOf(shares, perShare - position.paidPerShare).toUint128();
        if (position.paidPerShare != perShare) position.paidPerShare = perShare;
    }
}
