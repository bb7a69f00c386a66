// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title IApps: which code may have an app's keys
/// @notice An app is a name of its owner's with a policy: the manifests that may run it and the measurements
/// of guests it may run in. The key service gives an app's keys to nothing else (`mayHaveKeys`). What the
/// policy newly allows counts after the app's upgrade delay only, so that whoever relies on it sees a change
/// coming; what it forbids counts at once. A frozen app's policy allows nothing new, ever. No role has any
/// power here.
/// @dev Instants in Unix seconds. Apps are named by `appOf`, manifests by SHA-256 of their canonical form,
/// measurements as `IAdmission` names them.
interface IApps {
    struct App {
        address owner;
        /// Seconds that what is newly allowed has to wait.
        uint32 upgradeDelay;
        /// Unix seconds; 0 if it isn't frozen. What was allowed later, or announced for later, doesn't
        /// count.
        uint48 frozenAt;
        /// A shorter delay that was announced, and the instant (Unix seconds) from which it holds; 0 if none
        /// was.
        uint32 nextDelay;
        uint48 nextDelayFrom;
    }

    /// @notice The caller has registered an app of that name.
    error AppExists(bytes32 app);
    /// @notice Nobody has registered this app.
    error UnknownApp(bytes32 app);
    /// @notice Only the app's owner may do that.
    error NotAppOwner(address caller);
    /// @notice The app wasn't offered to the caller.
    error NotPendingOwner(address caller);
    /// @notice The app is frozen: nothing new can be allowed.
    error AppFrozen(bytes32 app);
    /// @notice An app has to have a name.
    error EmptyName();
    /// @notice `found` manifests or measurements were given at once, more than `max`.
    error TooMany(uint256 found, uint256 max);

    /// @notice An account registered an app. What it allows from the beginning follows.
    event AppRegistered(bytes32 indexed app, address indexed owner, bytes32 name, uint256 upgradeDelay);
    /// @notice A manifest may have the app's keys from `allowedFrom` on.
    event ManifestAllowed(bytes32 indexed app, bytes32 indexed manifestHash, uint256 allowedFrom);
    /// @notice A manifest may have the app's keys no longer.
    event ManifestForbidden(bytes32 indexed app, bytes32 indexed manifestHash);
    /// @notice The app may run in guests of a measurement from `allowedFrom` on.
    event MeasurementAllowed(bytes32 indexed app, bytes32 indexed measurement, uint256 allowedFrom);
    /// @notice The app may run in guests of a measurement no longer.
    event MeasurementForbidden(bytes32 indexed app, bytes32 indexed measurement);
    /// @notice What is newly allowed waits `upgradeDelay` seconds, from `from` on.
    event UpgradeDelaySet(bytes32 indexed app, uint256 upgradeDelay, uint256 from);
    /// @notice The app's policy allows nothing new any more.
    event AppFrozenAt(bytes32 indexed app, uint256 instant);
    /// @notice The app's owner offered it to an account.
    event OwnershipOffered(bytes32 indexed app, address indexed to);
    /// @notice The account that the app was offered to took it.
    event OwnershipTaken(bytes32 indexed app, address indexed owner);

    /// @notice Registers an app of the caller's. What is named here counts at once; what is allowed later
    /// waits.
    /// Reverts with `EmptyName`, `OutOfBounds`, `TooMany` (more than 64 of either), `AppExists` or
    /// `ZeroHash`.
    /// @param name Any name the caller hasn't used, for instance in ASCII, left-aligned.
    /// @param upgradeDelay Seconds, at most `MAX_UPGRADE_DELAY`.
    function register(
        bytes32 name,
        uint256 upgradeDelay,
        bytes32[] calldata manifests,
        bytes32[] calldata measurements
    ) external returns (bytes32 app);

    /// @notice Lets a manifest have the app's keys, once the upgrade delay has passed. Owner only.
    /// Reverts with `UnknownApp`, `NotAppOwner`, `AppFrozen` or `ZeroHash`.
    function allowManifest(bytes32 app, bytes32 manifestHash) external;

    /// @notice Lets the app run in guests of a measurement, once the upgrade delay has passed. Owner only.
    /// Reverts as `allowManifest` does.
    function allowMeasurement(bytes32 app, bytes32 measurement) external;

    /// @notice Takes a manifest off, at once. Owner only; frozen apps too. Reverts with `UnknownApp` or
    /// `NotAppOwner`.
    function forbidManifest(bytes32 app, bytes32 manifestHash) external;

    /// @notice Takes a measurement off, at once. Owner only; frozen apps too. Reverts with `UnknownApp` or
    /// `NotAppOwner`.
    function forbidMeasurement(bytes32 app, bytes32 measurement) external;

    /// @notice Sets the upgrade delay, in seconds: a longer one holds at once, a shorter one after the delay
    /// that holds now. Owner only. Reverts with `UnknownApp`, `NotAppOwner`, `AppFrozen` or `OutOfBounds`.
    function setUpgradeDelay(bytes32 app, uint256 seconds_) external;

    /// @notice Freezes the app's policy for good. What was announced and doesn't count yet never will. Owner
    /// only. Reverts with `UnknownApp`, `NotAppOwner` or `AppFrozen`.
    function freeze(bytes32 app) external;

    /// @notice Offers the app to another account, which has to take it. Owner only. Reverts with `UnknownApp`
    /// or `NotAppOwner`.
    function offerOwnership(bytes32 app, address to) external;

    /// @notice Takes an app that was offered to the caller. Reverts with `NotPendingOwner`.
    function takeOwnership(bytes32 app) external;

    /// @notice Whether a lease of `tenant` that runs a manifest in a guest of this measurement may have the
    /// app's keys now.
    function mayHaveKeys(bytes32 app, address tenant, bytes32 manifestHash, bytes32 measurement)
        external
        view
        returns (bool);

    /// @notice The upgrade delay that holds now, in seconds.
    function upgradeDelayOf(bytes32 app) external view returns (uint256);

    /// @notice An app; all zero where nobody registered it.
    function appInfo(bytes32 app) external view returns (App memory);

    /// @notice The id of the app that `owner` registers, or registered, under a name. It stays when the app
    /// is handed over.
    function appOf(address owner, bytes32 name) external view returns (bytes32);

    /// @notice The account that an app is offered to; zero if it isn't.
    function pendingOwnerOf(bytes32 app) external view returns (address);

    /// @notice The instant from which a manifest may have an app's keys; 0 if it may not.
    function manifestAllowedFrom(bytes32 app, bytes32 manifestHash) external view returns (uint256);

    /// @notice The instant from which an app may run in guests of a measurement; 0 if it may not.
    function measurementAllowedFrom(bytes32 app, bytes32 measurement) external view returns (uint256);

    /// @notice The longest upgrade delay there can be, in seconds.
    function MAX_UPGRADE_DELAY() external view returns (uint256);
}
