import { CloisterError } from '@cloister/core'
import { say, sayJson } from '@cloister/terminal'
import type { Globals } from '../../command.ts'
import { connect } from '../../context.ts'
import type { SecretOptions } from '../../options.ts'
import { writeOutput } from '../../output-file.ts'
import { sealedFrom } from '../../secret-options.ts'

export async function seal(options: Globals & SecretOptions & { output: string }): Promise<void> {
  const cloister = connect(options)
  const envelope = await sealedFrom(cloister, options)
  if (!envelope)
    throw new CloisterError('bad-option', 'There is nothing to seal.', {
      hint: 'Name --secrets FILE or --secret-file NAME=PATH.',
    })
  writeOutput(options.output, `${JSON.stringify(envelope, null, 2)}\n`)
  if (options.json) return sayJson({ app: envelope.app, names: envelope.names, output: options.output })
  say(
    `Sealed ${envelope.names.join(', ')} to the app ${envelope.app.slice(0, 18)}… in ${options.output}. Two of three seats of the key service and the app’s policy open it.`,
  )
}
