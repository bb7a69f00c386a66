// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Errors} from "../interfaces/Errors.sol";
import {ITreasury} from "../interfaces/ITreasury.sol";
import {Governed} from "./Governed.sol";

/// @title Treasury: the account that what is the treasury's goes to
abstract contract Treasury is ITreasury, Governed {
    /// @inheritdoc ITreasury
    address public treasury;

    constructor(address treasury_) {
        _setTreasury(treasury_);
    }

    /// @inheritdoc ITreasury
    function setTreasury(address treasury_) external onlyOwner {
        _useAnnouncement();
        _setTreasury(treasury_);
    }

    function _setTreasury(address treasury_) private {
        if (treasury_ == address(0)) revert Errors.ZeroAddress();
        treasury = treasury_;
        emit TreasurySet(treasury_);
    }
}
