// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "../governance/Governed.sol";
import {Market} from "../market/Market.sol";
import {Workers} from "../market/Workers.sol";

/// @title KeyService: where the three instances of the key service are
/// @notice An instance is a lease that runs the key service's manifest on a covered worker. There are three
/// seats; their workers are of three providers, so that no provider's machines hold what it takes to read an
/// app's secrets. A seat is free when its lease is closed or changed, or its worker was reported absent and
/// stays so; an instance may take it whose worker consents. The worker signs for what runs on it, when that
/// asks, and for the one seat that its provider named; so a lease alone neither takes a seat nor ties a
/// provider to one. What an instance then gets, it gets from the other two, which check its evidence
/// themselves.
contract KeyService is EIP712, Governed {
    struct Seat {
        bytes32 lease;
        address worker;
        address provider;
        /// What the instance runs: SHA-256 of the canonical manifest.
        bytes32 manifestHash;
        /// When its worker was last reported absent, Unix seconds; 0 if it never was.
        uint48 absentFrom;
    }

    error ZeroAddress();
    error NoSuchSeat(uint256 seat);
    error SeatTaken(uint256 seat, bytes32 lease);
    error LeaseNotOpen(bytes32 lease);
    error WrongManifest(bytes32 found, bytes32 expected);
    error WorkerNotCovered(address worker, uint256 until);
    error WorkerCovered(address worker, uint256 until);
    error ConsentExpired(uint256 expiry);
    error NoConsent(address worker);
    error VacatedRecently(bytes32 lease, uint256 until);
    error OneSeatAtATime(uint256 until);
    error NoManifest();
    error ProviderHasAnotherSeat(address provider, uint256 seat);

    event SeatFilled(
        uint256 indexed seat,
        bytes32 indexed lease,
        address indexed worker,
        address provider,
        bytes32 manifestHash
    );
    event SeatVacated(uint256 indexed seat);
    /// @notice The seat is free in `ABSENCE` seconds unless its worker attests before.
    event AbsenceReported(uint256 indexed seat, address indexed worker);
    event ManifestSet(bytes32 manifestHash);

    /// @dev What a worker's key signs for an instance: its seat, its lease, what runs, and how long that may
    /// be used.
    bytes32 private constant CONSENT_TYPEHASH =
        keccak256("Consent(uint256 seat,bytes32 lease,bytes32 manifestHash,uint256 expiry)");

    uint256 public constant SEATS = 3;
    /// @notice Seconds that a reported absence has to last before it costs an instance its seat. They begin
    /// with the report, so that a chain that stood still, and with it all coverage, frees no seat by itself.
    uint256 public constant ABSENCE = 1 hours;
    /// @notice Seconds in which a lease that was put out can't come back.
    uint256 public constant BARRED = 1 days;
    /// @notice Seconds between two instances that are put out, by governance or for their absence: time for
    /// the seat before to be filled from the other two. Governance can make absent whom it wants, by
    /// suspending its worker's image.
    uint256 public constant VACATING_PAUSE = 7 days;

    Workers public immutable workers;
    Market public immutable market;

    /// @notice What a new instance has to run. Instances that run an earlier one keep their seats.
    bytes32 public manifestHash;

    Seat[3] private _seat;
    /// @dev One more than the seat that a provider has, or had. It never gets another one: an instance that
    /// leaves may leave its two parts behind, and two seats' parts on one provider's machines would be all
    /// three.
    mapping(address provider => uint256) private _seatOf;
    mapping(bytes32 lease => uint256) private _barredUntil;
    uint256 private _vacatedAt;

    /// @param owner Announces manifests of the key service: the governance executor.
    constructor(address owner, Workers workers_, Market market_)
        EIP712("Cloister KeyService", "1")
        Ownable(owner)
    {
        if (address(workers_) == address(0) || address(market_) == address(0)) revert ZeroAddress();
        (workers, market) = (workers_, market_);
    }

    /// @notice Gives a free seat to a lease that runs the key service. Anybody may call it who has its
    /// worker's consent.
    /// @param seat 0, 1 or 2.
    /// @param expiry Until when the consent may be used, Unix seconds.
    /// @param consent The worker key's signature over `consentDigest`.
    function take(uint256 seat, bytes32 lease, uint256 expiry, bytes calldata consent) external {
        if (!isFree(seat)) revert SeatTaken(seat, _seat[seat].lease);
        // Whoever had it may come back, with what it holds.
        if (_isServed(_seat[seat])) _vacatedAt = block.timestamp;
        if (block.timestamp < _barredUntil[lease]) revert VacatedRecently(lease, _barredUntil[lease]);
        Market.Lease memory l = market.leaseOf(lease);
        if (l.state != Market.State.Open) revert LeaseNotOpen(lease);
        if (manifestHash == 0 || l.manifestHash != manifestHash) {
            revert WrongManifest(l.manifestHash, manifestHash);
        }
        if (block.timestamp > expiry) revert ConsentExpired(expiry);
        bytes32 digest = consentDigest(seat, lease, l.manifestHash, expiry);
        (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, consent);
        if (err != ECDSA.RecoverError.NoError || signer != l.worker) revert NoConsent(l.worker);
        (address provider,, uint256 until) = workers.billing(l.worker);
        if (until <= block.timestamp) revert WorkerNotCovered(l.worker, until);
        uint256 had = _seatOf[provider];
        if (had != 0 && had != seat + 1) revert ProviderHasAnotherSeat(provider, had - 1);
        _seatOf[provider] = seat + 1;
        _seat[seat] = Seat(lease, l.worker, provider, l.manifestHash, 0);
        emit SeatFilled(seat, lease, l.worker, provider, l.manifestHash);
    }

    /// @notice Reports that a seat's worker isn't covered. Where that is so still in `ABSENCE` seconds,
    /// without an attestation in between, the seat is free. Anybody may.
    function reportAbsence(uint256 seat) external {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        Seat storage s = _seat[seat];
        (,, uint256 until) = workers.billing(s.worker);
        if (until > block.timestamp) revert WorkerCovered(s.worker, until);
        // A report that still runs stays: nobody can put the end off by reporting again.
        if (s.absentFrom != 0 && until <= s.absentFrom) return;
        s.absentFrom = uint48(block.timestamp);
        emit AbsenceReported(seat, s.worker);
    }

    /// @notice Whether a seat can be taken.
    function isFree(uint256 seat) public view returns (bool) {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        Seat memory s = _seat[seat];
        if (!_isServed(s)) return true;
        if (
            s.absentFrom == 0 || block.timestamp < s.absentFrom + ABSENCE || block.timestamp < _nextVacating()
        ) return false;
        (,, uint256 until) = workers.billing(s.worker);
        return until <= s.absentFrom;
    }

    /// @notice The digest that a worker's key signs to let a lease of its have a seat.
    function consentDigest(uint256 seat, bytes32 lease, bytes32 manifestHash_, uint256 expiry)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT_TYPEHASH, seat, lease, manifestHash_, expiry)));
    }

    function seats() external view returns (Seat[3] memory) {
        return _seat;
    }

    /// @notice Names what new instances have to run: SHA-256 of the canonical manifest. Announced, but for
    /// the first one: before that nothing can be sealed. There is no way back to none, which would make the
    /// next one a first.
    function setManifest(bytes32 manifestHash_) external onlyOwner {
        if (manifestHash_ == 0) revert NoManifest();
        if (manifestHash != 0) _useAnnouncement();
        manifestHash = manifestHash_;
        emit ManifestSet(manifestHash_);
    }

    /// @notice Frees a seat, for instance one whose instance doesn't answer; one a week, since two at once
    /// would take with them what only they two held. The lease that had it is kept out for a day; anybody
    /// else's may come.
    function vacate(uint256 seat) external onlyOwner {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        uint256 next = _nextVacating();
        if (block.timestamp < next) revert OneSeatAtATime(next);
        _vacatedAt = block.timestamp;
        _barredUntil[_seat[seat].lease] = block.timestamp + BARRED;
        delete _seat[seat];
        emit SeatVacated(seat);
    }

    /// @dev Whether an instance has the seat whose lease is what it was when it took it.
    function _isServed(Seat memory s) private view returns (bool) {
        if (s.lease == 0) return false;
        Market.Lease memory l = market.leaseOf(s.lease);
        return l.state == Market.State.Open && l.manifestHash == s.manifestHash;
    }

    function _nextVacating() private view returns (uint256) {
        return _vacatedAt == 0 ? 0 : _vacatedAt + VACATING_PAUSE;
    }
}
