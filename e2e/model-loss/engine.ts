// The engine of model-loss.test.ts, as a program in a lease: fixed answers, which take most of a second.
// Streams begin at once.
import { startFakeEngine } from '../../services/inference/src/testing/fake-engine.ts'

await startFakeEngine({ host: '0.0.0.0', port: 8081, delayMs: 50, wholeMs: 800, pieceMs: 80 })
process.once('SIGTERM', () => process.exit(0))
