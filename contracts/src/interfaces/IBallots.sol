// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ITracks} from "./ITracks.sol";

/// @title IBallots: proposals, votes that were signed for free, and what comes of them
/// @notice Whoever has CLOI proposes calls for the Safe to make. Votes are messages in Snapshot's format
/// (EIP-712, domain "snapshot" 0.1.4), which anybody posts here in batches; the contract counts them. What
/// passed waits for its track's timelock and is then carried out by anybody, all calls or none. Nobody owns
/// the contract, and the rules (`ITracks`) are changed by the Safe, which does what ballots say. Every state
/// has an end that no more than a call by anybody, after a bounded time, leads to.
///
/// Amounts and weights are base units of CLOI (18 decimals), times are Unix seconds, parts of a whole are
/// basis points.
interface IBallots {
    /// @notice How is voted. Choices count from 1.
    enum Kind {
        /// 1 for, 2 against, 3 abstain. The only kind that has calls.
        Basic,
        /// One of the choices.
        Single,
        /// Any of up to 64 choices, each with the whole weight.
        Approval,
        /// Weights for up to 16 choices: each gets its part of the voter's weight, rounded down.
        Weighted,
        /// All of up to 4 choices, the first best: instant run-off.
        Ranked
    }

    enum State {
        /// There is no such ballot.
        None,
        /// Votes may be signed and posted.
        Voting,
        /// Votes signed in time may be posted.
        Posting,
        /// It passed and waits for somebody to `queue` it.
        Passed,
        /// It waits for its timelock.
        Queued,
        /// Anybody may `execute` it.
        Executable,
        /// Its calls were made.
        Executed,
        /// It had no calls, and enough of the electorate took part.
        Decided,
        /// It didn't pass.
        Rejected,
        /// Council or committee vetoed it. The same calls can pass once more, by the higher threshold, and
        /// not be vetoed then.
        VetoedOnce,
        /// Nobody queued or executed it in time.
        Expired
    }

    /// @notice Why a posted row was left out.
    enum Reason {
        /// The signature's `s` is in the upper half, or it is nobody's.
        BadSignature,
        /// Signed for a time outside of the voting, or in the future.
        OutOfTime,
        /// The choice isn't one of the ballot's kind.
        BadChoice,
        /// A vote that is as new or newer is counted, with all parts that the row names.
        Outdated,
        /// None of the parts that the row names has any weight.
        NoPower
    }

    /// @notice One call of the Safe's.
    struct Call {
        address target;
        /// Wei.
        uint256 value;
        bytes data;
        /// Whether `target` wants it announced 22 days ahead (`IGoverned`): queueing does that.
        bool announced;
    }

    struct Proposal {
        uint8 track;
        Kind kind;
        /// How many choices; 3 for `Basic`.
        uint8 choices;
        /// Elections only: the council to be elected, and who stands for it, one a choice.
        address body;
        address[] candidates;
        Call[] calls;
        /// Where title, text and names of the choices are, and the SHA-256 of what is there.
        string uri;
        bytes32 contentHash;
    }

    /// @notice What is counted of a voter. `choice`: the number (`Basic`, `Single`); a bit for each choice,
    /// the first choice's the lowest (`Approval`); 16 bits for each, the first choice's the lowest
    /// (`Weighted`); four bits for each, the best's the lowest (`Ranked`). `tag`: the first four bytes of the
    /// message's digest, which decide between messages of the same second; the greater one counts, and a vote
    /// by transaction has the greatest.
    struct Vote {
        uint256 choice;
        uint32 timestamp;
        uint32 tag;
        uint32 parts;
        uint96 weight;
    }

    /// @notice What is known of a ballot.
    struct Ballot {
        address proposer;
        uint8 track;
        /// Which of the track's rules it began under, from 0.
        uint16 rules;
        Kind kind;
        uint8 choices;
        /// The voting was made longer once.
        bool isExtended;
        /// The committee made voting, posting and timelock shorter.
        bool isFast;
        /// The council called it spam.
        bool isSpam;
        bool isBondPaid;
        /// Whether it would pass with the votes posted so far, were the voting over.
        bool isPassing;
        /// It was queued with what it needs after a veto.
        bool isVetoProof;
        bool isExecuted;
        uint40 start;
        /// Votes are signed until then, and posted for a day more (three hours where the committee made it
        /// shorter).
        uint40 end;
        /// Since when a majority of all power is for it; 0 where it isn't.
        uint40 majoritySince;
        /// Calls can be made from then on, for 14 days; 0 until it is queued.
        uint40 executableAt;
        /// All weight that took part.
        uint96 turnout;
        /// All power that there was: active stake and registered CLOI, and at least 5% of the supply.
        uint96 electorate;
        uint96 bond;
        /// Of whose end the power counts: the second before it was proposed.
        uint40 snapshot;
        /// keccak256(abi.encode(calls)); 0 without calls.
        bytes32 content;
        /// keccak256(abi.encode(body, candidates)); 0 for what isn't an election.
        bytes32 election;
    }

    /// @notice Somebody proposed. `end`: the voting's.
    event BallotProposed(
        bytes32 indexed id,
        address indexed proposer,
        uint8 indexed track,
        Proposal proposal,
        uint256 snapshot,
        uint256 end,
        uint256 electorate
    );
    /// @notice A vote counts, instead of the voter's vote before. Fields as in `Vote`; `word` has its
    /// timestamp from bit 160 on, the tag from bit 128, the parts from bit 96 and the weight below.
    event VoteCounted(bytes32 indexed id, address indexed voter, uint256 choice, uint256 word);
    /// @notice Row `index` of a batch was left out.
    event Skipped(bytes32 indexed id, uint256 index, Reason reason);
    /// @notice Late votes turned the outcome: votes may be signed until `end`.
    event BallotExtended(bytes32 indexed id, uint256 end);
    /// @notice The committee made a ballot shorter: its voting ends at `end`.
    event BallotHastened(bytes32 indexed id, uint256 end);
    /// @notice A ballot that passed was queued, for `executableAt`.
    event BallotQueued(bytes32 indexed id, uint256 executableAt, bool isVetoProof);
    /// @notice A ballot's calls were made.
    event BallotExecuted(bytes32 indexed id);
    /// @notice A ballot was vetoed, and so were all others of the same calls.
    event BallotVetoed(bytes32 indexed id, bytes32 indexed content, address indexed by);
    /// @notice The council called a ballot spam: its bond goes to the Safe if it fails.
    event BallotMarkedSpam(bytes32 indexed id);
    /// @notice A ballot's bond went to `to`.
    event BondPaid(bytes32 indexed id, address indexed to, uint256 amount);
    /// @notice Who may veto, and who may veto and hasten.
    event BrakesSet(address indexed council, address indexed committee);

    /// @notice There is no such ballot.
    error UnknownBallot(bytes32 id);
    /// @notice The ballot is in another state, `found`, than this can be done in.
    error WrongState(bytes32 id, State found);
    /// @notice The proposer had `found` at the end of the last second, and needs `needed`.
    error TooLittlePower(uint256 found, uint256 needed);
    /// @notice The voter had no power that is counted, at the end of the second `snapshot`.
    error NoPowerThen(address voter, uint256 snapshot);
    /// @notice A ballot of this kind can't have so many choices, candidates or calls.
    error BadBallot();
    /// @notice The choice isn't one of the ballot's kind.
    error NoSuchChoice();
    /// @notice The rows end within one, or one is marked as none can be.
    error BadRows();
    /// @notice The calls aren't those that were proposed.
    error OtherCalls();
    /// @notice Call `index` failed, or its announcement did; `returned` is what came of it.
    error CallFailed(uint256 index, bytes returned);
    /// @notice Only council or committee may do that.
    error NotABrake(address caller);
    /// @notice The same calls were vetoed before, or pass what they need after a veto.
    error CannotBeVetoed(bytes32 id);
    /// @notice The bond was paid already.
    error BondAlreadyPaid(bytes32 id);

    // PROPOSE AND VOTE

    /// @notice Proposes, and leaves the track's bond. Reverts with `WrongTrack`, `BadBallot`,
    /// `CallNotAllowed`, `TooLittlePower` and where the bond can't be taken.
    function propose(Proposal calldata proposal) external returns (bytes32 id);

    /// @notice Counts votes, in any order and as often as anybody likes, until posting ends. Rows that don't
    /// count are skipped. Without rows it only brings up to date what depends on time. Reverts with
    /// `UnknownBallot`, `WrongState` and `BadRows`.
    /// @param rows Votes as they were signed, one behind the other, numbers big-endian:
    ///
    /// | bytes | what |
    /// | ----- | ---- |
    /// | 32, 32 | the signature's `r`, and `s` with the parity of `v` in its highest bit (EIP-2098) |
    /// | 32 | keccak256 of `from`; whatever that says, the vote is its signer's |
    /// | 4 | timestamp |
    /// | 4 | what of the voter's power to count this time: bit 0 the liquid CLOI registered with it, bit
    /// 1 + i its stake in its `i`th pool (`IPower.poolAt`), for the first 31 pools |
    /// | 1 | which texts follow the choice: bit 0 `reason`, bit 1 `app`, bit 2 `metadata`; bit 3 where its
    /// stake may be in the pool that a row before was about last, which makes it cheaper if so |
    /// | 2 | how many bytes the choice has |
    /// | | the choice. `Basic`, `Single`: the number, 4 bytes. `Approval`, `Ranked`: all numbers so.
    /// `Weighted`: the text that was signed, such as {"1":70,"2":30} |
    /// | 32 each | keccak256 of each text that follows; others are as in the row before, and in the first
    /// row "", "" and "{}" |
    function post(bytes32 id, bytes calldata rows) external;

    /// @notice Votes as the caller, for contracts and whoever likes to, until the voting ends. `choice` and
    /// `parts` as in a row of `post`. Reverts with `WrongState`, `NoSuchChoice` and `NoPowerThen`.
    function vote(bytes32 id, bytes calldata choice, uint32 parts) external;

    // CARRY OUT

    /// @notice Starts the timelock of a ballot that passed, and announces what has to be announced. Reverts
    /// with `WrongState`, `OtherCalls` and `CallFailed`.
    function queue(bytes32 id, Call[] calldata calls) external;

    /// @notice Makes a ballot's calls, all of them or none, where what they move fits the track's budget.
    /// Reverts as `queue` does, and with `ITracks.OverBudget`: then it waits, executable until it expires.
    function execute(bytes32 id, Call[] calldata calls) external;

    /// @notice Calls off what a ballot announced that was vetoed or expired; what can't be called off is left
    /// out. Reverts with `WrongState` and `OtherCalls`.
    function callOffAnnounced(bytes32 id, Call[] calldata calls) external;

    /// @notice Pays a ballot's bond once its voting is over: to the proposer, or to the Safe where it is
    /// spam that was rejected. Reverts with `WrongState` and `BondAlreadyPaid`.
    function payBond(bytes32 id) external;

    // BRAKES

    /// @notice Vetoes a ballot that is queued or executable, and every other of the same calls. By council or
    /// committee. Reverts with `NotABrake`, `WrongState` and `CannotBeVetoed`.
    function veto(bytes32 id) external;

    /// @notice Shortens an emergency ballot: voting to 12 hours from its start, posting and timelock to three
    /// hours each, and has it need what a ballot needs after a veto. By the committee, while votes may be
    /// signed. Reverts with `NotABrake`, `WrongState` and `WrongTrack`.
    function hasten(bytes32 id) external;

    /// @notice Calls a ballot spam, which costs its bond if it is rejected. By the council, until posting
    /// ends. Reverts with `NotABrake` and `WrongState`.
    function markSpam(bytes32 id) external;

    /// @notice Names council and committee. Reverts with `NotTheSafe`.
    function setBrakes(address council, address committee) external;

    // VIEWS

    /// @notice CLOI: what bonds are in, and whose registered holders vote.
    function token() external view returns (address);

    /// @notice The rules that ballots go by, and the calls they may make.
    function tracks() external view returns (ITracks);

    /// @notice What was at stake.
    function power() external view returns (address);

    /// @notice The Safe that makes the calls.
    function safe() external view returns (address);

    /// @notice Who may veto and call spam.
    function council() external view returns (address);

    /// @notice Who may veto and hasten.
    function committee() external view returns (address);

    /// @notice The `space` that votes are signed for.
    function space() external view returns (string memory);

    /// @notice The id that a proposal would get, as the proposer's `nonce`th. In lower-case hex, behind 0x,
    /// it is the `proposal` of Snapshot's messages.
    function idOf(address proposer, uint256 nonce, Proposal calldata what) external view returns (bytes32);

    /// @notice How many ballots an account has proposed.
    function proposedBy(address proposer) external view returns (uint256);

    /// @notice What is known of a ballot. Zeros where there is none.
    function ballotOf(bytes32 id) external view returns (Ballot memory);

    /// @notice Where a ballot stands now.
    function stateOf(bytes32 id) external view returns (State);

    /// @notice Votes can be posted until then.
    function postingEndOf(bytes32 id) external view returns (uint256);

    /// @notice Weight of each choice, the first choice's first. Of `Ranked` ballots: of each ranking, in the
    /// order of its number (`Vote.choice`), smallest first.
    function tallyOf(bytes32 id) external view returns (uint256[] memory);

    /// @notice The choice that leads with the votes posted so far, from 1; 0 where none does alone.
    function leaderOf(bytes32 id) external view returns (uint256);

    /// @notice What is counted of a voter.
    function voteOf(bytes32 id, address voter) external view returns (Vote memory);

    /// @notice What a provider's vote of a ballot lacks of its pool: its delegators voted with that
    /// themselves.
    function overriddenOf(bytes32 id, address provider) external view returns (uint256);

    /// @notice All parts of a voter's power that weigh something in a ballot (see `post`), and what they come
    /// to now. A provider's own pool is worth what its delegators haven't voted with themselves.
    function powerOf(bytes32 id, address voter) external view returns (uint32 parts, uint256 weight);

    /// @notice What an account had at the end of second `time`, to propose with: registered CLOI and its own
    /// stake.
    function powerAt(address account, uint256 time) external view returns (uint256);

    /// @notice Whether calls were vetoed once: keccak256(abi.encode(calls)).
    function isVetoed(bytes32 content) external view returns (bool);
}
