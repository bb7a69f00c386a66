// The embedded network's chain as a daemon: node main.ts FOLDER PORT
import { ALONE } from './kind.ts'
import { serveChain } from './serve.ts'

const [folder = '', port = ''] = process.argv.slice(2)
await serveChain({ name: 'chain', folder, port: Number(port), kind: ALONE })
