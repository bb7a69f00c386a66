// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IClaims} from "../../src/interfaces/IClaims.sol";
import {Blake2b} from "../../src/migration/Blake2b.sol";
import {Claims} from "../../src/migration/Claims.sol";
import {Signatures} from "../../src/migration/Signatures.sol";
import {Vm, vm} from "../Vm.sol";
import {OpenToken} from "../fakes/OpenToken.sol";

/// @dev Eight accounts of an old chain: six with a key of ECDSA, of which three vest, a multisig of three of
/// them, and one that nobody has the key of. They claim and release in any order, thieves try to, time
/// passes, and people send tokens by mistake.
contract Handler {
    uint256 public constant COUNT = 8;
    uint256 public constant MULTISIG = 6;
    uint256 public constant SUM = 100e18 * COUNT + COUNT * (COUNT - 1) / 2;
    address public constant THIEF = address(0x7217);
    address public constant TREASURY = address(0x7EA);
    uint40 private constant START = 1_750_000_000;
    uint256 private constant WINDOW = 60 days;

    OpenToken public token;
    Claims public claims;
    IClaims.Leaf[] public leaves;
    uint256[] public keys;
    bytes32[] public members;
    /// Which of the accounts were claimed, by the handler's own books.
    mapping(uint256 index => bool) public hasClaimed;
    uint256 public donated;
    bool public isExpired;
    /// A second claim, or a release of nothing, that was paid.
    bool public paidTwice;
    uint256 public clock = START;
    bytes32[][] private _levels;

    constructor() {
        vm.warp(START);
        token = new OpenToken(address(this));
        _makeAccounts();
        _makeTree();
        claims = new Claims(address(token), _levels[3][0], TREASURY, START + WINDOW, new Signatures());
        token.allotNow(address(claims), SUM);
        claims.fund();
        token.allotNow(address(this), 1e27 / 10);
    }

    modifier inTime() {
        vm.warp(clock);
        _;
    }

    function receiverOf(uint256 index) public pure returns (address) {
        return address(uint160(0x1000 + index));
    }

    /// @dev What an account's receiver has by now, of what the leaf says, by plain arithmetic.
    function vested(uint256 index) public view returns (uint256) {
        IClaims.Leaf memory leaf = leaves[index];
        if (clock >= leaf.vestsUntil) return leaf.amount;
        if (clock <= leaf.vestsFrom) return 0;
        return uint256(leaf.amount) * (clock - leaf.vestsFrom) / (leaf.vestsUntil - leaf.vestsFrom);
    }

    function pass(uint256 seconds_) external inTime {
        clock += seconds_ % 20 days;
    }

    function claim(uint256 seed) external inTime {
        uint256 index = seed % (COUNT - 1);
        bool isRefused = hasClaimed[index] || clock >= START + WINDOW;
        try this.send(index, index, leaves[index], receiverOf(index), receiverOf(index), _proof(index)) {
            if (isRefused) paidTwice = true;
            hasClaimed[index] = true;
        } catch {
            require(isRefused, "a claim of one's own is paid");
        }
    }

    /// @dev Claims that name another receiver, leaf, place, proof or signer than was signed.
    function steal(uint256 seed, uint256 how, uint96 amount) external inTime {
        uint256 index = seed % COUNT;
        uint256 other = (index + 1 + how % (COUNT - 1)) % COUNT;
        IClaims.Leaf memory leaf = leaves[index];
        address own = receiverOf(index);
        how %= 6;
        if (how == 0) this.tryTo(index, index, leaf, own, THIEF, _proof(index));
        if (how == 1) this.tryTo(index, other, leaf, THIEF, THIEF, _proof(index));
        if (how == 2) {
            leaf.amount = amount == leaf.amount ? amount + 1 : amount;
            this.tryTo(index, index, leaf, THIEF, THIEF, _proof(index));
        }
        // The same leaf at a place beyond the tree, and by another's way.
        if (how == 3) this.tryPlace(index, index + COUNT * (1 + seed % 100), leaf);
        if (how == 4) this.tryTo(index, index, leaf, THIEF, THIEF, _proof(other));
        if (how == 5) this.tryTo(index, index, leaf, THIEF, address(0), _proof(index));
    }

    function tryTo(
        uint256 index,
        uint256 signer,
        IClaims.Leaf calldata leaf,
        address signed,
        address to,
        bytes32[] calldata proof
    ) external {
        // Whose key signs, and for its own account, is who may have it sent anywhere.
        if (signer == index && signed == to && keccak256(abi.encode(leaf)) == _hash(index)) {
            if (keccak256(abi.encode(proof)) == keccak256(abi.encode(_proof(index)))) return;
        }
        try this.send(index, signer, leaf, signed, to, proof) {
            paidTwice = true;
        } catch {}
    }

    function tryPlace(uint256 index, uint256 place, IClaims.Leaf calldata leaf) external {
        if (index >= MULTISIG) return;
        bytes32[] memory proof = _proof(index);
        IClaims.Signature memory signature = _sign(index, claims.textFor(receiverOf(index)));
        try claims.claim(leaf, place, proof, receiverOf(index), signature) {
            paidTwice = true;
        } catch {}
    }

    function send(
        uint256 index,
        uint256 signer,
        IClaims.Leaf calldata leaf,
        address signed,
        address to,
        bytes32[] calldata proof
    ) external {
        if (signer == MULTISIG) {
            string memory text = claims.multisigTextFor(leaves[MULTISIG].account, signed);
            IClaims.Signature[] memory approvals = new IClaims.Signature[](2);
            (uint256 first, uint256 second) = (_memberAt(0), _memberAt(2));
            (approvals[0], approvals[1]) = (_sign(first, text), _sign(second, text));
            claims.claimMultisig(leaf, index, proof, to, members, 2, approvals);
        } else {
            claims.claim(leaf, index, proof, to, _sign(signer, claims.textFor(signed)));
        }
    }

    function release(uint256 seed) external inTime {
        uint256 index = seed % COUNT;
        uint256 before = token.balanceOf(receiverOf(index));
        try claims.release(leaves[index], index, _proof(index)) {
            if (!hasClaimed[index] || before == vested(index)) paidTwice = true;
        } catch {
            require(
                !hasClaimed[index] || before == vested(index) || before == leaves[index].amount,
                "what has vested is released"
            );
        }
    }

    function expire() external inTime {
        try claims.expire() {
            require(clock >= START + WINDOW, "not before its time");
            isExpired = true;
            donated = 0;
        } catch {}
    }

    function fundAgain() external inTime {
        uint256 supply = token.totalSupply();
        claims.fund();
        if (token.totalSupply() != supply) paidTwice = true;
    }

    function donate(uint256 amount) external inTime {
        amount %= 1e18;
        donated += amount;
        token.mint(address(claims), amount);
    }

    function _makeAccounts() private {
        for (uint256 i; i < COUNT; ++i) {
            keys.push(uint256(keccak256(abi.encode("an old account", i))));
            bytes32 account = i < MULTISIG ? _accountOf(keys[i]) : bytes32(0);
            (uint40 from, uint40 until) = i % 2 == 1 ? (START + 5 days, START + 150 days) : (0, 0);
            leaves.push(IClaims.Leaf(account, uint96(100e18 + i), from, until));
        }
        // The members of a multisig stand in order.
        for (uint256 i; i < 3; ++i) {
            members.push(leaves[i].account);
        }
        for (uint256 i; i < 2; ++i) {
            for (uint256 j; j < 2; ++j) {
                if (members[j] > members[j + 1]) {
                    (members[j], members[j + 1]) = (members[j + 1], members[j]);
                }
            }
        }
        leaves[MULTISIG].account =
            Blake2b.hash(abi.encodePacked("modlpy/utilisuba", uint8(3 << 2), members, uint8(2), uint8(0)));
    }

    function _memberAt(uint256 place) private view returns (uint256 index) {
        while (leaves[index].account != members[place]) ++index;
    }

    function _accountOf(uint256 key) private returns (bytes32) {
        Vm.Wallet memory wallet = vm.createWallet(key);
        return Blake2b.hash(
            bytes.concat(wallet.publicKeyY % 2 == 0 ? bytes1(0x02) : bytes1(0x03), bytes32(wallet.publicKeyX))
        );
    }

    function _sign(uint256 index, string memory text) private returns (IClaims.Signature memory) {
        Vm.Wallet memory wallet = vm.createWallet(keys[index]);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keys[index], Blake2b.hash(bytes(text)));
        return IClaims.Signature(
            IClaims.Scheme.Ecdsa, v - 27, bytes32(wallet.publicKeyX), bytes32(wallet.publicKeyY), r, s
        );
    }

    function _hash(uint256 index) private view returns (bytes32) {
        return keccak256(abi.encode(leaves[index]));
    }

    function _makeTree() private {
        bytes32[] memory level = new bytes32[](COUNT);
        for (uint256 i; i < COUNT; ++i) {
            level[i] = keccak256(bytes.concat(_hash(i)));
        }
        _levels.push(level);
        while (level.length > 1) {
            bytes32[] memory next = new bytes32[](level.length / 2);
            for (uint256 i; i < next.length; ++i) {
                next[i] = keccak256(bytes.concat(level[2 * i], level[2 * i + 1]));
            }
            _levels.push(next);
            level = next;
        }
    }

    function _proof(uint256 index) private view returns (bytes32[] memory proof) {
        proof = new bytes32[](3);
        for (uint256 height; height < 3; ++height) {
            proof[height] = _levels[height][(index >> height) ^ 1];
        }
    }
}

contract ClaimsInvariants {
    bool public constant IS_TEST = true;
    Handler private handler;
    OpenToken private token;
    Claims private claims;

    function setUp() public {
        handler = new Handler();
        (token, claims) = (handler.token(), handler.claims());
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
        bytes4[] memory s = new bytes4[](7);
        s[0] = Handler.claim.selector;
        s[1] = Handler.steal.selector;
        s[2] = Handler.release.selector;
        s[3] = Handler.pass.selector;
        s[4] = Handler.expire.selector;
        s[5] = Handler.donate.selector;
        s[6] = Handler.fundAgain.selector;
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), s);
    }

    /// An account is paid once, what it owned and no more, and only where its key said.
    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_an_account_is_paid_once() public view {
        vm.assertTrue(!handler.paidTwice(), "nothing is paid a second time, or to a thief");
        vm.assertEq(token.balanceOf(handler.THIEF()), 0, "a thief has nothing");
        for (uint256 i; i < handler.COUNT(); ++i) {
            uint256 paid = token.balanceOf(handler.receiverOf(i));
            vm.assertTrue(claims.isClaimed(i) == handler.hasClaimed(i), "claimed is claimed");
            vm.assertLe(paid, handler.hasClaimed(i) ? handler.vested(i) : 0, "no more than has vested");
        }
    }

    /// The contract holds what is unpaid, and what people sent it by mistake.
    /// forge-config: default.invariant.runs = 16
    /// forge-config: default.invariant.fail-on-revert = true
    function invariant_the_balance_is_what_is_unpaid() public view {
        uint256 unpaid;
        uint256 vesting;
        uint256 paid;
        for (uint256 i; i < handler.COUNT(); ++i) {
            (, uint96 amount,,) = handler.leaves(i);
            uint256 has = token.balanceOf(handler.receiverOf(i));
            paid += has;
            if (handler.hasClaimed(i)) vesting += amount - has;
            if (handler.hasClaimed(i) || !handler.isExpired()) unpaid += amount - has;
        }
        vm.assertLe(paid, handler.SUM(), "no more is paid than the leaves are");
        vm.assertEq(claims.vesting(), vesting, "what was claimed and isn't paid vests");
        vm.assertEq(
            token.balanceOf(address(claims)), unpaid + handler.donated(), "the balance is what is unpaid"
        );
    }
}
