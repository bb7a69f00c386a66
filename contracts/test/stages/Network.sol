// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {Admission} from "../../src/attestation/Admission.sol";
import {Platforms} from "../../src/attestation/Platforms.sol";
import {TestUSDC} from "../../src/devnet/TestUSDC.sol";
import {GUEST, IAdmission} from "../../src/interfaces/IAdmission.sol";
import {ICoverageObserver} from "../../src/interfaces/ICoverageObserver.sol";
import {IMarket} from "../../src/interfaces/IMarket.sol";
import {ITill} from "../../src/interfaces/ITill.sol";
import {IWorkers} from "../../src/interfaces/IWorkers.sol";
import {Till} from "../../src/libraries/Till.sol";
import {Market} from "../../src/market/Market.sol";
import {Workers} from "../../src/market/Workers.sol";
import {vm} from "../Vm.sol";
import {OpenToken} from "../fakes/OpenToken.sol";
import {SoftwarePlatform} from "../fakes/SoftwarePlatform.sol";

/// @dev A deployed network and the signatures its parties make. Every test contract starts from here.
abstract contract Network {
    bool public constant IS_TEST = true;

    uint256 internal constant WORKER_KEY = 0xA11CE;
    uint256 internal constant PROVIDER_KEY = 0xB0B;
    uint256 internal constant TENANT_KEY = 0xCAFE;
    /// Of the first software platform's PCK certificate.
    uint256 internal constant PCK = 0x9C4;
    bytes16 internal constant PPID = "first platform";
    bytes32 internal constant TLS_KEY_HASH = keccak256("tls key");

    address internal worker = vm.addr(WORKER_KEY);
    address internal provider = vm.addr(PROVIDER_KEY);
    address internal tenant = vm.addr(TENANT_KEY);
    address internal governance = address(0x60F);
    address internal treasury = address(0x7EA);
    address internal stranger = address(0x57A);

    Admission internal admission;
    Platforms internal platforms;
    Workers internal workers;
    bytes32 internal pckKey;
    Market internal market;
    OpenToken internal cloi;
    TestUSDC internal usdc;
    Till.Permit internal noPermit;

    function setUp() public virtual {
        vm.chainId(31337);
        vm.warp(1_750_000_000);
        vm.roll(1_000);
        (uint256 x, uint256 y) = vm.publicKeyP256(SoftwarePlatform.ROOT_KEY);
        IAdmission.FamilyFloor[] memory floors = new IAdmission.FamilyFloor[](1);
        floors[0] = IAdmission.FamilyFloor(SoftwarePlatform.FMSPC, floor());
        admission = new Admission(governance, floors, measurements());
        platforms = new Platforms(x, y, admission);
        workers = new Workers(governance, platforms, observer());
        postLists();
        pckKey = registerPlatform(PCK, 1, PPID);
        cloi = new OpenToken(address(this));
        cloi.allotNow(address(this), 300_000_000e18);
        usdc = new TestUSDC();
        market = new Market(workers, treasury, governance, tokenFees());
        cloi.mint(tenant, 1_000_000e18);
        usdc.mint(tenant, 1_000_000e6);
        vm.prank(tenant);
        cloi.approve(address(market), type(uint256).max);
        vm.prank(tenant);
        usdc.approve(address(market), type(uint256).max);
    }

    /// @dev What can be paid in from the beginning.
    function tokenFees() internal view returns (ITill.TokenFee[] memory tokens) {
        tokens = new ITill.TokenFee[](2);
        tokens[0] = ITill.TokenFee(address(cloi), 400);
        tokens[1] = ITill.TokenFee(address(usdc), 2_000);
    }

    /// @dev What may serve from the beginning.
    function measurements() internal pure virtual returns (IAdmission.MeasurementRoles[] memory roles) {
        roles = new IAdmission.MeasurementRoles[](1);
        roles[0] = IAdmission.MeasurementRoles(SoftwarePlatform.measurementOf(keccak256("guest")), GUEST);
    }

    /// @dev Whom workers tell of coverage.
    function observer() internal virtual returns (ICoverageObserver) {
        return ICoverageObserver(address(0));
    }

    function describe() internal pure returns (IWorkers.Description memory) {
        return IWorkers.Description(4_000, 8_192, 65_536, 0, 0, "http://127.0.0.1:7001");
    }

    function register() internal {
        bytes memory signature = sign(WORKER_KEY, joinDigest(provider, worker));
        vm.prank(provider);
        workers.register(worker, describe(), signature);
    }

    /// @dev A floor that the software platform just reaches.
    function floor() internal view returns (IAdmission.Floor memory) {
        return IAdmission.Floor({
            componentSvns: SoftwarePlatform.SVNS,
            pceSvn: SoftwarePlatform.PCE_SVN,
            qeSvn: 4,
            expiry: uint48(block.timestamp + 300 days),
            tdxSvns: SoftwarePlatform.TEE_TCB_SVN,
            moduleSvns: hex"0506ffffffffffff"
        });
    }

    function registerPlatform(uint256 key, uint256 serial, bytes16 ppid) internal returns (bytes32) {
        (uint256 from, uint256 until) = (block.timestamp - 1 days, block.timestamp + 365 days);
        return platforms.registerPlatform(
            SoftwarePlatform.pck(key, serial, ppid, SoftwarePlatform.SVNS, from, until),
            SoftwarePlatform.authority(77, from, until)
        );
    }

    /// @dev Empty revocation lists of both authorities, as of now.
    function postLists() internal {
        bytes memory authority =
            SoftwarePlatform.authority(77, block.timestamp - 1 days, block.timestamp + 365 days);
        uint256[] memory none = new uint256[](0);
        platforms.postRevocations(
            SoftwarePlatform.revocations(SoftwarePlatform.ROOT_KEY, block.timestamp, none), "", 0
        );
        bytes memory list =
            SoftwarePlatform.revocations(SoftwarePlatform.AUTHORITY_KEY, block.timestamp, none);
        platforms.postRevocations(list, authority, 0);
    }

    /// @dev A good quote by the first platform for the worker, bound to block `number`.
    function quoteFor(address w, uint256 number) internal view returns (bytes memory) {
        return SoftwarePlatform.quote(guestFor(w, number), PCK);
    }

    function guestFor(address w, uint256 number) internal view returns (SoftwarePlatform.Guest memory) {
        return SoftwarePlatform.guest(
            workers.bindingOf(workers.workerOf(w).provider, w, TLS_KEY_HASH), blockhash(number)
        );
    }

    /// @dev Moves one block on and covers the worker from now.
    function attest() internal {
        vm.roll(block.number + 2);
        attestWith(worker, pckKey, block.number - 1, quoteFor(worker, block.number - 1));
    }

    /// @dev The worker itself hands a quote in.
    function attestWith(address w, bytes32 key, uint256 number, bytes memory quote) internal {
        vm.prank(w);
        workers.attest(w, key, number, TLS_KEY_HASH, quote);
    }

    function makeBid(address token, uint80 rate, uint256 salt) internal view returns (IMarket.Bid memory) {
        return IMarket.Bid({
            tenant: tenant,
            worker: worker,
            token: token,
            ratePerSecond: rate,
            minimumDeposit: 0,
            expiry: uint48(block.timestamp + 600),
            room: partOf(1),
            noticeMinutes: 0,
            manifestHash: keccak256("manifest"),
            order: keccak256("order"),
            salt: salt
        });
    }

    /// @dev The next bid for changing a lease, to so many 65,535ths of each part.
    function makeResize(bytes32 lease, uint80 rate, uint64 part)
        internal
        view
        returns (IMarket.ResizeBid memory)
    {
        return IMarket.ResizeBid({
            lease: lease,
            number: uint64(market.resizes(lease)),
            ratePerSecond: rate,
            minimumBalance: 0,
            expiry: uint48(block.timestamp + 600),
            room: partOf(part),
            manifestHash: keccak256("larger"),
            order: keccak256("order")
        });
    }

    /// @dev So many 65,535ths of CPUs, memory, disk and GPUs each.
    function partOf(uint64 part) internal pure returns (uint64) {
        return part * 0x0001_0001_0001_0001;
    }

    function openLease(address token, uint80 rate, uint256 deposit, uint256 salt) internal returns (bytes32) {
        return take(makeBid(token, rate, salt), deposit);
    }

    /// @dev Has the tenant take a bid that the worker signs.
    function take(IMarket.Bid memory bid, uint256 deposit) internal returns (bytes32) {
        bytes memory signature = sign(WORKER_KEY, market.bidDigest(bid));
        vm.prank(tenant);
        return market.open(bid, signature, deposit, "", noPermit);
    }

    function sign(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, digest);
        return abi.encodePacked(r, s, v);
    }

    function joinDigest(address p, address w) internal view returns (bytes32) {
        return workersDigest(keccak256(abi.encode(keccak256("Join(address provider,address worker)"), p, w)));
    }

    function workersDigest(bytes32 structHash) private view returns (bytes32) {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Cloister Workers"),
                keccak256("1"),
                block.chainid,
                address(workers)
            )
        );
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
