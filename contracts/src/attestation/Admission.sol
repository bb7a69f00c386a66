// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Governed} from "../governance/Governed.sol";
import {GUEST, IAdmission} from "../interfaces/IAdmission.sol";

/// @title Admission: which platforms are new enough, and which guests may serve, by measurement
/// @notice See `IAdmission`.
contract Admission is IAdmission, Governed {
    /// @dev One slot.
    struct Roles {
        uint8 granted;
        /// Those of them that it doesn't have while the suspension lasts.
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
    mapping(bytes32 measurement => Roles) private _roles;

    /// @param owner Announces floors and measurements: the governance executor.
    /// @param floors, measurements Those that hold at first.
    constructor(address owner, FamilyFloor[] memory floors, MeasurementRoles[] memory measurements)
        Ownable(owner)
    {
        for (uint256 i; i < floors.length; ++i) {
            _setFloor(floors[i].fmspc, floors[i].floor);
        }
        for (uint256 i; i < measurements.length; ++i) {
            _setMeasurement(measurements[i].measurement, measurements[i].roles);
        }
    }

    // GOVERNANCE

    /// @inheritdoc IAdmission
    function setFloor(bytes6 fmspc, Floor calldata floor) external onlyOwner {
        _useAnnouncement();
        _setFloor(fmspc, floor);
    }

    /// @inheritdoc IAdmission
    function setMeasurement(bytes32 measurement, uint8 roles) external onlyOwner {
        _useAnnouncement();
        _setMeasurement(measurement, roles);
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
    function suspendMeasurement(bytes32 measurement, uint8 roles) external onlyOwner {
        Roles storage its = _roles[measurement];
        if (roles != 0) its.suspendedAt = _suspend(its.suspendedAt);
        its.withheld = roles;
        emit MeasurementSuspended(measurement, roles, its.suspendedAt + SUSPENSION);
    }

    // VIEWS

    /// @inheritdoc IAdmission
    function check(bytes6 fmspc, Svns calldata svns, bytes32 measurement) external view {
        Floor memory floor = _floor[fmspc];
        if (floor.expiry == 0) revert NoTcbFloor(fmspc);
        _checkFloor(floor, fmspc, svns);
        RaisedFloor storage raised = _raised[fmspc];
        if (_isRaised(raised)) _checkFloor(raised.floor, fmspc, svns);
        if (rolesOf(measurement) & GUEST == 0) revert MeasurementNotAllowed(measurement);
    }

    /// @inheritdoc IAdmission
    function rolesOf(bytes32 measurement) public view returns (uint8) {
        Roles memory its = _roles[measurement];
        return _isSuspended(its.suspendedAt) ? its.granted & ~its.withheld : its.granted;
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

    function _setMeasurement(bytes32 measurement, uint8 roles) private {
        _roles[measurement].granted = roles;
        emit MeasurementSet(measurement, roles);
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
