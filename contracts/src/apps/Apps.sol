// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../interfaces/Errors.sol";
import {IApps} from "../interfaces/IApps.sol";
import {Announcements} from "../libraries/Announcements.sol";

/// @title Apps: which code may have an app's keys
/// @notice See `IApps`.
contract Apps is IApps {
    /// @inheritdoc IApps
    uint256 public constant MAX_UPGRADE_DELAY = 365 days;
    uint256 private constant MAX_AT_ONCE = 64;

    mapping(bytes32 app => App) private _app;
    /// @inheritdoc IApps
    mapping(bytes32 app => address) public pendingOwnerOf;
    /// @inheritdoc IApps
    mapping(bytes32 app => mapping(bytes32 manifestHash => uint256)) public manifestAllowedFrom;
    /// @inheritdoc IApps
    mapping(bytes32 app => mapping(bytes32 measurement => uint256)) public measurementAllowedFrom;

    /// @inheritdoc IApps
    function register(
        bytes32 name,
        uint256 upgradeDelay,
        bytes32[] calldata manifests,
        bytes32[] calldata measurements
    ) external returns (bytes32 app) {
        if (name == 0) revert EmptyName();
        if (upgradeDelay > MAX_UPGRADE_DELAY) revert Errors.OutOfBounds(upgradeDelay, 0, MAX_UPGRADE_DELAY);
        if (manifests.length > MAX_AT_ONCE) revert TooMany(manifests.length, MAX_AT_ONCE);
        if (measurements.length > MAX_AT_ONCE) revert TooMany(measurements.length, MAX_AT_ONCE);
        app = appOf(msg.sender, name);
        if (_app[app].owner != address(0)) revert AppExists(app);
        _app[app] = App(msg.sender, uint32(upgradeDelay), 0, 0, 0);
        emit AppRegistered(app, msg.sender, name, upgradeDelay);
        for (uint256 i; i < manifests.length; ++i) {
            _allowManifest(app, manifests[i], block.timestamp);
        }
        for (uint256 i; i < measurements.length; ++i) {
            _allowMeasurement(app, measurements[i], block.timestamp);
        }
    }

    /// @inheritdoc IApps
    function allowManifest(bytes32 app, bytes32 manifestHash) external {
        _allowManifest(app, manifestHash, block.timestamp + _requireOpen(app));
    }

    /// @inheritdoc IApps
    function allowMeasurement(bytes32 app, bytes32 measurement) external {
        _allowMeasurement(app, measurement, block.timestamp + _requireOpen(app));
    }

    /// @inheritdoc IApps
    function forbidManifest(bytes32 app, bytes32 manifestHash) external {
        _requireOwned(app);
        delete manifestAllowedFrom[app][manifestHash];
        emit ManifestForbidden(app, manifestHash);
    }

    /// @inheritdoc IApps
    function forbidMeasurement(bytes32 app, bytes32 measurement) external {
        _requireOwned(app);
        delete measurementAllowedFrom[app][measurement];
        emit MeasurementForbidden(app, measurement);
    }

    /// @inheritdoc IApps
    function setUpgradeDelay(bytes32 app, uint256 seconds_) external {
        uint256 current = _requireOpen(app);
        if (seconds_ > MAX_UPGRADE_DELAY) revert Errors.OutOfBounds(seconds_, 0, MAX_UPGRADE_DELAY);
        App storage a = _app[app];
        uint256 from = block.timestamp;
        if (seconds_ >= current) {
            (a.upgradeDelay, a.nextDelay, a.nextDelayFrom) = (uint32(seconds_), 0, 0);
        } else {
            from += current;
            (a.upgradeDelay, a.nextDelay, a.nextDelayFrom) = (uint32(current), uint32(seconds_), uint48(from));
        }
        emit UpgradeDelaySet(app, seconds_, from);
    }

    /// @inheritdoc IApps
    function freeze(bytes32 app) external {
        _requireOpen(app);
        _app[app].frozenAt = uint48(block.timestamp);
        emit AppFrozenAt(app, block.timestamp);
    }

    /// @inheritdoc IApps
    function offerOwnership(bytes32 app, address to) external {
        _requireOwned(app);
        pendingOwnerOf[app] = to;
        emit OwnershipOffered(app, to);
    }

    /// @inheritdoc IApps
    function takeOwnership(bytes32 app) external {
        if (pendingOwnerOf[app] != msg.sender) revert NotPendingOwner(msg.sender);
        delete pendingOwnerOf[app];
        _app[app].owner = msg.sender;
        emit OwnershipTaken(app, msg.sender);
    }

    /// @inheritdoc IApps
    function mayHaveKeys(bytes32 app, address tenant, bytes32 manifestHash, bytes32 measurement)
        external
        view
        returns (bool)
    {
        App memory a = _app[app];
        return a.owner != address(0) && a.owner == tenant
            && _counts(a, manifestAllowedFrom[app][manifestHash])
            && _counts(a, measurementAllowedFrom[app][measurement]);
    }

    /// @inheritdoc IApps
    function upgradeDelayOf(bytes32 app) public view returns (uint256) {
        App memory a = _app[app];
        return Announcements.isDue(a.nextDelayFrom) ? a.nextDelay : a.upgradeDelay;
    }

    /// @inheritdoc IApps
    function appInfo(bytes32 app) external view returns (App memory) {
        return _app[app];
    }

    /// @inheritdoc IApps
    function appOf(address owner, bytes32 name) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), owner, name));
    }

    /// @dev Reverts unless the caller may add to the policy. Returns the delay for what it adds.
    function _requireOpen(bytes32 app) private view returns (uint256) {
        if (_requireOwned(app).frozenAt != 0) revert AppFrozen(app);
        return upgradeDelayOf(app);
    }

    function _requireOwned(bytes32 app) private view returns (App storage a) {
        a = _app[app];
        if (a.owner == address(0)) revert UnknownApp(app);
        if (a.owner != msg.sender) revert NotAppOwner(msg.sender);
    }

    function _counts(App memory a, uint256 from) private view returns (bool) {
        return Announcements.isDue(from) && (a.frozenAt == 0 || from <= a.frozenAt);
    }

    /// @dev What is allowed already keeps its instant: announcing it again can neither delay nor hasten it.
    function _allowManifest(bytes32 app, bytes32 manifestHash, uint256 from) private {
        if (manifestHash == 0) revert Errors.ZeroHash();
        if (manifestAllowedFrom[app][manifestHash] != 0) return;
        manifestAllowedFrom[app][manifestHash] = from;
        emit ManifestAllowed(app, manifestHash, from);
    }

    function _allowMeasurement(bytes32 app, bytes32 measurement, uint256 from) private {
        if (measurement == 0) revert Errors.ZeroHash();
        if (measurementAllowedFrom[app][measurement] != 0) return;
        measurementAllowedFrom[app][measurement] = from;
        emit MeasurementAllowed(app, measurement, from);
    }
}
