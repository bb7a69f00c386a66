// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Token} from "../../src/economy/Token.sol";

/// @dev The token with a door that the real one doesn't have: allotments at once, so that tests can deploy
/// in any order.
contract OpenToken is Token {
    constructor(address owner) Token(owner, new address[](0), new uint256[](0)) {}

    function allotNow(address minter, uint256 amount) external {
        _allot(minter, amount);
    }
}
