import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import type { Abi, Hex } from 'viem'

/** A contract that a benchmark deploys. */
export interface Compiled {
  abi: Abi
  bytecode: Hex
}

interface Output {
  errors?: { severity: string; formattedMessage: string }[]
  contracts: Record<string, Record<string, { abi: Abi; evm: { bytecode: { object: string } } }>>
}

const SOURCE = 'Peers.sol'
const MODULES = resolve(import.meta.dirname, '../../node_modules')

/**
 * Compiles the peers' contracts with the compiler and the settings that ours are compiled with
 * (`foundry.toml`). Takes some seconds. Throws where they don't compile.
 */
export function compilePeers(): (name: string) => Compiled {
  const require = createRequire(import.meta.url)
  const solc = require('solc') as { compile(input: string, callbacks: object): string }
  const input = {
    language: 'Solidity',
    sources: { [SOURCE]: { content: readFileSync(join(import.meta.dirname, SOURCE), 'utf8') } },
    settings: {
      evmVersion: 'osaka',
      optimizer: { enabled: true, runs: 100_000 },
      metadata: { bytecodeHash: 'none', appendCBOR: false },
      outputSelection: { [SOURCE]: { '*': ['abi', 'evm.bytecode.object'] } },
    },
  }
  const read = (path: string) => ({ contents: readFileSync(join(MODULES, path), 'utf8') })
  const output = JSON.parse(solc.compile(JSON.stringify(input), { import: read })) as Output
  const faults = (output.errors ?? []).filter(({ severity }) => severity === 'error')
  if (faults.length > 0) throw new Error(faults.map(({ formattedMessage }) => formattedMessage).join('\n'))
  return (name) => {
    const found = output.contracts[SOURCE]?.[name]
    if (!found) throw new Error(`${SOURCE} has no contract ${name}`)
    return { abi: found.abi, bytecode: `0x${found.evm.bytecode.object}` }
  }
}
