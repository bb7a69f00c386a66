import { deflateRawSync, inflateRawSync } from 'node:zlib'

/**
 * What blocks, transactions and receipts look like: with it a small one packs to little more than its
 * hashes. Never change it.
 */
const DICTIONARY = Buffer.from(
  `{"hash":"0x","parentHash":"0x","sha3Uncles":"0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347","miner":"0x${'0'.repeat(40)}",` +
    `"stateRoot":"0x","transactionsRoot":"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421","receiptsRoot":` +
    `"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421","logsBloom":"0x${'0'.repeat(512)}","difficulty":"0x0","number":"0x",` +
    `"gasLimit":"0x11e1a300","gasUsed":"0x0","timestamp":"0x6","extraData":"0x","mixHash":"0x","nonce":"0x0000000000000000","baseFeePerGas":"0x7",` +
    `"withdrawalsRoot":"0x56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421","blobGasUsed":"0x0","excessBlobGas":"0x0",` +
    `"parentBeaconBlockRoot":"0x${'0'.repeat(64)}","requestsHash":"0xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",` +
    `"totalDifficulty":"0x0","size":"0x","uncles":[],"withdrawals":[]}{"type":"0x2","chainId":"0x7a69","nonce":"0x","gas":"0x","maxFeePerGas":"0x",` +
    `"maxPriorityFeePerGas":"0x","to":"0x","value":"0x0","accessList":[],"input":"0x","r":"0x","s":"0x","yParity":"0x0","v":"0x1","blockHash":"0x",` +
    `"blockNumber":"0x","transactionIndex":"0x0","from":"0x","gasPrice":"0x"}{"type":"0x2","status":"0x1","cumulativeGasUsed":"0x","logs":[],` +
    `"transactionHash":"0x","effectiveGasPrice":"0x","contractAddress":null}`,
)

/** JSON in few bytes. */
export function pack(value: unknown): Uint8Array {
  return deflateRawSync(JSON.stringify(value), { dictionary: DICTIONARY })
}

export function unpack<T>(bytes: Uint8Array): T {
  // Packed by `pack`, so it has the type that went in.
  return JSON.parse(inflateRawSync(bytes, { dictionary: DICTIONARY }).toString()) as T
}
