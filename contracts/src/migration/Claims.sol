// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Errors} from "../interfaces/Errors.sol";
import {IClaims} from "../interfaces/IClaims.sol";
import {ISignatures} from "../interfaces/ISignatures.sol";
import {IToken} from "../interfaces/IToken.sol";
import {Accounts} from "./Accounts.sol";
import {Hex} from "./Hex.sol";

/// @title Claims: the token of an old Substrate chain, taken 1:1 with the keys that accounts had there
contract Claims is IClaims {
    using SafeERC20 for IERC20;

    /// @inheritdoc IClaims
    address public immutable token;
    /// @inheritdoc IClaims
    bytes32 public immutable root;
    /// @inheritdoc IClaims
    address public immutable treasury;
    /// @inheritdoc IClaims
    uint256 public immutable windowEnd;
    /// @inheritdoc IClaims
    ISignatures public immutable verifier;

    struct Vesting {
        address to;
        uint96 paid;
    }

    /// @dev A bit for each leaf that was claimed, 256 to a word.
    mapping(uint256 word => uint256 bits) private _claimed;
    /// @inheritdoc IClaims
    mapping(uint256 index => Vesting) public vestingOf;
    /// @inheritdoc IClaims
    uint256 public vesting;

    /// @param windowEnd_ Unix seconds
    constructor(address token_, bytes32 root_, address treasury_, uint256 windowEnd_, ISignatures verifier_) {
        if (token_ == address(0) || treasury_ == address(0) || address(verifier_) == address(0)) {
            revert Errors.ZeroAddress();
        }
        if (root_ == 0) revert Errors.ZeroHash();
        if (windowEnd_ <= block.timestamp) revert WindowOver(windowEnd_);
        (token, root, treasury, windowEnd) = (token_, root_, treasury_, windowEnd_);
        verifier = verifier_;
    }

    /// @inheritdoc IClaims
    function fund() external {
        uint256 amount = IToken(token).allotted(address(this));
        // Whoever is quick may call it between the steps of a deployment, which has to go on then.
        if (amount == 0) return;
        IToken(token).mint(address(this), amount);
    }

    /// @inheritdoc IClaims
    function isClaimed(uint256 index) public view returns (bool) {
        return _claimed[index >> 8] >> (index & 0xff) & 1 == 1;
    }

    /// @inheritdoc IClaims
    function textFor(address to) external view returns (string memory) {
        return string(_text("this old account", to));
    }

    /// @inheritdoc IClaims
    function multisigTextFor(bytes32 account, address to) external view returns (string memory) {
        return string(_multisigText(account, to));
    }

    /// @inheritdoc IClaims
    function claim(
        Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata proof,
        address to,
        Signature calldata signature
    ) external {
        _requireUnclaimed(leaf, index, proof, to);
        bytes32 signer = Accounts.signerOf(signature);
        if (signer != leaf.account) revert WrongSigner(0, signer);
        if (!Accounts.verify(verifier, signature, _text("this old account", to))) {
            revert Errors.BadSignature();
        }
        _pay(leaf, index, to);
    }

    /// @inheritdoc IClaims
    function claimMultisig(
        Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata proof,
        address to,
        bytes32[] calldata members,
        uint16 threshold,
        Signature[] calldata approvals
    ) external {
        if (threshold == 0 || approvals.length != threshold) {
            revert Errors.LengthsDiffer(approvals.length, threshold);
        }
        _requireUnclaimed(leaf, index, proof, to);
        bytes32 account = Accounts.multisig(members, threshold);
        if (account != leaf.account) revert NotALeaf(account);
        bytes memory text = _multisigText(account, to);
        uint256 next = 0;
        for (uint256 i = 0; i < approvals.length; i++) {
            bytes32 signer = Accounts.signerOf(approvals[i]);
            while (next < members.length && members[next] != signer) next++;
            if (next++ >= members.length) revert WrongSigner(i, signer);
            if (!Accounts.verify(verifier, approvals[i], text)) revert Errors.BadSignature();
        }
        _pay(leaf, index, to);
    }

    /// @inheritdoc IClaims
    function release(Leaf calldata leaf, uint256 index, bytes32[] calldata proof) external {
        _requireLeaf(leaf, index, proof);
        Vesting storage found = vestingOf[index];
        address to = found.to;
        if (to == address(0)) revert NotVesting(leaf.account);
        uint96 vested = _vested(leaf);
        uint256 amount = vested - found.paid;
        if (amount == 0) revert Errors.ZeroAmount();
        found.paid = vested;
        vesting -= amount;
        emit Released(leaf.account, to, amount);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IClaims
    function expire() external {
        if (block.timestamp < windowEnd) revert WindowOpen(windowEnd);
        uint256 amount = IERC20(token).balanceOf(address(this)) - vesting;
        if (amount == 0) revert Errors.ZeroAmount();
        emit Expired(treasury, amount);
        IERC20(token).safeTransfer(treasury, amount);
    }

    function _requireUnclaimed(Leaf calldata leaf, uint256 index, bytes32[] calldata proof, address to)
        private
        view
    {
        if (block.timestamp >= windowEnd) revert WindowOver(windowEnd);
        if (to == address(0)) revert Errors.ZeroAddress();
        _requireLeaf(leaf, index, proof);
        if (isClaimed(index)) revert AlreadyClaimed(leaf.account);
    }

    function _pay(Leaf calldata leaf, uint256 index, address to) private {
        _claimed[index >> 8] |= 1 << (index & 0xff);
        uint96 vested = _vested(leaf);
        if (vested < leaf.amount) {
            vestingOf[index] = Vesting(to, vested);
            vesting += leaf.amount - vested;
        }
        emit Claimed(leaf.account, to, leaf.amount, vested);
        if (vested > 0) IERC20(token).safeTransfer(to, vested);
    }

    /// @dev Hashed twice, a leaf is no pair of hashes. An index has no more bits than its way has steps: a
    /// leaf has one place.
    function _requireLeaf(Leaf calldata leaf, uint256 index, bytes32[] calldata proof) private view {
        bytes32 hash = keccak256(
            bytes.concat(keccak256(abi.encode(leaf.account, leaf.amount, leaf.vestsFrom, leaf.vestsUntil)))
        );
        uint256 place = index;
        for (uint256 i = 0; i < proof.length; i++) {
            bytes32 beside = proof[i];
            hash = place & 1 == 0
                ? Hashes.efficientKeccak256(hash, beside)
                : Hashes.efficientKeccak256(beside, hash);
            place >>= 1;
        }
        if (place != 0 || hash != root) revert NotALeaf(leaf.account);
    }

    /// @dev What of a leaf is its account's by now.
    function _vested(Leaf calldata leaf) private view returns (uint96) {
        if (block.timestamp >= leaf.vestsUntil) return leaf.amount;
        if (block.timestamp <= leaf.vestsFrom) return 0;
        uint256 part = block.timestamp - leaf.vestsFrom;
        // Less than the amount, since the part is less than the whole.
        return uint96(leaf.amount * part / (leaf.vestsUntil - leaf.vestsFrom));
    }

    function _multisigText(bytes32 account, address to) private view returns (bytes memory) {
        return _text(bytes.concat("the multisig ", Hex.ofWord(account)), to);
    }

    /// @dev ASCII and below 256 bytes, which is what hardware wallets sign; the marks around it keep it from
    /// being a transaction of the old chain's.
    function _text(bytes memory whose, address to) private view returns (bytes memory) {
        return bytes.concat(
            "<Bytes>Send the CLOI of ",
            whose,
            " to ",
            Hex.ofAddress(to),
            " on chain ",
            bytes(Strings.toString(block.chainid)),
            " by ",
            Hex.ofAddress(address(this)),
            "</Bytes>"
        );
    }
}
