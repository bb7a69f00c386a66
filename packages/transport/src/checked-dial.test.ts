import { createServer as createHttp, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { dialChecked } from './checked-dial.ts'
import { CheckedFetch } from './checked-fetch.ts'

let server: Server
let port: number
let asked = 0

beforeEach(async () => {
  asked = 0
  server = createHttp((request, response) => {
    asked++
    if (request.url === '/away') response.writeHead(302, { location: 'http://169.254.169.254/latest' }).end()
    else response.end(request.headers.host)
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  port = (server.address() as AddressInfo).port
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

describe('an address that somebody else named', () => {
  it.each([
    'http://127.0.0.1:PORT',
    'http://localhost:PORT',
    'http://2130706433:PORT',
    'http://0x7f.1:PORT',
    'http://127.1:PORT',
    'http://[::1]:PORT',
    'http://[::ffff:127.0.0.1]:PORT',
    'http://[64:ff9b::7f00:1]:PORT',
    'http://[2002:7f00:1::]:PORT',
    'http://0.0.0.0:PORT',
    'http://169.254.169.254',
    'http://user:word@1.1.1.1:PORT',
    'http://1.1.1.1:25',
    'http://1.1.1.1:6667',
    'ftp://1.1.1.1',
    'file:///etc/passwd',
  ])('%s is not asked', async (text) => {
    const url = new URL(text.replace('PORT', String(port)))
    await expect(dialChecked(url, { allowsInternal: false, timeoutMs: 2_000 })).rejects.toMatchObject({
      code: 'forbidden-address',
    })
    expect(asked).toBe(0)
  })

  it('is resolved once, and connected to at the address that was checked, whatever the name means a moment later', async () => {
    const answers = ['127.0.0.1', '127.0.0.2', '127.0.0.3']
    const resolve = async () => [{ address: answers.shift() ?? '', family: 4 }]
    const socket = await dialChecked(new URL(`http://rebinding.example:${port}`), {
      allowsInternal: true,
      resolve,
    })
    expect(socket.remoteAddress).toBe('127.0.0.1')
    expect(answers).toHaveLength(2)
    socket.destroy()
  })

  it('whose name means internal addresses is not asked', async () => {
    const resolve = async () =>
      ['127.0.0.1', '::1'].map((address) => ({ address, family: address === '::1' ? 6 : 4 }))
    const dialling = dialChecked(new URL(`http://inside.example:${port}`), { allowsInternal: false, resolve })
    await expect(dialling).rejects.toMatchObject({ code: 'forbidden-address' })
    expect(asked).toBe(0)
  })

  it('that nobody answers at is given up in time', async () => {
    const silent = createTcp((socket) => void socket.on('error', () => {}).resume())
    await new Promise<void>((done) => silent.listen(0, '127.0.0.1', done))
    const url = new URL(`https://127.0.0.1:${(silent.address() as AddressInfo).port}`)
    await expect(dialChecked(url, { allowsInternal: true, timeoutMs: 200 })).rejects.toMatchObject({
      code: 'unreachable',
    })
    await new Promise((done) => silent.close(done))
    await expect(dialChecked(url, { allowsInternal: true })).rejects.toMatchObject({ code: 'unreachable' })
  })

  it('that redirects is not followed', async () => {
    const checked = new CheckedFetch(() => ({ allowsInternal: true }))
    const answer = await checked.fetch(new URL(`http://127.0.0.1:${port}/away`))
    expect([answer.status, answer.headers.get('location')]).toEqual([302, 'http://169.254.169.254/latest'])
    const plain = await checked.fetch(new URL(`http://127.0.0.1:${port}/`))
    expect(await plain.text()).toBe(`127.0.0.1:${port}`)
    checked.close()
  })
})
