// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ValidityOracle} from "./ValidityOracle.sol";

/// @title An output of layer 2, as the OP Stack's portal asks for it
/// @notice A "dispute game" that nobody can dispute: it is won by its proof while it is made. The factory
/// clones it and appends to each call what the game is about: creator, output root, parent of the block it
/// was made in, and the extra data that `ValidityOracle` packs.
contract ValidityGame {
    enum Status {
        IN_PROGRESS,
        CHALLENGER_WINS,
        DEFENDER_WINS
    }

    uint256 internal constant ROOT = 20;
    uint256 internal constant L1_HEAD = 52;
    uint256 internal constant EXTRA = 84;
    uint256 internal constant L1_BLOCK = EXTRA + 32;
    uint256 internal constant PROVER = L1_BLOCK + 32;
    uint256 internal constant CONFIG = PROVER + 20;
    uint256 internal constant PROOF = CONFIG + 32;

    ValidityOracle public immutable l2OutputOracle;

    /// @notice Unix seconds.
    uint64 public createdAt;
    /// @notice Unix seconds.
    uint64 public resolvedAt;
    Status public status;
    bool public wasRespectedGameTypeWhenCreated;

    event Resolved(Status indexed status);

    /// @notice It is over.
    error GameNotInProgress();

    constructor(ValidityOracle oracle) {
        l2OutputOracle = oracle;
    }

    /// @notice Called once, by the factory that made it. Reverts unless the oracle takes the output.
    function initialize() external payable {
        if (createdAt != 0) revert GameNotInProgress();
        (createdAt, resolvedAt) = (uint64(block.timestamp), uint64(block.timestamp));
        (status, wasRespectedGameTypeWhenCreated) = (Status.DEFENDER_WINS, true);
        bytes calldata about = _about();
        l2OutputOracle.proposeL2Output(
            bytes32(about[CONFIG:PROOF]),
            rootClaim(),
            l2SequenceNumber(),
            uint256(bytes32(about[L1_BLOCK:PROVER])),
            about[PROOF:],
            address(bytes20(about[PROVER:CONFIG]))
        );
        emit Resolved(Status.DEFENDER_WINS);
    }

    function resolve() external pure returns (Status) {
        revert GameNotInProgress();
    }

    function gameType() public view returns (uint32) {
        return l2OutputOracle.GAME_TYPE();
    }

    function gameCreator() external pure returns (address) {
        return address(bytes20(_about()[:ROOT]));
    }

    function rootClaim() public pure returns (bytes32) {
        return bytes32(_about()[ROOT:L1_HEAD]);
    }

    function l1Head() external pure returns (bytes32) {
        return bytes32(_about()[L1_HEAD:EXTRA]);
    }

    function extraData() public pure returns (bytes memory) {
        return _about()[EXTRA:];
    }

    /// @notice Number of the block of layer 2 whose output it is.
    function l2SequenceNumber() public pure returns (uint256) {
        return uint256(bytes32(_about()[EXTRA:L1_BLOCK]));
    }

    function gameData() external view returns (uint32, bytes32, bytes memory) {
        return (gameType(), rootClaim(), extraData());
    }

    /// @dev The last two bytes of a call are the length of what was appended, themselves included.
    function _about() internal pure returns (bytes calldata) {
        uint256 end = msg.data.length - 2;
        uint256 length = uint16(bytes2(msg.data[end:]));
        return msg.data[end + 2 - length:end];
    }
}
