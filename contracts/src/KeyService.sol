// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Market} from "./Market.sol";
import {Workers} from "./Workers.sol";

/// @title KeyService: where the three instances of the key service are
/// @notice An instance is a lease that runs the key service's manifest on a covered worker. There are three seats; their
/// workers are of three providers, so that no provider's machines hold what it takes to read an app's secrets. A seat
/// is free when its lease is closed or changed, or its worker hasn't been covered for a while; anybody who runs an
/// instance may take it. What an instance then gets, it gets from the other two, which check its evidence themselves.
contract KeyService is Ownable2Step {
    struct Seat {
        bytes32 lease;
        address worker;
        address provider;
        /// What the instance runs: SHA-256 of the canonical manifest.
        bytes32 manifestHash;
    }

    error ZeroAddress();
    error NoSuchSeat(uint256 seat);
    error SeatTaken(uint256 seat, bytes32 lease);
    error LeaseNotOpen(bytes32 lease);
    error WrongManifest(bytes32 found, bytes32 expected);
    error WorkerNotCovered(address worker, uint256 until);
    error ProviderHasAnotherSeat(address provider, uint256 seat);

    event SeatFilled(uint256 indexed seat, bytes32 indexed lease, address indexed worker, address provider, bytes32 manifestHash);
    event SeatVacated(uint256 indexed seat);
    event ManifestSet(bytes32 manifestHash);

    uint256 public constant SEATS = 3;
    /// @notice Seconds without coverage after which an instance has lost its seat.
    uint256 public constant ABSENCE = 1 hours;

    Workers public immutable workers;
    Market public immutable market;

    /// @notice What a new instance has to run. Instances that run an earlier one keep their seats.
    bytes32 public manifestHash;

    Seat[3] private _seat;
    /// @dev One more than the seat that a provider has, or had. It never gets another one: an instance that leaves may leave
    /// its two parts behind, and two seats' parts on one provider's machines would be all three.
    mapping(address provider => uint256) private _seatOf;

    /// @param owner Names the manifest of the key service: the governance executor.
    constructor(address owner, Workers workers_, Market market_) Ownable(owner) {
        if (address(workers_) == address(0) || address(market_) == address(0)) revert ZeroAddress();
        (workers, market) = (workers_, market_);
    }

    /// @notice Gives a free seat to a lease that runs the key service. Anybody may call it.
    /// @param seat 0, 1 or 2.
    function take(uint256 seat, bytes32 lease) external {
        if (!isFree(seat)) revert SeatTaken(seat, _seat[seat].lease);
        Market.Lease memory l = market.leaseOf(lease);
        if (l.state != Market.State.Open) revert LeaseNotOpen(lease);
        if (manifestHash == 0 || l.manifestHash != manifestHash) revert WrongManifest(l.manifestHash, manifestHash);
        (address provider,, uint256 until) = workers.billing(l.worker);
        if (until <= block.timestamp) revert WorkerNotCovered(l.worker, until);
        uint256 had = _seatOf[provider];
        if (had != 0 && had != seat + 1) revert ProviderHasAnotherSeat(provider, had - 1);
        _seatOf[provider] = seat + 1;
        _seat[seat] = Seat(lease, l.worker, provider, l.manifestHash);
        emit SeatFilled(seat, lease, l.worker, provider, l.manifestHash);
    }

    /// @notice Whether a seat can be taken.
    function isFree(uint256 seat) public view returns (bool) {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        Seat memory s = _seat[seat];
        if (s.lease == 0) return true;
        Market.Lease memory l = market.leaseOf(s.lease);
        if (l.state != Market.State.Open || l.manifestHash != s.manifestHash) return true;
        (,, uint256 until) = workers.billing(s.worker);
        return until + ABSENCE <= block.timestamp;
    }

    function seats() external view returns (Seat[3] memory) {
        return _seat;
    }

    /// @notice Names what new instances have to run: SHA-256 of the canonical manifest.
    function setManifest(bytes32 manifestHash_) external onlyOwner {
        manifestHash = manifestHash_;
        emit ManifestSet(manifestHash_);
    }

    /// @notice Frees a seat, for instance one whose instance doesn't answer. It can be taken again by anybody.
    function vacate(uint256 seat) external onlyOwner {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        delete _seat[seat];
        emit SeatVacated(seat);
    }
}
