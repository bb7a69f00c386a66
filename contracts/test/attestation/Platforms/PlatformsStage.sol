// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Platforms} from "../../../src/attestation/Platforms.sol";
import {vm} from "../../Vm.sol";
import {SoftwarePlatform} from "../../fakes/SoftwarePlatform.sol";
import {Network} from "../../stages/Network.sol";

/// @dev Platforms, floors, measurements and revocation, with a platform in software under a development root.
abstract contract PlatformsStage is Network {
    uint256 internal number;

    function setUp() public override {
        super.setUp();
        register();
        vm.roll(block.number + 2);
        number = block.number - 1;
    }

    function attestOnce() internal {
        attestWith(worker, pckKey, number, quoteFor(worker, number));
    }

    function refused(SoftwarePlatform.Guest memory g, bytes memory reason) internal {
        bytes memory quote = SoftwarePlatform.quote(g, PCK);
        vm.expectRevert(reason);
        workers.attest(worker, pckKey, number, TLS_KEY_HASH, quote);
    }

    function flip(bytes memory data, uint256 seed) internal pure {
        uint256 at = (seed >> 8) % data.length;
        data[at] = bytes1(uint8(data[at]) ^ uint8(1 + seed % 255));
    }

    function cut(bytes memory data, uint256 length) internal pure returns (bytes memory shorter) {
        shorter = new bytes(length);
        for (uint256 i; i < length; ++i) {
            shorter[i] = data[i];
        }
    }
}
