import { readFileSync } from 'node:fs'
import { createConfig } from 'ponder'

const { market, workers } = JSON.parse(readFileSync('contracts.json', 'utf8'))
const at = { chain: 'bench', startBlock: Number(process.env.BENCH_START) } as const

export default createConfig({
  database: process.env.BENCH_DATABASE
    ? { kind: 'postgres', connectionString: process.env.BENCH_DATABASE }
    : { kind: 'pglite' },
  chains: { bench: { id: 31337, rpc: process.env.BENCH_RPC, disableCache: true } },
  contracts: {
    Market: { ...at, abi: market, address: process.env.BENCH_MARKET as `0x${string}` },
    Workers: { ...at, abi: workers, address: process.env.BENCH_WORKERS as `0x${string}` },
  },
})
