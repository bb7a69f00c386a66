#!/usr/bin/env node
// Presents the npm package `solc` to forge as if it were the native compiler, so that nothing is downloaded.
// What there is to compile is divided among two threads: each reads all sources, and makes code of its part.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** Fewer sources than this are compiled in one thread: reading them twice costs more than it saves. */
const FEW = 8

if (!isMainThread) {
  parentPort.postMessage(compile(workerData))
} else if (process.argv.includes('--version')) {
  const version = compiler().version().replace('.Emscripten.clang', '.Linux.g++')
  console.log(`solc, the solidity compiler commandline interface\nVersion: ${version}`)
} else if (process.argv.includes('--standard-json')) {
  const input = JSON.parse(readFileSync(0, 'utf8'))
  const outputs = await Promise.all(divide(input).map(inThread))
  process.stdout.write(JSON.stringify(join(outputs)))
} else {
  console.error('solc.mjs answers --version and --standard-json only')
  process.exit(1)
}

function compiler() {
  return createRequire(import.meta.url)('solc')
}

function compile(input) {
  return JSON.parse(compiler().compile(JSON.stringify(input)))
}

/** The same input once for each thread, each with every other source selected for output. */
function divide(input) {
  const selected = Object.entries(input.settings?.outputSelection ?? {})
  if (selected.length <= FEW || availableParallelism() < 2) return [input]
  const parts = 2
  return Array.from({ length: parts }, (_, part) => ({
    ...input,
    settings: {
      ...input.settings,
      outputSelection: Object.fromEntries(selected.filter((_entry, index) => index % parts === part)),
    },
  }))
}

function inThread(input) {
  return new Promise((done, fail) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: input })
    worker.once('message', done)
    worker.once('error', fail)
  })
}

/** One output of several of the same sources. What all threads report is reported once. */
function join(outputs) {
  if (outputs.length === 1) return outputs[0]
  const errors = outputs.flatMap((output) => output.errors ?? [])
  return {
    ...(errors.length > 0 && { errors: distinct(errors) }),
    sources: Object.assign({}, ...outputs.map((output) => output.sources)),
    contracts: Object.assign({}, ...outputs.map((output) => output.contracts)),
  }
}

function distinct(errors) {
  return [...new Map(errors.map((error) => [JSON.stringify(error), error])).values()]
}
