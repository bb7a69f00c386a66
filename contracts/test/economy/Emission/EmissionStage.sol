// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {EconomyTest} from "../../stages/Economy.sol";

/// @dev What the tests of Emission begin with.
abstract contract EmissionStage is EconomyTest {
    /// 40% of what the first period emits in an hour, which is 175,000,000 / 4,320.
    uint256 internal constant BUDGET = 175_000_000e18 * uint256(2) / 5 / 4_320;
}
