import { expect, it } from 'vitest'
import { Permissions } from '../permissions.ts'
import { grantWishes } from './index.ts'

it('of a file without any come to nothing', async () => {
  const { granted, contents } = await grantWishes([], {
    folder: '.',
    quiet: true,
    permissions: new Permissions(),
  })
  expect(contents).toEqual([])
  expect(granted({ kind: 'file', path: 'a' })).toBeUndefined()
})
