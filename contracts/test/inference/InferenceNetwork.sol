// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Receipts} from "../../src/inference/Receipts.sol";
import {Vouchers} from "../../src/inference/Vouchers.sol";
import {IVouchers} from "../../src/interfaces/IVouchers.sol";
import {vm} from "../Vm.sol";
import {Network} from "../stages/Network.sol";

/// @dev A network whose models are paid by the token, a payer with money and a session key, and the
/// signatures they make. Digests are worked out here from x402's type strings, apart from the contract.
abstract contract InferenceNetwork is Network {
    uint256 internal constant PAYER_KEY = 0xBEEF;
    uint256 internal constant SESSION_KEY = 0x5E55;
    uint256 internal constant AUTHORIZER_KEY = 0xA07;
    uint48 internal constant LATER = 2_000_000_000;
    bytes32 internal constant DOMAIN_TYPEHASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");

    address internal payer = vm.addr(PAYER_KEY);
    address internal session = vm.addr(SESSION_KEY);
    address internal authorizer = vm.addr(AUTHORIZER_KEY);
    Vouchers internal vouchers;
    Receipts internal receipts;

    function setUp() public virtual override {
        super.setUp();
        vouchers = new Vouchers(market, treasury, governance, tokenFees());
        receipts = new Receipts(market);
        usdc.mint(payer, 1_000_000e6);
        vm.prank(payer);
        usdc.approve(address(vouchers), type(uint256).max);
    }

    /// @dev One channel of the payer's for each salt, by its session key.
    function channel(uint256 salt) internal view returns (IVouchers.ChannelConfig memory) {
        return IVouchers.ChannelConfig({
            payer: payer,
            payerAuthorizer: session,
            receiver: provider,
            receiverAuthorizer: authorizer,
            token: address(usdc),
            withdrawDelay: 900,
            salt: bytes32(salt)
        });
    }

    function fill(uint96 amount) internal {
        vm.prank(payer);
        vouchers.deposit(payer, address(usdc), amount, noPermit);
    }

    function allow(uint96 cap) internal {
        bytes memory consent = keyConsent(SESSION_KEY, payer);
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), cap, LATER, consent);
    }

    function drawTo(IVouchers.ChannelConfig memory config, uint128 total) internal returns (uint256) {
        return vouchers.draw(config, total, drawBy(SESSION_KEY, config, total));
    }

    /// @dev A purse and a key with so much, and a channel that has it.
    function funded(uint256 salt, uint96 amount) internal returns (IVouchers.ChannelConfig memory config) {
        fill(amount);
        allow(uint96(vouchers.keyOf(session).drawn + amount));
        config = channel(salt);
        drawTo(config, amount);
    }

    function claimOf(IVouchers.ChannelConfig memory config, uint128 most, uint128 total)
        internal
        view
        returns (IVouchers.VoucherClaim memory)
    {
        return IVouchers.VoucherClaim(
            IVouchers.Voucher(config, most), voucherBy(SESSION_KEY, config, most), total
        );
    }

    function oneClaim(IVouchers.ChannelConfig memory config, uint128 most, uint128 total)
        internal
        view
        returns (IVouchers.VoucherClaim[] memory rows)
    {
        rows = new IVouchers.VoucherClaim[](1);
        rows[0] = claimOf(config, most, total);
    }

    function claim(IVouchers.VoucherClaim[] memory rows) internal {
        vm.prank(authorizer);
        vouchers.claim(rows);
    }

    function idOf(IVouchers.ChannelConfig memory config) internal view returns (bytes32) {
        return digest(
            keccak256(
                abi.encode(
                    keccak256(
                        "ChannelConfig(address payer,address payerAuthorizer,address receiver,address receiverAuthorizer,address token,uint40 withdrawDelay,bytes32 salt)"
                    ),
                    config
                )
            )
        );
    }

    function keyConsent(uint256 key, address for_) internal view returns (bytes memory) {
        return sign(key, digest(keccak256(abi.encode(keccak256("Key(address payer)"), for_))));
    }

    function drawBy(uint256 key, IVouchers.ChannelConfig memory config, uint128 total)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256("Draw(bytes32 channelId,uint128 totalDrawn)");
        return sign(key, digest(keccak256(abi.encode(typehash, idOf(config), total))));
    }

    function voucherBy(uint256 key, IVouchers.ChannelConfig memory config, uint128 most)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256("Voucher(bytes32 channelId,uint128 maxClaimableAmount)");
        return sign(key, digest(keccak256(abi.encode(typehash, idOf(config), most))));
    }

    function refundBy(uint256 key, IVouchers.ChannelConfig memory config, uint256 nonce, uint128 amount)
        internal
        view
        returns (bytes memory)
    {
        bytes32 typehash = keccak256("Refund(bytes32 channelId,uint256 nonce,uint128 amount)");
        return sign(key, digest(keccak256(abi.encode(typehash, idOf(config), nonce, amount))));
    }

    function batchBy(uint256 key, IVouchers.VoucherClaim[] memory rows) internal view returns (bytes memory) {
        bytes memory entries;
        for (uint256 i; i < rows.length; ++i) {
            bytes32 entry = keccak256(
                abi.encode(
                    keccak256(
                        "ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
                    ),
                    idOf(rows[i].voucher.channel),
                    rows[i].voucher.maxClaimableAmount,
                    rows[i].totalClaimed
                )
            );
            entries = bytes.concat(entries, entry);
        }
        bytes32 typehash = keccak256(
            "ClaimBatch(ClaimEntry[] claims)ClaimEntry(bytes32 channelId,uint128 maxClaimableAmount,uint128 totalClaimed)"
        );
        return sign(key, digest(keccak256(abi.encode(typehash, keccak256(entries)))));
    }

    function digest(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                DOMAIN_TYPEHASH,
                keccak256("x402 Batch Settlement"),
                keccak256("1"),
                block.chainid,
                address(vouchers)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }

    function purse() internal view returns (uint256) {
        return vouchers.purseOf(payer, address(usdc)).balance;
    }

    /// @dev What a channel has that isn't claimed.
    function unclaimed(IVouchers.ChannelConfig memory config) internal view returns (uint256) {
        (uint128 balance, uint128 claimed) = vouchers.channels(idOf(config));
        return balance - claimed;
    }

    function skipped(IVouchers.Skip reason) internal pure returns (bytes memory) {
        return abi.encodeWithSelector(IVouchers.NothingDrawn.selector, reason);
    }
}
