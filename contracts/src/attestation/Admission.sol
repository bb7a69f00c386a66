// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governed} from "../governance/Governed.sol";
import {GUEST, IAdmission} from "../interfaces/IAdmission.sol";

/// @title Admission: which platforms are new enough, and which guest images may serve
/// @notice See `IAdmission`.
contract Admission is IAdmission, Governed {
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

    /// @inheritdoc IAdmission
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

    /// @inheritdoc IAdmission
    function setFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        _useAnnouncement();
        _setFloor(fmspc, floor);
    }

    /// @inheritdoc IAdmission
    function setImage(bytes32 image, uint8 roles) external onlyOwner {
        _useAnnouncement();
        _setImage(image, roles);
    }

    /// @inheritdoc IAdmission
    function raiseFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        RaisedFloor storage raised = _raised[fmspc];
        raised.raisedAt = _suspend(raised.raisedAt);
        (raised.inForce, raised.floor) = (true, floor);
        emit TcbFloorRaised(fmspc, floor, raised.raisedAt + SUSPENSION);
    }

    /// @inheritdoc IAdmission
    function lowerFloor(bytes6 fmspc) external onlyOwner {
        _raised[fmspc].inForce = false;
        emit TcbFloorLowered(fmspc);
    }

    /// @inheritdoc IAdmission
    function suspendImage(bytes32 image, uint8 roles) external onlyOwner {
        Image storage i = _image[image];
        if (roles != 0) i.suspendedAt = _suspend(i.suspendedAt);
        i.withheld = roles;
        emit ImageSuspended(image, roles, i.suspendedAt + SUSPENSION);
    }

    // VIEWS

    /// @inheritdoc IAdmission
    function check(bytes6 fmspc, Svns calldata svns, bytes32 image) external view {
        Floor memory floor = _floor[fmspc];
        if (floor.expiry == 0) revert NoTcbFloor(fmspc);
        _checkFloor(floor, fmspc, svns);
        RaisedFloor storage raised = _raised[fmspc];
        if (_isRaised(raised)) _checkFloor(raised.floor, fmspc, svns);
        if (rolesOf(image) & GUEST == 0) revert ImageNotAllowed(image);
    }

    /// @inheritdoc IAdmission
    function rolesOf(bytes32 image) public view returns (uint8) {
        Image memory i = _image[image];
        return _isSuspended(i.suspendedAt) ? i.roles & ~i.withheld : i.roles;
    }

    /// @inheritdoc IAdmission
    function floorOf(bytes6 fmspc) external view returns (Floor memory) {
        return _floor[fmspc];
    }

    /// @inheritdoc IAdmission
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
