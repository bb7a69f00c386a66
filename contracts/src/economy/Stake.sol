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
import {IPower} from "../interfaces/IPower.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {IStake} from "../interfaces/IStake.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";
import {Announcements} from "../libraries/Announcements.sol";
import {Shares} from "../libraries/Shares.sol";
import {SlashRoom} from "../libraries/SlashRoom.sol";
import {Collateral} from "./Collateral.sol";
import {Pools} from "./Pools.sol";

/// @title Stake: one pool a provider, and delegators' shares in it
/// @notice See `IStake`. The books of stake and rewards are `Pools`, those of collateral `Collateral`.
contract Stake is IStake, Treasury {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using Announcements for Announcements.Value;
    using Collateral for Collateral.Book;
    using Pools for Pools.Book;
    using SlashRoom for SlashRoom.Lately;

    /// @inheritdoc IStake
    uint256 public constant EXIT_SECONDS = 21 days;
    /// @inheritdoc IStake
    uint256 public constant MIN_OWN_BPS = Pools.MIN_OWN_BPS;
    /// @inheritdoc IStake
    uint256 public constant MAX_SLASH_BPS = SlashRoom.MAX_BPS;
    /// @inheritdoc IStake
    uint256 public constant SLASH_PERIOD = SlashRoom.PERIOD;
    /// @inheritdoc IStake
    uint256 public constant MAX_REPORTER_BPS = 2_000;
    /// @inheritdoc IStake
    uint256 public constant NOTICE = 7 days;
    /// @inheritdoc IStake
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    /// @inheritdoc IStake
    uint256 public constant RELEASE_AFTER = 1 days;

    /// @inheritdoc IStake
    IERC20 public immutable token;
    /// @inheritdoc IStake
    IWorkers public immutable workers;
    /// @inheritdoc IStake
    IRewarder public immutable rewarder;
    /// @inheritdoc IStake
    IPower public immutable power;
    /// @inheritdoc IStake
    uint256 public immutable start;

    /// @inheritdoc IStake
    address public slasher;
    /// @inheritdoc IStake
    uint256 public exitCount;
    /// @inheritdoc IStake
    mapping(address account => uint256) public redelegatedAt;
    /// @inheritdoc IStake
    mapping(address provider => uint256) public movesHeldUntil;

    Pools.Book private _book;
    Collateral.Book private _collateral;
    mapping(uint256 id => Exit) private _exit;
    mapping(address provider => SlashRoom.Lately) private _slashed;

    modifier onlySlasher() {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        _;
    }

    /// @param owner Announces another slasher or treasury and sets collateral: the governance executor.
    /// @param classes What GPUs need at first.
    constructor(address owner, Parts memory parts, ClassCollateral[] memory classes)
        Ownable(owner)
        Treasury(parts.treasury)
    {
        if (
            address(parts.token) == address(0) || address(parts.workers) == address(0)
                || address(parts.rewarder) == address(0) || address(parts.power) == address(0)
        ) revert Errors.ZeroAddress();
        (token, workers, rewarder) = (parts.token, parts.workers, parts.rewarder);
        (power, start, slasher) = (parts.power, parts.start, parts.slasher);
        _book.totals.syncedAt = parts.start.toUint32();
        for (uint256 i; i < classes.length; ++i) {
            _collateral.perGpu[classes[i].gpuClass].current = classes[i].amount;
            emit CollateralPerGpuSet(classes[i].gpuClass, classes[i].amount, block.timestamp);
        }
        emit SlasherSet(parts.slasher);
    }

    // STAKE

    /// @inheritdoc IStake
    function delegate(address provider, uint256 amount) public returns (uint256 shares) {
        if (provider == address(0)) revert Errors.ZeroAddress();
        shares = _enter(provider, amount);
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
        uint256 amount = _leave(provider, shares);
        uint256 exitShares = _book.addExit(provider, msg.sender, amount);
        if (exitShares == 0) revert Errors.ZeroAmount();
        id = ++exitCount;
        uint256 readyAt_ = block.timestamp + EXIT_SECONDS;
        _exit[id] = Exit(msg.sender, uint48(readyAt_), provider, exitShares.toUint128());
        emit ExitRequested(id, provider, msg.sender, amount, shares, exitShares, readyAt_);
    }

    /// @inheritdoc IStake
    function cancelExit(uint256 id) external returns (uint256 shares) {
        Exit memory e = _requireOwnExit(id);
        uint256 amount = _endExit(id, e);
        shares = _enter(e.provider, amount);
        emit ExitCancelled(id, e.provider, msg.sender, amount);
    }

    /// @inheritdoc IStake
    function withdraw(uint256 id) external returns (uint256 amount) {
        Exit memory e = _requireOwnExit(id);
        if (block.timestamp < e.readyAt) revert NotReady(id, e.readyAt);
        amount = _endExit(id, e);
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
        uint256 amount = _leave(from, shares);
        newShares = _enter(to, amount);
        emit Redelegated(from, to, msg.sender, amount, shares);
    }

    // REWARDS

    /// @inheritdoc IStake
    function settle(address provider) public returns (bool done) {
        return _book.settle(provider, start, rewarder);
    }

    /// @inheritdoc IStake
    function claimReward(address provider, address account) public returns (uint256 amount) {
        settle(provider);
        amount = _book.takeOwed(provider, account);
        if (amount == 0) return 0;
        emit RewardClaimed(provider, account, amount);
        rewarder.pay(account, amount);
    }

    /// @inheritdoc IStake
    function claimRewards(address[] calldata providers, address[] calldata accounts)
        external
        returns (uint256 amount)
    {
        if (providers.length != accounts.length) {
            revert Errors.LengthsDiffer(providers.length, accounts.length);
        }
        for (uint256 i; i < providers.length; ++i) {
            amount += claimReward(providers[i], accounts[i]);
        }
    }

    /// @inheritdoc IStake
    function collectUnearned() external returns (uint256 amount) {
        _book.sync(start);
        amount = _book.unearned;
        if (amount == 0) revert Errors.ZeroAmount();
        _book.unearned = 0;
        emit UnearnedCollected(amount);
        rewarder.pay(treasury, amount);
    }

    // PROVIDERS

    /// @inheritdoc IStake
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert Errors.OutOfBounds(bps, 0, MAX_COMMISSION_BPS);
        _requireSettled(msg.sender);
        Pool storage pool = _book.pool[msg.sender];
        uint256 from = block.timestamp;
        if (bps <= pool.commissionBps) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), 0, 0);
        } else {
            from += NOTICE;
            (pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), uint32(from));
        }
        emit CommissionSet(msg.sender, bps, from);
    }

    /// @inheritdoc IStake
    function syncCollateral(address worker) external {
        (address provider,,) = workers.billing(worker);
        if (provider == address(0)) revert Errors.UnknownWorker(worker);
        (bytes32 gpuClass, uint256 gpus) = workers.gpusOf(worker);
        if (msg.sender != provider) {
            uint256 until = workers.confirmedGpus(worker).until;
            if (gpus != 0 || until + RELEASE_AFTER > block.timestamp) revert Errors.NotProvider(msg.sender);
        }
        uint256 needed = _collateral.toLock(gpuClass, gpus);
        uint256 held = _collateral.lockedFor[worker];
        if (needed != held) {
            _collateral.lockedFor[worker] = needed;
            uint256 locked = _changeLocked(provider, needed, held);
            emit CollateralSet(provider, worker, needed, locked);
        }
        rewarder.weigh(worker);
    }

    // SLASHING

    /// @inheritdoc IStake
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        onlySlasher
        returns (uint256 taken)
    {
        if (reporterBps > MAX_REPORTER_BPS) revert Errors.OutOfBounds(reporterBps, 0, MAX_REPORTER_BPS);
        if (amount == 0) revert Errors.ZeroAmount();
        // What was earned until now was earned by the stake that was there. Should that fail, stake answers
        // all the same.
        try this.settle(provider) {} catch {}
        taken = amount;
        uint256 whole = _book.wholeOf(provider);
        _slashed[provider].use(provider, whole, taken);
        Pool storage pool = _book.pool[provider];
        bool wasShort = pool.assets < pool.locked;
        (uint256 exiting, uint256 ownLoss) = _book.slash(provider, taken, whole);
        _tellPower(provider, address(0));
        _tellBacked(provider, wasShort, pool.assets < pool.locked);
        uint256 toReporter =
            reporter == address(0) ? 0 : Math.min(taken * reporterBps / Pools.BPS, ownLoss / 2);
        emit Slashed(provider, taken - exiting, exiting, reporter, toReporter, reason);
        if (toReporter > 0) token.safeTransfer(reporter, toReporter);
        token.safeTransfer(treasury, taken - toReporter);
    }

    /// @inheritdoc IStake
    function holdMoves(address provider, uint256 until) external onlySlasher {
        uint256 latest = block.timestamp + EXIT_SECONDS;
        if (until > latest) revert Errors.OutOfBounds(until, 0, latest);
        movesHeldUntil[provider] = until;
        emit MovesHeldUntil(provider, until);
    }

    // VIEWS

    /// @inheritdoc IStake
    function poolOf(address provider) external view returns (Pool memory) {
        return _book.pool[provider];
    }

    /// @inheritdoc IStake
    function totals() external view returns (Totals memory) {
        return _book.totals;
    }

    /// @inheritdoc IStake
    function positionOf(address provider, address account)
        external
        view
        returns (uint256 shares, uint256 worth, uint256 rewards)
    {
        Pool storage pool = _book.pool[provider];
        shares = _book.position[provider][account].shares;
        worth = Shares.toAssets(shares, pool.assets, pool.shares);
        rewards = _book.owedTo(provider, account);
    }

    /// @inheritdoc IStake
    function commissionOf(address provider) external view returns (uint256) {
        return _book.commissionOf(provider);
    }

    /// @inheritdoc IStake
    function exitOf(uint256 id) external view returns (Exit memory) {
        return _exit[id];
    }

    /// @inheritdoc IStake
    function exitWorth(uint256 id) external view returns (uint256) {
        Exit memory e = _exit[id];
        Pool storage pool = _book.pool[e.provider];
        return Shares.toAssets(e.shares, pool.exitAssets, pool.exitShares);
    }

    /// @inheritdoc IStake
    function ownExitShares(address provider) external view returns (uint256) {
        return _book.ownExitShares[provider];
    }

    /// @inheritdoc IStake
    function slashRoomOf(address provider) external view returns (uint256) {
        return _slashed[provider].roomOf(_book.wholeOf(provider));
    }

    /// @inheritdoc IStake
    function collateralPerGpu(bytes32 gpuClass) external view returns (uint256) {
        return _collateral.perGpuOf(gpuClass);
    }

    /// @inheritdoc IStake
    function isCollateralised(address worker, bytes32 gpuClass, uint256 gpus) external view returns (bool) {
        return _collateral.isEnough(worker, gpuClass, gpus);
    }

    /// @inheritdoc IStake
    function lockedFor(address worker) external view returns (uint256) {
        return _collateral.lockedFor[worker];
    }

    /// @inheritdoc IStake
    function unearned() external view returns (uint256) {
        return _book.unearned;
    }

    // GOVERNANCE

    /// @inheritdoc IStake
    function setSlasher(address slasher_) external onlyOwner {
        _useAnnouncement();
        slasher = slasher_;
        emit SlasherSet(slasher_);
    }

    /// @inheritdoc IStake
    function setCollateralPerGpu(bytes32 gpuClass, uint256 amount) external onlyOwner {
        uint256 from = block.timestamp + CHANGE_DELAY;
        _collateral.perGpu[gpuClass].announce(amount.toUint96(), from);
        emit CollateralPerGpuSet(gpuClass, amount, from);
    }

    // INTERNAL

    /// @dev Puts the caller's stake into a pool. That is brought up to date first: who enters has no part in
    /// what was earned before.
    function _enter(address provider, uint256 amount) private returns (uint256 shares) {
        if (amount == 0) revert Errors.ZeroAmount();
        _requireSettled(provider);
        Pool storage pool = _book.pool[provider];
        (uint256 assets, uint256 locked) = (pool.assets, pool.locked);
        shares = _book.add(provider, msg.sender, amount);
        _tellPower(provider, msg.sender);
        _tellBacked(provider, assets < locked, assets + amount < locked);
        emit Delegated(provider, msg.sender, amount, shares);
    }

    /// @dev Takes the caller's stake out of a pool.
    function _leave(address provider, uint256 shares) private returns (uint256 amount) {
        // What can't be computed holds nobody; who leaves then leaves the rewards since the last settlement
        // to those who stay.
        try this.settle(provider) returns (bool done) {
            if (!done) revert UnsettledEpochs(provider);
        } catch {}
        if (shares == 0) revert Errors.ZeroAmount();
        amount = _book.remove(provider, msg.sender, shares);
        _tellPower(provider, msg.sender);
        Pool storage pool = _book.pool[provider];
        (uint256 assets, uint256 locked) = (pool.assets, pool.locked);
        _tellBacked(provider, assets + amount < locked, assets < locked);
    }

    function _requireOwnExit(uint256 id) private view returns (Exit memory e) {
        e = _exit[id];
        if (e.account != msg.sender) revert NotYourExit(id);
    }

    function _endExit(uint256 id, Exit memory e) private returns (uint256 amount) {
        delete _exit[id];
        return _book.removeExit(e.provider, e.account, e.shares);
    }

    /// @dev Brings a pool up to date, or reverts where that takes more than one call: `settle` it first.
    function _requireSettled(address provider) private {
        if (!settle(provider)) revert UnsettledEpochs(provider);
    }

    /// @dev Changes what is locked in a provider's pool for one of its workers from `held` to `needed`.
    /// Returns what is locked for all of them.
    function _changeLocked(address provider, uint256 needed, uint256 held) private returns (uint256 locked) {
        Pool storage pool = _book.pool[provider];
        (uint256 assets, uint256 before) = (pool.assets, pool.locked);
        locked = before + needed - held;
        if (needed > held && locked > assets) revert CollateralLocked(assets, locked);
        pool.locked = locked.toUint96();
        _tellBacked(provider, assets < before, assets < locked);
    }

    /// @dev Tells Emission where a pool came to have less than is locked in it, or has it again.
    function _tellBacked(address provider, bool wasShort, bool isShort) private {
        if (wasShort != isShort) rewarder.setBacked(provider, !isShort);
    }

    /// @dev Tells who weighs votes what a pool has now, and what `account` has of it. That can't fail.
    function _tellPower(address provider, address account) private {
        Pool storage pool = _book.pool[provider];
        power.note(provider, account, _book.position[provider][account].shares, pool.assets, pool.shares);
    }
}
