// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IMarket} from "./IMarket.sol";
import {IWorkers} from "./IWorkers.sol";

/// @title IKeyService: where the three instances of the key service are
/// @notice An instance is a lease that runs the key service's manifest on a covered worker. There are three
/// seats; their workers are of three providers, so that no provider's machines hold what it takes to read an
/// app's secrets. A seat is free when its lease is closed or changed, or its worker was reported absent and
/// stays so; an instance may take it whose worker consents. The worker signs for what runs on it, when that
/// asks, and for the one seat that its provider named; so a lease alone neither takes a seat nor ties a
/// provider to one. What an instance then gets, it gets from the other two, which check its evidence
/// themselves.
/// @dev Seats are 0, 1 and 2. Instants in Unix seconds.
interface IKeyService {
    struct Seat {
        bytes32 lease;
        address worker;
        address provider;
        /// What the instance runs: SHA-256 of the canonical manifest.
        bytes32 manifestHash;
        /// When its worker was last reported absent, Unix seconds; 0 if it never was.
        uint48 absentFrom;
    }

    /// @notice There are the seats 0, 1 and 2.
    error NoSuchSeat(uint256 seat);
    /// @notice The seat is this lease's.
    error SeatTaken(uint256 seat, bytes32 lease);
    /// @notice The lease runs another manifest than the key service's.
    error WrongManifest(bytes32 found, bytes32 expected);
    /// @notice The worker is covered until `until`, so it isn't absent.
    error WorkerCovered(address worker, uint256 until);
    /// @notice The consent could be used until `expiry`.
    error ConsentExpired(uint256 expiry);
    /// @notice The worker's key didn't sign for this seat, lease and manifest.
    error NoConsent(address worker);
    /// @notice The lease was put out of its seat, and can't come back before `until`.
    error VacatedRecently(bytes32 lease, uint256 until);
    /// @notice An instance was put out lately; the next one can't be before `until`.
    error OneSeatAtATime(uint256 until);
    /// @notice The provider has, or had, another seat, and never gets a second one.
    error ProviderHasAnotherSeat(address provider, uint256 seat);

    /// @notice A lease took a seat.
    event SeatFilled(
        uint256 indexed seat,
        bytes32 indexed lease,
        address indexed worker,
        address provider,
        bytes32 manifestHash
    );
    /// @notice Governance freed a seat.
    event SeatVacated(uint256 indexed seat);
    /// @notice The seat is free in `ABSENCE` seconds unless its worker attests before.
    event AbsenceReported(uint256 indexed seat, address indexed worker);
    /// @notice New instances have to run this manifest.
    event ManifestSet(bytes32 manifestHash);

    /// @notice Gives a free seat to a lease that runs the key service. Anybody may call it who has its
    /// worker's consent.
    /// Reverts with `NoSuchSeat`, `SeatTaken`, `VacatedRecently`, `LeaseNotOpen`, `WrongManifest`,
    /// `ConsentExpired`, `NoConsent`, `WorkerNotCovered` or `ProviderHasAnotherSeat`.
    /// @param expiry Until when the consent may be used.
    /// @param consent The worker key's signature over `consentDigest`.
    function take(uint256 seat, bytes32 lease, uint256 expiry, bytes calldata consent) external;

    /// @notice Reports that a seat's worker isn't covered. Where that is so still in `ABSENCE` seconds,
    /// without an attestation in between, the seat is free. Anybody may. Reverts with `NoSuchSeat` or
    /// `WorkerCovered`.
    function reportAbsence(uint256 seat) external;

    /// @notice Whether a seat can be taken. Reverts with `NoSuchSeat`.
    function isFree(uint256 seat) external view returns (bool);

    /// @notice The digest that a worker's key signs to let a lease of its have a seat.
    function consentDigest(uint256 seat, bytes32 lease, bytes32 manifestHash_, uint256 expiry)
        external
        view
        returns (bytes32);

    /// @notice Who has the seats; all zero where nobody ever had one.
    function seats() external view returns (Seat[3] memory);

    /// @notice What a new instance has to run. Instances that run an earlier one keep their seats.
    function manifestHash() external view returns (bytes32);

    /// @notice Whose workers serve.
    function workers() external view returns (IWorkers);

    /// @notice Where instances are leased.
    function market() external view returns (IMarket);

    /// @notice How many seats there are.
    function SEATS() external view returns (uint256);

    /// @notice Seconds that a reported absence has to last before it costs an instance its seat. They begin
    /// with the report, so that a chain that stood still, and with it all coverage, frees no seat by itself.
    function ABSENCE() external view returns (uint256);

    /// @notice Seconds in which a lease that was put out can't come back.
    function BARRED() external view returns (uint256);

    /// @notice Seconds between two instances that are put out, by governance or for their absence: time for
    /// the seat before to be filled from the other two. Governance can make absent whom it wants, by
    /// suspending its worker's measurement.
    function VACATING_PAUSE() external view returns (uint256);

    /// @notice Names what new instances have to run: SHA-256 of the canonical manifest. Owner only.
    /// Announced, but for the first one: before that nothing can be sealed. There is no way back to none,
    /// which would make the next one a first. Reverts with `ZeroHash`.
    function setManifest(bytes32 manifestHash_) external;

    /// @notice Frees a seat, for instance one whose instance doesn't answer; one a week, since two at once
    /// would take with them what only they two held. The lease that had it is kept out for a day; anybody
    /// else's may come. Owner only. Reverts with `NoSuchSeat` or `OneSeatAtATime`.
    function vacate(uint256 seat) external;
}
