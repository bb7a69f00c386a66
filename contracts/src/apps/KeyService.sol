// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Governed} from "../governance/Governed.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IKeyService} from "../interfaces/IKeyService.sol";
import {IMarket} from "../interfaces/IMarket.sol";
import {IWorkers} from "../interfaces/IWorkers.sol";

/// @title KeyService: where the three instances of the key service are
/// @notice See `IKeyService`.
contract KeyService is IKeyService, EIP712, Governed {
    /// @dev What a worker's key signs for an instance: its seat, its lease, what runs, and how long that may
    /// be used.
    bytes32 private constant CONSENT_TYPEHASH =
        keccak256("Consent(uint256 seat,bytes32 lease,bytes32 manifestHash,uint256 expiry)");

    /// @inheritdoc IKeyService
    uint256 public constant SEATS = 3;
    /// @inheritdoc IKeyService
    uint256 public constant ABSENCE = 1 hours;
    /// @inheritdoc IKeyService
    uint256 public constant BARRED = 1 days;
    /// @inheritdoc IKeyService
    uint256 public constant VACATING_PAUSE = 7 days;

    /// @inheritdoc IKeyService
    IWorkers public immutable workers;
    /// @inheritdoc IKeyService
    IMarket public immutable market;

    /// @inheritdoc IKeyService
    bytes32 public manifestHash;

    Seat[3] private _seat;
    /// @dev One more than the seat that a provider has, or had. It never gets another one: an instance that
    /// leaves may leave its two parts behind, and two seats' parts on one provider's machines would be all
    /// three.
    mapping(address provider => uint256) private _seatOf;
    mapping(bytes32 lease => uint256) private _barredUntil;
    uint256 private _vacatedAt;

    /// @param owner Announces manifests of the key service: the governance executor.
    /// @param manifestHash_ What instances have to run; zero where that is said later.
    constructor(address owner, IWorkers workers_, IMarket market_, bytes32 manifestHash_)
        EIP712("Cloister KeyService", "1")
        Ownable(owner)
    {
        if (address(workers_) == address(0) || address(market_) == address(0)) revert Errors.ZeroAddress();
        (workers, market) = (workers_, market_);
        if (manifestHash_ != 0) _setManifest(manifestHash_);
    }

    /// @inheritdoc IKeyService
    function take(uint256 seat, bytes32 lease, uint256 expiry, bytes calldata consent) external {
        if (!isFree(seat)) revert SeatTaken(seat, _seat[seat].lease);
        // Whoever had it may come back, with what it holds.
        if (_isServed(_seat[seat])) _vacatedAt = block.timestamp;
        if (block.timestamp < _barredUntil[lease]) revert VacatedRecently(lease, _barredUntil[lease]);
        IMarket.Lease memory l = market.leaseOf(lease);
        if (l.state != IMarket.State.Open) revert Errors.LeaseNotOpen(lease);
        if (manifestHash == 0 || l.manifestHash != manifestHash) {
            revert WrongManifest(l.manifestHash, manifestHash);
        }
        if (block.timestamp > expiry) revert ConsentExpired(expiry);
        bytes32 digest = consentDigest(seat, lease, l.manifestHash, expiry);
        (address signer, ECDSA.RecoverError err,) = ECDSA.tryRecoverCalldata(digest, consent);
        if (err != ECDSA.RecoverError.NoError || signer != l.worker) revert NoConsent(l.worker);
        (address provider,, uint256 until) = workers.billing(l.worker);
        if (until <= block.timestamp) revert Errors.WorkerNotCovered(l.worker, until);
        uint256 had = _seatOf[provider];
        if (had != 0 && had != seat + 1) revert ProviderHasAnotherSeat(provider, had - 1);
        _seatOf[provider] = seat + 1;
        _seat[seat] = Seat(lease, l.worker, provider, l.manifestHash, 0);
        emit SeatFilled(seat, lease, l.worker, provider, l.manifestHash);
    }

    /// @inheritdoc IKeyService
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

    /// @inheritdoc IKeyService
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

    /// @inheritdoc IKeyService
    function consentDigest(uint256 seat, bytes32 lease, bytes32 manifestHash_, uint256 expiry)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(CONSENT_TYPEHASH, seat, lease, manifestHash_, expiry)));
    }

    /// @inheritdoc IKeyService
    function seats() external view returns (Seat[3] memory) {
        return _seat;
    }

    /// @inheritdoc IKeyService
    function setManifest(bytes32 manifestHash_) external onlyOwner {
        if (manifestHash_ == 0) revert Errors.ZeroHash();
        if (manifestHash != 0) _useAnnouncement();
        _setManifest(manifestHash_);
    }

    /// @inheritdoc IKeyService
    function vacate(uint256 seat) external onlyOwner {
        if (seat >= SEATS) revert NoSuchSeat(seat);
        uint256 next = _nextVacating();
        if (block.timestamp < next) revert OneSeatAtATime(next);
        _vacatedAt = block.timestamp;
        _barredUntil[_seat[seat].lease] = block.timestamp + BARRED;
        delete _seat[seat];
        emit SeatVacated(seat);
    }

    function _setManifest(bytes32 manifestHash_) private {
        manifestHash = manifestHash_;
        emit ManifestSet(manifestHash_);
    }

    /// @dev Whether an instance has the seat whose lease is what it was when it took it.
    function _isServed(Seat memory s) private view returns (bool) {
        if (s.lease == 0) return false;
        IMarket.Lease memory l = market.leaseOf(s.lease);
        return l.state == IMarket.State.Open && l.manifestHash == s.manifestHash;
    }

    function _nextVacating() private view returns (uint256) {
        return _vacatedAt == 0 ? 0 : _vacatedAt + VACATING_PAUSE;
    }
}
