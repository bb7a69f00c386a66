// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ISignatures} from "./ISignatures.sol";

/// @title IClaims: the token of an old Substrate chain, taken 1:1 with the keys that accounts had there
/// @notice What each account of the old chain owned is a leaf of a Merkle tree whose root never changes.
/// Whoever holds an account's key signs a text that names where its tokens go; anybody may send that here.
/// Nobody owns the contract or can stop it, and it holds exactly what is unpaid.
interface IClaims {
    /// @notice How an account of the old chain signs. `None` is no scheme.
    enum Scheme {
        None,
        Sr25519,
        Ed25519,
        Ecdsa
    }

    /// @notice What an account owned on the old chain.
    struct Leaf {
        /// The account's 32 bytes (its AccountId).
        bytes32 account;
        /// Units of the new token (18 decimals).
        uint96 amount;
        /// The amount becomes the account's evenly from the one to the other, Unix seconds; both 0 where all
        /// of it is the account's at once.
        uint40 vestsFrom;
        uint40 vestsUntil;
    }

    /// @notice One signature. `x`: the public key, or of an ECDSA key the first coordinate. `y` and `v` (0 or
    /// 1) are ECDSA's alone, and 0 elsewhere. `r` and `s`: the halves of the 64 bytes that wallets give.
    struct Signature {
        Scheme scheme;
        uint8 v;
        bytes32 x;
        bytes32 y;
        bytes32 r;
        bytes32 s;
    }

    /// @notice An account's tokens go to `to` from now on, `paid` of them at once.
    event Claimed(bytes32 indexed account, address indexed to, uint256 amount, uint256 paid);
    /// @notice More of what an account has claimed became its own, and went to `to`.
    event Released(bytes32 indexed account, address indexed to, uint256 paid);
    /// @notice The window is over: what nobody had claimed went to the treasury.
    event Expired(address indexed treasury, uint256 amount);

    /// @notice The proof doesn't lead from the leaf, at its place, to the root.
    error NotALeaf(bytes32 account);
    /// @notice The account's tokens were claimed before.
    error AlreadyClaimed(bytes32 account);
    /// @notice Nobody has claimed the account's tokens, or all of them were paid then.
    error NotVesting(bytes32 account);
    /// @notice The signature at `index` is of `signer`, and another account's would be needed there.
    error WrongSigner(uint256 index, bytes32 signer);
    /// @notice Claims are taken until `windowEnd`, Unix seconds, and what is left is the treasury's after
    /// that.
    error WindowOver(uint256 windowEnd);
    /// @notice The window is open until `windowEnd`, Unix seconds.
    error WindowOpen(uint256 windowEnd);

    /// @notice The token that is paid.
    function token() external view returns (address);

    /// @notice The root of the leaves. A leaf's hash is keccak256(keccak256(abi.encode(account, amount,
    /// vestsFrom, vestsUntil))); two are hashed in the order they stand in. An account has a leaf for what is
    /// its own at once and one for each part that vests; one signature is good for all of them.
    function root() external view returns (bytes32);

    /// @notice Where what nobody claims goes.
    function treasury() external view returns (address);

    /// @notice Claims are taken until then, Unix seconds.
    function windowEnd() external view returns (uint256);

    /// @notice What is asked whether a signature holds.
    function verifier() external view returns (ISignatures);

    /// @notice Creates what the contract pays, out of its allotment of the token, which is the sum of the
    /// leaves. Anybody may call it; only the first call does anything.
    function fund() external;

    /// @notice Whether the leaf at this place was claimed.
    function isClaimed(uint256 index) external view returns (bool);

    /// @notice Where the tokens of a leaf go that weren't all its account's when it was claimed, and how many
    /// went there; zeros for every other leaf.
    function vestingOf(uint256 index) external view returns (address to, uint96 paid);

    /// @notice Units that were claimed and are not their accounts' yet.
    function vesting() external view returns (uint256);

    /// @notice The text that an account's key signs for its tokens to go to `to`, as wallets wrap it.
    function textFor(address to) external view returns (string memory);

    /// @notice The text that the members of a multisig account sign for its tokens to go to `to`.
    function multisigTextFor(bytes32 account, address to) external view returns (string memory);

    /// @notice Has an account's tokens go to `to`, for the signature of its key over `textFor(to)`. Anybody
    /// may send it. `index`: the leaf's place, from 0; `proof`: the hashes beside its way to the root, from
    /// the leaf on. Reverts with `WindowOver`, `NotALeaf`, `AlreadyClaimed`, `ZeroAddress`, `WrongSigner` and
    /// `BadSignature`.
    function claim(
        Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata proof,
        address to,
        Signature calldata signature
    ) external;

    /// @notice The same for a multisig account of Substrate's: `members` are all of its signatories, in
    /// order, and `approvals` are `threshold` of theirs over `multisigTextFor(leaf.account, to)`, in the same
    /// order. Reverts as `claim` does, and with `LengthsDiffer`.
    function claimMultisig(
        Leaf calldata leaf,
        uint256 index,
        bytes32[] calldata proof,
        address to,
        bytes32[] calldata members,
        uint16 threshold,
        Signature[] calldata approvals
    ) external;

    /// @notice Pays what has become an account's own since. Reverts with `NotALeaf`, `NotVesting`, and
    /// `ZeroAmount` where nothing has.
    function release(Leaf calldata leaf, uint256 index, bytes32[] calldata proof) external;

    /// @notice Once the window is over: what nobody claimed goes to the treasury, and what was claimed stays
    /// until it vests. Reverts with `WindowOpen` and `ZeroAmount`.
    function expire() external;
}
