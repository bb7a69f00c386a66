import { CloisterError } from '@cloister/core'

export interface ContainerOptions {
  service?: string
  replica?: string
}

/** The container that options name: a service's, or one copy of it (`web-1`). Throws `bad-option`. */
export function containerOf({ service, replica }: ContainerOptions): string | undefined {
  if (replica === undefined) return service
  if (service === undefined || !/^\d{1,3}$/.test(replica))
    throw new CloisterError(
      'bad-option',
      '--replica takes the number of a copy, and --service says of what.',
      { hint: 'As in --service web --replica 1.' },
    )
  return `${service}-${Number(replica)}`
}
