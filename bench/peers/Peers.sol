// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

// What ours is measured against: OpenZeppelin's parts, put together as its wizard does.

import {Governor} from "@openzeppelin/contracts/governance/Governor.sol";
import {TimelockController} from "@openzeppelin/contracts/governance/TimelockController.sol";
import {GovernorCountingSimple} from "@openzeppelin/contracts/governance/extensions/GovernorCountingSimple.sol";
import {GovernorSettings} from "@openzeppelin/contracts/governance/extensions/GovernorSettings.sol";
import {GovernorTimelockControl} from "@openzeppelin/contracts/governance/extensions/GovernorTimelockControl.sol";
import {GovernorVotes} from "@openzeppelin/contracts/governance/extensions/GovernorVotes.sol";
import {
    GovernorVotesQuorumFraction
} from "@openzeppelin/contracts/governance/extensions/GovernorVotesQuorumFraction.sol";
import {IVotes} from "@openzeppelin/contracts/governance/utils/IVotes.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Multicall} from "@openzeppelin/contracts/utils/Multicall.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";

contract PeerTimelock is TimelockController {
    constructor(uint256 delay) TimelockController(delay, new address[](0), new address[](1), msg.sender) {}
}

/// @dev `Multicall` lets somebody post many signed votes in one transaction.
contract PeerGovernor is
    Governor,
    GovernorSettings,
    GovernorCountingSimple,
    GovernorVotes,
    GovernorVotesQuorumFraction,
    GovernorTimelockControl,
    Multicall
{
    constructor(IVotes token, TimelockController timelock, uint48 delay, uint32 period, uint256 threshold)
        Governor("Peer")
        GovernorSettings(delay, period, threshold)
        GovernorVotes(token)
        GovernorVotesQuorumFraction(3)
        GovernorTimelockControl(timelock)
    {}

    function state(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (ProposalState)
    {
        return super.state(id);
    }

    function proposalNeedsQueuing(uint256 id)
        public
        view
        override(Governor, GovernorTimelockControl)
        returns (bool)
    {
        return super.proposalNeedsQueuing(id);
    }

    function proposalThreshold() public view override(Governor, GovernorSettings) returns (uint256) {
        return super.proposalThreshold();
    }

    function _queueOperations(uint256 id, address[] memory to, uint256[] memory wei_, bytes[] memory data, bytes32 hash)
        internal
        override(Governor, GovernorTimelockControl)
        returns (uint48)
    {
        return super._queueOperations(id, to, wei_, data, hash);
    }

    function _executeOperations(uint256 id, address[] memory to, uint256[] memory wei_, bytes[] memory data, bytes32 hash)
        internal
        override(Governor, GovernorTimelockControl)
    {
        super._executeOperations(id, to, wei_, data, hash);
    }

    function _cancel(address[] memory to, uint256[] memory wei_, bytes[] memory data, bytes32 hash)
        internal
        override(Governor, GovernorTimelockControl)
        returns (uint256)
    {
        return super._cancel(to, wei_, data, hash);
    }

    function _executor() internal view override(Governor, GovernorTimelockControl) returns (address) {
        return super._executor();
    }
}

/// @dev An airdrop as most are: a list of Ethereum accounts, each of which claims for itself or signs
/// (EIP-712) whom its tokens go to.
contract PeerAirdrop is EIP712 {
    using BitMaps for BitMaps.BitMap;
    using SafeERC20 for IERC20;

    error NotALeaf();
    error Claimed();
    error WrongSigner();

    event Paid(uint256 index, address account, address to, uint256 amount);

    bytes32 private constant CLAIM = keccak256("Claim(uint256 index,address to,uint256 amount)");
    IERC20 private immutable TOKEN;
    bytes32 private immutable ROOT;
    BitMaps.BitMap private claimed;

    constructor(IERC20 token, bytes32 root) EIP712("Airdrop", "1") {
        (TOKEN, ROOT) = (token, root);
    }

    function claim(uint256 index, address account, uint256 amount, bytes32[] calldata proof) external {
        _pay(index, account, account, amount, proof);
    }

    function claimBySig(
        uint256 index,
        address account,
        address to,
        uint256 amount,
        bytes32[] calldata proof,
        bytes calldata signature
    ) external {
        bytes32 digest = _hashTypedDataV4(keccak256(abi.encode(CLAIM, index, to, amount)));
        if (ECDSA.recover(digest, signature) != account) revert WrongSigner();
        _pay(index, account, to, amount, proof);
    }

    function _pay(uint256 index, address account, address to, uint256 amount, bytes32[] calldata proof) private {
        if (claimed.get(index)) revert Claimed();
        // Hashed twice, as @openzeppelin/merkle-tree has leaves.
        bytes32 leaf = keccak256(bytes.concat(keccak256(abi.encode(index, account, amount))));
        if (!MerkleProof.verifyCalldata(proof, ROOT, leaf)) revert NotALeaf();
        claimed.set(index);
        emit Paid(index, account, to, amount);
        TOKEN.safeTransfer(to, amount);
    }
}

/// @dev Is no peer: gives many accounts tokens and registers them by their signatures in one transaction.
contract Enrolment {
    struct Voter {
        address account;
        uint8 v;
        bytes32 r;
        bytes32 s;
    }

    function enrol(IERC20 token, uint256 amount, Voter[] calldata voters) external {
        for (uint256 i; i < voters.length; ++i) {
            Voter calldata voter = voters[i];
            IVotes(address(token)).delegateBySig(voter.account, 0, type(uint256).max, voter.v, voter.r, voter.s);
            require(token.transferFrom(msg.sender, voter.account, amount));
        }
    }
}
