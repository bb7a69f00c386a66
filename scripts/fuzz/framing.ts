// Generated messages through gateway and worker beside nginx and HAProxy: node scripts/fuzz/framing.ts [messages] [first]
import { Differential } from '../../e2e/differential.ts'

const [messages = 100_000, first = 0] = process.argv.slice(2).map(Number)
const differential = new Differential()
await differential.begin()
try {
  const began = performance.now()
  const { passed, violations } = await differential.run(first, first + messages, 24, (done) => process.stderr.write(`${done}\n`))
  const seconds = Math.round((performance.now() - began) / 1000)
  console.log(`${messages} messages in ${seconds} s; reached a service: ${JSON.stringify(passed)}; violations: ${violations.length}`)
  for (const { seed, message, requests } of violations.slice(0, 20)) console.log(seed, JSON.stringify(requests), JSON.stringify(message))
  process.exitCode = violations.length > 0 ? 1 : 0
} finally {
  await differential.end()
}
