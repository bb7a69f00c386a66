// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Checkpoints} from "@openzeppelin/contracts/utils/structs/Checkpoints.sol";
import {IEmission} from "../interfaces/IEmission.sol";
import {IPower} from "../interfaces/IPower.sol";
import {Positions} from "../libraries/Positions.sol";
import {Shares} from "../libraries/Shares.sol";

/// @title Power: what every account had at stake at any second that is over
/// @dev Nothing here reverts for what `Stake` tells: its amounts are below 2^96 and its shares below 2^128,
/// and time doesn't go back.
contract Power is IPower {
    using Checkpoints for Checkpoints.Trace224;
    using Positions for Positions.History;

    /// @dev Of all pools, at the end of second `at` and at the end of the one before it.
    struct Total {
        uint96 current;
        uint96 before;
        uint40 at;
    }

    /// @dev One of an account's pools, and with the first of them how many there are.
    struct Joined {
        address provider;
        uint32 count;
    }

    /// @inheritdoc IPower
    address public immutable stake;

    Total private _total;
    /// @dev A pool's assets, and below them its shares, 128 bits.
    mapping(address provider => Checkpoints.Trace224) private _pool;
    mapping(address provider => mapping(address account => Positions.History)) private _position;
    mapping(address account => mapping(uint256 index => Joined)) private _joined;

    /// @param stake_ The stake contract, which may be deployed later.
    constructor(address stake_) {
        stake = stake_;
    }

    /// @inheritdoc IPower
    function note(address provider, address account, uint256 shares, uint256 poolAssets, uint256 poolShares)
        external
    {
        if (msg.sender != stake) revert IEmission.NotStake(msg.sender);
        Checkpoints.Trace224 storage pool = _pool[provider];
        (uint224 old,) = pool.push(uint32(block.timestamp), uint224(poolAssets << 128 | poolShares));
        Total memory total = _total;
        if (total.at != block.timestamp) (total.before, total.at) = (total.current, uint40(block.timestamp));
        unchecked {
            // What the pool has now instead of what it had.
            total.current = uint96(uint256(total.current) + poolAssets - (old >> 128));
        }
        _total = total;
        if (account == address(0)) return;
        Positions.History storage position = _position[provider][account];
        uint256 index = position.index();
        if (index == 0) {
            index = ++_joined[account][0].count;
            _joined[account][index - 1].provider = provider;
            emit PoolJoined(account, index - 1, provider);
        }
        position.push(index, shares);
    }

    /// @inheritdoc IPower
    function stakeAt(address provider, address account, uint256 time) public view returns (uint256) {
        _requireOver(time);
        uint256 shares = _position[provider][account].sharesAt(time);
        if (shares == 0) return 0;
        uint256 pool = _pool[provider].upperLookupRecent(uint32(time));
        return Shares.toAssets(shares, pool >> 128, uint128(pool));
    }

    /// @inheritdoc IPower
    function stakeOf(address account, uint256 index, uint256 time)
        external
        view
        returns (address provider, uint256 worth)
    {
        provider = poolAt(account, index);
        worth = provider == address(0) ? 0 : stakeAt(provider, account, time);
    }

    /// @inheritdoc IPower
    function positionOf(address account, uint256 index, uint256 time, address known)
        external
        view
        returns (address provider, uint256 shares, uint256 pool)
    {
        _requireOver(time);
        provider = known;
        if (known == address(0) || _position[known][account].index() != index + 1) {
            provider = poolAt(account, index);
            if (provider == address(0)) return (provider, 0, 0);
            pool = _pool[provider].upperLookupRecent(uint32(time));
        }
        shares = _position[provider][account].sharesAt(time);
    }

    /// @inheritdoc IPower
    function poolAssetsAt(address provider, uint256 time) external view returns (uint256) {
        _requireOver(time);
        return _pool[provider].upperLookupRecent(uint32(time)) >> 128;
    }

    /// @inheritdoc IPower
    function totalBefore() external view returns (uint256) {
        return _total.at == block.timestamp ? _total.before : _total.current;
    }

    /// @inheritdoc IPower
    function poolCount(address account) external view returns (uint256) {
        return _joined[account][0].count;
    }

    /// @inheritdoc IPower
    function poolAt(address account, uint256 index) public view returns (address provider) {
        return _joined[account][index].provider;
    }

    function _requireOver(uint256 time) private view {
        if (time >= block.timestamp) revert NotOverYet(time, block.timestamp);
    }
}
