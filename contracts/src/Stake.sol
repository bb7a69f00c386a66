// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";
import {Workers} from "./Workers.sol";

/// @title Stake: one pool a provider, and delegators' shares in it
/// @notice A pool is a provider's collateral. Whoever puts CLOI in gets shares; leaving takes 21 days, in which the stake can still be
/// slashed. Slashing hits one pool, what is active in it and what is leaving it alike, and never another one. Rewards are
/// kept apart from stake, so that a pool's worth changes by deposits, exits and slashing alone. Collateral for the GPUs
/// that a provider has in service can't leave.
/// @dev Amounts in base units of CLOI. Rounding is always in favour of the pool. A pool counts as if it had
/// `VIRTUAL_SHARES` shares and one unit more than it has, which makes an attack on its first delegator cost more than it brings
/// (ERC-4626, OpenZeppelin's virtual offset). Tokens sent here by hand are nobody's and change nothing.
/// For the token: balance ≥ stake + exits + rewards owed; equal where nobody sent any by hand.
contract Stake is Ownable2Step {
    using SafeERC20 for IERC20;
    using SafeCast for uint256;
    using Math for uint256;

    struct Pool {
        /// Active stake and its shares.
        uint128 assets;
        uint128 shares;
        /// What is leaving, and its own shares.
        uint128 exitAssets;
        uint128 exitShares;
        /// Collateral of GPUs in service: so much active stake can't leave.
        uint128 locked;
        /// Hundredths of a percent of rewards that the provider keeps before they are shared.
        uint16 commissionBps;
        /// An announced higher commission, and the instant (Unix seconds) from which it holds; 0 if none was.
        uint16 nextCommissionBps;
        uint48 nextCommissionFrom;
        /// Rewards ever shared out, per share, times `PRECISION`.
        uint256 rewardPerShare;
        /// What couldn't be shared out evenly yet, times `PRECISION`.
        uint256 rewardDust;
    }

    struct Position {
        uint128 shares;
        /// Rewards owed up to `paidPerShare`.
        uint128 owed;
        uint256 paidPerShare;
    }

    /// @dev One who is leaving. `shares` are exit shares of the pool's.
    struct Exit {
        address account;
        uint48 readyAt;
        address provider;
        uint128 shares;
    }

    error ZeroAddress();
    error ZeroAmount();
    error NoShares();
    error TooFewShares(uint256 found, uint256 asked);
    error NotYourExit(uint256 id);
    error NotReady(uint256 id, uint256 readyAt);
    error RedelegatedRecently(uint256 until);
    error OwnPartTooSmall(uint256 found, uint256 needed);
    error CollateralLocked(uint256 assets, uint256 locked);
    error SamePool();
    error NotProvider(address caller);
    error NotRewarder(address caller);
    error NotSlasher(address caller);
    error OutOfBounds(uint256 value, uint256 min, uint256 max);

    event Delegated(address indexed provider, address indexed account, uint256 amount, uint256 shares);
    event ExitRequested(
        uint256 indexed id, address indexed provider, address indexed account, uint256 amount, uint256 shares, uint256 readyAt
    );
    event ExitCancelled(uint256 indexed id, uint256 amount, uint256 shares);
    event Withdrawn(uint256 indexed id, address indexed account, uint256 amount);
    event Redelegated(address indexed from, address indexed to, address indexed account, uint256 amount);
    event Rewarded(address indexed provider, uint256 amount, uint256 commission);
    event RewardClaimed(address indexed provider, address indexed account, uint256 amount);
    event Slashed(address indexed provider, uint256 active, uint256 exiting, address reporter, uint256 reward, bytes32 reason);
    event CommissionSet(address indexed provider, uint256 bps, uint256 from);
    event CollateralSet(address indexed provider, address indexed worker, uint256 amount);
    event CollateralPerGpuSet(bytes32 indexed gpuClass, uint256 amount);
    event RolesSet(address rewarder, address slasher);

    uint256 public constant EXIT_SECONDS = 21 days;
    /// @notice Notice that a higher commission is announced with, in seconds.
    uint256 public constant COMMISSION_NOTICE = 7 days;
    uint256 public constant MAX_COMMISSION_BPS = 5_000;
    /// @notice The part of a pool that has to be its provider's own before others may add to it.
    uint256 public constant MIN_OWN_BPS = 1_000;
    /// @notice The most that one slash takes of a pool.
    uint256 public constant MAX_SLASH_BPS = 1_000;
    uint256 public constant MAX_REPORTER_BPS = 2_000;
    uint256 private constant BPS = 10_000;
    uint256 private constant VIRTUAL_SHARES = 1e6;
    uint256 private constant PRECISION = 1e27;

    IERC20 public immutable token;
    Workers public immutable workers;
    /// @notice Where slashed stake goes, less what the reporter gets.
    address public immutable treasury;

    /// @notice Brings rewards: the Emission contract.
    address public rewarder;
    /// @notice Takes stake away on proof: the slashing contract, or governance.
    address public slasher;
    /// @notice What a GPU of a class needs of its provider's pool.
    mapping(bytes32 gpuClass => uint256) public collateralPerGpu;

    uint256 public exitCount;
    mapping(address provider => Pool) private _pool;
    mapping(address provider => mapping(address account => Position)) private _position;
    mapping(uint256 id => Exit) private _exit;
    mapping(address account => uint256) public redelegatedAt;
    /// @notice Collateral that is locked for a worker's GPUs, in its provider's pool.
    mapping(address worker => uint256) public lockedFor;

    constructor(address owner, IERC20 token_, Workers workers_, address treasury_) Ownable(owner) {
        if (address(token_) == address(0) || address(workers_) == address(0) || treasury_ == address(0)) revert ZeroAddress();
        (token, workers, treasury) = (token_, workers_, treasury_);
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
    /// then. Earns nothing from now on.
    function requestExit(address provider, uint256 shares) external returns (uint256 id) {
        uint256 amount = _leave(provider, msg.sender, shares);
        Pool storage pool = _pool[provider];
        uint256 exitShares = _toShares(amount, pool.exitAssets, pool.exitShares);
        if (exitShares == 0) revert ZeroAmount();
        pool.exitAssets += amount.toUint128();
        pool.exitShares += exitShares.toUint128();
        id = ++exitCount;
        uint256 readyAt = block.timestamp + EXIT_SECONDS;
        _exit[id] = Exit(msg.sender, uint48(readyAt), provider, exitShares.toUint128());
        emit ExitRequested(id, provider, msg.sender, amount, shares, readyAt);
    }

    /// @notice Stays after all: what is left of an exit is active stake again.
    function cancelExit(uint256 id) external returns (uint256 shares) {
        Exit memory e = _ownExit(id);
        uint256 amount = _takeExit(id, e);
        shares = _enter(e.provider, msg.sender, amount);
        emit ExitCancelled(id, amount, shares);
    }

    /// @notice Takes out what is left of an exit, once it is ready.
    function withdraw(uint256 id) external returns (uint256 amount) {
        Exit memory e = _ownExit(id);
        if (block.timestamp < e.readyAt) revert NotReady(id, e.readyAt);
        amount = _takeExit(id, e);
        emit Withdrawn(id, msg.sender, amount);
        token.safeTransfer(msg.sender, amount);
    }

    /// @notice Moves stake to another pool without the waiting time, at most once per waiting time and account.
    function redelegate(address from, address to, uint256 shares) external returns (uint256 newShares) {
        if (from == to) revert SamePool();
        if (to == address(0)) revert ZeroAddress();
        uint256 last = redelegatedAt[msg.sender];
        if (last != 0 && block.timestamp < last + EXIT_SECONDS) revert RedelegatedRecently(last + EXIT_SECONDS);
        redelegatedAt[msg.sender] = block.timestamp;
        uint256 amount = _leave(from, msg.sender, shares);
        newShares = _enter(to, msg.sender, amount);
        emit Redelegated(from, to, msg.sender, amount);
    }

    // REWARDS

    /// @notice Shares a reward among a pool's active stake, after the provider's commission. A pool without stake leaves all of it to
    /// its provider. Rewarder only.
    function reward(address provider, uint256 amount) external {
        if (msg.sender != rewarder) revert NotRewarder(msg.sender);
        Pool storage pool = _pool[provider];
        uint256 commission = pool.shares == 0 ? amount : amount.mulDiv(commissionOf(provider), BPS);
        if (commission > 0) _position[provider][provider].owed += commission.toUint128();
        uint256 shared = amount - commission;
        if (shared > 0) {
            uint256 scaled = shared * PRECISION + pool.rewardDust;
            uint256 perShare = scaled / pool.shares;
            pool.rewardPerShare += perShare;
            pool.rewardDust = scaled - perShare * pool.shares;
        }
        emit Rewarded(provider, amount, commission);
        token.safeTransferFrom(msg.sender, address(this), amount);
    }

    /// @notice Pays an account's rewards of a pool out to it. Anybody may call it.
    function claimReward(address provider, address account) external returns (uint256 amount) {
        Position storage position = _accrue(provider, account);
        amount = position.owed;
        if (amount == 0) revert ZeroAmount();
        position.owed = 0;
        emit RewardClaimed(provider, account, amount);
        token.safeTransfer(account, amount);
    }

    // PROVIDERS

    /// @notice Sets the caller's commission, in hundredths of a percent: a lower one at once, a higher one after a week.
    function setCommission(uint256 bps) external {
        if (bps > MAX_COMMISSION_BPS) revert OutOfBounds(bps, 0, MAX_COMMISSION_BPS);
        Pool storage pool = _pool[msg.sender];
        uint256 current = commissionOf(msg.sender);
        uint256 from = block.timestamp;
        if (bps <= current) {
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) = (uint16(bps), 0, 0);
        } else {
            from += COMMISSION_NOTICE;
            (pool.commissionBps, pool.nextCommissionBps, pool.nextCommissionFrom) =
                (uint16(current), uint16(bps), uint48(from));
        }
        emit CommissionSet(msg.sender, bps, from);
    }

    /// @notice Locks, or lets go of, the collateral that a worker's GPUs need: what verifiers vouch for now, times what its class
    /// needs. Only its provider locks; anybody may let go of what is locked for GPUs that nobody vouches for any more.
    function setCollateral(address worker) external {
        address provider = workers.workerOf(worker).provider;
        (bytes32 gpuClass, uint256 gpus) = workers.gpusOf(worker);
        uint256 needed = gpus * collateralPerGpu[gpuClass];
        uint256 held = lockedFor[worker];
        if (needed > held && msg.sender != provider) revert NotProvider(msg.sender);
        Pool storage pool = _pool[provider];
        uint256 locked = uint256(pool.locked) + needed - held;
        if (needed > held && locked > pool.assets) revert CollateralLocked(pool.assets, locked);
        pool.locked = locked.toUint128();
        lockedFor[worker] = needed;
        emit CollateralSet(provider, worker, needed);
    }

    // SLASHING

    /// @notice Takes `amount` out of a pool, of active and exiting stake in proportion, a tenth of both at the most. The reporter
    /// gets `reporterBps` of it, the treasury the rest. Slasher only.
    function slash(address provider, uint256 amount, address reporter, uint256 reporterBps, bytes32 reason)
        external
        returns (uint256 taken)
    {
        if (msg.sender != slasher) revert NotSlasher(msg.sender);
        if (reporterBps > MAX_REPORTER_BPS) revert OutOfBounds(reporterBps, 0, MAX_REPORTER_BPS);
        Pool storage pool = _pool[provider];
        uint256 whole = uint256(pool.assets) + pool.exitAssets;
        taken = Math.min(amount, whole.mulDiv(MAX_SLASH_BPS, BPS));
        if (taken == 0) revert ZeroAmount();
        uint256 exiting = taken.mulDiv(pool.exitAssets, whole);
        pool.exitAssets -= exiting.toUint128();
        pool.assets -= (taken - exiting).toUint128();
        uint256 toReporter = reporter == address(0) ? 0 : taken.mulDiv(reporterBps, BPS);
        emit Slashed(provider, taken - exiting, exiting, reporter, toReporter, reason);
        if (toReporter > 0) token.safeTransfer(reporter, toReporter);
        token.safeTransfer(treasury, taken - toReporter);
    }

    // VIEWS

    function poolOf(address provider) external view returns (Pool memory) {
        return _pool[provider];
    }

    function exitOf(uint256 id) external view returns (Exit memory) {
        return _exit[id];
    }

    /// @notice An account's part of a pool: its shares, what they are worth now, and rewards it could claim.
    function positionOf(address provider, address account)
        external
        view
        returns (uint256 shares, uint256 worth, uint256 rewards)
    {
        Position memory position = _position[provider][account];
        Pool memory pool = _pool[provider];
        shares = position.shares;
        worth = _toAssets(shares, pool.assets, pool.shares);
        rewards = position.owed + shares.mulDiv(pool.rewardPerShare - position.paidPerShare, PRECISION);
    }

    /// @notice What is left of an exit.
    function exitWorth(uint256 id) external view returns (uint256) {
        Exit memory e = _exit[id];
        Pool memory pool = _pool[e.provider];
        return _toAssets(e.shares, pool.exitAssets, pool.exitShares);
    }

    /// @notice The commission that holds now, in hundredths of a percent.
    function commissionOf(address provider) public view returns (uint256) {
        Pool storage pool = _pool[provider];
        uint256 from = pool.nextCommissionFrom;
        return from != 0 && from <= block.timestamp ? pool.nextCommissionBps : pool.commissionBps;
    }

    // GOVERNANCE

    /// @notice Names who brings rewards and who slashes. Zero for nobody.
    function setRoles(address rewarder_, address slasher_) external onlyOwner {
        (rewarder, slasher) = (rewarder_, slasher_);
        emit RolesSet(rewarder_, slasher_);
    }

    /// @notice Sets what a GPU of a class needs of its provider's pool.
    function setCollateralPerGpu(bytes32 gpuClass, uint256 amount) external onlyOwner {
        collateralPerGpu[gpuClass] = amount;
        emit CollateralPerGpuSet(gpuClass, amount);
    }

    // INTERNAL

    function _enter(address provider, address account, uint256 amount) private returns (uint256 shares) {
        if (amount == 0) revert ZeroAmount();
        Position storage position = _accrue(provider, account);
        Pool storage pool = _pool[provider];
        shares = _toShares(amount, pool.assets, pool.shares);
        if (shares == 0) revert NoShares();
        pool.assets += amount.toUint128();
        pool.shares += shares.toUint128();
        position.shares += shares.toUint128();
        if (account != provider) _checkOwnPart(provider, pool);
        emit Delegated(provider, account, amount, shares);
    }

    function _leave(address provider, address account, uint256 shares) private returns (uint256 amount) {
        Position storage position = _accrue(provider, account);
        if (shares == 0) revert ZeroAmount();
        if (shares > position.shares) revert TooFewShares(position.shares, shares);
        Pool storage pool = _pool[provider];
        amount = _toAssets(shares, pool.assets, pool.shares);
        position.shares -= shares.toUint128();
        pool.shares -= shares.toUint128();
        pool.assets -= amount.toUint128();
        if (pool.assets < pool.locked) revert CollateralLocked(pool.assets, pool.locked);
        // The provider goes last, or keeps its part.
        if (account == provider && pool.shares > position.shares) _checkOwnPart(provider, pool);
    }

    function _checkOwnPart(address provider, Pool storage pool) private view {
        uint256 own = _position[provider][provider].shares;
        uint256 needed = uint256(pool.shares).mulDiv(MIN_OWN_BPS, BPS, Math.Rounding.Ceil);
        if (own < needed) revert OwnPartTooSmall(own, needed);
    }

    function _ownExit(uint256 id) private view returns (Exit memory e) {
        e = _exit[id];
        if (e.account != msg.sender) revert NotYourExit(id);
    }

    function _takeExit(uint256 id, Exit memory e) private returns (uint256 amount) {
        Pool storage pool = _pool[e.provider];
        amount = _toAssets(e.shares, pool.exitAssets, pool.exitShares);
        pool.exitShares -= e.shares;
        pool.exitAssets -= amount.toUint128();
        delete _exit[id];
    }

    /// @dev Brings what an account is owed up to date, before its shares change.
    function _accrue(address provider, address account) private returns (Position storage position) {
        position = _position[provider][account];
        uint256 perShare = _pool[provider].rewardPerShare;
        if (position.paidPerShare == perShare) return position;
        position.owed += uint256(position.shares).mulDiv(perShare - position.paidPerShare, PRECISION).toUint128();
        position.paidPerShare = perShare;
    }

    function _toShares(uint256 amount, uint256 assets, uint256 shares) private pure returns (uint256) {
        return amount.mulDiv(shares + VIRTUAL_SHARES, assets + 1);
    }

    function _toAssets(uint256 amount, uint256 assets, uint256 shares) private pure returns (uint256) {
        return amount.mulDiv(assets + 1, shares + VIRTUAL_SHARES);
    }
}
