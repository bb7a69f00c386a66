import type { ContainerSpec, Exit } from '../executor.ts'
import type { ProcessMark } from '../process.ts'
import type { ContainerUser } from '../user-tables.ts'

/** What is remembered of a container, on disk. */
export interface ContainerRecord {
  spec: StoredSpec
  image: string
  user: ContainerUser
  startedAt: number
  /** The monitor and the container's first process; absent until the runtime has begun them. */
  monitor?: ProcessMark
  first?: ProcessMark
  /** The process that holds the lease's namespaces, which the container has joined. */
  holder?: ProcessMark
  exit?: Exit
}

/** Contents of files aren't remembered: they lie where they were written. */
export type StoredSpec = Omit<ContainerSpec, 'files'> & {
  files: { path: string; mode: number; isLarge?: true; writable?: true }[]
}
