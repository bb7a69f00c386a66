// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

interface IVerifier {
    function verifyProof(bytes32 program, bytes calldata publicValues, bytes calldata proof) external view;
}

interface IGames {
    function create(uint32 gameType, bytes32 rootClaim, bytes calldata extraData)
        external
        payable
        returns (address);
}

/// @title What development networks prove a layer 2's outputs to
/// @notice Speaks as OP Succinct's oracle does in validity mode (`checkpointBlockHash`,
/// `dgfProposeL2Output`, `proposeL2Output`, version 3.0.0): an output counts once a proof says that it
/// follows from the one before. Anybody may propose. It has no owner, no challenger and no optimistic mode.
contract ValidityOracle {
    /// @notice Programs that prove, and the chain that they prove.
    struct Config {
        bytes32 aggregationVkey;
        bytes32 rangeVkeyCommitment;
        bytes32 rollupConfigHash;
    }

    /// @notice An output of layer 2, and when it was proposed (Unix seconds).
    struct Output {
        bytes32 outputRoot;
        uint128 timestamp;
        uint128 l2BlockNumber;
    }

    /// @notice What an aggregation proof shows.
    struct PublicValues {
        bytes32 l1Head;
        bytes32 l2PreRoot;
        bytes32 claimRoot;
        uint256 claimBlockNum;
        bytes32 rollupConfigHash;
        bytes32 rangeVkeyCommitment;
        address proverAddress;
    }

    /// @notice OP Succinct's type of dispute games.
    uint32 public constant GAME_TYPE = 6;

    IVerifier public immutable verifier;
    IGames public immutable disputeGameFactory;
    /// @notice Blocks of layer 2 between two outputs, at the least.
    uint256 public immutable submissionInterval;
    bytes32 public immutable configName;

    Config public config;
    /// @notice Hashes of blocks of layer 1 that proofs may refer to.
    mapping(uint256 blockNumber => bytes32) public historicBlockHashes;

    Output[] internal _outputs;
    bool internal _proposing;

    event OutputProposed(
        bytes32 indexed outputRoot, uint256 indexed l2OutputIndex, uint256 indexed l2BlockNumber, uint256 time
    );

    /// @notice The hash isn't among the last 256 blocks'.
    error L1BlockHashNotAvailable();
    /// @notice `checkpointBlockHash` wasn't called for the block.
    error L1BlockHashNotCheckpointed();
    /// @notice There are no programs of that name.
    error UnknownConfig(bytes32 name);
    /// @notice The next output is of block `next`, or of a later one.
    error TooEarly(uint256 next);
    /// @notice Games are made through `dgfProposeL2Output` alone.
    error NotThroughOracle();

    constructor(
        IVerifier verifier_,
        IGames factory,
        bytes32 configName_,
        Config memory config_,
        Output memory first,
        uint256 interval
    ) {
        (verifier, disputeGameFactory, configName, config) = (verifier_, factory, configName_, config_);
        submissionInterval = interval;
        _outputs.push(first);
    }

    /// @notice Remembers the hash of one of the last 256 blocks of layer 1.
    function checkpointBlockHash(uint256 blockNumber) external {
        bytes32 found = blockhash(blockNumber);
        if (found == 0) revert L1BlockHashNotAvailable();
        historicBlockHashes[blockNumber] = found;
    }

    /// @notice Proposes an output: makes a game, which calls `proposeL2Output`.
    /// @param l1BlockNumber A checkpointed block of layer 1 that all of the output was derived by.
    /// @param prover Named in the proof.
    function dgfProposeL2Output(
        bytes32 name,
        bytes32 outputRoot,
        uint256 l2BlockNumber,
        uint256 l1BlockNumber,
        bytes calldata proof,
        address prover
    ) external returns (address game) {
        _proposing = true;
        bytes memory extraData = abi.encodePacked(l2BlockNumber, l1BlockNumber, prover, name, proof);
        game = disputeGameFactory.create(GAME_TYPE, outputRoot, extraData);
        _proposing = false;
    }

    /// @notice Takes an output whose proof is good. Games call it while they are made.
    function proposeL2Output(
        bytes32 name,
        bytes32 outputRoot,
        uint256 l2BlockNumber,
        uint256 l1BlockNumber,
        bytes calldata proof,
        address prover
    ) external {
        if (!_proposing) revert NotThroughOracle();
        if (name != configName) revert UnknownConfig(name);
        if (l2BlockNumber < nextBlockNumber()) revert TooEarly(nextBlockNumber());
        bytes32 l1Head = historicBlockHashes[l1BlockNumber];
        if (l1Head == 0) revert L1BlockHashNotCheckpointed();
        PublicValues memory shown = PublicValues({
            l1Head: l1Head,
            l2PreRoot: _outputs[latestOutputIndex()].outputRoot,
            claimRoot: outputRoot,
            claimBlockNum: l2BlockNumber,
            rollupConfigHash: config.rollupConfigHash,
            rangeVkeyCommitment: config.rangeVkeyCommitment,
            proverAddress: prover
        });
        verifier.verifyProof(config.aggregationVkey, abi.encode(shown), proof);
        emit OutputProposed(outputRoot, _outputs.length, l2BlockNumber, block.timestamp);
        _outputs.push(Output(outputRoot, uint128(block.timestamp), uint128(l2BlockNumber)));
    }

    function getL2Output(uint256 index) external view returns (Output memory) {
        return _outputs[index];
    }

    function latestOutputIndex() public view returns (uint256) {
        return _outputs.length - 1;
    }

    function latestBlockNumber() public view returns (uint256) {
        return _outputs[latestOutputIndex()].l2BlockNumber;
    }

    /// @notice The first block of layer 2 that an output may be proposed of.
    function nextBlockNumber() public view returns (uint256) {
        return latestBlockNumber() + submissionInterval;
    }
}
