// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @title Apps: which code may have an app's keys
/// @notice An app is a name of its owner's with a policy: the manifests that may run it and the guest images
/// it may run in. The key service gives an app's keys to nothing else (`mayHaveKeys`). What the policy newly
/// allows counts after the app's upgrade delay only, so that whoever relies on it sees a change coming; what
/// it forbids counts at once. A frozen app's policy allows nothing new, ever. No role has any power here.
contract Apps {
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

    error AppExists(bytes32 app);
    error UnknownApp(bytes32 app);
    error NotAppOwner(address caller);
    error NotPendingOwner(address caller);
    error AppFrozen(bytes32 app);
    error EmptyName();
    error ZeroHash();
    error DelayTooLong(uint256 seconds_, uint256 max);
    error TooMany(uint256 found, uint256 max);

    event AppRegistered(bytes32 indexed app, address indexed owner, bytes32 name, uint256 upgradeDelay);
    /// @notice `allowedFrom`: Unix seconds.
    event ManifestAllowed(bytes32 indexed app, bytes32 indexed manifestHash, uint256 allowedFrom);
    event ManifestForbidden(bytes32 indexed app, bytes32 indexed manifestHash);
    event ImageAllowed(bytes32 indexed app, bytes32 indexed image, uint256 allowedFrom);
    event ImageForbidden(bytes32 indexed app, bytes32 indexed image);
    /// @notice `from`: Unix seconds.
    event UpgradeDelaySet(bytes32 indexed app, uint256 upgradeDelay, uint256 from);
    event AppFrozenAt(bytes32 indexed app, uint256 instant);
    event OwnershipOffered(bytes32 indexed app, address indexed to);
    event OwnershipTaken(bytes32 indexed app, address indexed owner);

    uint256 public constant MAX_UPGRADE_DELAY = 365 days;
    uint256 private constant MAX_AT_ONCE = 64;

    mapping(bytes32 app => App) private _app;
    mapping(bytes32 app => address) public pendingOwnerOf;
    /// @notice The instant (Unix seconds) from which a manifest, or a guest image, is allowed; 0 if it
    /// isn't.
    mapping(bytes32 app => mapping(bytes32 manifestHash => uint256)) public manifestAllowedFrom;
    mapping(bytes32 app => mapping(bytes32 image => uint256)) public imageAllowedFrom;

    /// @notice Registers an app of the caller's. What is named here counts at once; what is allowed later
    /// waits.
    /// @param name Any name the caller hasn't used, for instance in ASCII, left-aligned.
    /// @param upgradeDelay Seconds, at most a year.
    function register(
        bytes32 name,
        uint256 upgradeDelay,
        bytes32[] calldata manifests,
        bytes32[] calldata images
    ) external returns (bytes32 app) {
        if (name == 0) revert EmptyName();
        if (upgradeDelay > MAX_UPGRADE_DELAY) revert DelayTooLong(upgradeDelay, MAX_UPGRADE_DELAY);
        if (manifests.length > MAX_AT_ONCE) revert TooMany(manifests.length, MAX_AT_ONCE);
        if (images.length > MAX_AT_ONCE) revert TooMany(images.length, MAX_AT_ONCE);
        app = appOf(msg.sender, name);
        if (_app[app].owner != address(0)) revert AppExists(app);
        _app[app] = App(msg.sender, uint32(upgradeDelay), 0, 0, 0);
        emit AppRegistered(app, msg.sender, name, upgradeDelay);
        for (uint256 i; i < manifests.length; ++i) {
            _allowManifest(app, manifests[i], block.timestamp);
        }
        for (uint256 i; i < images.length; ++i) {
            _allowImage(app, images[i], block.timestamp);
        }
    }

    /// @notice Lets a manifest have the app's keys, once the upgrade delay has passed. Owner only.
    function allowManifest(bytes32 app, bytes32 manifestHash) external {
        _allowManifest(app, manifestHash, block.timestamp + _growing(app));
    }

    /// @notice Lets the app run in a guest image, once the upgrade delay has passed. Owner only.
    function allowImage(bytes32 app, bytes32 image) external {
        _allowImage(app, image, block.timestamp + _growing(app));
    }

    /// @notice Takes a manifest off, at once. Owner only; frozen apps too.
    function forbidManifest(bytes32 app, bytes32 manifestHash) external {
        _owned(app);
        delete manifestAllowedFrom[app][manifestHash];
        emit ManifestForbidden(app, manifestHash);
    }

    /// @notice Takes a guest image off, at once. Owner only; frozen apps too.
    function forbidImage(bytes32 app, bytes32 image) external {
        _owned(app);
        delete imageAllowedFrom[app][image];
        emit ImageForbidden(app, image);
    }

    /// @notice Sets the upgrade delay, in seconds: a longer one holds at once, a shorter one after the delay
    /// that holds now.
    function setUpgradeDelay(bytes32 app, uint256 seconds_) external {
        uint256 current = _growing(app);
        if (seconds_ > MAX_UPGRADE_DELAY) revert DelayTooLong(seconds_, MAX_UPGRADE_DELAY);
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

    /// @notice Freezes the app's policy for good. What was announced and doesn't count yet never will.
    function freeze(bytes32 app) external {
        _growing(app);
        _app[app].frozenAt = uint48(block.timestamp);
        emit AppFrozenAt(app, block.timestamp);
    }

    /// @notice Offers the app to another account, which has to take it.
    function offerOwnership(bytes32 app, address to) external {
        _owned(app);
        pendingOwnerOf[app] = to;
        emit OwnershipOffered(app, to);
    }

    function takeOwnership(bytes32 app) external {
        if (pendingOwnerOf[app] != msg.sender) revert NotPendingOwner(msg.sender);
        delete pendingOwnerOf[app];
        _app[app].owner = msg.sender;
        emit OwnershipTaken(app, msg.sender);
    }

    /// @notice Whether a lease of `tenant` that runs a manifest in a guest image may have the app's keys
    /// now.
    function mayHaveKeys(bytes32 app, address tenant, bytes32 manifestHash, bytes32 image)
        external
        view
        returns (bool)
    {
        App memory a = _app[app];
        return a.owner != address(0) && a.owner == tenant
            && _counts(a, manifestAllowedFrom[app][manifestHash]) && _counts(a, imageAllowedFrom[app][image]);
    }

    /// @notice The upgrade delay that holds now, in seconds.
    function upgradeDelayOf(bytes32 app) public view returns (uint256) {
        App memory a = _app[app];
        return a.nextDelayFrom != 0 && a.nextDelayFrom <= block.timestamp ? a.nextDelay : a.upgradeDelay;
    }

    function appInfo(bytes32 app) external view returns (App memory) {
        return _app[app];
    }

    /// @notice The id of the app that `owner` registers, or registered, under a name. It stays when the app
    /// is handed over.
    function appOf(address owner, bytes32 name) public view returns (bytes32) {
        return keccak256(abi.encode(block.chainid, address(this), owner, name));
    }

    /// @dev The delay for something new; reverts unless the caller may add to the policy.
    function _growing(bytes32 app) private view returns (uint256) {
        if (_owned(app).frozenAt != 0) revert AppFrozen(app);
        return upgradeDelayOf(app);
    }

    function _owned(bytes32 app) private view returns (App storage a) {
        a = _app[app];
        if (a.owner == address(0)) revert UnknownApp(app);
        if (a.owner != msg.sender) revert NotAppOwner(msg.sender);
    }

    function _counts(App memory a, uint256 from) private view returns (bool) {
        return from != 0 && from <= block.timestamp && (a.frozenAt == 0 || from <= a.frozenAt);
    }

    /// @dev What is allowed already keeps its instant: announcing it again can neither delay nor hasten it.
    function _allowManifest(bytes32 app, bytes32 manifestHash, uint256 from) private {
        if (manifestHash == 0) revert ZeroHash();
        if (manifestAllowedFrom[app][manifestHash] != 0) return;
        manifestAllowedFrom[app][manifestHash] = from;
        emit ManifestAllowed(app, manifestHash, from);
    }

    function _allowImage(bytes32 app, bytes32 image, uint256 from) private {
        if (image == 0) revert ZeroHash();
        if (imageAllowedFrom[app][image] != 0) return;
        imageAllowedFrom[app][image] = from;
        emit ImageAllowed(app, image, from);
    }
}
