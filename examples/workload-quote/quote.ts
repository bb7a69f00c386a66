// Runs inside a lease. Whoever asks `/?data=0x…` with 32 bytes of their choice gets a hardware quote over
// them, which proves to them that this very manifest runs on an attested worker, and the worker's signed
// receipt for it.
import { createServer } from 'node:http'
import { receiptToJson, toProblem } from '@cloister/core'
import { AgentSocket } from '@cloister/workload'
import { type Hex, keccak256, stringToHex } from 'viem'

const PORT = 8080

const agent = new AgentSocket()
const { lease, worker, manifestHash } = await agent.self()

createServer(async (request, response) => {
  try {
    const data = new URL(request.url ?? '/', 'http://workload').searchParams.get('data') as Hex
    const evidence = await agent.quote(data)
    const receipt = await agent.receipt(keccak256(stringToHex(JSON.stringify(evidence))))
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ lease, worker, manifestHash, evidence, receipt: receiptToJson(receipt) }))
  } catch (error) {
    const problem = toProblem(error)
    response.writeHead(problem.status, { 'content-type': 'application/problem+json' })
    response.end(JSON.stringify(problem))
  }
}).listen(PORT, () => console.log(`lease ${lease} on worker ${worker}`))

process.on('SIGTERM', () => process.exit(0))
