// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Verdicts} from "../../src/attestation/Verdicts.sol";
import {GUEST, IAdmission, VERIFIER} from "../../src/interfaces/IAdmission.sol";
import {vm} from "../Vm.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";
import {Network} from "./Network.sol";

/// @dev Three providers with verifiers of their own, and a worker whose GPUs or guest no contract can check.
abstract contract VerifiedNetwork is Network {
    uint256[3] internal keys = [uint256(0x1001), 0x1002, 0x1003];
    address[3] internal owners = [address(0xA1), address(0xA2), address(0xA3)];
    mapping(address verifier => bytes32) internal pckIds;
    bytes32 internal constant SNP_MEASUREMENT = keccak256("snp guest");
    bytes32 internal constant CHIP = keccak256("chip");

    function setUp() public virtual override {
        super.setUp();
        register();
        for (uint256 i; i < 3; ++i) {
            join(keys[i], owners[i], 0xF000 + i, 50 + i);
        }
        vm.roll(block.number + 2);
    }

    function measurements()
        internal
        pure
        virtual
        override
        returns (IAdmission.MeasurementRoles[] memory roles)
    {
        roles = new IAdmission.MeasurementRoles[](2);
        roles[0] =
            IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf(keccak256("guest")), GUEST | VERIFIER);
        roles[1] = IAdmission.MeasurementRoles(snpName(), GUEST);
    }

    /// @dev What the SEV-SNP measurement is called on chain (`Verdicts.nameOf`).
    function snpName() internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(uint8(Verdicts.Kind.SevSnp), SNP_MEASUREMENT));
    }

    function join(uint256 key, address owner, uint256 pck, uint256 serial) internal {
        address w = vm.addr(key);
        bytes memory signature = sign(key, joinDigest(owner, w));
        vm.prank(owner);
        workers.register(w, describe(), signature);
        bytes32 pckId = registerPlatform(pck, serial, bytes16(uint128(serial)));
        pckIds[w] = pckId;
        vm.roll(block.number + 2);
        uint256 number = block.number - 1;
        attestWith(w, pckId, number, SoftwarePlatform.quote(guestFor(w, number), pck));
    }

    /// @dev Attests the `i`th verifier again.
    function renewVerifier(uint256 i) internal {
        address w = vm.addr(keys[i]);
        uint256 number = block.number - 1;
        attestWith(w, pckIds[w], number, SoftwarePlatform.quote(guestFor(w, number), 0xF000 + i));
    }

    function snp() internal view returns (Verdicts.Verdict memory) {
        uint256 number = block.number - 1;
        return Verdicts.Verdict(
            Verdicts.Kind.SevSnp,
            worker,
            provider,
            CHIP,
            SNP_MEASUREMENT,
            TLS_KEY_HASH,
            0,
            0,
            number,
            blockhash(number)
        );
    }

    function gpus() internal view returns (Verdicts.Verdict memory) {
        uint256 number = block.number - 1;
        return Verdicts.Verdict(
            Verdicts.Kind.NvidiaGpus,
            worker,
            provider,
            sha256(abi.encodePacked(gpuIds())),
            0,
            TLS_KEY_HASH,
            "h100",
            8,
            number,
            blockhash(number)
        );
    }

    /// @dev Eight GPUs.
    function gpuIds() internal pure returns (bytes32[] memory ids) {
        ids = new bytes32[](8);
        for (uint256 i; i < 8; ++i) {
            ids[i] = bytes32(0x60 + i);
        }
    }

    /// @dev The worker's own word for a verdict about it.
    function claimed(Verdicts.Verdict memory verdict) internal view returns (bytes memory) {
        return sign(WORKER_KEY, workers.claimDigest(verdict));
    }

    function signed(Verdicts.Verdict memory verdict, uint256 count)
        internal
        view
        returns (bytes[] memory signatures)
    {
        signatures = new bytes[](count);
        for (uint256 i; i < count; ++i) {
            signatures[i] = sign(keys[i], workers.verdictDigest(verdict));
        }
    }
}
