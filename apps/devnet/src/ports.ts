import { createServer } from 'node:net'

/** Listens on a port until this process ends. False where somebody else does. */
export function claim(wanted: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', () => resolve(false))
    server.listen(wanted, '127.0.0.1', () => {
      server.unref()
      resolve(true)
    })
  })
}

/** Whether nobody listens on a port of this machine. */
export function isFree(wanted: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(wanted, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}

export function freePort(taken: Set<number>): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      const found = typeof address === 'object' && address ? address.port : 0
      server.close(() => (taken.has(found) ? freePort(taken).then(resolve, reject) : resolve(found)))
    })
  })
}
