// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Vouchers} from "../../src/inference/Vouchers.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {IVouchers} from "../../src/interfaces/IVouchers.sol";
import {vm} from "../Vm.sol";
import {change} from "../stages/Economy.sol";
import {InferenceNetwork} from "./InferenceNetwork.sol";

/// @dev Random acts of a payer, its key, receivers and strangers on a few channels, with good signatures and
/// forged ones. It keeps plain books of its own.
contract VouchersHandler is InferenceNetwork {
    uint256 private constant CHANNELS = 4;
    uint256 public clock;
    /// The highest voucher that was ever signed for a channel, and the highest draw.
    mapping(uint256 which => uint128) public highestVoucher;
    mapping(uint256 which => uint128) public highestDraw;
    mapping(uint256 which => uint128) public lastClaimed;
    uint256 public paidIn;
    uint256 public paidOut;
    uint256 public highestCap;
    bool public claimedFell;
    bool public isSkippedRowFelt;
    bool public isDrawnAboveCap;
    uint256 private _changes;

    constructor() {
        setUp();
        clock = block.timestamp;
        fill(10_000);
        paidIn = 10_000;
        allow(5_000);
        highestCap = 5_000;
    }

    modifier inTime() {
        vm.warp(clock);
        _;
        clock = block.timestamp;
        for (uint256 i; i < CHANNELS; ++i) {
            (, uint128 claimed) = vouchers.channels(idOf(at(i)));
            if (claimed < lastClaimed[i]) claimedFell = true;
            lastClaimed[i] = claimed;
        }
    }

    function theVouchers() external view returns (Vouchers) {
        return vouchers;
    }

    /// @dev Two receivers; the last channel is the payer's own, without a key.
    function at(uint256 which) public view returns (IVouchers.ChannelConfig memory config) {
        config = channel(which);
        if (which % 2 == 1) config.receiver = stranger;
        if (which == 3) config.payerAuthorizer = payer;
    }

    function keyAt(uint256 which) private pure returns (uint256) {
        return which == 3 ? PAYER_KEY : SESSION_KEY;
    }

    function deposit(uint96 amount) external inTime {
        amount = amount % 5_000 + 1;
        fill(amount);
        paidIn += amount;
    }

    function setCap(uint96 cap) external inTime {
        cap %= 20_000;
        vm.prank(payer);
        vouchers.setKey(session, address(usdc), cap, LATER, "");
        if (cap > highestCap) highestCap = cap;
    }

    function draw(uint256 which, uint128 more, bool isForged) external inTime {
        which %= CHANNELS;
        IVouchers.ChannelConfig memory config = at(which);
        uint128 total = vouchers.totalDrawn(idOf(config)) + more % 4_000;
        if (!isForged && total > highestDraw[which]) highestDraw[which] = total;
        bytes memory signature = drawBy(isForged ? AUTHORIZER_KEY : keyAt(which), config, total);
        uint256 before = purse();
        IVouchers.Key memory key = vouchers.keyOf(session);
        try vouchers.draw(config, total, signature) returns (uint256 amount) {
            if (isForged || purse() + amount != before) isSkippedRowFelt = true;
            if (which != 3 && key.drawn + amount > key.cap) isDrawnAboveCap = true;
        } catch {
            if (purse() != before) isSkippedRowFelt = true;
        }
    }

    /// @dev A batch of three, of which some are bad.
    function claim(uint256 seed, uint128[3] memory more, bool isDirect) external inTime {
        IVouchers.VoucherClaim[] memory rows = new IVouchers.VoucherClaim[](3);
        uint256 sum;
        for (uint256 i; i < 3; ++i) {
            uint256 which = (seed >> (8 * i)) % CHANNELS;
            IVouchers.ChannelConfig memory config = at(which);
            (uint128 balance, uint128 claimed) = vouchers.channels(idOf(config));
            uint128 total = claimed + more[i] % 3_000;
            uint128 most = (seed >> (8 * i + 2)) % 4 == 0 ? total / 2 : total + 10;
            bool isForged = (seed >> (8 * i + 4)) % 4 == 0;
            if (!isForged && most > highestVoucher[which]) highestVoucher[which] = most;
            rows[i] = claimOf(config, most, total);
            rows[i].signature = voucherBy(isForged ? AUTHORIZER_KEY : keyAt(which), config, most);
            bool isGood = !isForged && total <= most && total > claimed && total <= balance;
            // What the rows before it in the batch did to the same channel is seen in the sums alone.
            if (isGood) sum += total - claimed;
        }
        uint256 before = owed();
        if (isDirect) {
            vm.prank(authorizer);
            vouchers.claim(rows);
        } else {
            vouchers.claimWithSignature(rows, batchBy(AUTHORIZER_KEY, rows));
        }
        if (owed() - before > sum) isSkippedRowFelt = true;
    }

    function refund(uint256 which, uint128 amount) external inTime {
        IVouchers.ChannelConfig memory config = at(which % CHANNELS);
        uint256 nonce = vouchers.refundNonce(idOf(config));
        amount %= 3_000;
        try vouchers.refundWithSignature(
            config, amount, nonce, refundBy(AUTHORIZER_KEY, config, nonce, amount)
        ) {}
            catch {}
    }

    function withdrawChannel(uint256 which, uint128 amount, uint256 seconds_) external inTime {
        IVouchers.ChannelConfig memory config = at(which % CHANNELS);
        vm.prank(payer);
        vouchers.initiateWithdraw(config, amount % 5_000);
        vm.warp(block.timestamp + seconds_ % 1_800);
        vm.prank(payer);
        try vouchers.finalizeWithdraw(config) {} catch {}
    }

    function withdrawPurse(uint96 amount, uint256 seconds_) external inTime {
        vm.prank(payer);
        vouchers.announceWithdrawal(address(usdc), amount % 5_000);
        vm.warp(block.timestamp + seconds_ % 1_800);
        vm.prank(payer);
        try vouchers.withdrawPurse(address(usdc), payer) returns (uint256 taken) {
            paidOut += taken;
        } catch {}
    }

    function takeCredit(uint256 who) external inTime {
        if (who % 3 == 2) {
            if (vouchers.fees(address(usdc)) != 0) paidOut += vouchers.collect(address(usdc));
            return;
        }
        address account = who % 3 == 0 ? provider : stranger;
        if (vouchers.credit(account, address(usdc)) == 0) return;
        vm.prank(account);
        paidOut += vouchers.withdraw(address(usdc), account);
    }

    function changeFee(uint256 feeBps) external inTime {
        if (++_changes > 8) return;
        change(governance, vouchers, abi.encodeCall(ITill.setToken, (address(usdc), true, feeBps % 2_001)));
    }

    function owed() public view returns (uint256) {
        return vouchers.credit(provider, address(usdc)) + vouchers.credit(stranger, address(usdc))
            + vouchers.fees(address(usdc));
    }

    function inChannels() external view returns (uint256 sum) {
        for (uint256 i; i < CHANNELS; ++i) {
            sum += unclaimed(at(i));
        }
    }

    /// @dev What the key drew that is still in channels or was claimed.
    function drawnByKey() external view returns (uint256 sum) {
        for (uint256 i; i < 3; ++i) {
            (uint128 balance,) = vouchers.channels(idOf(at(i)));
            sum += balance;
        }
    }

    function held() external view returns (uint256) {
        return usdc.balanceOf(address(vouchers));
    }

    function inPurse() external view returns (uint256) {
        return purse();
    }

    function keyDrawn() external view returns (uint256) {
        return vouchers.keyOf(session).drawn;
    }

    function drawnFor(uint256 which) external view returns (uint128) {
        return vouchers.totalDrawn(idOf(at(which)));
    }
}

contract VouchersInvariants {
    bool public constant IS_TEST = true;
    VouchersHandler private handler;

    function setUp() public {
        handler = new VouchersHandler();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    function targetSelectors() external view returns (FuzzSelector[] memory targets) {
        bytes4[] memory s = new bytes4[](9);
        s[0] = VouchersHandler.deposit.selector;
        s[1] = VouchersHandler.setCap.selector;
        s[2] = VouchersHandler.draw.selector;
        s[3] = VouchersHandler.claim.selector;
        s[4] = VouchersHandler.refund.selector;
        s[5] = VouchersHandler.withdrawChannel.selector;
        s[6] = VouchersHandler.withdrawPurse.selector;
        s[7] = VouchersHandler.takeCredit.selector;
        s[8] = VouchersHandler.changeFee.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), s);
    }

    /// Token balance = purse + what channels hold unclaimed + credits + fees, at every step.
    /// forge-config: default.invariant.runs = 16
    function invariant_every_token_is_held_for_somebody() public view {
        uint256 sum = handler.inPurse() + handler.inChannels() + handler.owed();
        vm.assertEq(handler.held(), sum, "held = purse + channels + credits + fees");
        vm.assertEq(handler.held() + handler.paidOut(), handler.paidIn(), "nothing is lost");
    }

    /// Nothing is claimed that no voucher was signed for, and what was claimed stays claimed.
    /// forge-config: default.invariant.runs = 16
    function invariant_claims_never_exceed_vouchers() public view {
        vm.assertTrue(!handler.claimedFell());
        vm.assertTrue(!handler.isSkippedRowFelt(), "a bad row changes nothing");
        for (uint256 i; i < 4; ++i) {
            vm.assertLe(handler.lastClaimed(i), handler.highestVoucher(i));
        }
    }

    /// A key never draws above its cap, nor anybody more than was signed for; what came back counts no more.
    /// forge-config: default.invariant.runs = 16
    function invariant_draws_never_exceed_the_cap() public view {
        vm.assertTrue(!handler.isDrawnAboveCap());
        vm.assertLe(handler.keyDrawn(), handler.highestCap());
        vm.assertEq(handler.keyDrawn(), handler.drawnByKey());
        for (uint256 i; i < 4; ++i) {
            vm.assertLe(handler.drawnFor(i), handler.highestDraw(i));
        }
    }
}
