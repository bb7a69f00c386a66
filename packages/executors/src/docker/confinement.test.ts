import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { seccompOption } from './confinement.ts'

it('never shows a container of Podman that starts beside others half a filter', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'cloister-confinement-'))
  try {
    const path = join(folder, 'seccomp.json')
    expect(await seccompOption(true, folder)).toBe(`seccomp=${path}`)
    const whole = await readFile(path, 'utf8')
    let writing = true
    const starts = async () => {
      for (let i = 0; i < 200; i++) await seccompOption(true, folder)
    }
    const writes = Promise.all([starts(), starts()]).finally(() => {
      writing = false
    })
    while (writing) expect((await readFile(path, 'utf8')).length).toBe(whole.length)
    await writes
    expect(await readdir(folder)).toEqual(['seccomp.json'])
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
})
