import { toBase64 } from '../bytes.ts'
import { MAX_BESIDE_BYTES } from './beside.ts'
import type { PlacedFile } from './compose-contents.ts'
import type { ComposeContext } from './compose-context.ts'
import type { Field } from './field.ts'
import type { SentBlob } from './sent.ts'
import { grantBlob } from './wish.ts'

/** Files beside the Compose file that a manifest holds; more are sent beside it. */
const MOST_INLINE_FILES = 256
const INSTEAD = 'Put it into the image, or fetch it at start.'

/** Whether so many more files fit into the manifest itself. */
export function hasRoom(
  files: readonly { content: Uint8Array }[],
  { inline }: Pick<ComposeContext, 'inline'>,
): boolean {
  const bytes = files.reduce((sum, { content }) => sum + content.length, 0)
  return inline.bytes + bytes <= MAX_BESIDE_BYTES && inline.files + files.length <= MOST_INLINE_FILES
}

/** Content that is in the manifest while there is room, and is sent beside it afterwards. */
export function placeFile(
  { content, path }: PlacedFile,
  at: Field,
  context: ComposeContext,
): { content: string } | { blob: SentBlob } {
  if (content && hasRoom([{ content }], context)) {
    context.inline.bytes += content.length
    context.inline.files++
    return { content: toBase64(content) }
  }
  if (path === undefined || (content && !context.options.granted))
    at.refuse(
      `it has ${content?.length ?? 0} bytes, and a manifest holds ${MAX_BESIDE_BYTES} in ${MOST_INLINE_FILES} files`,
      INSTEAD,
    )
  return { blob: grantBlob({ kind: 'file', path: path ?? '' }, at, INSTEAD, context).blob }
}
