// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {IRewarder} from "../interfaces/IRewarder.sol";
import {Schedule} from "../libraries/Schedule.sol";
import {Stake} from "./Stake.sol";
import {Token} from "./Token.sol";
import {Weights} from "./Weights.sol";
import {Workers} from "../market/Workers.sol";

/// @title Emission: 700,000,000 CLOI over time, and never one unit more
/// @notice Of what the schedule emits (see `Schedule`), 20% are the treasury's, 40% all stake's, 40% GPU
/// workers', by weight and by the hour (see `Weights`). An hour in which no GPU counted goes to the
/// treasury. Tokens are created when somebody takes them: stakers and providers through Stake, the treasury
/// here.
/// @dev What a pool gets of an epoch is rounded down; the rest, less than one unit a pool and epoch, is
/// never created.
contract Emission is Weights, IRewarder {
    error ZeroAddress();
    error NothingToCollect();
    error OverSchedule(uint256 asked, uint256 left);

    /// @notice A pool's GPUs earned `amount` in epochs [from, to).
    event GpusRewarded(address indexed provider, uint256 from, uint256 to, uint256 amount);
    event Paid(address indexed account, uint256 amount);
    /// @notice The treasury took `amount`, of which `unearned` are GPU budgets of epochs up to `to` that
    /// nobody earned.
    event Collected(address indexed treasury, uint256 amount, uint256 unearned, uint256 to);
    event TreasurySet(address treasury);

    /// @notice Epochs that one settlement looks at, at the most.
    uint256 public constant MAX_EPOCHS = 512;
    /// @dev Epochs that an attestation reaches ahead, at the most (`Workers.MAX_COVERAGE_PERIOD`).
    uint256 private constant AHEAD = 24;

    Token public immutable token;
    /// @notice Who the treasury's part goes to.
    address public treasury;
    /// @notice Base units created so far.
    uint256 public minted;
    /// @notice What the treasury has taken of its 20%.
    uint256 public collected;
    /// @notice The first epoch whose GPU budget the treasury hasn't looked at.
    uint256 public collectedTo;

    /// @param owner Announces class weights and the treasury: the governance executor.
    /// @param classes What GPUs weigh at first.
    constructor(
        address owner,
        Token token_,
        Workers workers_,
        Stake stake_,
        address treasury_,
        ClassWeight[] memory classes
    ) Ownable(owner) Weights(workers_, stake_, classes) {
        if (address(token_) == address(0) || treasury_ == address(0)) revert ZeroAddress();
        token = token_;
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    // STAKE

    /// @inheritdoc IRewarder
    function settle(address provider) external returns (uint256 amount, bool done) {
        _onlyStake();
        uint256 pending = _poolStanding[provider].pendingFrom;
        if (pending == 0) return (0, true);
        uint256 closed = epochAt(block.timestamp);
        if (pending > closed) return (0, true);
        uint256 to;
        (amount, to) = _earned(provider, pending - 1, closed);
        done = to == closed;
        _poolStanding[provider].pendingFrom =
            done && amount == 0 && !_countsFrom(provider, to) ? 0 : uint32(to + 1);
        if (amount != 0) emit GpusRewarded(provider, pending - 1, to, amount);
    }

    /// @inheritdoc IRewarder
    function pay(address account, uint256 amount) external {
        _onlyStake();
        _pay(account, amount);
    }

    /// @inheritdoc IRewarder
    function setBacked(address provider, bool backed) external {
        _onlyStake();
        _setBacked(provider, backed);
    }

    /// @inheritdoc IRewarder
    function weigh(address worker) public override(Weights, IRewarder) {
        super.weigh(worker);
    }

    // TREASURY

    /// @notice Takes the treasury's 20% up to now, and GPU budgets that nobody earned, of at most `epochs`
    /// epochs. Anybody.
    function collect(uint256 epochs) external returns (uint256 amount) {
        uint256 due = Schedule.forTreasury(_elapsed());
        amount = due - collected;
        collected = due;
        (uint256 unearned, uint256 to) = _unearned(collectedTo, epochs);
        collectedTo = to;
        amount += unearned;
        if (amount == 0) revert NothingToCollect();
        emit Collected(treasury, amount, unearned, to);
        _pay(treasury, amount);
    }

    /// @notice Announced.
    function setTreasury(address treasury_) external onlyOwner {
        _useAnnouncement();
        if (treasury_ == address(0)) revert ZeroAddress();
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }

    // VIEWS

    /// @notice What a pool's GPUs have earned that isn't settled, of at most `MAX_EPOCHS` epochs.
    function pendingOf(address provider) external view returns (uint256 amount) {
        uint256 pending = _poolStanding[provider].pendingFrom;
        uint256 closed = epochAt(block.timestamp);
        if (pending != 0 && pending <= closed) (amount,) = _earned(provider, pending - 1, closed);
    }

    /// @notice What GPU workers share in an epoch.
    function gpuBudgetOf(uint256 epoch) external pure returns (uint256) {
        Schedule.Cursor memory cursor = Schedule.first();
        uint256 before = Schedule.forGpusBefore(cursor, epoch);
        return Schedule.forGpusBefore(cursor, epoch + 1) - before;
    }

    /// @notice Everything the schedule has emitted until now, whether it was taken or not.
    function emitted() external view returns (uint256) {
        return Schedule.emitted(_elapsed());
    }

    // INTERNAL

    function _onlyStake() private view {
        if (msg.sender != address(stake)) revert NotStake(msg.sender);
    }

    function _elapsed() private view returns (uint256) {
        return block.timestamp <= start ? 0 : block.timestamp - start;
    }

    /// @dev The last word on supply, whatever else went wrong: no more is created than the schedule has
    /// emitted.
    function _pay(address account, uint256 amount) private {
        uint256 left = Schedule.emitted(_elapsed()) - minted;
        if (amount > left) revert OverSchedule(amount, left);
        minted += amount;
        emit Paid(account, amount);
        token.mint(account, amount);
    }

    /// @dev What a pool's weights bring in epochs [from, to), where `to` is `closed` or what could be looked
    /// at.
    function _earned(address provider, uint256 from, uint256 closed)
        private
        view
        returns (uint256 amount, uint256 to)
    {
        to = closed - from > MAX_EPOCHS ? from + MAX_EPOCHS : closed;
        Schedule.Cursor memory cursor = Schedule.first();
        mapping(uint256 group => uint256) storage poolWeights = _poolWeights[provider];
        for (uint256 epoch = from; epoch < to;) {
            (uint256 group, uint256 shift) = _place(epoch);
            uint256 pool = poolWeights[group] >> shift;
            if (pool == 0) {
                epoch = (group + 1) * PACKED;
                continue;
            }
            uint256 total = _totalWeights[group] >> shift;
            uint256 before = Schedule.forGpusBefore(cursor, epoch);
            for (; epoch < to && pool != 0; ++epoch) {
                uint256 after_ = Schedule.forGpusBefore(cursor, epoch + 1);
                uint256 weight = uint32(pool);
                // The products stay far below 2^256: a budget is below 2^90, a weight below 2^32.
                if (weight != 0) amount += (after_ - before) * weight / uint32(total);
                (before, pool, total) = (after_, pool >> 32, total >> 32);
            }
            if (epoch < to && epoch / PACKED == group) epoch = (group + 1) * PACKED;
        }
    }

    /// @dev Whether a pool counts for an epoch from `epoch` on. Nothing is counted further ahead than one
    /// attestation reaches.
    function _countsFrom(address provider, uint256 epoch) private view returns (bool) {
        (uint256 group, uint256 shift) = _place(epoch);
        if (_poolWeights[provider][group] >> shift != 0) return true;
        uint256 last = (epoch + AHEAD) / PACKED;
        while (++group <= last) {
            if (_poolWeights[provider][group] != 0) return true;
        }
        return false;
    }

    /// @dev GPU budgets that nobody earned in ended epochs from `from` on, of at most `epochs`.
    function _unearned(uint256 from, uint256 epochs) private view returns (uint256 amount, uint256 to) {
        uint256 closed = epochAt(block.timestamp);
        to = closed - from > epochs ? from + epochs : closed;
        Schedule.Cursor memory cursor = Schedule.first();
        uint256 before = Schedule.forGpusBefore(cursor, from);
        for (uint256 epoch = from; epoch < to; ++epoch) {
            (uint256 group, uint256 shift) = _place(epoch);
            uint256 after_ = Schedule.forGpusBefore(cursor, epoch + 1);
            if (uint32(_totalWeights[group] >> shift) == 0) amount += after_ - before;
            before = after_;
        }
    }
}
