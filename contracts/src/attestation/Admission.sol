// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governed} from "../governance/Governed.sol";

/// @dev What an image may do: earn as a worker, and sign verdicts about other machines.
uint8 constant GUEST = 1;
uint8 constant VERIFIER = 2;

/// @title Admission: which platforms are new enough, and which guest images may serve
/// @notice What lets in, and what keeps out for good, is announced like all that decides who may earn.
/// Against a hole that was just found governance may raise a floor, or take roles from an image, at once:
/// for 29 days, in which it can announce the lasting change and take the quick one back, and then not again
/// for
/// 22. It stops earnings and touches nothing that was earned.
contract Admission is Governed {
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

    /// @notice What a guest image begins with.
    struct ImageRoles {
        bytes32 image;
        uint8 roles;
    }

    /// @dev One slot.
    struct Image {
        uint8 roles;
        /// Roles that it doesn't have while the suspension lasts.
        uint8 withheld;
        /// When it was suspended first, in the suspension that was last; Unix seconds, 0 if it never was.
        uint48 suspendedAt;
    }

    struct RaisedFloor {
        /// When it was raised first, in the suspension that was last; Unix seconds, 0 if it never was.
        uint48 raisedAt;
        bool inForce;
        Floor floor;
    }

    error NoTcbFloor(bytes6 fmspc);
    error TcbFloorExpired(bytes6 fmspc, uint256 expiry);
    error TcbBelowFloor(bytes6 fmspc);
    error ImageNotAllowed(bytes32 image);
    error SuspendedRecently(uint256 until);

    event TcbFloorSet(bytes6 indexed fmspc, Floor floor);
    event ImageSet(bytes32 indexed image, uint8 roles);
    /// @notice Platforms have to reach `floor` as well as the one that was set, until `until` or until that
    /// is taken back. Unix seconds.
    event TcbFloorRaised(bytes6 indexed fmspc, Floor floor, uint256 until);
    event TcbFloorLowered(bytes6 indexed fmspc);
    /// @notice An image hasn't the roles `roles` until `until`, Unix seconds, or until that is taken back.
    event ImageSuspended(bytes32 indexed image, uint8 roles, uint256 until);

    /// @notice Seconds that a suspension lasts at the most, counted from its beginning however often it is
    /// changed; a week more than a lasting change takes. As many as that takes have to pass before the next
    /// one of the same image or family.
    uint256 public constant SUSPENSION = CHANGE_DELAY + 7 days;

    mapping(bytes6 fmspc => Floor) private _floor;
    mapping(bytes6 fmspc => RaisedFloor) private _raised;
    mapping(bytes32 image => Image) private _image;

    /// @param owner Announces floors and images: the governance executor.
    /// @param floors, images What may serve at first.
    constructor(address owner, FamilyFloor[] memory floors, ImageRoles[] memory images) Ownable(owner) {
        for (uint256 i; i < floors.length; ++i) {
            _setFloor(floors[i].fmspc, floors[i].floor);
        }
        for (uint256 i; i < images.length; ++i) {
            _setImage(images[i].image, images[i].roles);
        }
    }

    // GOVERNANCE

    /// @notice Sets the TCB floor of a family of platforms. An expiry in the past shuts the family out.
    /// Announced.
    function setFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        _useAnnouncement();
        _setFloor(fmspc, floor);
    }

    /// @notice Sets what a guest image may do: `GUEST`, `VERIFIER`, both, or 0 for nothing. Announced.
    function setImage(bytes32 image, uint8 roles) external onlyOwner {
        _useAnnouncement();
        _setImage(image, roles);
    }

    /// @notice Has platforms of a family reach a second floor too, at once, for as long as `SUSPENSION`
    /// says.
    function raiseFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        RaisedFloor storage raised = _raised[fmspc];
        raised.raisedAt = _suspend(raised.raisedAt);
        (raised.inForce, raised.floor) = (true, floor);
        emit TcbFloorRaised(fmspc, floor, raised.raisedAt + SUSPENSION);
    }

    /// @notice Takes back what `raiseFloor` did, at once.
    function lowerFloor(bytes6 fmspc) external onlyOwner {
        _raised[fmspc].inForce = false;
        emit TcbFloorLowered(fmspc);
    }

    /// @notice Takes roles from a guest image, at once, for as long as `SUSPENSION` says. 0 gives all back
    /// that it had.
    function suspendImage(bytes32 image, uint8 roles) external onlyOwner {
        Image storage i = _image[image];
        if (roles != 0) i.suspendedAt = _suspend(i.suspendedAt);
        i.withheld = roles;
        emit ImageSuspended(image, roles, i.suspendedAt + SUSPENSION);
    }

    // VIEWS

    /// @notice Reverts unless a platform of the family `fmspc` is new enough and `image` may serve as a
    /// guest on it.
    function check(bytes6 fmspc, Svns calldata svns, bytes32 image) external view {
        Floor memory floor = _floor[fmspc];
        if (floor.expiry == 0) revert NoTcbFloor(fmspc);
        _checkFloor(floor, fmspc, svns);
        RaisedFloor storage raised = _raised[fmspc];
        if (_isRaised(raised)) _checkFloor(raised.floor, fmspc, svns);
        if (rolesOf(image) & GUEST == 0) revert ImageNotAllowed(image);
    }

    /// @notice The roles that a guest image has now. Images are named keccak256(MRTD ‖ RTMR0 ‖ RTMR1 ‖
    /// RTMR2).
    function rolesOf(bytes32 image) public view returns (uint8) {
        Image memory i = _image[image];
        return _isSuspended(i.suspendedAt) ? i.roles & ~i.withheld : i.roles;
    }

    /// @notice The floor that was set, whether a raised one is in force besides or not.
    function floorOf(bytes6 fmspc) external view returns (Floor memory) {
        return _floor[fmspc];
    }

    /// @notice The floor that is in force besides, and until when, Unix seconds; 0 for none.
    function raisedFloorOf(bytes6 fmspc) external view returns (Floor memory floor, uint256 until) {
        RaisedFloor storage raised = _raised[fmspc];
        if (_isRaised(raised)) (floor, until) = (raised.floor, raised.raisedAt + SUSPENSION);
    }

    // INTERNAL

    function _checkFloor(Floor memory floor, bytes6 fmspc, Svns calldata svns) private view {
        if (block.timestamp > floor.expiry) revert TcbFloorExpired(fmspc, floor.expiry);
        uint256 version = uint8(svns.tdx[1]);
        bool reached = svns.pce >= floor.pceSvn && svns.qe >= floor.qeSvn && version < 8
            && uint8(floor.moduleSvns[version]) != 255
            && uint8(svns.tdx[0]) >= uint8(floor.moduleSvns[version])
            && _reaches(svns.components, floor.componentSvns, 0) && _reaches(svns.tdx, floor.tdxSvns, 2);
        if (!reached) revert TcbBelowFloor(fmspc);
    }

    function _reaches(bytes16 svns, bytes16 least, uint256 from) private pure returns (bool) {
        for (uint256 i = from; i < 16; ++i) {
            if (uint8(svns[i]) < uint8(least[i])) return false;
        }
        return true;
    }

    function _setFloor(bytes6 fmspc, Floor memory floor) private {
        _floor[fmspc] = floor;
        emit TcbFloorSet(fmspc, floor);
    }

    function _setImage(bytes32 image, uint8 roles) private {
        _image[image].roles = roles;
        emit ImageSet(image, roles);
    }

    function _isRaised(RaisedFloor storage raised) private view returns (bool) {
        return raised.inForce && _isSuspended(raised.raisedAt);
    }

    function _isSuspended(uint256 since) private view returns (bool) {
        return since != 0 && block.timestamp < since + SUSPENSION;
    }

    /// @dev When a suspension began that is to be changed or begun now. `since`: when the last one did.
    function _suspend(uint48 since) private view returns (uint48) {
        if (_isSuspended(since)) return since;
        uint256 next = since + SUSPENSION + CHANGE_DELAY;
        if (since != 0 && block.timestamp < next) revert SuspendedRecently(next);
        return uint48(block.timestamp);
    }
}
