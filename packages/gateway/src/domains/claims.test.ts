import { expect, it } from 'vitest'
import { Claims } from './claims.ts'

const CLAIM = `v=cloister1; lease=0x${'ab'.repeat(32)}`

it('finds claims while strangers ask for names whose servers never answer', async () => {
  let asked = 0
  const claims = new Claims((name) => {
    asked++
    return name.endsWith('.slow.test') ? new Promise(() => {}) : Promise.resolve([CLAIM])
  })
  const flood = Array.from({ length: 1_000 }, (_, n) => claims.of(`x${n}.slow.test`))
  const refused = await Promise.all(
    flood.map((one) =>
      Promise.race([one, new Promise((done) => setTimeout(done, 10))]).catch(() => 'refused'),
    ),
  )
  expect(refused.filter((one) => one === 'refused')).toHaveLength(1_000 - 16)
  expect(await claims.of('app.example.org')).toHaveLength(1)
  expect(asked).toBe(17)
})

it('remembers what is claimed however many names are not', async () => {
  let asked = 0
  const claims = new Claims(async (name) => {
    if (name !== '_cloister.app.example.org') return []
    asked++
    return [CLAIM]
  })
  await claims.of('app.example.org')
  for (let n = 0; n < 20_001; n++) await claims.of(`x${n}.test`)
  await claims.of('app.example.org')
  expect(asked).toBe(1)
})
