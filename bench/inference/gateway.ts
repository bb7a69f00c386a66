// Our gateway in a process of its own: node gateway.ts PORT INDEX_URL PORTS_FILE
import { startGateway } from '@cloister/gateway'

const [port, indexerUrl = '', portsFile = ''] = process.argv.slice(2)
await startGateway({
  domain: 'localhost',
  host: '127.0.0.1',
  port: Number(port),
  indexerUrl,
  development: { portsFile },
})
