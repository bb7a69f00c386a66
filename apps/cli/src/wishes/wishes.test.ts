import { expect, it } from 'vitest'
import { grantWishes } from './index.ts'

it('of a file without any come to nothing', async () => {
  const { granted, contents } = await grantWishes([], { folder: '.', quiet: true })
  expect(contents).toEqual([])
  expect(granted({ kind: 'file', path: 'a' })).toBeUndefined()
})
