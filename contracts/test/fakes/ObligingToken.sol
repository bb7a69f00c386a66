// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @dev A token that answers any call and does nothing for it, as wrapped ether does.
contract ObligingToken is ERC20("obliging", "O") {
    fallback() external {}
}
