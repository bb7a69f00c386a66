// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Till} from "../libraries/Till.sol";
import {IMarket} from "./IMarket.sol";
import {ITill} from "./ITill.sol";
import {ITreasury} from "./ITreasury.sol";

/// @title IVouchers: models at a price, paid by the token with vouchers
/// @notice A lease's tenant offers what runs in it at prices per million tokens. A payer puts money into one
/// purse for all of them, and gives session keys a cap. A key draws money from the purse into a channel to
/// one receiver, and signs vouchers: cumulative promises of what the receiver may claim of the channel. One
/// claim redeems the last voucher of many channels; what is claimed is owed to receivers, less the fee (see
/// `ITill`). What isn't claimed goes back to the purse.
/// @dev Structs, typed data (EIP-712 domain "x402 Batch Settlement", version 1, verified by this contract)
/// and, where a function does the same, its signature are those of x402 version 2, scheme
/// `batch-settlement`. Amounts in base units of their token, instants in Unix seconds. For every token:
/// balance of this contract = purses + what channels hold unclaimed + credits + fees.
interface IVouchers is ITill, ITreasury {
    /// @notice What a million tokens of a model cost, and whom. `cached` is the price of those input tokens
    /// that the engine had already.
    struct Terms {
        address token;
        /// Base units of `token` per 1,000,000 tokens, as the next two.
        uint96 input;
        address payee;
        uint96 cached;
        uint96 output;
    }

    /// @notice Who pays whom through a channel. Its typed-data digest is the channel's id, so that nothing of
    /// it can change.
    struct ChannelConfig {
        address payer;
        /// Signs draws and vouchers: a session key of the payer's, or the payer. An account with a key.
        address payerAuthorizer;
        address receiver;
        /// Signs batches of claims, and refunds. An account with a key.
        address receiverAuthorizer;
        address token;
        /// Seconds between `initiateWithdraw` and `finalizeWithdraw`.
        uint40 withdrawDelay;
        bytes32 salt;
    }

    /// @notice What may have been claimed of a channel, all in all.
    struct Voucher {
        ChannelConfig channel;
        uint128 maxClaimableAmount;
    }

    /// @notice A claim up to `totalClaimed`, all in all, by a voucher that the payer authorizer signed.
    struct VoucherClaim {
        Voucher voucher;
        bytes signature;
        uint128 totalClaimed;
    }

    /// @notice A draw that the payer authorizer signed; see `draw`.
    struct SignedDraw {
        ChannelConfig channel;
        uint128 totalDrawn;
        bytes signature;
    }

    /// @notice What a payer has for draws in one token.
    struct Purse {
        uint96 balance;
        /// What of it the payer announced to take back; draws still have it until it is taken.
        uint96 leaving;
        /// From when it may be taken; 0 where nothing was announced.
        uint48 leavesAt;
    }

    /// @notice A session key of a payer's.
    struct Key {
        address payer;
        /// Last second at which it can draw.
        uint48 until;
        address token;
        /// What draws by it may come to, less what came back.
        uint96 cap;
        uint96 drawn;
    }

    /// @notice Why a row of a batch was passed over.
    enum Skip {
        /// It wasn't.
        None,
        /// Another account signs the channel's claims.
        ForeignAuthorizer,
        /// Nothing more than before.
        NotGrowing,
        /// More than the voucher says.
        AboveVoucher,
        /// More than the channel has.
        AboveBalance,
        /// The payer authorizer didn't sign it.
        NotSigned,
        /// The payer authorizer is neither the payer nor a key of its for this token.
        NotPayersKey,
        /// The key's time is over.
        KeyOver,
        /// The key's cap is reached.
        KeyUsedUp,
        /// The purse is empty.
        PurseEmpty,
        /// Receiver or its authorizer is zero, or the delay out of bounds.
        BadChannel
    }

    /// @notice A model's name is empty or longer than `MAX_MODEL_BYTES`, or options are longer than
    /// `MAX_OPTIONS_BYTES`.
    error BadOffer(uint256 modelBytes, uint256 optionsBytes);
    /// @notice The lease has no offer that could be ended.
    error NoOffer(bytes32 lease);
    /// @notice The key is another payer's, or was registered for another token.
    error KeyTaken(address key);
    /// @notice The draw moves nothing, for this reason.
    error NothingDrawn(Skip reason);
    /// @notice The token didn't move exactly the amount.
    error NotPaidIn(address token, uint256 amount);
    /// @notice The caller may not take the channel's money back, or not while its payer does.
    error NotPayer(address caller);
    /// @notice Nothing was announced that could be taken back.
    error NothingAnnounced();
    /// @notice What was announced can be taken from `from` on, Unix seconds.
    error NotYet(uint256 from);
    /// @notice The refund's number isn't the channel's next one.
    error BadNonce(uint256 nonce, uint256 next);

    /// @notice A lease's tenant offers a model.
    event Offered(bytes32 indexed id, bytes32 indexed lease, Terms terms, string model, string options);
    /// @notice An offer doesn't stand any more: its tenant ended or replaced it, or its lease is over.
    event OfferEnded(bytes32 indexed id, bytes32 indexed lease);
    /// @notice `from` put `amount` into a payer's purse.
    event PurseFilled(address indexed payer, address indexed token, address from, uint256 amount);
    /// @notice A payer may take `amount` back from `leavesAt` on; 0 of both where it changed its mind.
    event PurseLeaving(address indexed payer, address indexed token, uint256 amount, uint256 leavesAt);
    /// @notice A payer had `amount` of its purse sent to `to`.
    event PurseEmptied(address indexed payer, address indexed token, address to, uint256 amount);
    /// @notice A key of a payer's may draw up to `cap`, until `until`.
    event KeySet(address indexed key, address indexed payer, address token, uint256 cap, uint256 until);
    /// @notice A channel is there: this is the first money in it.
    event ChannelOpened(bytes32 indexed channelId, address indexed payer, ChannelConfig config);
    /// @notice `amount` more went from the payer's purse into a channel.
    event Drawn(bytes32 indexed channelId, uint256 amount);
    /// @notice The payer sent `amount` to a channel, past its purse.
    event ChannelFilled(bytes32 indexed channelId, uint256 amount);
    /// @notice `amount` more of a channel was claimed, of which `fee` is the treasury's.
    event ChannelClaimed(bytes32 indexed channelId, uint256 amount, uint256 fee);
    /// @notice A row of a batch of claims changed nothing.
    event ClaimSkipped(bytes32 indexed channelId, Skip reason);
    /// @notice A row of a batch of draws changed nothing.
    event DrawSkipped(bytes32 indexed channelId, Skip reason);
    /// @notice The payer may take `amount` of a channel back from `leavesAt` on, if it isn't claimed by then;
    /// 0 of both where it did, or changed its mind.
    event ChannelLeaving(bytes32 indexed channelId, uint256 amount, uint256 leavesAt);
    /// @notice `amount` of a channel went back to the payer's purse.
    event ChannelReturned(bytes32 indexed channelId, uint256 amount);

    // OFFERS

    /// @notice Offers the model that an open lease serves. It takes the place of the lease's last offer,
    /// whose terms can be read for ever. The lease's tenant only.
    /// Reverts with `LeaseNotOpen`, `NotTenant`, `TokenNotAllowed`, `ZeroAddress` (no payee) or `BadOffer`.
    /// @param model What requests call the model.
    /// @param options What the lease's manifest is made from, in JSON; only logged.
    /// @return id keccak256 of this contract, the chain's id, the lease and how many offers it had before.
    function offer(bytes32 lease, Terms calldata terms, string calldata model, string calldata options)
        external
        returns (bytes32 id);

    /// @notice Ends a lease's offer. The lease's tenant, and anybody once the lease isn't open.
    /// Reverts with `NoOffer` or `NotTenant`.
    function endOffer(bytes32 lease) external;

    // PURSES AND KEYS

    /// @notice Puts money into a payer's purse. Anybody may.
    /// Reverts with `ZeroAddress`, `ZeroAmount`, `TokenNotAllowed`, or as the token does.
    function deposit(address payer, address token, uint96 amount, Till.Permit calldata permit) external;

    /// @notice Announces that the caller takes up to `amount` back from its purse in `WITHDRAW_SECONDS`. It
    /// takes the place of what was announced before; zero calls that off. Until it is taken, draws have it.
    function announceWithdrawal(address token, uint96 amount) external;

    /// @notice Sends what was announced, as far as it is still there, to `to`.
    /// Reverts with `ZeroAddress`, `NothingAnnounced`, `NotYet`, or as the token does.
    function withdrawPurse(address token, address to) external returns (uint256 amount);

    /// @notice Registers a session key of the caller's, or changes what it may: a cap of zero or an end that
    /// is over stops it. Vouchers that it signed can be claimed all the same.
    /// Reverts with `ZeroAddress`, `KeyTaken`, `TokenNotAllowed`, or `BadSignature`.
    /// @param cap What draws by it may come to, less what came back. It may be below what it drew.
    /// @param until Last second at which it can draw.
    /// @param keySignature The key's over `Key(address payer)`. Not looked at where the key is the caller's
    /// already.
    function setKey(address key, address token, uint96 cap, uint48 until, bytes calldata keySignature)
        external;

    // CHANNELS

    /// @notice Moves money from the payer's purse into a channel, so that all that was ever drawn for it
    /// comes to `totalDrawn`, or as much of it as purse and key have. Anybody may hand it in, at any time.
    /// Reverts with `NothingDrawn`.
    /// @param signature The payer authorizer's over `Draw(bytes32 channelId,uint128 totalDrawn)`.
    /// @return amount What was moved.
    function draw(ChannelConfig calldata config, uint128 totalDrawn, bytes calldata signature)
        external
        returns (uint256 amount);

    /// @notice Draws for many channels. What would move nothing is passed over (`DrawSkipped`).
    function drawMany(SignedDraw[] calldata draws) external;

    /// @notice Has a token send `amount` from the payer to a channel, as the payer authorized (EIP-3009).
    /// Anybody may hand it in.
    /// Reverts with `ZeroAmount`, `TokenNotAllowed`, `NothingDrawn` (a bad channel), `NotPaidIn`, or as the
    /// token does.
    /// @param salt The authorization's nonce is keccak256 of the channel's id and this, as in x402.
    /// @param signature The payer's over `ReceiveWithAuthorization`, in the token's domain.
    function depositWithAuthorization(
        ChannelConfig calldata config,
        uint96 amount,
        uint256 validAfter,
        uint256 validBefore,
        bytes32 salt,
        bytes calldata signature
    ) external;

    /// @notice Claims by vouchers. Rows that can't be claimed change nothing and spoil nothing
    /// (`ClaimSkipped`). The caller must be the receiver authorizer of the channels.
    function claim(VoucherClaim[] calldata voucherClaims) external;

    /// @notice As `claim`, by anybody, with the receiver authorizer's signature over all rows.
    /// Reverts with `ZeroAmount` where there are none, and with `BadSignature` unless the first row's
    /// authorizer signed them.
    /// @param authorizerSignature Over `ClaimBatch(ClaimEntry[] claims)`.
    function claimWithSignature(VoucherClaim[] calldata voucherClaims, bytes calldata authorizerSignature)
        external;

    /// @notice Gives `amount` of what isn't claimed, or all of it where that is less, back to the payer's
    /// purse at once. Anybody may hand it in.
    /// Reverts with `BadNonce`, `BadSignature` or `ZeroAmount`.
    /// @param nonce The channel's `refundNonce`.
    /// @param receiverAuthorizerSignature Over `Refund(bytes32 channelId,uint256 nonce,uint128 amount)`.
    function refundWithSignature(
        ChannelConfig calldata config,
        uint128 amount,
        uint256 nonce,
        bytes calldata receiverAuthorizerSignature
    ) external;

    /// @notice Announces that up to `amount` of a channel goes back to the purse after its `withdrawDelay`.
    /// Payer or payer authorizer. The payer alone replaces what was announced already, whose time begins
    /// anew, or calls it off with zero. Claims go first until it is carried out. Reverts with `NotPayer`.
    function initiateWithdraw(ChannelConfig calldata config, uint128 amount) external;

    /// @notice Puts what was announced, as far as it isn't claimed, back into the purse. Payer or payer
    /// authorizer. Reverts with `NotPayer`, `NothingAnnounced` or `NotYet`.
    function finalizeWithdraw(ChannelConfig calldata config) external;

    // VIEWS

    /// @notice The terms of an offer, standing or not; all zero where there is none.
    function termsOfOffer(bytes32 id) external view returns (Terms memory);

    /// @notice The lease of an offer, standing or not; zero where there is none.
    function leaseOfOffer(bytes32 id) external view returns (bytes32);

    /// @notice The offer that stands for a lease; zero where none does.
    function offerOf(bytes32 lease) external view returns (bytes32 id);

    /// @notice How many offers a lease ever had.
    function offerCount(bytes32 lease) external view returns (uint256);

    /// @notice What so many tokens cost by an offer, rounded up; 0 where there is no such offer. Where
    /// `cached` says more than `input`, all of the input counts as cached.
    function priceOf(bytes32 id, uint64 input, uint64 cached, uint64 output) external view returns (uint256);

    /// @notice A payer's purse. Who serves it counts on its balance less what is leaving.
    function purseOf(address payer, address token) external view returns (Purse memory);

    /// @notice A session key; all zero where it isn't registered.
    function keyOf(address key) external view returns (Key memory);

    /// @notice What was ever put into a channel less what went back, and what was ever claimed of it.
    function channels(bytes32 channelId) external view returns (uint128 balance, uint128 totalClaimed);

    /// @notice All that was ever drawn for a channel.
    function totalDrawn(bytes32 channelId) external view returns (uint128);

    /// @notice What the payer announced to take back of a channel, and when it did; zero where it didn't.
    function pendingWithdrawals(bytes32 channelId) external view returns (uint128 amount, uint40 initiatedAt);

    /// @notice The number that the channel's next refund has to have.
    function refundNonce(bytes32 channelId) external view returns (uint256);

    /// @notice A channel's id: its typed-data digest.
    function getChannelId(ChannelConfig calldata config) external view returns (bytes32);

    /// @notice Whose leases can have offers.
    function market() external view returns (IMarket);

    /// @notice Seconds between the announcement of a purse's withdrawal and that.
    function WITHDRAW_SECONDS() external view returns (uint256);

    /// @notice The shortest delay of withdrawals that a channel can have, in seconds.
    function MIN_WITHDRAW_DELAY() external view returns (uint256);

    /// @notice The longest delay of withdrawals that a channel can have, in seconds.
    function MAX_WITHDRAW_DELAY() external view returns (uint256);

    /// @notice The longest name of a model, in bytes.
    function MAX_MODEL_BYTES() external view returns (uint256);

    /// @notice The longest options of an offer, in bytes.
    function MAX_OPTIONS_BYTES() external view returns (uint256);
}
