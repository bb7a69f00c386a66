// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @dev What guests of a measurement may do: earn as a worker, and sign verdicts about other machines.
uint8 constant GUEST = 1;
uint8 constant VERIFIER = 2;

/// @title IAdmission: which platforms are new enough, and which guests may serve, by measurement
/// @notice What lets in, and what keeps out for good, is announced like all that decides who may earn.
/// Against a hole that was just found governance may raise a floor, or take roles from a measurement, at
/// once: for 29 days, in which it can announce the lasting change and take the quick one back, and then not
/// again for 22. It stops earnings and touches nothing that was earned.
/// @dev A family of platforms is known by its FMSPC. Measurements are named keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖
/// RTMR2), or by `Verdicts.nameOf`. Instants are Unix seconds.
interface IAdmission {
    /// @notice The least that platforms of one family must have. Nothing is accepted after `expiry`, so that
    /// a floor which nobody looks after ends by itself.
    struct Floor {
        /// Each of a platform's sixteen component SVNs must be at least this.
        bytes16 componentSvns;
        uint16 pceSvn;
        uint16 qeSvn;
        /// Unix seconds.
        uint48 expiry;
        /// Each TDX component SVN but the first two must be at least this.
        bytes16 tdxSvns;
        /// By version of the TDX module, its least SVN; 255 keeps a version out, and so does being beyond
        /// the eighth.
        bytes8 moduleSvns;
    }

    /// @notice Security version numbers of a platform: of its PCK certificate and of its quote.
    struct Svns {
        bytes16 components;
        uint16 pce;
        uint16 qe;
        bytes16 tdx;
    }

    /// @notice What a family of platforms begins with.
    struct FamilyFloor {
        bytes6 fmspc;
        Floor floor;
    }

    /// @notice What guests of a measurement may do from the start.
    struct MeasurementRoles {
        bytes32 measurement;
        uint8 roles;
    }

    /// @notice Nobody has set a TCB floor for this family of platforms.
    error NoTcbFloor(bytes6 fmspc);
    /// @notice The family's TCB floor was good until `expiry`, and nobody has renewed it.
    error TcbFloorExpired(bytes6 fmspc, uint256 expiry);
    /// @notice A security version number of the platform is below the family's floor.
    error TcbBelowFloor(bytes6 fmspc);
    /// @notice Guests of this measurement may not earn now.
    error MeasurementNotAllowed(bytes32 measurement);
    /// @notice The measurement, or the family, was suspended lately and can't be again before `until`.
    error SuspendedRecently(uint256 until);

    /// @notice Platforms of a family have to reach `floor`.
    event TcbFloorSet(bytes6 indexed fmspc, Floor floor);
    /// @notice Guests of a measurement may do what `roles` says: `GUEST`, `VERIFIER`, both, or nothing.
    event MeasurementSet(bytes32 indexed measurement, uint8 roles);
    /// @notice Platforms have to reach `floor` as well as the one that was set, until `until` or until that
    /// is taken back.
    event TcbFloorRaised(bytes6 indexed fmspc, Floor floor, uint256 until);
    /// @notice The raised floor was taken back; the one that was set holds.
    event TcbFloorLowered(bytes6 indexed fmspc);
    /// @notice Guests of a measurement haven't the roles `roles` until `until`, or until that is taken back.
    event MeasurementSuspended(bytes32 indexed measurement, uint8 roles, uint256 until);

    // VIEWS

    /// @notice Reverts unless a platform of the family `fmspc` is new enough and a guest of `measurement` may
    /// serve on it: with `NoTcbFloor`, `TcbFloorExpired`, `TcbBelowFloor` or `MeasurementNotAllowed`.
    function check(bytes6 fmspc, Svns calldata svns, bytes32 measurement) external view;

    /// @notice The roles that guests of a measurement have now.
    function rolesOf(bytes32 measurement) external view returns (uint8);

    /// @notice The floor that was set, whether a raised one is in force besides or not.
    function floorOf(bytes6 fmspc) external view returns (Floor memory);

    /// @notice The floor that is in force besides, and until when; 0 for none.
    function raisedFloorOf(bytes6 fmspc) external view returns (Floor memory floor, uint256 until);

    /// @notice Seconds that a suspension lasts at the most, counted from its beginning however often it is
    /// changed; a week more than a lasting change takes. As many as that takes have to pass before the next
    /// one of the same measurement or family.
    function SUSPENSION() external view returns (uint256);

    // GOVERNANCE

    /// @notice Sets the TCB floor of a family of platforms. An expiry in the past shuts the family out.
    /// Announced.
    function setFloor(bytes6 fmspc, Floor calldata floor) external;

    /// @notice Sets what guests of a measurement may do: `GUEST`, `VERIFIER`, both, or 0 for nothing.
    /// Announced.
    function setMeasurement(bytes32 measurement, uint8 roles) external;

    /// @notice Has platforms of a family reach a second floor too, at once, for as long as `SUSPENSION`
    /// says. Owner only. Reverts with `SuspendedRecently`.
    function raiseFloor(bytes6 fmspc, Floor calldata floor) external;

    /// @notice Takes back what `raiseFloor` did, at once. Owner only.
    function lowerFloor(bytes6 fmspc) external;

    /// @notice Takes roles from a measurement, at once, for as long as `SUSPENSION` says. 0 gives all back
    /// that it had. Owner only. Reverts with `SuspendedRecently`.
    function suspendMeasurement(bytes32 measurement, uint8 roles) external;
}
