import type { ComposeContext } from './compose-context.ts'
import { addSealed } from './extensions.ts'
import type { Field } from './field.ts'
import type { Beside } from './parse-options.ts'
import type { Service } from './service.ts'

/** What an envelope holds of values, which is all that comes sealed at once. */
const MAX_SEALED_BYTES = 512 * 1024
const MOST_SEALED = 256

/** `x-sealed: true` on a mount: its files are sealed secrets, whose values are what lies beside the file. */
export function sealFiles(
  found: Beside,
  { path, to }: { path: string; to: string },
  item: Field,
  service: Service,
  { sealedFiles }: ComposeContext,
): void {
  const files =
    found.kind === 'file'
      ? [{ path: '', content: found.content }]
      : found.kind === 'folder'
        ? found.files
        : item.refuse(
            `${path} is more than can be sealed`,
            `All that is sealed has ${MAX_SEALED_BYTES} bytes in ${MOST_SEALED} files at most, and no links.`,
          )
  for (const file of files) {
    const name = nameFor(file.path === '' ? path : `${path}/${file.path}`, sealedFiles)
    sealedFiles.set(name, {
      path: file.path === '' ? path : `${path}/${file.path}`,
      content: file.content,
    })
    addSealed(item, `${name}:${file.path === '' ? to : `${to}/${file.path}`}`, service)
  }
  const bytes = [...sealedFiles.values()].reduce((sum, { content }) => sum + content.length, 0)
  if (bytes > MAX_SEALED_BYTES || sealedFiles.size > MOST_SEALED)
    item.refuse(
      `with it, ${sealedFiles.size} files of ${bytes} bytes are sealed`,
      `All that is sealed has ${MAX_SEALED_BYTES} bytes in ${MOST_SEALED} files at most.`,
    )
}

/** The secret that stands for a file: the same for the same file. */
function nameFor(path: string, known: ComposeContext['sealedFiles']): string {
  const stem = `beside.${path.replace(/[^a-zA-Z0-9_.-]+/g, '-').slice(-100)}`
  let name = stem
  for (let number = 2; known.has(name) && known.get(name)?.path !== path; number++) name = `${stem}-${number}`
  return name
}
