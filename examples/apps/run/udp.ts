import { createSocket } from 'node:dgram'

/** Sends a datagram until one comes back, and gives that. Throws after ten seconds. */
export function ask({ host, port }: { host: string; port: number }, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((done, fail) => {
    const socket = createSocket('udp4')
    const end = (work: () => void) => {
      clearInterval(again)
      clearTimeout(late)
      socket.close()
      work()
    }
    const send = () => socket.send(bytes, port, host)
    const again = setInterval(send, 500)
    const late = setTimeout(() => end(() => fail(new Error(`${host}:${port} sends nothing back`))), 10_000)
    socket.on('message', (answer) => end(() => done(answer)))
    socket.on('error', (error) => end(() => fail(error)))
    send()
  })
}
